"""Training batches in an order, and with random transforms, that only the seed and the step decide.

Nothing here keeps state, so a training that starts again at any step sees what it would have seen.
"""

from collections.abc import Callable, Sequence

import numpy as np

from helpers.config.recipes import AUGMENTATIONS, Recipe
from helpers.core import provenance
from helpers.core.tensorflow import tf
from helpers.data.augment import augment, cutmix
from helpers.data.dataset import Rows

# Images transformed together: drawing and composing the transforms of a small batch costs more than applying them.
_CHUNK = 256
_PARALLEL = 2 * provenance.cores()  # chunks that are made at a time
_TRANSFORMS, _BLENDING = range(2)


def steps_per_epoch(recipe: Recipe, n_images: int) -> int:
    """Whole batches in an epoch of so many training images; a shorter last one is left out, at least one is kept."""
    return max(1, min(n_images, recipe.epoch_images or n_images) // min(recipe.batch_size, n_images))


def training_batches(
    inputs: np.ndarray | Rows | Sequence[np.ndarray],
    labels: np.ndarray,
    recipe: Recipe,
    num_classes: int,
    seed: int,
    first_epoch: int = 0,
    from_pixels: bool = True,
) -> tf.data.Dataset:
    """Endless batches, beginning with the first one of an epoch.

    Args:
        inputs: uint8 pixels (n, 64, 64, 3); or a sequence of arrays of activations (n, ...), one of each view of the images
            (themselves and mirrored, say), of which each step takes one at random for each image.
        labels: integer (n,).
        recipe: batch size, images of an epoch, augmentation, CutMix.
        num_classes: width of the targets.
        seed: another seed gives another order and other transforms.
        first_epoch: epochs that are already behind.
        from_pixels: augment; activations are mixed by CutMix only.

    Returns:
        Pairs of float32 inputs (batch, ...) and float32 one-hot targets (batch, num_classes).
    """
    n = len(labels)
    size = min(recipe.batch_size, n)
    steps = steps_per_epoch(recipe, n)
    steps_per_chunk = max(1, _CHUNK // size)
    chunks = -(-steps // steps_per_chunk)  # an epoch; the last one may be shorter
    sides: Sequence[np.ndarray | Rows] = [inputs] if isinstance(inputs, np.ndarray | Rows) else inputs
    gather = _rows(sides)
    targets = tf.constant(labels, tf.int32)
    augmentation = AUGMENTATIONS[recipe.augmentation]

    def chunk(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch, place = number // chunks, number % chunks
        places = tf.range(place * steps_per_chunk * size, tf.minimum((place + 1) * steps_per_chunk, steps) * size)
        order_key = tf.stack([tf.cast(seed, tf.int64), epoch])
        order = tf.random.experimental.index_shuffle(places, seed=order_key, max_index=n - 1)
        y = tf.one_hot(tf.gather(targets, order), num_classes)
        key = _key(seed, number, _TRANSFORMS)
        if from_pixels:
            return augment(gather(order, tf.zeros_like(order)), augmentation, key), y
        side = tf.random.stateless_uniform(tf.shape(order), key, 0, len(sides), tf.int32)
        return gather(order, side), y

    def blend(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        whether, how = tf.unstack(tf.random.split(_key(seed, step, _BLENDING), 2))
        mixed = tf.random.stateless_uniform((), whether) < recipe.mix
        return tf.cond(mixed, lambda: cutmix(*batch, how), lambda: batch)

    endless = tf.data.Dataset.range(first_epoch * chunks, tf.int64.max)
    # What is left over from an epoch's last whole batch is never made, so chunks divide into whole batches.
    stream = endless.map(chunk, num_parallel_calls=_PARALLEL).rebatch(size, drop_remainder=True)
    if recipe.mix and len(sides[0].shape) == 4:  # images or maps; rows of features have no rectangles
        stream = stream.enumerate(first_epoch * steps).map(blend, num_parallel_calls=_PARALLEL)
    return stream.prefetch(4).with_options(_options())


def evaluation_batches(inputs: np.ndarray | Rows, labels: np.ndarray, num_classes: int, size: int) -> tf.data.Dataset:
    """Every image once, in order.

    Args:
        inputs: pixels or activations (n, ...).
        labels: integer (n,).
        num_classes: width of the targets.
        size: images a batch; the last one may be smaller.

    Returns:
        Pairs of float32 inputs (batch, ...) and float32 one-hot targets (batch, num_classes).
    """
    gather = _rows([inputs])
    targets = tf.constant(labels, tf.int32)

    def batch(order: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return gather(order, tf.zeros_like(order)), tf.one_hot(tf.gather(targets, order), num_classes)

    return tf.data.Dataset.range(len(labels)).batch(size).map(batch).prefetch(1).with_options(_options())


def _options() -> tf.data.Options:
    """In order, and without tuning: its thread can miss that a training has ended, and hold it up for as long as it has run."""
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    return options


def _key(seed: int, number: tf.Tensor, purpose: int) -> tf.Tensor:
    """Key of the random numbers for one purpose in one chunk or step."""
    return tf.random.fold_in(tf.stack([tf.cast(seed, tf.int32), tf.cast(number, tf.int32)]), purpose)


def _rows(sides: Sequence[np.ndarray | Rows]) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Reads rows where they lie, in memory or in a mapped file: a copy as a tensor would double what a run needs."""

    def read(order: np.ndarray, side: np.ndarray) -> np.ndarray:
        rows = np.empty((len(order), *sides[0].shape[1:]), np.float32)
        for index, inputs in enumerate(sides):
            chosen = side == index
            rows[chosen] = inputs[order[chosen]]
        return rows

    def gather(order: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
        rows = tf.numpy_function(read, [order, side], tf.float32, stateful=False)
        return tf.ensure_shape(rows, (None, *sides[0].shape[1:]))

    return gather
