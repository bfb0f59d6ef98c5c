"""Speed against the report's way, both measured in turns in one run; only the ratios mean anything.

Prints one table and writes `figures/<profile>/benchmarks.csv`. It is no part of the tests.
"""

import io
import os
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from unittest.mock import patch

import imageio.v2 as imageio
import numpy as np
import pandas as pd
import typer
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from helpers import batches, config, dataset, paths, provenance, results
from helpers.series import main

REPEATS = 3
IMAGES = 2000  # augmented in each turn
IMAGE_ENDINGS = (".jpeg", ".jpg")


@dataclass(frozen=True)
class Benchmark:
    """One comparison.

    Attributes:
        name: what is done.
        ours: does it as the project does.
        peer: does it as the report's code does.
    """

    name: str
    ours: Callable[[], object]
    peer: Callable[[], object]


def measure(benchmark: Benchmark, repeats: int = REPEATS) -> dict[str, object]:
    """Time both in turns.

    Returns:
        `name`, median seconds of both, median, smallest and largest ratio, `repeats`, `hardware`.
    """
    seconds: list[tuple[float, float]] = []
    for turn in range(repeats + 1):
        pair = tuple(_timed(work) for work in (benchmark.ours, benchmark.peer))
        if turn:  # the first turn warms up
            seconds.append(pair)
    ratios = sorted(peer / ours for ours, peer in seconds)
    return {
        "name": benchmark.name,
        "ours_seconds": statistics.median(ours for ours, _ in seconds),
        "peer_seconds": statistics.median(peer for _, peer in seconds),
        "ratio": statistics.median(ratios),
        "lowest_ratio": ratios[0],
        "highest_ratio": ratios[-1],
        "repeats": repeats,
        "hardware": provenance.hardware(),
        "code_version": provenance.code_version(),
    }


def benchmarks(source: Path) -> list[Benchmark]:
    """The comparisons on a source.

    Args:
        source: zip or folder.
    """
    opened = dataset.open_source(source)
    images, labels = np.array(opened.images[:IMAGES]), opened.labels[:IMAGES]
    recipe = config.find_recipe("deep_cnn", "as_reported")
    stream = iter(batches.training_batches(images, labels, recipe, opened.num_classes, 0))
    # The settings of the report's text.
    generator = ImageDataGenerator(
        rotation_range=8,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=0.3,
        zoom_range=0.1,
        horizontal_flip=True,
        vertical_flip=True,
        rescale=1 / 255,
    )
    flow = generator.flow(images, labels, batch_size=recipe.batch_size)
    steps = len(images) // recipe.batch_size
    n_files = sum(len(array) for array in (opened.images, opened.official_images, opened.unlabelled_images))
    return [
        Benchmark(f"decode {n_files:,} images, cold", lambda: _open_cold(source), lambda: _read_all(source)),
        Benchmark(f"open {n_files:,} decoded images", lambda: dataset.open_source(source), lambda: _read_all(source)),
        Benchmark(
            f"augment {len(images):,} images as reported, {recipe.batch_size} a batch",
            lambda: [next(stream) for _ in range(steps)],
            lambda: [next(flow) for _ in range(steps)],
        ),
    ]


def run(
    data: Annotated[str, typer.Option(help="zip of TinyImage; the demo data if not given")] = "",
    profile: Annotated[str, typer.Option(help="whose folder gets benchmarks.csv")] = "demo",
) -> None:
    """Measure, print the table, write it."""
    settings = config.find_profile(profile)
    source = paths.resolve(data) if data else dataset.demo_folder(settings.demo)
    table = pd.DataFrame([measure(benchmark) for benchmark in benchmarks(source)])
    target = paths.FIGURES / profile / "benchmarks.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(target, index=False)
    print(results.markdown(table.drop(columns="code_version").round(3)))


def _open_cold(source: Path) -> None:
    """Open with an empty cache, which is thrown away."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"TINYIMAGE_CACHE": folder}):
        dataset.open_source(source)


def _read_all(source: Path) -> np.ndarray:
    """A loop of imageio reads over every image."""
    if source.is_dir():
        files = sorted(file for file in source.rglob("*") if file.suffix.lower() in IMAGE_ENDINGS)
        return np.stack([_as_rgb(imageio.imread(file)) for file in files])
    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(IMAGE_ENDINGS))
        return np.stack([_as_rgb(imageio.imread(io.BytesIO(archive.read(name)))) for name in names])


def _as_rgb(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.stack([image] * 3, axis=2)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(lambda: typer.run(run))
