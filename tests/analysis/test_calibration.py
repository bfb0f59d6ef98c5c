import numpy as np
import pytest
from fake_runs import write_run
from hypothesis import given
from hypothesis import strategies as st

from helpers.analysis import calibration


def drawn(n=4000, n_classes=5, temperature=1.0, seed=0):
    """Probabilities that are right as often as they say, then sharpened or softened by a temperature."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(n_classes), n)
    labels = np.array([rng.choice(n_classes, p=row) for row in honest])
    return calibration.scaled(honest, temperature), labels


def test_bins_hold_every_image_once_and_their_own_confidence():
    probabilities, labels = drawn(500)
    table = calibration.reliability(probabilities, labels)
    assert table["n"].sum() == 500
    assert ((table["confidence"] > table["low"]) & (table["confidence"] <= table["high"])).all()
    assert table["accuracy"].between(0, 1).all()


def test_error_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    # Two images at 0.9, one right: 0.4 off. Two at 0.6, both right: 0.4 off.
    assert calibration.expected_calibration_error(probabilities, np.array([0, 1, 0, 1]), 10) == pytest.approx(0.4)


def test_a_sure_network_that_is_always_right_has_no_error():
    probabilities, labels = np.eye(4)[[0, 1, 2, 3]], np.arange(4)
    assert calibration.expected_calibration_error(probabilities, labels) == 0
    assert calibration.negative_log_likelihood(probabilities, labels) == 0


def test_a_probability_of_zero_costs_much_but_not_everything():
    assert 10 < calibration.negative_log_likelihood(np.array([[1.0, 0.0]], np.float16), np.array([1])) < 20


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_a_planted_temperature_is_found_and_undone(temperature):
    probabilities, labels = drawn(temperature=temperature)
    found = calibration.fit_temperature(probabilities, labels)
    assert found == pytest.approx(1 / temperature, rel=0.1)
    mended = calibration.scaled(probabilities, found)
    assert calibration.expected_calibration_error(mended, labels) < 0.04
    before, after = (calibration.negative_log_likelihood(p, labels) for p in (probabilities, mended))
    assert after <= before + 1e-6


@given(st.floats(0.1, 10), st.integers(0, 99))
def test_a_temperature_keeps_the_order_of_classes(temperature, seed):
    probabilities, _ = drawn(20, seed=seed)
    changed = calibration.scaled(probabilities, temperature)
    np.testing.assert_allclose(changed.sum(axis=1), 1)
    assert np.array_equal(changed.argmax(axis=1), probabilities.argmax(axis=1))


def test_answering_less_is_surer_and_answering_all_is_plain_accuracy():
    probabilities, labels = drawn()
    curve = calibration.risk_coverage(probabilities, labels)
    assert curve["coverage"].iloc[-1] == 1 and curve["confidence"].is_monotonic_decreasing
    assert curve["accuracy"].iloc[-1] == np.mean(probabilities.argmax(axis=1) == labels)
    assert curve["accuracy"].iloc[400] > curve["accuracy"].iloc[-1] + 0.1


def test_the_threshold_is_the_lowest_confidence_that_keeps_the_accuracy():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    curve = calibration.risk_coverage(probabilities, np.array([0, 0, 1, 0]))
    assert calibration.threshold_for(curve, 0.9) == 0.8
    assert calibration.threshold_for(curve, 0.75) == 0.6
    assert np.isnan(calibration.threshold_for(curve.assign(accuracy=0.1), 0.9))


def test_images_of_one_confidence_are_answered_together():
    probabilities = np.array([[0.9, 0.1]] * 4)
    curve = calibration.risk_coverage(probabilities, np.array([0, 0, 0, 1]))
    assert calibration.threshold_for(curve, 0.75) == 0.9 and np.isnan(calibration.threshold_for(curve, 0.8))


def test_the_temperature_comes_from_validation_and_is_judged_on_test(tmp_path):
    run = write_run(tmp_path, "deep_cnn", "improved", right=95)
    row = calibration.summary([run]).iloc[0]
    assert (row["Model"], row["Recipe"]) == ("Deep CNN", "improved")
    # 95 of 100 are right at a confidence of 0.6: too modest.
    assert row["temperature"] < 1 and row["ece"] == pytest.approx(0.35, abs=1e-3)
    assert row["ece_scaled"] < 0.02 and row["nll_scaled"] < row["nll"]
    assert calibration.summary([]).empty


def test_thresholds_of_confidence_come_from_validation_and_are_judged_on_test(tmp_path):
    run = write_run(tmp_path, "deep_cnn", "improved", right=95)
    test = run.predictions["test_probabilities"]
    test[:10] = 0.2  # less sure than anything on validation
    reached, too_much = calibration.coverages([run], levels=(0.9, 0.99)).to_dict("records")
    assert reached["threshold"] == pytest.approx(0.6, abs=1e-3) and reached["answered"] == 0.9
    assert reached["accuracy"] == pytest.approx(85 / 90)
    assert reached["low"] < reached["accuracy"] < reached["high"]
    assert np.isnan(too_much["threshold"]) and too_much["answered"] == 0 and np.isnan(too_much["accuracy"])
