from dataclasses import replace

import keras
import numpy as np
import pytest

from helpers.config.recipes import Phase
from helpers.training.optimizers import learning_rate, optimizer, orthogonalized

ADAMW = Phase(1, "adamw", 3e-3, "cosine", weight_decay=0.05)
MUON = Phase(1, "muon", 3e-3, weight_decay=0.05)


def followed(chosen, gradients):
    """A variable after an optimizer has followed the gradients, float32 (n,)."""
    variable = keras.Variable(np.linspace(-1, 1, gradients.shape[1], dtype=np.float32))
    chosen.build([variable])
    for gradient in gradients:
        chosen.apply([keras.ops.convert_to_tensor(gradient)])
    return np.asarray(variable)


@pytest.mark.parametrize(
    ("phase", "of_keras"),
    [
        (Phase(1, "adam", 0.01), keras.optimizers.Adam(0.01)),
        (ADAMW, keras.optimizers.AdamW(learning_rate(ADAMW, 30), weight_decay=0.05)),
        (MUON, keras.optimizers.AdamW(3e-3, weight_decay=0.05)),
    ],
    ids=["adam", "adamw", "muon without a convolution"],
)
def test_thirty_steps_are_those_of_keras(phase, of_keras):
    scales = 10.0 ** np.arange(-8, 4)  # from far below epsilon to gradients that explode
    gradients = (np.random.default_rng(0).normal(0.3, 1, (30, 12)) * scales).astype(np.float32)
    np.testing.assert_allclose(
        followed(optimizer(phase, 30), gradients), followed(of_keras, gradients), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("shape", [(75, 64), (64, 576), (16, 16), (1, 9)], ids=str)
def test_orthogonalization_keeps_singular_vectors_and_evens_out_singular_values(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    inside = left.T @ np.asarray(orthogonalized(keras.ops.convert_to_tensor(matrix))) @ right.T
    values = np.diag(inside)
    assert values.min() > 0.65 and values.max() < 1.25
    np.testing.assert_allclose(inside, np.diag(values), atol=1e-4)


def test_muon_moves_every_kernel_by_the_same_share_of_the_rate_however_small_its_gradient():
    generator = np.random.default_rng(0)
    for scale in (1e-6, 1.0, 1e6):
        kernel = keras.Variable(np.zeros((3, 3, 16, 32), np.float32))
        chosen = optimizer(replace(MUON, weight_decay=0.0), 1)
        chosen.build([kernel])
        chosen.apply([keras.ops.convert_to_tensor((scale * generator.normal(size=kernel.shape)).astype(np.float32))])
        assert np.sqrt(np.mean(np.square(kernel))) == pytest.approx(0.2 * 3e-3, rel=0.2)


def test_muon_shrinks_kernels_by_the_weight_decay():
    kernel = keras.Variable(np.ones((3, 3, 2, 2), np.float32))
    chosen = optimizer(MUON, 1)
    chosen.build([kernel])
    chosen.apply([keras.ops.zeros(kernel.shape)])
    np.testing.assert_allclose(np.asarray(kernel), 1 - 0.05 * 3e-3, rtol=1e-6)


def test_a_gradient_that_is_no_number_shows_in_the_variable():
    assert np.isnan(followed(optimizer(Phase(1, "adam", 0.01), 1), np.full((1, 3), np.nan, np.float32))).all()


def test_cosine_warms_up_over_a_twentieth_and_ends_at_zero():
    rate = learning_rate(ADAMW, 200)
    found = np.array([float(rate(step)) for step in range(201)])
    assert found.argmax() == 10 and found[10] == pytest.approx(3e-3)
    assert found[0] == pytest.approx(3e-5)
    assert (np.diff(found[:11]) > 0).all() and (np.diff(found[10:]) < 0).all()
    assert found[200] == pytest.approx(0, abs=1e-9)
    assert found[105] == pytest.approx(1.5e-3, rel=1e-3)


@pytest.mark.parametrize(
    ("phase", "kind"),
    [(Phase(1, "adam", 1e-5), keras.optimizers.Adam), (Phase(1, "sgd", 0.01, momentum=0.1), keras.optimizers.SGD)],
)
def test_a_phase_names_its_optimizer_and_rate(phase, kind):
    named = optimizer(phase, 10)
    assert isinstance(named, kind)
    assert float(named.learning_rate) == pytest.approx(phase.learning_rate)
    assert getattr(named, "momentum", 0) == phase.momentum
