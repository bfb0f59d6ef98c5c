"""From files to augmented batches."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import tensorflow as tf

from benchmarks.measure import Comparison, timed
from benchmarks.reported_way import generator, read_all
from helpers.config import profiles
from helpers.data import batches, dataset

_IMAGES = 10_000  # augmented in each turn: enough that the start of a stream weighs little, as in an epoch


def comparisons(source: Path) -> list[Comparison]:
    """Decoding, opening what is decoded, augmenting.

    Args:
        source: zip or folder.
    """
    opened = dataset.open_source(source)
    n_files = sum(len(array) for array in (opened.images, opened.official_images, opened.unlabelled_images))
    recipe = profiles.find_recipe("deep_cnn", "as_reported")
    images, labels = np.array(opened.images[:_IMAGES]), opened.labels[:_IMAGES]
    steps = len(images) // recipe.batch_size
    ours = batches.training_batches(images, labels, recipe, opened.num_classes, 0)
    peer = generator(images, labels, recipe, opened.num_classes)
    peer_augments = timed(lambda: [next(peer) for _ in range(steps)])
    peer_reads = timed(lambda: read_all(source))
    return [
        Comparison(f"decode {n_files:,} images, cold", timed(lambda: _open_cold(source)), peer_reads, aim=2),
        Comparison(f"open {n_files:,} decoded images", timed(lambda: dataset.open_source(source)), peer_reads, aim=100),
        Comparison(
            f"augment {steps * recipe.batch_size:,} images as reported, {recipe.batch_size} a batch",
            timed(lambda: _drawn(ours, steps)),
            peer_augments,
            aim=20,
        ),
        Comparison(
            f"OpenCV's interpolation of {steps * recipe.batch_size:,} images and nothing else against the same",
            timed(_interpolation(images)),
            peer_augments,
        ),
    ]


def _drawn(stream: tf.data.Dataset, steps: int) -> tuple[list[object], Iterator]:
    """The first batches, and what they came from.

    A stream that was begun in an earlier turn would have worked ahead while the peer had its own; and tf.data takes its time to
    let go of one, which is no part of the work.
    """
    begun = iter(stream)
    return [next(begun) for _ in range(steps)], begun


def _interpolation(images: np.ndarray) -> Callable[[], object]:
    """One turn by a few degrees of every image, divided among as many threads as there are cores."""
    pixels = images.astype(np.float32)
    size = pixels.shape[1]
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), 10, 1)

    def turn(part: np.ndarray) -> list[np.ndarray]:
        return [cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE) for image in part]

    def work() -> list[list[np.ndarray]]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(turn, np.array_split(pixels, os.cpu_count())))

    return work


def _open_cold(source: Path) -> None:
    """Open with an empty cache, which is thrown away."""
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"TINYIMAGE_CACHE": folder}):
        dataset.open_source(source)
