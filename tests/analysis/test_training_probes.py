from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from helpers.analysis import network_probes, training_probes
from helpers.config.profiles import find_recipe
from helpers.models import architecture
from helpers.training import fit
from helpers.training.plans import Plan

SHALLOW = replace(find_recipe("shallow_cnn", "as_reported"), batch_size=4)
DEEP = replace(find_recipe("deep_cnn", "as_reported"), batch_size=4)
PENALISED = replace(find_recipe("shallow_cnn_l2", "as_reported"), batch_size=4)


@pytest.mark.parametrize("recipe", [SHALLOW, DEEP])
def test_a_rate_of_a_sweep_gives_what_a_training_of_its_own_gives(recipe, tiny, split):
    rates = (1e-3, 0.5, 1e-4)
    alone = [replace(recipe, phases=(replace(recipe.phases[0], learning_rate=rate),)) for rate in rates]
    trained = training_probes.short_trainings(alone, 3, tiny, split, seed=0)
    table = training_probes.learning_rate_sweep(recipe, rates, 3, tiny, split, seed=0)
    assert table.pop("learning_rate").tolist() == list(rates)
    pd.testing.assert_frame_equal(table, trained, rtol=1e-4)


def test_a_course_is_how_a_run_begins(tiny, split, tmp_path, monkeypatch):
    recipe = replace(PENALISED, phases=(replace(PENALISED.phases[0], epochs=2),))
    monkeypatch.setenv("TINYIMAGE_RUNS", str(tmp_path))
    history = fit.train(Plan(recipe, 1, "smoke", tiny, split, None), progress=lambda line: None).history
    course = training_probes.course(recipe, 1, tiny, split, seed=1)
    names = [name for name in course.columns if name in history.columns]
    assert len(names) == 7
    np.testing.assert_allclose(course[names], history[names].head(1), rtol=1e-5)


def test_first_epochs_are_courses_of_each_recipe_and_seed(tiny, split):
    table = training_probes.first_epochs([SHALLOW, PENALISED], 2, tiny, split, seed=3)
    assert table[["variant", "seed"]].to_numpy().tolist() == [[0, 3], [0, 4], [1, 3], [1, 4]]
    alone = training_probes.course(PENALISED, 1, tiny, split, seed=4)
    pd.testing.assert_frame_equal(table[alone.columns].tail(1).reset_index(drop=True), alone, rtol=1e-5)


def test_short_trainings_follow_each_recipe_and_leave_the_penalty_out_of_the_loss(tiny, split):
    table = training_probes.short_trainings([SHALLOW, PENALISED, replace(PENALISED, l2=0.0)], 1, tiny, split, seed=0)
    assert table.iloc[0].tolist() == table.iloc[2].tolist()
    assert len(set(table["training_loss"])) == 1, "the first step sees the same weights, whatever the penalty"
    assert table["validation_loss"].iloc[1] != table["validation_loss"].iloc[0]
    assert all(table[name].between(0, 1).all() for name in ("validation_accuracy", "dead_share"))


def test_a_rate_of_zero_is_the_untrained_network(tiny, split):
    table = training_probes.learning_rate_sweep(SHALLOW, (0.0, 10.0), 3, tiny, split, seed=0, layers=("conv_2",))
    untrained, far_too_fast = table[["dead_conv_2", "dead_share"]].to_numpy()
    keras.utils.set_random_seed(0)
    fresh = network_probes.layer_activity(
        architecture.build(SHALLOW, tiny.num_classes), np.asarray(tiny.part(split, "validation")[0])
    ).set_index("layer")["dead_share"]
    assert untrained.tolist() == fresh[["conv_2", "dense_1"]].tolist()
    assert far_too_fast[0] > untrained[0]


def test_the_activity_after_some_steps_is_that_of_the_same_training(tiny, split):
    activity = training_probes.activity_after(SHALLOW, 3, tiny, split, seed=0).set_index("layer")
    [trained] = training_probes.short_trainings([SHALLOW], 3, tiny, split, seed=0, layers=("conv_2",)).itertuples()
    assert activity.index.tolist() == ["conv_1", "conv_2", "dense_1"]
    assert activity["dead_share"][["conv_2", "dense_1"]].tolist() == [trained.dead_conv_2, trained.dead_share]


def test_noise_vanishes_when_a_batch_holds_all_images(tiny, split):
    table = training_probes.gradient_noise(SHALLOW, (len(split.train), 2), tiny, split, seed=0, repeats=2)
    assert table.columns.tolist() == ["batch_size", "relative_noise"]
    assert table["batch_size"].tolist() == [2, len(split.train)]
    assert table["relative_noise"].iloc[0] > 0.1 and 0 <= table["relative_noise"].iloc[1] < 0.01
