"""From files to augmented batches."""

import os
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.measure import Comparison, timed
from benchmarks.reported_way import generator, read_all
from helpers import batches, config, dataset

_IMAGES = 2000  # augmented in each turn


def comparisons(source: Path) -> list[Comparison]:
    """Decoding, opening what is decoded, augmenting.

    Args:
        source: zip or folder.
    """
    opened = dataset.open_source(source)
    n_files = sum(len(array) for array in (opened.images, opened.official_images, opened.unlabelled_images))
    recipe = config.find_recipe("deep_cnn", "as_reported")
    images, labels = np.array(opened.images[:_IMAGES]), opened.labels[:_IMAGES]
    ours = iter(batches.training_batches(images, labels, recipe, opened.num_classes, 0))
    peer = generator(images, labels, recipe, opened.num_classes)
    steps = len(images) // recipe.batch_size
    peer_reads = timed(lambda: read_all(source))
    return [
        Comparison(f"decode {n_files:,} images, cold", timed(lambda: _open_cold(source)), peer_reads, aim=2),
        Comparison(f"open {n_files:,} decoded images", timed(lambda: dataset.open_source(source)), peer_reads, aim=100),
        Comparison(
            f"augment {steps * recipe.batch_size:,} images as reported, {recipe.batch_size} a batch",
            timed(lambda: [next(ours) for _ in range(steps)]),
            timed(lambda: [next(peer) for _ in range(steps)]),
            aim=20,
        ),
    ]


def _open_cold(source: Path) -> None:
    """Open with an empty cache, which is thrown away."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"TINYIMAGE_CACHE": folder}):
        dataset.open_source(source)
