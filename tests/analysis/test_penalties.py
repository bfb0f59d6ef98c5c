from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.analysis import penalties
from helpers.config.profiles import find_recipe
from helpers.models import architecture

PENALISED = replace(find_recipe("shallow_cnn_l2", "as_reported"), batch_size=4)
DESCENT = find_recipe("shallow_cnn", "as_coded")


@pytest.mark.parametrize(("name", "is_output_free"), [("shallow_cnn_l2", False), ("deep_cnn_l2", True)])
def test_share_is_a_hundredth_of_the_squared_kernels(name, is_output_free):
    recipe = find_recipe(name, "as_reported")
    found = penalties.share(recipe, 6, seed=1)
    keras.utils.set_random_seed(1)
    kernels = [
        np.asarray(layer.kernel)
        for layer in architecture.build(recipe, 6).layers
        if hasattr(layer, "kernel") and not (is_output_free and layer.name == architecture.LOGITS)
    ]
    assert found["penalty"] == pytest.approx(0.01 * sum(np.sum(kernel**2.0) for kernel in kernels), rel=1e-4)
    assert found["cross_entropy"] == pytest.approx(np.log(6))


def test_pull_splits_the_penalty_by_kernel(tiny, split):
    table = penalties.pull(PENALISED, tiny, split, seed=1)
    assert table["layer"].tolist() == ["conv_1", "conv_2", "dense_1", architecture.LOGITS]
    assert table["penalty"].sum() == pytest.approx(penalties.share(PENALISED, 6, 1)["penalty"], rel=1e-4)
    length = np.sqrt(4 * 0.01 * table["penalty"] / table["weights"])
    np.testing.assert_allclose(table["gradient_of_penalty"], length, rtol=1e-4)
    assert (table["gradient_of_cross_entropy"] > 0).all() and table["ruled_by_penalty"].between(0, 1).all()


def test_course_follows_each_step(tiny, split):
    course = penalties.course(PENALISED, 3, tiny, split, seed=1)
    assert course["step"].tolist() == [1, 2, 3]
    assert course["penalty"].nunique() == 3 and (course > 0).all(axis=None)
    assert course["penalty"].iloc[0] != pytest.approx(penalties.share(PENALISED, 6, 1)["penalty"], rel=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.1, 0.5])
def test_what_descent_leaves_is_what_the_optimizer_leaves(momentum):
    phase = replace(DESCENT.phases[0], learning_rate=0.05, momentum=momentum)
    recipe = replace(DESCENT, l2=0.1, phases=(phase,))
    weight = keras.Variable(np.ones(1, "float32"))
    optimizer = keras.optimizers.SGD(phase.learning_rate, momentum=momentum)
    optimizer.build([weight])
    for _ in range(100):
        optimizer.apply([2 * recipe.l2 * weight.value])
    assert penalties.left_by_descent(recipe, 100) == pytest.approx(weight.numpy()[0] ** 2, rel=0.05)


@given(st.floats(0.1, 50), st.integers(1, 500), st.integers(1, 9))
def test_the_batch_size_is_found_again_from_the_curve_that_it_makes(penalty, batch_size, epochs):
    guess, n = np.log(6), 40_000
    left = [penalties.left_by_descent(DESCENT, n / batch_size * epoch) for epoch in range(epochs + 1)]
    assume(penalty * left[-1] > 1e-6)
    losses = guess + penalty * np.array(left)
    assert penalties.batch_size_of_curve(DESCENT, losses, n, 6) == pytest.approx(batch_size, rel=1e-3)


def test_penalties_by_epoch_are_the_objective_without_the_cross_entropy():
    history = pd.DataFrame({"epoch": [1, 2], "validation_objective": [9.0, 6.0], "validation_loss": [5.0, 4.0]})
    table = penalties.by_epoch(SimpleNamespace(history=history), DESCENT, 10)
    assert table["penalty"].tolist() == [4, 2]
    assert table["left"].tolist()[1:] == [0.5]
    assert table["left_by_descent"].tolist() == [penalties.left_by_descent(DESCENT, 10)] * 2
