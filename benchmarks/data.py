"""Ways of getting from files to augmented batches."""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks import reported_way
from benchmarks.measure import Work, timed
from helpers.config.profiles import find_recipe
from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES
from helpers.data import batches
from helpers.data.dataset import open_source


def decode(source: Path) -> Work:
    """Opens a source with an empty cache, which is thrown away."""

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"TINYIMAGE_CACHE": folder}):
            open_source(source)

    return timed(work)


def reopen(source: Path) -> Work:
    """Opens a source whose images are in the cache."""
    open_source(source)
    return timed(lambda: open_source(source))


def read_as_reported(source: Path) -> Work:
    """Reads every image in a loop, as the report's code does."""
    return timed(lambda: reported_way.read_all(source))


def augment(n_images: int) -> Work:
    """Batches of augmented images, as the deep CNN gets them in `as_reported`.

    Every turn begins a stream: one begun in an earlier turn would have worked ahead while the peer had its own.
    """
    recipe, images, labels = _inputs(n_images)
    stream = batches.training_batches(images, labels, recipe, NUM_CLASSES, 0)

    def work() -> object:
        begun = iter(stream)
        return [next(begun) for _ in range(n_images // recipe.batch_size)], begun

    return timed(work)


def augment_as_reported(n_images: int) -> Work:
    """The same batches from Keras' ImageDataGenerator."""
    recipe, images, labels = _inputs(n_images)
    generator = reported_way.generator(images, labels, recipe, NUM_CLASSES)
    return timed(lambda: [next(generator) for _ in range(n_images // recipe.batch_size)])


def interpolate(n_images: int) -> Work:
    """OpenCV's turn by a few degrees of every image and nothing else, in a thread for each core: what bounds `augment`."""
    pixels = _inputs(n_images)[1].astype(np.float32)
    matrix = cv2.getRotationMatrix2D((IMAGE_SIZE / 2, IMAGE_SIZE / 2), 10, 1)

    def turn(part: np.ndarray) -> list[np.ndarray]:
        return [
            cv2.warpAffine(image, matrix, (IMAGE_SIZE, IMAGE_SIZE), borderMode=cv2.BORDER_REPLICATE) for image in part
        ]

    def work() -> object:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(turn, np.array_split(pixels, os.cpu_count())))

    return timed(work)


def _inputs(n_images: int) -> tuple:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n_images, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    return find_recipe("deep_cnn", "as_reported"), images, rng.integers(0, NUM_CLASSES, n_images)
