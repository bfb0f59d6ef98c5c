import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.analysis import label_errors


@pytest.fixture(scope="module")
def separable():
    labels = np.repeat(np.arange(6), 30)
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, 20))[labels] * 3 + rng.normal(size=(180, 20)), labels


def test_probabilities_come_from_other_images(separable):
    """An image of a class of its own would be certain of it, had the classifier seen it."""
    features, labels = separable
    found = label_errors.out_of_sample(features, labels, 5, 0)
    assert found.shape == (180, 6)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.mean(found.argmax(axis=1) == labels) > 0.95
    noise = np.random.default_rng(1).normal(size=features.shape)
    assert np.mean(label_errors.out_of_sample(noise, labels, 5, 0).argmax(axis=1) == labels) < 0.4


def test_a_planted_error_is_the_first_candidate(separable):
    features, labels = separable
    given_labels = labels.copy()
    given_labels[17] = 4
    found = label_errors.candidates(label_errors.out_of_sample(features, given_labels, 5, 0), given_labels)
    assert found.iloc[0][["position", "given", "suggested"]].tolist() == [17, 4, 0]
    assert found["confidence"].is_monotonic_increasing


def test_the_check_counts_what_it_planted(separable):
    features, labels = separable
    row = label_errors.check(features, labels, 0.1, 5, 0)
    assert (row["images"], row["planted"]) == (180, 18)
    assert row["precision"] == row["found"] / row["candidates"] > 0.8
    assert row["recall"] == row["found"] / 18 > 0.7


def test_features_without_meaning_find_little(separable):
    noise = np.random.default_rng(1).normal(size=separable[0].shape)
    assert label_errors.check(noise, separable[1], 0.1, 5, 0)["precision"] < 0.5


@given(st.integers(2, 8), st.integers(5, 60), st.floats(0, 1), st.integers(0, 9))
def test_flipped_changes_so_many_labels_into_other_classes(num_classes, n, share, seed):
    labels = np.arange(n * num_classes) % num_classes
    noisy = label_errors.flipped(labels, share, seed)
    assert (noisy != labels).sum() == round(share * len(labels))
    assert noisy.min() >= 0
    assert noisy.max() < num_classes
