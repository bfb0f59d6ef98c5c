"""What a phase of transfer learning may change in MobileNetV2, and the trap of not compiling again."""

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from helpers.config.recipes import Recipe
from helpers.data.dataset import Dataset
from helpers.models import architecture
from helpers.models.weights import BaseWeights
from helpers.training import fit


def pretrained(recipe: Recipe, weights: BaseWeights, num_classes: int, seed: int) -> keras.Model:
    """The network of a MobileNetV2 recipe before training: pretrained base, new head.

    Args:
        recipe: a MobileNetV2 recipe; its width is replaced by that of the weights.
        weights: of the base; without a file the base is random too.
        num_classes: width of the output layer.
        seed: of what is random.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = architecture.build(replace(recipe, width=weights.width), num_classes)
    if weights.file:
        architecture.load_base_weights(model, weights.width, weights.file)
    return model


def trainable_by_phase(recipe: Recipe, weights: BaseWeights, num_classes: int) -> pd.DataFrame:
    """How many numbers of a network each phase of a recipe may change.

    Args:
        recipe: a MobileNetV2 recipe.
        weights: of its base; the width is read.
        num_classes: width of the output layer.

    Returns:
        One row a phase: `recipe`, `phase`, `epochs`, `learning_rate` (the peak), `trainable_in_base`,
        `trainable_in_head`, `trainable_share` (of all parameters).
    """
    model = architecture.build(replace(recipe, width=weights.width), num_classes)
    rows = []
    for number, phase in enumerate(recipe.phases, start=1):
        architecture.set_trainable(model, phase)
        total = architecture.n_trainable(model)
        in_base = sum(
            int(np.prod(w.shape)) for layer in architecture.base_layers(model) for w in layer.trainable_weights
        )
        rows.append(
            {
                "recipe": recipe.name,
                "phase": number,
                "epochs": phase.epochs,
                "learning_rate": phase.learning_rate,
                "trainable_in_base": in_base,
                "trainable_in_head": total - in_base,
                "trainable_share": total / model.count_params(),
            }
        )
    return pd.DataFrame(rows)


def fine_tuning_trap(recipe: Recipe, weights: BaseWeights, dataset: Dataset, steps: int, seed: int) -> pd.DataFrame:
    """What a second phase changes that sets `trainable` without compiling again, after save and load, and with it.

    Args:
        recipe: a MobileNetV2 recipe.
        weights: of its base.
        dataset: a few of its images are trained on.
        steps: optimizer steps of the first phase and of each way to go on.
        seed: of everything.

    Returns:
        One row a way of going on from the same network: `second_phase`, `trainable_weights` as the model says,
        `base_tensors`, `base_tensors_changed`.
    """
    images = keras.ops.convert_to_tensor(dataset.images[: recipe.batch_size], "float32")
    targets = keras.utils.to_categorical(dataset.labels[: recipe.batch_size], dataset.num_classes)
    model = pretrained(recipe, weights, dataset.num_classes, seed)
    head, everything = (replace(recipe.phases[-1], trainable=name) for name in ("head", ""))
    architecture.set_trainable(model, head)
    fit.compiled(model, head, steps)
    for _ in range(steps):
        model.train_on_batch(images, targets)
    architecture.set_trainable(model, everything)
    rows = []
    for second_phase, go_on in (
        ("not compiled again", lambda: model),
        ("saved and loaded", lambda: _saved_and_loaded(model)),
        ("compiled again", lambda: fit.compiled(model, everything, steps)),
    ):
        learner = go_on()
        before = _base_weights(learner)
        for _ in range(steps):
            learner.train_on_batch(images, targets)
        changed = sum(not np.array_equal(a, b) for a, b in zip(before, _base_weights(learner), strict=True))
        rows.append(
            {
                "second_phase": second_phase,
                "trainable_weights": architecture.n_trainable(learner),
                "base_tensors": len(before),
                "base_tensors_changed": changed,
            }
        )
    return pd.DataFrame(rows)


def _saved_and_loaded(model: keras.Model) -> keras.Model:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        with warnings.catch_warnings():
            # Keras says that the saved optimizer knew fewer weights than the loaded network trains: that is the trap.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            return keras.models.load_model(file)


def _base_weights(model: keras.Model) -> list[np.ndarray]:
    return [np.array(weight) for layer in architecture.base_layers(model) for weight in layer.weights]
