"""Golden values: notice a change of mathematics whose `RESULTS_VERSIONS` entry was not raised.

For every recipe: log-probabilities of its fresh network, and the first three losses of each phase, on fixed drawn images.
`python tests/test_golden.py` prints new values for `tests/golden/recipes.json`; store them together with the raised version.

The tolerances: with oneDNN off and on, one thread and two, in four fresh processes on an AVX-512 processor, log-probabilities
and losses differed by at most 3e-6 of their values. Only the second and third loss of the deep CNN as reported differed by up
to 3e-3: Adam's first steps at 0.01 amplify rounding. The tests allow 30 and 7 times as much; the changes at the end of this file
move the values by more.
"""

import json
from dataclasses import replace
from pathlib import Path

import helpers.core.tensorflow  # isort: skip # noqa: F401 - before Keras loads TensorFlow
import keras
import numpy as np
import pytest
from keras import layers

from helpers.config.recipes import RECIPES
from helpers.core import paths
from helpers.data import batches
from helpers.data.splits import make_split
from helpers.models import architecture, deep_cnn
from helpers.training import fit, optimizers

pytestmark = pytest.mark.training

GOLDEN = Path(__file__).parent / "golden" / "recipes.json"
N_CLASSES, BATCH, STEPS = 10, 8, 3
N_LOG_PROBABILITIES = 10


def title(recipe):
    return f"{recipe.model} {recipe.name}"


def drawn_images():
    """uint8 (16, 64, 64, 3): coloured waves, computed in whole numbers so that every machine draws the same pixels."""
    n, y, x, channel = np.ogrid[:16, :64, :64, :3]
    return ((x * (n + 1) + y * (17 - n) + x * y * (channel + 1) // 8) % 256).astype(np.uint8)


def measure(recipe):
    """The golden values of a recipe: floats in a list."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    images, labels = drawn_images(), np.arange(16) % N_CLASSES
    is_pretrained = recipe.model == "mobilenetv2"
    recipe = replace(recipe, batch_size=BATCH, width=0.35 if is_pretrained else recipe.width)
    model = architecture.build(recipe, N_CLASSES)
    if is_pretrained:
        architecture.load_base_weights(model, recipe.width, paths.DEMO_WEIGHTS)
    values = fit.predict(model, images, recipe.views_at_test)[:2, :5].ravel().tolist()
    for phase in recipe.phases:
        architecture.set_trainable(model, phase)
        learner = fit.compiled(architecture.tail(model, phase.frozen_below), phase, 100, recipe.label_smoothing)
        inputs = images
        if cut := phase.frozen_below:
            trunk = architecture.trunk(model, cut)
            inputs = [trunk(side.astype(np.float32), training=False).numpy() for side in (images, images[:, :, ::-1])]
        stream = batches.training_batches(inputs, labels, recipe, N_CLASSES, seed=0, from_pixels=not cut)
        for x, y in stream.take(STEPS):
            learner.reset_metrics()
            values.append(float(learner.train_on_batch(x, y, return_dict=True)["loss"]))
    return values


def mismatches(recipe):
    """Positions at which a recipe's values are not the golden ones."""
    golden = np.array(json.loads(GOLDEN.read_text())[title(recipe)])
    values = np.array(measure(recipe))
    assert values.shape == golden.shape
    tolerance = np.full(len(golden), 1e-4)
    if recipe.network in ("deep_reported", "deep_coded"):
        tolerance[N_LOG_PROBABILITIES + 1 :] = 2e-2
    return np.flatnonzero(np.abs(values - golden) > tolerance * np.abs(golden)).tolist()


@pytest.mark.parametrize("recipe", RECIPES, ids=title)
def test_the_mathematics_of_a_recipe_is_that_of_its_results_versions(recipe):
    assert mismatches(recipe) == [], "raise the version of the part that changed, then renew the golden values"


def test_decoded_demo_images_and_their_split_are_those_of_their_results_versions(tiny):
    """Means of four images, a channel each; decoders differ by less than a grey level a pixel."""
    golden = json.loads(GOLDEN.with_name("data.json").read_text())
    np.testing.assert_allclose(np.asarray(tiny.images[:4]).mean(axis=(1, 2)), golden["channel_means"], atol=0.2)
    assert make_split(tiny).train.tolist() == golden["training_indices"]


RECIPE = {title(recipe): recipe for recipe in RECIPES}


def test_a_changed_layer_is_noticed(monkeypatch):
    monkeypatch.setattr(deep_cnn, "norm_relu", lambda x, name: layers.LayerNormalization(name=f"norm_{name}")(x))
    assert mismatches(RECIPE["deep_cnn improved"])


@pytest.mark.parametrize("name", ["shallow_cnn as_reported", "deep_cnn as_reported"])
def test_a_changed_augmentation_is_noticed(name, monkeypatch):
    augment = batches.augment
    monkeypatch.setattr(batches, "augment", lambda images, ranges, key: augment(images, replace(ranges, zoom=0.0), key))
    assert mismatches(RECIPE[name])


def test_another_order_of_batches_is_noticed(monkeypatch):
    stream = batches.training_batches
    monkeypatch.setattr(batches, "training_batches", lambda *a, seed, **k: stream(*a, seed=seed + 1, **k))
    assert mismatches(RECIPE["mobilenetv2 improved"])


def test_another_optimizer_is_noticed(monkeypatch):
    optimizer = optimizers.optimizer
    monkeypatch.setattr(
        optimizers, "optimizer", lambda phase, steps: optimizer(replace(phase, learning_rate=2e-3), steps)
    )
    assert mismatches(RECIPE["shallow_cnn improved"])


if __name__ == "__main__":
    print(json.dumps({title(recipe): [float(f"{v:.7g}") for v in measure(recipe)] for recipe in RECIPES}, indent=1))
