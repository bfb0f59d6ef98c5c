import keras
import numpy as np
import pytest

from helpers.config.recipes import RECIPES
from helpers.models import architecture, inference

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 64, 64, 3)).astype(np.uint8)


def randomised(network):
    """Batch normalisation as after training: a fresh network's would hide an error in folding it."""
    rng = np.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma * 1.1, beta + rng.normal(0, 0.1, beta.shape), mean, variance * 1.3])
    return network


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.name}")
def test_litert_computes_what_keras_computes(recipe):
    keras.utils.set_random_seed(0)
    network = randomised(architecture.build(recipe))
    by_keras = inference.with_keras(network)(IMAGES)
    by_litert = inference.with_litert(network)(IMAGES)
    assert by_litert.shape == by_keras.shape == (11, 100) and by_litert.dtype == np.float32
    # Rounding alone: 1e-6 of the spread of the logits on one CPU.
    np.testing.assert_allclose(by_litert, by_keras, rtol=0, atol=1e-4 * np.ptp(by_keras))
    assert np.ptp(by_keras, axis=0).max() > 0  # the images make a difference


def test_litert_is_used_for_much_work_of_mobilenetv2_alone():
    networks = {recipe.model: architecture.build(recipe) for recipe in RECIPES if recipe.name == "improved"}
    assert inference._pays(networks["mobilenetv2"], 10_000)
    assert not inference._pays(networks["mobilenetv2"], 100)
    assert not inference._pays(networks["deep_cnn"], 1_000_000)
