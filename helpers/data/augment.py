"""Random transforms of batches of images, drawn by stateless generators: the same key gives the same images.

Rotation, shift, shear, zoom and flips are composed into one affine transform and interpolated once a batch.
"""

import math

import cv2
import numpy as np

from helpers.config.recipes import Augmentation
from helpers.core.tensorflow import tf
from helpers.data.dataset import Rows

cv2.setNumThreads(1)  # images are small, and batches are already transformed beside each other

# What may be drawn for an image, in the terms of ImageDataGenerator.apply_transform.
PARAMETERS = (
    "theta",
    "tx",
    "ty",
    "shear",
    "zx",
    "zy",
    "flip_horizontal",
    "flip_vertical",
    "contrast",
    "brightness",
)


def draw(augmentation: Augmentation, n_images: int, image_size: int, key: tf.Tensor) -> dict[str, tf.Tensor]:
    """Draw the parameters of the transforms of a batch, distributed as ImageDataGenerator draws them.

    Args:
        augmentation: the ranges.
        n_images: size of the batch.
        image_size: height and width in pixels.
        key: integer tensor, (2,): the same key draws the same parameters.

    Returns:
        float32 tensors, (n_images,), by the names in PARAMETERS: `theta` and `shear` in degrees, `tx` (along x) and
        `ty` (along y) in pixels, `zx` and `zy` as factors, flips as 0 or 1, `contrast` and `brightness` as factors.
    """
    *keys, sharp_key = tf.unstack(tf.random.split(tf.cast(key, tf.int32), len(PARAMETERS) + 1))
    unit = {
        name: tf.random.stateless_uniform((n_images,), keys[i], -1, 1, tf.float32) for i, name in enumerate(PARAMETERS)
    }
    drawn = {
        "theta": unit["theta"] * augmentation.rotation_degrees,
        "tx": unit["tx"] * augmentation.shift * image_size,
        "ty": unit["ty"] * augmentation.shift * image_size,
        "shear": unit["shear"] * augmentation.shear_degrees,
        "zx": 1 + unit["zx"] * augmentation.zoom,
        "zy": 1 + unit["zy"] * augmentation.zoom,
        "flip_horizontal": tf.cast(unit["flip_horizontal"] > 0, tf.float32) * float(augmentation.flip_horizontal),
        "flip_vertical": tf.cast(unit["flip_vertical"] > 0, tf.float32) * float(augmentation.flip_vertical),
        "contrast": 1 + unit["contrast"] * augmentation.contrast,
        "brightness": 1 + unit["brightness"] * augmentation.contrast,
    }
    is_sharp = tf.random.stateless_uniform((n_images,), sharp_key) < augmentation.whole_pixels
    sharp = {"theta": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0, "tx": tf.round(drawn["tx"]), "ty": tf.round(drawn["ty"])}
    return drawn | {name: tf.where(is_sharp, value, drawn[name]) for name, value in sharp.items()}


def transform(images: tf.Tensor, parameters: dict[str, tf.Tensor]) -> tf.Tensor:
    """Apply drawn transforms, geometry with one bilinear interpolation; outside the image its edge repeats.

    The geometry equals ImageDataGenerator.apply_transform for the same parameters.

    Args:
        images: uint8 or float32, (n, height, width, 3), 0 to 255.
        parameters: what `draw` returns; names that are missing change nothing.

    Returns:
        float32, (n, height, width, 3), 0 to 255.
    """
    images = tf.cast(images, tf.float32)
    values = _neutral(tf.shape(images)[0]) | parameters
    matrices = _matrices_to_input(values, *images.shape[1:3])
    images = tf.ensure_shape(tf.numpy_function(_warp, [images, matrices], tf.float32, stateful=False), images.shape)
    if "contrast" not in parameters:
        return images
    contrast, brightness = values["contrast"][:, None, None, None], values["brightness"][:, None, None, None]
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return tf.clip_by_value(((images - mean) * contrast + mean) * brightness, 0, 255)


def augment(images: tf.Tensor, augmentation: Augmentation, key: tf.Tensor) -> tf.Tensor:
    """A batch of images, randomly transformed.

    Args:
        images: uint8 or float32, (n, size, size, 3), 0 to 255.
        augmentation: the ranges.
        key: integer tensor, (2,).

    Returns:
        float32, (n, size, size, 3), 0 to 255.
    """
    if augmentation == Augmentation():
        return tf.cast(images, tf.float32)
    parameters = draw(augmentation, tf.shape(images)[0], images.shape[1], key)
    if not augmentation.contrast:
        del parameters["contrast"], parameters["brightness"]
    return transform(images, parameters)


class View:
    """A randomly transformed copy of images, computed where it is sliced; equal slices of equal views give the same pixels."""

    def __init__(self, images: np.ndarray | Rows, augmentation: Augmentation, number: int) -> None:
        """A view of uint8 images (n, size, size, 3), an array or anything that gives arrays for slices; `number` tells views apart."""
        self.images, self.augmentation, self.number = images, augmentation, number

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> np.ndarray:
        key = tf.constant([self.number, rows.start])
        return augment(tf.constant(self.images[rows]), self.augmentation, key).numpy()


def cutmix(images: tf.Tensor, targets: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Paste a random rectangle of another image of the batch into each image and blend the targets by area.

    CutMix (Yun et al. 2019, arXiv:1905.04899), with one rectangle for each image and its share drawn uniformly.

    Args:
        images: float32, (n, size, size, 3).
        targets: float32, (n, n_classes), rows sum to 1.
        key: integer tensor, (2,).

    Returns:
        Images and targets of the same shapes and dtypes.
    """
    n, size = tf.shape(images)[0], images.shape[1]
    share, row, column = tf.unstack(tf.random.stateless_uniform((3, n), tf.cast(key, tf.int32)))
    half = tf.sqrt(share) * size / 2
    pixels = tf.range(size, dtype=tf.float32)[None] + 0.5
    in_rows = tf.abs(pixels - row[:, None] * size) < half[:, None]
    in_columns = tf.abs(pixels - column[:, None] * size) < half[:, None]
    mask = tf.cast(in_rows[:, :, None] & in_columns[:, None, :], tf.float32)
    pasted = tf.reduce_mean(mask, axis=(1, 2))[:, None]
    mask = mask[..., None]
    images = images * (1 - mask) + tf.roll(images, 1, axis=0) * mask
    return images, targets * (1 - pasted) + tf.roll(targets, 1, axis=0) * pasted


def _neutral(n: tf.Tensor) -> dict[str, tf.Tensor]:
    ones = ("zx", "zy", "contrast", "brightness")
    return {name: tf.fill((n,), 1.0 if name in ones else 0.0) for name in PARAMETERS}


def _warp(images: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Interpolate each image at the places that its matrix names; OpenCV does it several times as fast as TensorFlow."""
    warped = np.empty_like(images)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for image, matrix, target in zip(images, matrices, warped, strict=True):
        cv2.warpAffine(image, matrix, image.shape[1::-1], dst=target, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return warped


def _matrices_to_input(values: dict[str, tf.Tensor], height: int, width: int) -> tf.Tensor:
    """From places (x, y, 1) in the output image to places in the input image, (n, 2, 3)."""
    theta, shear = values["theta"] * (math.pi / 180), values["shear"] * (math.pi / 180)
    zero, one = tf.zeros_like(theta), tf.ones_like(theta)
    # (x, y, 1) coordinates around the centre, multiplied in the order of Keras' apply_affine_transform.
    matrix = _matrices([[tf.cos(theta), -tf.sin(theta), zero], [tf.sin(theta), tf.cos(theta), zero]])
    matrix @= _matrices([[one, zero, values["tx"]], [zero, one, values["ty"]]])
    matrix @= _matrices([[one, -tf.sin(shear), zero], [zero, tf.cos(shear), zero]])
    # A flip comes after the interpolation there, so it is the first to act on an output pixel here.
    x_scale = values["zx"] * (1 - 2 * values["flip_horizontal"])
    y_scale = values["zy"] * (1 - 2 * values["flip_vertical"])
    matrix @= _matrices([[x_scale, zero, zero], [zero, y_scale, zero]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
    linear = matrix[:, :2, :2]
    offset = matrix[:, :2, 2] + centre - tf.linalg.matvec(linear, centre)
    return tf.concat([linear, offset[:, :, None]], axis=2)


def _matrices(rows: list[list[tf.Tensor]]) -> tf.Tensor:
    """Batch of affine 3 x 3 matrices from their first two rows."""
    zero, one = tf.zeros_like(rows[0][0]), tf.ones_like(rows[0][0])
    return tf.stack([tf.stack(row, axis=1) for row in [*rows, [zero, zero, one]]], axis=1)
