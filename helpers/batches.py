"""Training batches in an order, and with random transforms, that only the seed and the step decide.

Nothing here keeps state, so a training that starts again at any step sees what it would have seen.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from helpers.augment import augment, cutmix
from helpers.config import AUGMENTATIONS, Recipe

Gather = Callable[[tf.Tensor], tf.Tensor]


def steps_per_epoch(n_images: int, batch_size: int) -> int:
    """Whole batches in a pass over the images; a shorter last one is left out, at least one is kept."""
    return max(1, n_images // batch_size)


def training_batches(
    inputs: np.ndarray | Sequence[np.ndarray],
    labels: np.ndarray,
    recipe: Recipe,
    num_classes: int,
    seed: int,
    first_epoch: int = 0,
    from_pixels: bool = True,
) -> tf.data.Dataset:
    """Endless batches, beginning with the first one of an epoch.

    Args:
        inputs: uint8 pixels (n, 64, 64, 3); or activations (n, ...), or two such arrays, of the images and of their
            mirror images, of which each step takes one at random for each image.
        labels: integer (n,).
        recipe: batch size, augmentation, CutMix.
        num_classes: width of the targets.
        seed: another seed gives another order and other transforms.
        first_epoch: epochs that are already behind.
        from_pixels: augment; activations are taken as they are.

    Returns:
        Pairs of float32 inputs (batch, ...) and float32 one-hot targets (batch, num_classes).
    """
    n = len(labels)
    size = min(recipe.batch_size, n)
    steps = steps_per_epoch(n, size)
    gather = _in_memory(inputs) if from_pixels else _from_disk(inputs)
    targets = tf.constant(labels, tf.int32)
    augmentation = AUGMENTATIONS[recipe.augmentation]

    def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch, position = step // steps, step % steps
        places = position * size + tf.range(size, dtype=tf.int64)
        order_key = tf.stack([tf.cast(seed, tf.int64), epoch])
        order = tf.random.experimental.index_shuffle(places, seed=order_key, max_index=n - 1)
        keys = tf.random.split(tf.cast(tf.stack([tf.cast(seed, tf.int64), step]), tf.int32), 3)
        y = tf.one_hot(tf.gather(targets, order), num_classes)
        if not from_pixels:
            side = tf.random.stateless_uniform((size,), keys[0], 0, 2, tf.int32)
            return gather(order, side), y
        x = augment(gather(order), augmentation, keys[0])
        if recipe.mix:
            mixed = tf.random.stateless_uniform((), keys[1]) < recipe.mix
            x, y = tf.cond(mixed, lambda: cutmix(x, y, keys[2]), lambda: (x, y))
        return x, y

    first = first_epoch * steps
    options = tf.data.Options()
    options.deterministic = True
    return (
        tf.data.Dataset.range(first, tf.int64.max)
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(4)
        .with_options(options)
    )


def _in_memory(images: np.ndarray) -> Gather:
    """All training pixels as one uint8 tensor: 0.5 GB for 40,000 images."""
    pixels = tf.constant(images)
    return lambda order: tf.gather(pixels, order)


def _from_disk(sides: Sequence[np.ndarray]) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Activations are too many for memory, so a batch is read from the mapped files."""

    def read(order: np.ndarray, side: np.ndarray) -> np.ndarray:
        rows = np.empty((len(order), *sides[0].shape[1:]), np.float32)
        for index, activations in enumerate(sides):
            chosen = side % len(sides) == index
            rows[chosen] = activations[order[chosen]]
        return rows

    def gather(order: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
        rows = tf.numpy_function(read, [order, side], tf.float32, stateful=False)
        return tf.ensure_shape(rows, (None, *sides[0].shape[1:]))

    return gather
