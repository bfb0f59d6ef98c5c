"""How far two devices that share a batch train like one. Writes `figures/full/replicas.csv`; it is no test.

Gradients are summed over the devices, so that only rounding differs in a step, which grows from step to step. But a batch
normalisation sees the images of its own device alone: its statistics come from half a batch. Two logical devices on one
processor stand in for two GPUs.
"""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from benchmarks.measure import row
from helpers.config import profiles
from helpers.config.recipes import Phase, Recipe
from helpers.core import paths
from helpers.data import batches
from helpers.models import architecture
from helpers.report import pages
from helpers.training import fit

RECIPES = (("shallow_cnn", "as_reported"), ("deep_cnn", "as_reported"), ("deep_cnn", "improved"))
_IMAGES, _CLASSES, _BATCH, _STEPS = 256, 8, 32, 24
_PHASE = Phase(1, "sgd", 1e-2)  # whose steps follow the gradients, as Adam's first ones do not


def main() -> None:
    """Measure, print the table, write it."""
    [processor] = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategies = (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
    found = []
    for model, name in RECIPES:
        recipe = replace(
            profiles.find_recipe(model, name), augmentation="none", mix=0.0, dropout=0.0, batch_size=_BATCH
        )
        one, two = (_losses(recipe, strategy) for strategy in strategies)
        norms = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in architecture.build(recipe).layers)
        found.append(
            row(
                f"{model} {name}",
                batch_normalisations=norms,
                steps=_STEPS,
                loss_on_one_device=one[-1],
                loss_on_two_devices=two[-1],
                largest_difference=np.abs(one - two).max(),
            )
        )
    table = pd.DataFrame(found)
    table.to_csv(paths.FIGURES / "full" / "replicas.csv", index=False)
    print(pages.markdown_table(table.round(6)))


def _losses(recipe: Recipe, strategy: tf.distribute.Strategy) -> np.ndarray:
    """Loss of every step."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (_IMAGES, 64, 64, 3), np.uint8), rng.integers(0, _CLASSES, _IMAGES)
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = fit.compiled(_without_dropout(architecture.build(recipe, _CLASSES)), _PHASE, _STEPS)
        stream = batches.training_batches(images, labels, recipe, _CLASSES, 0)
        return np.array(model.fit(stream, epochs=_STEPS, steps_per_epoch=1, verbose=0).history["loss"])


def _without_dropout(model: keras.Model) -> keras.Model:
    """Each device would draw masks of its own, which says nothing about how they share a batch."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model


if __name__ == "__main__":
    main()
