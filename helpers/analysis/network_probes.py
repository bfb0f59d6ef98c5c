"""What networks do inside and how they react: activity of layers, sharpness of their input, size of a step."""

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
import pandas as pd

from helpers.analysis import comparison
from helpers.config.labels import name_of
from helpers.config.recipes import Recipe
from helpers.core.tensorflow import tf
from helpers.data import augment, batches
from helpers.data.dataset import Dataset, Split
from helpers.models import architecture
from helpers.training import fit, metrics
from helpers.training.runs import Run

STATISTICS = ("moving averages", "anew, as in training", "anew, images as they are", "anew, without dropout too")
_STATISTICS_IMAGES = 5_000
_STATISTICS_BATCH = 250  # images whose batch statistics are averaged; 250 of 62 x 62 x 32 activations take 0.1 GB


def trained_networks(runs: Sequence[Run]) -> dict[str, keras.Model]:
    """The networks of runs, by a name for legends: the first seed of each recipe, where the run still has its model."""
    chosen: dict[str, Run] = {}
    for run in runs:
        if run.has_model():
            chosen.setdefault(name_of(run.model, run.recipe), run)
    return {name: run.network() for name, run in chosen.items()}


def layer_activity(model: keras.Model, images: np.ndarray) -> pd.DataFrame:
    """What comes out of every layer with a ReLU.

    Args:
        model: any of the networks.
        images: uint8 (n, 64, 64, 3); a few hundred are enough.

    Returns:
        Columns `layer`, `units` (channels or neurons), `dead_share` (units that are zero for every image and place),
        `active_share` (outputs above zero), `spread_over_images` (standard deviation over images of each unit's mean,
        averaged: near zero where every image looks the same to the layer). A rectifier that stands behind a rectified
        layer changes nothing and is left out.
    """
    pairs = zip(model.layers[:-1], model.layers[1:], strict=True)
    rectified = [layer for before, layer in pairs if _is_rectified(layer) and not _is_rectified(before)]
    network = keras.Model(model.input, [layer.output for layer in rectified])
    outputs = network(tf.constant(images, tf.float32), training=False)
    rows = []
    for layer, output in zip(rectified, outputs, strict=True):
        values = output.numpy()
        per_image = values.reshape(len(values), -1, values.shape[-1])
        rows.append(
            {
                "layer": layer.name,
                "units": values.shape[-1],
                "dead_share": float(np.mean(per_image.max((0, 1)) <= 0)),
                "active_share": float(np.mean(values > 0)),
                "spread_over_images": float(per_image.mean(1).std(0).mean()),
            }
        )
    return pd.DataFrame(rows)


def sharpness(networks: dict[str, keras.Model], images: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """How often networks are right on images as they are stored, and on the same images under the blur of an augmentation.

    A quarter of a pixel along both axes is no move that a person would see. What it leaves is the interpolation
    between neighbouring pixels, which every turned, sheared or zoomed training image goes through as well. Networks look
    once: mirror images, which some recipes average over, are left out.

    Args:
        networks: from pixels to logits, by their names.
        images: uint8 (n, 64, 64, 3).
        labels: integer (n,).

    Returns:
        Columns `network`, `n`, `stored` and `moved` (accuracies), `gain` (of the move), `p_value` (McNemar's exact test).
    """
    shift = tf.fill((len(images),), -0.25)
    moved = np.rint(augment.transform(images, {"tx": shift, "ty": shift})).astype(np.uint8)
    rows = []
    for name, network in networks.items():
        right = [fit.predict(network, pixels).argmax(axis=1) == labels for pixels in (images, moved)]
        stored, after = (float(np.mean(side)) for side in right)
        rows.append((name, len(labels), stored, after, after - stored, comparison.mcnemar(*right)))
    return pd.DataFrame(rows, columns=["network", "n", "stored", "moved", "gain", "p_value"])


def by_statistics(run: Run, dataset: Dataset, split: Split) -> pd.DataFrame:
    """How well a network does with the moving averages of its batch normalisation, and with statistics measured anew.

    The averages may lag behind weights that move fast; the images of training are augmented, and those of use are not; and dropout
    makes what batch normalisation reads vary more than it does in use (Li et al. 2019, arXiv:1801.05134). So means and variances are
    measured anew under the conditions of training, then on images as they are, then without dropout as well.

    Args:
        run: with its network.
        dataset: the data.
        split: its split; 5,000 training images serve for the statistics, validation for the judgement.

    Returns:
        One row for each of STATISTICS: `statistics`, `seed` (of the run), `n` (images), `loss` (nats), `accuracy`, `p_value` (McNemar's
        exact test against the moving averages).
    """
    images, labels = dataset.part(split, "validation")
    network = run.network()
    dropouts = [(layer, layer.rate) for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    scores = [fit.predict(network, images)]
    for augmentation, has_dropout in ((run.settings.augmentation, True), ("none", True), ("none", False)):
        for layer, rate in dropouts:
            layer.rate = rate if has_dropout else 0.0
        _measure_statistics(network, replace(run.settings, augmentation=augmentation), dataset, split)
        scores.append(fit.predict(network, images))
    right = [s.argmax(axis=1) == labels for s in scores]
    return pd.DataFrame(
        {
            "statistics": STATISTICS,
            "seed": run.seed,
            "n": len(labels),
            "loss": [metrics.cross_entropy(s, labels) for s in scores],
            "accuracy": [float(r.mean()) for r in right],
            "p_value": [comparison.mcnemar(right[0], r) for r in right],
        }
    )


def _measure_statistics(model: keras.Model, recipe: Recipe, dataset: Dataset, split: Split) -> None:
    """Replace the moving averages of batch normalisation by plain averages over batches of a recipe's training images."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    large = replace(recipe, batch_size=_STATISTICS_BATCH, epoch_images=_STATISTICS_IMAGES, mix=0.0)
    stream = batches.training_batches(*dataset.part(split, "train"), large, dataset.num_classes, seed=0)
    for behind, (images, _) in enumerate(stream.take(_STATISTICS_IMAGES // _STATISTICS_BATCH)):
        for norm in norms:
            norm.momentum = behind / (behind + 1)
        model(images, training=True)


def step_sizes(network: keras.Model, rates: Sequence[float]) -> pd.DataFrame:
    """How large one Adam step at each learning rate is beside the weights it changes.

    Args:
        network: with pretrained or fresh weights.
        rates: learning rates.

    Returns:
        One row a kernel of the pretrained base, or of every layer: `layer`, `median_weight`, then a column for each rate:
        the step as a share of the median weight.
    """
    rows = []
    for layer in architecture.base_layers(network) or network.layers:
        kernels = [weight for weight in layer.trainable_weights if "kernel" in weight.name]
        if kernels:
            median = float(np.median(np.abs(np.asarray(kernels[0]))))
            rows.append({"layer": layer.name, "median_weight": median} | {f"step {r:g}": r / median for r in rates})
    return pd.DataFrame(rows)


def _is_rectified(layer: keras.Layer) -> bool:
    activation = getattr(layer, "activation", None)
    return isinstance(layer, keras.layers.ReLU) or activation is keras.activations.relu
