from dataclasses import replace

import keras
import numpy as np

from helpers.analysis import fine_tuning
from helpers.config.profiles import find_recipe

TRANSFER = replace(find_recipe("mobilenetv2", "as_reported"), batch_size=4)


def test_each_phase_may_change_what_its_recipe_says(weights):
    table = fine_tuning.trainable_by_phase(TRANSFER, weights, 6)
    top = 112 * 1280 + 2 * 112 + 2 * 1280  # Conv_1 and two batch normalisations, at width 0.35
    head = 1280 * 1024 + 1024 + 1024 * 6 + 6
    base = keras.applications.MobileNetV2(input_shape=(64, 64, 3), include_top=False, weights=None, alpha=weights.width)
    everything = sum(int(np.prod(weight.shape)) for weight in base.trainable_weights)
    assert table["phase"].tolist() == [1, 2]
    assert table["trainable_in_base"].tolist() == [top, everything]
    assert table["trainable_in_head"].tolist() == [head, head]
    np.testing.assert_allclose(
        table["trainable_share"], (head + np.array([top, everything])) / (head + base.count_params())
    )


def test_without_compiling_again_the_base_stays_as_it_is(tiny, weights, small_network):
    table = fine_tuning.fine_tuning_trap(TRANSFER, weights, tiny, steps=1, seed=0).set_index("second_phase")
    assert table.index.tolist() == ["not compiled again", "saved and loaded", "compiled again"]
    assert table.loc["not compiled again", "base_tensors_changed"] == 0
    assert table.loc["compiled again", "base_tensors_changed"] == 5
    assert (table["base_tensors"] == 5).all()
    assert len(set(table["trainable_weights"])) == 1
