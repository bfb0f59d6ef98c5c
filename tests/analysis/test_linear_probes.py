from dataclasses import replace

import numpy as np
import pandas as pd

from helpers.analysis import linear_probes
from helpers.config.profiles import find_recipe

TRANSFER = replace(find_recipe("mobilenetv2", "as_reported"), batch_size=4)


def separable(n=60, classes=3):
    labels = np.arange(n) % classes
    return np.random.default_rng(0).normal(0, 0.1, (n, 8)) + np.eye(8)[labels], labels


def test_probe_indices_take_so_many_of_each_class(tiny, split):
    train, validation = linear_probes.probe_indices(tiny, split, 3)
    assert np.bincount(tiny.labels[train]).tolist() == [3] * 6
    assert set(train) <= set(split.train) and np.array_equal(validation, split.validation)
    assert np.array_equal(linear_probes.probe_indices(tiny, split, 100)[0], split.train)


def test_a_linear_probe_reads_what_is_there_and_nothing_else():
    features, labels = separable()
    result = linear_probes.linear_probe(features[:30], labels[:30], features[30:], labels[30:])
    assert (result["n"], result["accuracy"], result["high"]) == (30, 1, 1) and 0.8 < result["low"] < 1
    noise = np.random.default_rng(1).normal(size=(60, 8))
    assert linear_probes.linear_probe(noise[:30], labels[:30], noise[30:], labels[30:])["accuracy"] < 0.7


def test_cross_validation_holds_every_image_out_once():
    features, labels = separable(50)
    table = linear_probes.cross_validation(features, labels, folds=4, seed=0)
    assert table["fold"].tolist() == [1, 2, 3, 4] and table["n"].sum() == 50
    assert (table["accuracy"] == 1).all() and (table["low"] < 1).all()
    again = linear_probes.cross_validation(features, labels, folds=4, seed=0)
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), again.drop(columns="seconds"))


def test_sweeps_ask_for_the_features_of_each_setting(tiny, split, weights, monkeypatch):
    asked = []

    def features(recipe, weights, dataset, indices, seed=0, pooling="global_average"):
        asked.append((recipe.input_size, recipe.input_range, pooling))
        return np.eye(6)[dataset.labels[indices]] * (0 if pooling == "global_max" else 1)

    monkeypatch.setattr(linear_probes, "frozen_features", features)
    ranges = ((0.0, 1.0), (-1.0, 1.0))
    sweep = linear_probes.input_sweep(TRANSFER, weights, tiny, split, (32, 64), ranges, 5)
    assert asked == [(32, ranges[0], "global_average"), (32, ranges[1], "global_average"), (64, ranges[1], asked[2][2])]
    assert sweep["input_range"].tolist() == ["0 to 1", "-1 to 1", "-1 to 1"]
    assert (sweep["accuracy"] == 1).all() and (sweep["n"] == len(split.validation)).all()
    pooled = linear_probes.pooling_comparison(TRANSFER, weights, tiny, split, 5).set_index("pooling")
    assert pooled.loc["global_average", "accuracy"] == 1 and pooled.loc["global_max", "accuracy"] < 0.5


def test_frozen_features_are_those_of_the_images_asked_for(tiny, weights, small_network):
    found, again, other = (
        linear_probes.frozen_features(TRANSFER, weights, tiny, indices)
        for indices in (np.arange(4), np.arange(4), np.arange(2, 6))
    )
    assert found.shape == (4, 4) and found.dtype == np.float16 and np.std(found) > 0
    assert np.array_equal(found, again) and not np.array_equal(found, other)
    np.testing.assert_allclose(other[:2].astype(float), found[2:], rtol=0.01)


def test_a_learning_curve_rises_and_draws_what_it_says():
    features, labels = separable(90, 3)
    features = features + np.random.default_rng(1).normal(0, 1, features.shape)
    curve = linear_probes.learning_curve(features[:60], labels[:60], features[60:], labels[60:], (2, 5, 20, 50), 3, 0)
    assert curve.groupby("images_per_class")["draw"].apply(list).to_dict() == {2: [0, 1, 2], 5: [0, 1, 2], 20: [0]}
    means = curve.groupby("images_per_class")["accuracy"].mean()
    assert means[20] > means[2]
    assert set(curve["n"]) == {30}
