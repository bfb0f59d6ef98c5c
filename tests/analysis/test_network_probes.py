from dataclasses import replace

import keras
import numpy as np
import pytest
from fake_runs import write_run

from helpers.analysis import comparison, network_probes
from helpers.config.profiles import find_recipe
from helpers.data import batches
from helpers.data.dataset import Split
from helpers.models import architecture

SHALLOW = replace(find_recipe("shallow_cnn", "as_reported"), batch_size=4)


def test_planted_dead_units_are_found(tiny):
    model = architecture.build(SHALLOW, 6)
    bias = np.where(np.arange(32) < 8, -1, 1)
    model.get_layer("conv_1").set_weights([np.zeros((3, 3, 3, 32)), bias])
    model.get_layer("dense_1").set_weights([np.zeros((16384, 256)), np.full(256, -1)])
    table = network_probes.layer_activity(model, tiny.images[:3]).set_index("layer")
    assert table.index.tolist() == ["conv_1", "conv_2", "dense_1"]
    assert table.loc["conv_1"].tolist() == [32, 0.25, 0.75, 0]
    assert table.loc["dense_1"].tolist() == [256, 1, 0, 0]


def test_a_network_that_looks_for_sharp_pixels_is_found_out():
    # Its first logit is the difference of neighbouring columns; the second a threshold between stripes and their blur.
    pixels = keras.Input((64, 64, 3))
    difference = keras.ops.mean(keras.ops.abs(pixels[:, :, 1:] - pixels[:, :, :-1]), axis=(1, 2, 3))
    logits = keras.ops.concatenate([difference[:, None], keras.ops.full_like(difference[:, None], 200)], axis=1)
    model = keras.Model(pixels, logits)
    stripes = np.zeros((6, 64, 64, 3), np.uint8)
    stripes[:, :, ::2] = 255
    table = network_probes.sharpness({"one": model, "two": model}, stripes, np.array([0, 0, 0, 0, 0, 1]))
    assert table["network"].tolist() == ["one", "two"] and (table["n"] == 6).all()
    assert table[["stored", "moved", "gain"]].iloc[0].tolist() == pytest.approx([5 / 6, 1 / 6, -4 / 6])
    assert (table["p_value"] == 0.21875).all()  # five images change to wrong, one to right
    assert network_probes.sharpness({}, stripes, np.zeros(6, int)).empty


def test_a_rectifier_behind_a_rectified_layer_is_left_out(tiny):
    model = architecture.build(find_recipe("shallow_cnn", "as_coded"), 6)
    table = network_probes.layer_activity(model, tiny.images[:3])
    assert "relu_2" in [layer.name for layer in model.layers]
    assert table["layer"].tolist() == ["conv_1", "conv_2", "dense_1"]
    assert (table["spread_over_images"] > 0).all()


def test_trained_networks_are_the_first_seed_of_each_recipe_that_kept_one(tmp_path):
    first, second, without = (write_run(tmp_path, "deep_cnn", "improved", seed) for seed in (0, 1, 2))
    for run, units in ((first, 2), (second, 3)):
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)]).save(run.folder / "model.keras")
    found = network_probes.trained_networks([without, first, second])
    assert {name: model.output_shape for name, model in found.items()} == {"Deep CNN, improved": (None, 2)}


def test_step_sizes_are_shares_of_the_median_weight():
    network = architecture.build(SHALLOW, 6)
    table = network_probes.step_sizes(network, (0.01, 0.1))
    assert table["layer"].tolist() == ["conv_1", "conv_2", "dense_1", "logits"]
    median = np.median(np.abs(np.asarray(network.get_layer("conv_1").kernel)))
    assert table.iloc[0, 1:].tolist() == pytest.approx([median, 0.01 / median, 0.1 / median])


def _normalised_brightness(rate):
    """A network with the normalised mean of the red channel as its second logit, and dropout before it is normalised."""
    pixels = keras.Input((64, 64, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pixels))
    x = keras.layers.Dropout(rate, seed=1)(x)
    x = keras.layers.BatchNormalization(epsilon=0.0, center=False, scale=False)(x)
    model = keras.Model(pixels, keras.layers.Dense(2, use_bias=False, name="logits")(x))
    model.get_layer("logits").set_weights([np.array([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])])
    return model


def test_statistics_are_measured_as_in_training_and_as_in_use(tiny, tmp_path, monkeypatch):
    def recorded(images, labels, recipe, *arguments, batches_of=batches.training_batches, **settings):
        augmentations.append(recipe.augmentation)
        return batches_of(images, labels, recipe, *arguments, **settings)

    augmentations = []
    monkeypatch.setattr(batches, "training_batches", recorded)
    values = np.tile(np.arange(250, dtype=np.uint8), 4)
    images = np.broadcast_to(values[:, None, None, None], (1000, 64, 64, 3))
    labels, everything = (values > 60).astype(int), np.arange(1000)
    data = replace(tiny, images=images, labels=labels)
    run = write_run(tmp_path, "deep_cnn", "improved")
    _normalised_brightness(0.5).save(run.folder / "model.keras")
    split = Split(everything, everything, everything[:0], "split_off", "")
    table = network_probes.by_statistics(run, data, split).set_index("statistics")
    assert tuple(table.index) == network_probes.STATISTICS and (table["n"] == 1000).all()

    def expected(mean, variance):
        logits = (values / 255 - mean) / np.sqrt(variance)
        return np.mean(np.log1p(np.exp(np.where(labels, -logits, logits)))), np.mean((logits > 0) == labels)

    mean, variance = np.mean(values / 255), np.var(values / 255)
    added = np.mean((values / 255) ** 2)  # to the variance, by dropout of one half
    averages, as_in_training, as_they_are, without_dropout = table[["loss", "accuracy"]].to_numpy()
    assert averages == pytest.approx(expected(0.0, 1.0), rel=1e-3)  # of a fresh layer
    assert without_dropout == pytest.approx(expected(mean, variance), rel=0.02)
    assert as_they_are[0] == pytest.approx(expected(mean, variance + added)[0], rel=0.05)
    assert as_in_training[0] == pytest.approx(as_they_are[0], rel=0.05)  # brightness changes the variance by little
    assert augmentations == ["mild_and_sharp", "none", "none"]
    right = [(values / 255 > threshold) == labels for threshold in (0, mean)]
    assert table["p_value"].iloc[[0, -1]].tolist() == pytest.approx([1, comparison.mcnemar(*right)])
