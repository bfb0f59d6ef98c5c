"""Epochs of training, the wait for input, memory, and the time to the report's accuracy."""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf

from benchmarks.fitting import timed_fit
from benchmarks.measure import Comparison, row, seconds
from benchmarks.reported_way import compiled, generator
from benchmarks.worker import LARGE, worker
from helpers.config import profiles, report_facts
from helpers.config.recipes import Recipe
from helpers.core import paths
from helpers.data import batches
from helpers.data.dataset import Dataset, Split, open_source
from helpers.data.splits import make_split
from helpers.models import architecture, features
from helpers.models.weights import BaseWeights
from helpers.training import fit, metrics

_IMAGES = 1000  # in an epoch that is timed
_WAIT_STEPS = 60
_TARGET = replace(profiles.find_recipe("mobilenetv2", "improved"), input_size=96)
_TARGET_IMAGES = 20_000


@contextmanager
def from_scratch(source: Path, model: str) -> Iterator[Comparison]:
    """An epoch of a network as reported: the project's batches, compilation and large pages of memory; and the report's way.

    Args:
        source: zip or folder.
        model: name of the recipe's model.
    """
    recipe = profiles.find_recipe(model, "as_reported")
    with worker(LARGE, _project_s_epoch, source, recipe) as ours, worker("", _report_s_epoch, source, recipe) as peer:
        yield Comparison(
            f"epoch of {model} as_reported, {_IMAGES:,} images, {recipe.batch_size} a batch", ours, peer, aim=1.5
        )


@contextmanager
def frozen(source: Path, weights: BaseWeights, recipe: Recipe, aim: float | None = None) -> Iterator[Comparison]:
    """An epoch of a linear head on a frozen MobileNetV2; the report's way sends every image through the base in every epoch.

    Args:
        source: zip or folder.
        weights: of MobileNetV2.
        recipe: whose size of input and of batch both ways have.
        aim: the ratio to reach.
    """
    augmentation = profiles.find_recipe("mobilenetv2", "as_coded").augmentation
    head = replace(_TARGET, input_size=recipe.input_size, batch_size=recipe.batch_size, augmentation=augmentation)
    settings = (source, head, weights)
    with (
        worker(LARGE, _project_s_frozen_epoch, *settings) as ours,
        worker("", _report_s_frozen_epoch, *settings) as peer,
    ):
        yield Comparison(
            f"epoch of a linear head on a frozen MobileNetV2 at {recipe.input_size} px, {_IMAGES:,} images, {recipe.batch_size} a batch, "
            "features computed before",
            ours,
            peer,
            aim,
        )


def waiting(dataset: Dataset, split: Split, weights: BaseWeights) -> list[dict[str, object]]:
    """Rows with the share of a training step that is spent waiting for its batch."""
    rows = []
    for recipe in (profiles.find_recipe(name, "as_reported") for name in ("shallow_cnn", "deep_cnn", "mobilenetv2")):
        model = _fresh(recipe, weights, dataset.num_classes)
        images, labels = _some(dataset, split)
        stream = iter(batches.training_batches(images, labels, recipe, dataset.num_classes, 0))
        name = f"waiting for input, {recipe.model} as_reported"
        share = _share_waiting(model, stream)
        rows.append(row(name, ours=share, unit="of a step", aim="under 0.05", reached=share < 0.05))
    return rows


def time_to_reported_accuracy(dataset: Dataset, split: Split, weights: BaseWeights) -> dict[str, object]:
    """A row with the seconds from decoded data to a head on frozen features, beside those of the report's training."""
    reported = report_facts.REPORTED["mobilenetv2"]
    start = time.perf_counter()
    chosen = np.random.default_rng(0).permutation(split.train)[:_TARGET_IMAGES]
    labels, phase = dataset.labels[chosen], _TARGET.phases[0]
    model = _fresh(_TARGET, weights, dataset.num_classes)
    head, stream = _head(model, dataset.images[chosen], labels, _TARGET, dataset.num_classes)
    steps = batches.steps_per_epoch(len(labels), _TARGET.batch_size)
    head.fit(stream, epochs=phase.epochs, steps_per_epoch=steps, verbose=0, shuffle=False)
    took = time.perf_counter() - start
    images, labels = dataset.part(split, "validation")  # test images are for frozen recipes alone
    accuracy = metrics.accuracy(fit.predict(model, images), labels)
    name = f"to the report's {reported.accuracy:.1%}: a head on features of {len(chosen):,} images reached {accuracy:.1%} on validation"
    ratio = reported.seconds / took
    reached = took < 120 and accuracy >= reported.accuracy
    return row(name, ours=took, peer=reported.seconds, unit="s", ratio=ratio, aim="ours under 120 s", reached=reached)


def memory(source: Path) -> dict[str, object]:
    """A row with the memory that decoding a source and training on all of it take beyond TensorFlow itself."""
    command = [sys.executable, "-c", "from benchmarks import epochs; epochs.print_memory()"]
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"PROBED": str(source), "TINYIMAGE_CACHE": cache}
        probe = subprocess.run(command, env=environment, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    gigabytes = float(probe.stdout.split()[-1])
    name = "memory beyond TensorFlow: all images decoded, and an epoch of shallow_cnn as_reported on them"
    return row(name, ours=gigabytes, unit="GiB", aim="under 2", reached=gigabytes < 2)


def print_memory() -> None:
    """Peak memory of an epoch on all training images of a source, less what the process had before."""
    before = _peak_memory()
    dataset = open_source(os.environ["PROBED"])
    split = make_split(dataset)
    recipe = profiles.find_recipe("shallow_cnn", "as_reported")
    images, labels = dataset.part(split, "train")
    steps = batches.steps_per_epoch(len(labels), min(recipe.batch_size, len(labels)))
    model = fit.compiled(architecture.build(recipe, dataset.num_classes), recipe.phases[0], steps)
    stream = batches.training_batches(images, labels, recipe, dataset.num_classes, 0)
    model.fit(stream, steps_per_epoch=steps, verbose=0, shuffle=False)
    fit.predict(model, dataset.part(split, "validation")[0])
    print((_peak_memory() - before) / 2**30)


def _peak_memory() -> int:
    """The most memory that this process has had, in bytes.

    On Linux `getrusage` would begin with what the process that started this one had (getrusage(2)).
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024


def _fresh(recipe: Recipe, weights: BaseWeights, num_classes: int) -> keras.Model:
    """A compiled network before its first step; a MobileNetV2 with its pretrained base."""
    is_pretrained = recipe.is_pretrained
    model = architecture.build(replace(recipe, width=weights.width if is_pretrained else recipe.width), num_classes)
    if is_pretrained and weights.file:
        architecture.load_base_weights(model, weights.width, weights.file)
    architecture.set_trainable(model, recipe.phases[0])
    return fit.compiled(model, recipe.phases[0], 1, recipe.label_smoothing)


def _project_s_epoch(source: Path, recipe: Recipe) -> Callable[[], float]:
    dataset, images, labels = _opened(source)
    model = fit.compiled(architecture.build(recipe, dataset.num_classes), recipe.phases[0], 1)
    return _epoch(model, batches.training_batches(images, labels, recipe, dataset.num_classes, 0), recipe, len(labels))


def _report_s_epoch(source: Path, recipe: Recipe) -> Callable[[], float]:
    dataset, images, labels = _opened(source)
    model = compiled(architecture.build(recipe, dataset.num_classes), recipe)
    return _epoch(model, generator(images, labels, recipe, dataset.num_classes), recipe, len(labels))


def _project_s_frozen_epoch(source: Path, recipe: Recipe, weights: BaseWeights) -> Callable[[], float]:
    dataset, images, labels = _opened(source)
    head, stream = _head(_fresh(recipe, weights, dataset.num_classes), images, labels, recipe, dataset.num_classes)
    return _epoch(head, stream, recipe, len(labels))


def _report_s_frozen_epoch(source: Path, recipe: Recipe, weights: BaseWeights) -> Callable[[], float]:
    dataset, images, labels = _opened(source)
    model = compiled(_fresh(recipe, weights, dataset.num_classes), recipe)
    return _epoch(model, generator(images, labels, recipe, dataset.num_classes), recipe, len(labels))


def _opened(source: Path) -> tuple[Dataset, np.ndarray, np.ndarray]:
    dataset = open_source(source)
    return dataset, *_some(dataset, make_split(dataset))


def _some(dataset: Dataset, split: Split) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.random.default_rng(0).permutation(split.train)[:_IMAGES]
    return dataset.images[chosen], dataset.labels[chosen]


def _epoch(model: keras.Model, stream: object, recipe: Recipe, n_images: int) -> Callable[[], float]:
    return timed_fit(model, stream, batches.steps_per_epoch(n_images, recipe.batch_size))


def _share_waiting(model: keras.Model, stream: Iterator) -> float:
    model.train_on_batch(*next(stream))
    waited, worked = 0.0, 0.0
    for _ in range(_WAIT_STEPS):
        start = time.perf_counter()
        batch = next(stream)
        waited += time.perf_counter() - start
        worked += seconds(partial(model.train_on_batch, *batch))
    return waited / (waited + worked)


def _head(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, recipe: Recipe, num_classes: int
) -> tuple[keras.Model, tf.data.Dataset]:
    """The part of a network above its frozen base, and batches of features for it."""
    phase = recipe.phases[0]
    base = architecture.trunk(model, phase.frozen_below)
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"TINYIMAGE_CACHE": folder}):
        found = np.array(features.activations(base, images, "benchmark", progress=lambda line: None))
    steps = phase.epochs * batches.steps_per_epoch(len(labels), recipe.batch_size)
    head = fit.compiled(architecture.tail(model, phase.frozen_below), phase, steps, recipe.label_smoothing)
    return head, batches.training_batches([found], labels, recipe, num_classes, 0, from_pixels=False)
