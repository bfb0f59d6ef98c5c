from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from fake_runs import write_run

from helpers.analysis import probes
from helpers.config.profiles import find_recipe
from helpers.data.dataset import make_split
from helpers.models import architecture
from helpers.models.weights import find_weights
from helpers.training import fit
from helpers.training.plans import Plan

SHALLOW = replace(find_recipe("shallow_cnn", "as_reported"), batch_size=4)
PENALISED = replace(find_recipe("shallow_cnn_l2", "as_reported"), batch_size=4)
TRANSFER = replace(find_recipe("mobilenetv2", "as_reported"), batch_size=4)


@pytest.fixture(scope="module")
def split(tiny):
    return make_split(tiny)


@pytest.fixture(scope="module")
def weights():
    return find_weights("", True)


@pytest.fixture
def small_network(monkeypatch):
    """In the place of MobileNetV2: its base has one convolution and one batch normalisation."""

    def build(recipe, weights, num_classes, seed):
        keras.utils.set_random_seed(seed)
        pixels = keras.Input((64, 64, 3))
        x = keras.layers.Conv2D(4, 3, strides=4, use_bias=False, name="Conv1")(pixels)
        x = keras.layers.BatchNormalization(name="bn_Conv1")(x)
        x = keras.layers.ReLU(name="out_relu")(x)
        x = keras.layers.GlobalAveragePooling2D(name="global_average")(x)
        return keras.Model(pixels, keras.layers.Dense(num_classes, name=architecture.LOGITS)(x))

    monkeypatch.setattr(probes, "pretrained", build)


def separable(n=60, classes=3):
    labels = np.arange(n) % classes
    return np.random.default_rng(0).normal(0, 0.1, (n, 8)) + np.eye(8)[labels], labels


def test_a_sweep_has_a_row_a_rate_and_repeats_itself(tiny, split):
    table = probes.learning_rate_sweep(SHALLOW, (1e-3, 1e-3, 0.5), 2, tiny, split, seed=0)
    assert table["learning_rate"].tolist() == [1e-3, 1e-3, 0.5]
    assert table.iloc[0].tolist() == table.iloc[1].tolist()
    assert table["validation_loss"].iloc[2] != table["validation_loss"].iloc[0]
    assert all(table[name].between(0, 1).all() for name in ("validation_accuracy", "dead_share"))
    assert (table["training_loss"] > 0).all()


def test_a_course_is_how_a_run_begins(tiny, split, tmp_path, monkeypatch):
    recipe = replace(PENALISED, phases=(replace(PENALISED.phases[0], epochs=2),))
    monkeypatch.setenv("TINYIMAGE_RUNS", str(tmp_path))
    history = fit.train(Plan(recipe, 1, "smoke", tiny, split, None), progress=lambda line: None).history
    course = probes.course(recipe, 1, tiny, split, seed=1)
    names = [name for name in course.columns if name in history.columns]
    assert len(names) == 7
    np.testing.assert_allclose(course[names], history[names].head(1), rtol=1e-5)


def test_short_trainings_follow_each_recipe_and_leave_the_penalty_out_of_the_loss(tiny, split):
    table = probes.short_trainings([SHALLOW, PENALISED, replace(PENALISED, l2=0.0)], 1, tiny, split, seed=0)
    assert table.iloc[0].tolist() == table.iloc[2].tolist()
    assert len(set(table["training_loss"])) == 1, "the first step sees the same weights, whatever the penalty"
    assert table["validation_loss"].iloc[1] != table["validation_loss"].iloc[0]


def test_planted_dead_units_are_found(tiny):
    model = architecture.build(SHALLOW, 6)
    bias = np.where(np.arange(32) < 8, -1, 1)
    model.get_layer("conv_1").set_weights([np.zeros((3, 3, 3, 32)), bias])
    model.get_layer("dense_1").set_weights([np.zeros((16384, 256)), np.full(256, -1)])
    table = probes.layer_activity(model, tiny.images[:3]).set_index("layer")
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
    table = probes.sharpness({"one": model, "two": model}, stripes, np.array([0, 0, 0, 0, 0, 1]))
    assert table["network"].tolist() == ["one", "two"] and (table["n"] == 6).all()
    assert table[["stored", "moved", "gain"]].iloc[0].tolist() == pytest.approx([5 / 6, 1 / 6, -4 / 6])
    assert (table["p_value"] == 0.21875).all()  # five images change to wrong, one to right
    assert probes.sharpness({}, stripes, np.zeros(6, int)).empty


def test_a_rectifier_behind_a_rectified_layer_is_left_out(tiny):
    model = architecture.build(find_recipe("shallow_cnn", "as_coded"), 6)
    table = probes.layer_activity(model, tiny.images[:3])
    assert "relu_2" in [layer.name for layer in model.layers]
    assert table["layer"].tolist() == ["conv_1", "conv_2", "dense_1"]
    assert (table["spread_over_images"] > 0).all()


def test_noise_vanishes_when_a_batch_holds_all_images(tiny, split):
    table = probes.gradient_noise(SHALLOW, (len(split.train), 2), tiny, split, seed=0, repeats=2)
    assert table.columns.tolist() == ["batch_size", "relative_noise"]
    assert table["batch_size"].tolist() == [2, len(split.train)]
    assert table["relative_noise"].iloc[0] > 0.1 and 0 <= table["relative_noise"].iloc[1] < 0.01


def test_probe_indices_take_so_many_of_each_class(tiny, split):
    train, validation = probes.probe_indices(tiny, split, 3)
    assert np.bincount(tiny.labels[train]).tolist() == [3] * 6
    assert set(train) <= set(split.train) and np.array_equal(validation, split.validation)
    assert np.array_equal(probes.probe_indices(tiny, split, 100)[0], split.train)


def test_a_linear_probe_reads_what_is_there_and_nothing_else():
    features, labels = separable()
    result = probes.linear_probe(features[:30], labels[:30], features[30:], labels[30:])
    assert (result["n"], result["accuracy"], result["high"]) == (30, 1, 1) and 0.8 < result["low"] < 1
    noise = np.random.default_rng(1).normal(size=(60, 8))
    assert probes.linear_probe(noise[:30], labels[:30], noise[30:], labels[30:])["accuracy"] < 0.7


def test_cross_validation_holds_every_image_out_once():
    features, labels = separable(50)
    table = probes.cross_validation(features, labels, folds=4, seed=0)
    assert table["fold"].tolist() == [1, 2, 3, 4] and table["n"].sum() == 50
    assert (table["accuracy"] == 1).all() and (table["low"] < 1).all()
    again = probes.cross_validation(features, labels, folds=4, seed=0)
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), again.drop(columns="seconds"))


def test_sweeps_ask_for_the_features_of_each_setting(tiny, split, weights, monkeypatch):
    asked = []

    def features(recipe, weights, dataset, indices, seed=0, pooling="global_average"):
        asked.append((recipe.input_size, recipe.input_range, pooling))
        return np.eye(6)[dataset.labels[indices]] * (0 if pooling == "global_max" else 1)

    monkeypatch.setattr(probes, "frozen_features", features)
    ranges = ((0.0, 1.0), (-1.0, 1.0))
    sweep = probes.input_sweep(TRANSFER, weights, tiny, split, (32, 64), ranges, 5)
    assert asked == [(32, ranges[0], "global_average"), (32, ranges[1], "global_average"), (64, ranges[1], asked[2][2])]
    assert sweep["input_range"].tolist() == ["0 to 1", "-1 to 1", "-1 to 1"]
    assert (sweep["accuracy"] == 1).all() and (sweep["n"] == len(split.validation)).all()
    pooled = probes.pooling_comparison(TRANSFER, weights, tiny, split, 5).set_index("pooling")
    assert pooled.loc["global_average", "accuracy"] == 1 and pooled.loc["global_max", "accuracy"] < 0.5


def test_frozen_features_are_those_of_the_images_asked_for(tiny, weights, small_network):
    found, again, other = (
        probes.frozen_features(TRANSFER, weights, tiny, indices)
        for indices in (np.arange(4), np.arange(4), np.arange(2, 6))
    )
    assert found.shape == (4, 4) and found.dtype == np.float16 and np.std(found) > 0
    assert np.array_equal(found, again) and not np.array_equal(found, other)
    np.testing.assert_allclose(other[:2].astype(float), found[2:], rtol=0.01)


def test_each_phase_may_change_what_its_recipe_says(weights):
    table = probes.trainable_by_phase(TRANSFER, weights, 6)
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
    table = probes.fine_tuning_trap(TRANSFER, weights, tiny, steps=1, seed=0).set_index("second_phase")
    assert table.index.tolist() == ["not compiled again", "saved and loaded", "compiled again"]
    assert table.loc["not compiled again", "base_tensors_changed"] == 0
    assert table.loc["compiled again", "base_tensors_changed"] == 5
    assert (table["base_tensors"] == 5).all()
    assert len(set(table["trainable_weights"])) == 1


def test_trained_networks_are_the_first_seed_of_each_recipe_that_kept_one(tmp_path):
    first, second, without = (write_run(tmp_path, "deep_cnn", "improved", seed) for seed in (0, 1, 2))
    for run, units in ((first, 2), (second, 3)):
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(units)]).save(run.folder / "model.keras")
    found = probes.trained_networks([without, first, second])
    assert {name: model.output_shape for name, model in found.items()} == {"Deep CNN, improved": (None, 2)}


def test_a_learning_curve_rises_and_draws_what_it_says():
    features, labels = separable(90, 3)
    features = features + np.random.default_rng(1).normal(0, 1, features.shape)
    curve = probes.learning_curve(features[:60], labels[:60], features[60:], labels[60:], (2, 5, 20, 50), 3, 0)
    assert curve.groupby("images_per_class")["draw"].apply(list).to_dict() == {2: [0, 1, 2], 5: [0, 1, 2], 20: [0]}
    means = curve.groupby("images_per_class")["accuracy"].mean()
    assert means[20] > means[2]
    assert set(curve["n"]) == {30}


def test_step_sizes_are_shares_of_the_median_weight():
    network = architecture.build(SHALLOW, 6)
    table = probes.step_sizes(network, (0.01, 0.1))
    assert table["layer"].tolist() == ["conv_1", "conv_2", "dense_1", "logits"]
    median = np.median(np.abs(np.asarray(network.get_layer("conv_1").kernel)))
    assert table.iloc[0, 1:].tolist() == pytest.approx([median, 0.01 / median, 0.1 / median])
