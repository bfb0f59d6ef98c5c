"""The way of the report's code: read every image in a loop, augment with ImageDataGenerator, fit from that generator."""

import io
import zipfile
from pathlib import Path

import imageio.v2 as imageio
import keras
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator, NumpyArrayIterator

from helpers.config.recipes import AUGMENTATIONS, Recipe

_ENDINGS = (".jpeg", ".jpg")


def read_all(source: Path) -> np.ndarray:
    """A loop of imageio reads over every image of a zip or folder; uint8 (n, 64, 64, 3)."""
    if source.is_dir():
        files = sorted(file for file in source.rglob("*") if file.suffix.lower() in _ENDINGS)
        return np.stack([_as_rgb(imageio.imread(file)) for file in files])
    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(_ENDINGS))
        return np.stack([_as_rgb(imageio.imread(io.BytesIO(archive.read(name)))) for name in names])


def generator(images: np.ndarray, labels: np.ndarray, recipe: Recipe, num_classes: int) -> NumpyArrayIterator:
    """Endless batches of augmented images, 0 to 255, and one-hot targets."""
    ranges = AUGMENTATIONS[recipe.augmentation]
    return ImageDataGenerator(
        rotation_range=ranges.rotation_degrees,
        width_shift_range=ranges.shift,
        height_shift_range=ranges.shift,
        shear_range=ranges.shear_degrees,
        zoom_range=ranges.zoom,
        horizontal_flip=ranges.flip_horizontal,
        vertical_flip=ranges.flip_vertical,
    ).flow(images, keras.utils.to_categorical(labels, num_classes), batch_size=recipe.batch_size)


def compiled(model: keras.Model, recipe: Recipe) -> keras.Model:
    """The same network with Adam, cross-entropy and accuracy, and everything else left to Keras."""
    optimizer = keras.optimizers.Adam(recipe.phases[0].learning_rate)
    model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def _as_rgb(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.stack([image] * 3, axis=2)
