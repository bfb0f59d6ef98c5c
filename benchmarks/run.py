"""Measure speed against other ways of doing the same: `make bench`.

Prints a table and writes it to `figures/<profile>/benchmarks.csv`; with the profile `full` docs/benchmarks.md gets it as well.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from benchmarks import commands, data, depthwise, inference, training
from benchmarks.measure import SMALL_PAGES, Comparison, Way, compare, measured, row
from helpers.analysis.costs import training_steps
from helpers.cli import main
from helpers.config import profiles
from helpers.core import paths, provenance, storage
from helpers.core.errors import InputError
from helpers.core.tensorflow import ONEDNN_VARIABLE, is_onednn_on
from helpers.data import dataset
from helpers.models.weights import BaseWeights, find_weights
from helpers.report import generated, pages

BASELINE = "1f3b82d"  # the last commit before the series was made faster
# With any of these TensorFlow switches oneDNN on by itself: tensorflow/core/util/util.cc, `IsMKLEnabled`.
_ONEDNN_BY_DEFAULT = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}


def tensorflow_default() -> dict[str, str]:
    """The environment of a process that leaves oneDNN as TensorFlow would set it on this processor."""
    return {ONEDNN_VARIABLE: str(int(bool(_ONEDNN_BY_DEFAULT & set(provenance.instruction_sets()))))} | SMALL_PAGES


def comparisons(source: Path, workspace: Path) -> Iterator[Comparison]:
    """Every comparison, those that users feel first.

    Args:
        source: zip or folder, for what reads files.
        workspace: an empty folder, for clones of the project.
    """
    yield Comparison(
        "first `make report` on the demo, environment installed",
        Way(commands.report, ("HEAD", workspace)),
        Way(commands.report, (BASELINE, workspace)),
        beside=f"commit {BASELINE}",
        aim=5,
        repeats=1,
        noticed=True,
    )
    yield Comparison(
        "set-up, empty caches",
        Way(commands.set_up, ("uv",)),
        Way(commands.set_up, ("pip",)),
        "pip, the same lock",
        aim=5,
        repeats=1,
        noticed=True,
    )
    yield from _data(source)
    yield from _inference()
    yield from _training()


def _data(source: Path) -> Iterator[Comparison]:
    by_report = Way(data.read_as_reported, (source,))
    yield Comparison("decode all images, cold", Way(data.decode, (source,)), by_report, aim=2, noticed=True)
    yield Comparison("open decoded images", Way(data.reopen, (source,)), by_report, aim=100, noticed=True)
    generator = Way(data.augment_as_reported, (10_000,))
    yield Comparison("augment 10,000 images as reported", Way(data.augment, (10_000,)), generator, aim=5)
    yield Comparison("OpenCV's interpolation of 10,000 images alone", Way(data.interpolate, (10_000,)), generator)


def _inference() -> Iterator[Comparison]:
    for name, prepare, n_images in (
        ("frozen features of MobileNetV2 at 160 px, 1,000 images", inference.frozen_features, 1_000),
        (
            "evaluation of MobileNetV2 at 160 px, 10,000 images and their mirror images, conversion included",
            inference.evaluation,
            10_000,
        ),
    ):
        keras = Way(prepare, ("Keras", n_images), tensorflow_default())
        yield Comparison(name, Way(prepare, ("LiteRT", n_images)), keras, "Keras, TensorFlow's defaults", 2.4, 2)


def _training() -> Iterator[Comparison]:
    deep, mobile = (profiles.find_recipe(model, "improved") for model in ("deep_cnn", "mobilenetv2"))
    tail = replace(mobile.phases[-1], trainable="block_13_expand", frozen_below=inference.LAST_FROZEN)
    for name, settings, aim in (
        ("20 steps of deep_cnn improved, 128 a batch", (deep, deep.phases[0], 20), 1.0),
        ("20 steps of MobileNetV2 from block 13 up, 160 px, 128 a batch", (mobile, tail, 20), 1.0),
    ):
        default = Way(training_steps, settings, tensorflow_default())
        yield Comparison(name, Way(training_steps, settings), default, "oneDNN and pages of memory by default", aim)
        off = Way(training_steps, settings, {ONEDNN_VARIABLE: "0"})
        yield Comparison(f"{name}, oneDNN on", Way(training_steps, settings, {ONEDNN_VARIABLE: "1"}), off, "oneDNN off")
    convolved = Way(depthwise.training, ("depthwise", 50))
    for form, beside in (("grouped", "a grouped convolution"), ("shifted", "nine shifted products")):
        name = "50 steps of MobileNetV2's depthwise convolutions from block 13 up, alone"
        yield Comparison(f"{name}, against {beside}", convolved, Way(depthwise.training, (form, 50)), beside)
    for model in ("shallow_cnn", "deep_cnn"):
        recipe = profiles.find_recipe(model, "as_reported")
        phase = recipe.phases[0]
        by_report = Way(training.reported_steps, (recipe, 50), SMALL_PAGES)
        name = f"50 steps of {model} as_reported, {recipe.batch_size} a batch"
        ours = Way(training_steps, (recipe, phase, 50, 10))  # ten in one call, as an epoch of the series has several
        yield Comparison(name, ours, by_report, aim=1.5)
        descent = replace(phase, optimizer="sgd", momentum=0.0)
        yield Comparison(f"{name}, plain gradient descent", Way(training_steps, (recipe, descent, 50, 10)), by_report)
        yield Comparison(f"{name}, large pages of memory", ours, replace(ours, environment=SMALL_PAGES), "small pages")
        one_by_one = Way(training_steps, (recipe, phase, 50))
        yield Comparison(f"{name}, ten in one call", ours, one_by_one, "one by one")
    coded = profiles.find_recipe("mobilenetv2", "as_coded")
    head = replace(mobile, batch_size=coded.batch_size, input_size=coded.input_size)
    yield Comparison(
        f"50 steps of a linear head on a frozen MobileNetV2, {coded.input_size} px, {coded.batch_size} a batch",
        Way(training_steps, (head, head.phases[0], 50)),
        Way(training.reported_steps, (coded, 50), SMALL_PAGES),
        aim=10,
    )


def run(
    source: Annotated[str, typer.Option("--data", help="zip or folder of TinyImage; the demo data if not given")] = "",
    weights: Annotated[str, typer.Option(help="weights of MobileNetV2, as for `make report`")] = "",
    profile: Annotated[str, typer.Option(help="whose folder gets benchmarks.csv; demo, or quick with --data")] = "",
) -> None:
    """Measure, print the table, write it."""
    profile = profile or ("quick" if source else "demo")
    if profile == "full" and not source:
        raise InputError("The timings in figures/full are of the real data; name them with DATA=<zip or folder>.")
    path = paths.resolve(source) if source else dataset.demo_folder(profiles.find_profile(profile).demo)
    target = paths.FIGURES / profile / "benchmarks.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    onednn = {True: "on", False: "off", None: "as TensorFlow sets it"}[is_onednn_on()]
    rows = []
    for values in _rows(path, find_weights(weights, is_demo=False) if source else None):
        rows.append({**values, "onednn": onednn})
        print(", ".join([f"{values['name']}: {values['ours']:.3g} {values['unit']}", *_ratio(values)]), flush=True)
        table = pd.DataFrame(rows)
        with storage.replacing(target) as partial:  # each row as it comes: one that fails loses none before it
            table.to_csv(partial, index=False)
    if profile == "full":
        generated.update()
    print(pages.markdown_table(table.drop(columns="code_version").round(3).astype(object).fillna("")))


def _ratio(values: dict[str, object]) -> list[str]:
    return [f"{values['ratio']:.2f} x as fast as {values['beside']}"] if "ratio" in values else []


def _rows(source: Path, weights: BaseWeights | None) -> Iterator[dict[str, object]]:
    if weights:
        yield row(**training.time_to_reported_accuracy(source, weights))
    with tempfile.TemporaryDirectory() as workspace:
        for comparison in comparisons(source, Path(workspace)):
            yield compare(comparison)
    answer = measured(Way(commands.predict))
    yield row("`make predict` of one photograph", noticed=True, ours=answer, unit="s")
    for model in ("shallow_cnn", "deep_cnn", "mobilenetv2"):
        share = measured(Way(training.waiting, (profiles.find_recipe(model, "as_reported"),)))
        name = f"waiting for input, {model} as_reported"
        yield row(name, ours=share, unit="of a step", aim="under 0.05", reached=share < 0.05)
    with tempfile.TemporaryDirectory() as cache:
        gigabytes = measured(Way(training.memory, (source,), {"TINYIMAGE_CACHE": cache}))
    name = "memory beyond TensorFlow: all images decoded, and an epoch of shallow_cnn as_reported on them"
    yield row(name, ours=gigabytes, unit="GiB", aim="under 2", reached=gigabytes < 2)


if __name__ == "__main__":
    main(lambda: typer.run(run))
