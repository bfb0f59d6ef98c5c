from dataclasses import replace

import keras
import numpy as np
import pytest

from helpers.config.demo_data import PRETRAINING
from helpers.config.profiles import find_recipe
from helpers.core import paths
from helpers.models import architecture
from helpers.models.pretraining import pretrain

WIDTH = PRETRAINING.width


@pytest.fixture(scope="module")
def network():
    return architecture.build(replace(find_recipe("mobilenetv2", "improved"), width=WIDTH, input_size=64), 6)


def weights_of(model):
    return [np.array(weight) for layer in architecture.base_layers(model) for weight in layer.weights]


def test_a_pretrained_base_fits_a_network_and_brings_what_was_learned(network, tmp_path):
    base = pretrain(replace(PRETRAINING, num_classes=3, images_per_class=8, epochs=1, batch_size=4))
    assert base.output_shape[1:] == (2, 2, 1280)
    assert np.abs(base.get_layer("bn_Conv1").moving_mean).max() > 0
    base.save_weights(tmp_path / "base.weights.h5")
    architecture.load_base_weights(network, WIDTH, tmp_path / "base.weights.h5")
    for loaded, saved in zip(weights_of(network), base.get_weights(), strict=True):
        assert np.array_equal(loaded, saved)


def test_the_shipped_weights_load_and_are_small(network):
    assert paths.DEMO_WEIGHTS.stat().st_size < 3_000_000
    architecture.load_base_weights(network, WIDTH, paths.DEMO_WEIGHTS)
    weights = weights_of(network)
    assert all(np.isfinite(weight).all() for weight in weights)
    fresh = keras.applications.MobileNetV2(input_shape=(64, 64, 3), include_top=False, weights=None, alpha=WIDTH)
    assert not any(np.array_equal(a, b) for a, b in zip(weights, fresh.get_weights(), strict=True))
