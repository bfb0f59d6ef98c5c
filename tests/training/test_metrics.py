import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from sklearn import metrics as sklearn_metrics

from helpers.analysis import comparison
from helpers.training import metrics


@st.composite
def judged(draw):
    """Probabilities and labels of a few images."""
    n, n_classes = draw(st.integers(1, 60)), draw(st.integers(3, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = rng.normal(size=(n, n_classes)) * 2
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return probabilities, rng.integers(0, n_classes, n)


@given(judged())
def test_accuracy_is_that_of_scikit_learn(case):
    probabilities, labels = case
    assert metrics.accuracy(probabilities, labels) == pytest.approx(
        sklearn_metrics.accuracy_score(labels, probabilities.argmax(axis=1))
    )


@given(judged(), st.integers(1, 12))
def test_top_k_accuracy_is_that_of_scikit_learn(case, k):
    probabilities, labels = case
    n_classes = probabilities.shape[1]
    k = min(k, n_classes)
    if k == n_classes:
        assert metrics.top_k_accuracy(probabilities, labels, k) == 1
        return
    expected = sklearn_metrics.top_k_accuracy_score(labels, probabilities, k=k, labels=range(n_classes))
    assert metrics.top_k_accuracy(probabilities, labels, k) == pytest.approx(expected)


@given(
    st.integers(0, 10_000), st.integers(2, 20), st.integers(1, 40), st.sampled_from(["certain", "graded", "one class"])
)
def test_permuted_labels_give_chance_accuracy(seed, num_classes, per_class, kind):
    """Over all permutations the mean is exactly chance where classes are balanced; so many come near it."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes), per_class)
    scores = rng.normal(size=(len(labels), num_classes))
    if kind != "graded":  # right everywhere, or always the same answer
        scores[np.arange(len(labels)), labels if kind == "certain" else 0] += 100
    scores = special.log_softmax(scores, axis=1)
    shuffled = [rng.permutation(labels) for _ in range(200)]
    deviation = np.sqrt(1 / num_classes / len(labels) / len(shuffled))  # of a mean of single guesses
    k = min(5, num_classes)
    for measured, chance in (
        (np.mean([metrics.accuracy(scores, other) for other in shuffled]), 1 / num_classes),
        (np.mean([metrics.top_k_accuracy(scores, other, k) for other in shuffled]), k / num_classes),
        (np.mean([metrics.summarise(scores, other)["accuracy"] for other in shuffled]), 1 / num_classes),
    ):
        assert measured == pytest.approx(chance, abs=6 * max(1, k) ** 0.5 * deviation)


def test_a_network_that_gives_every_class_the_same_gets_no_credit():
    assert metrics.top_k_accuracy(np.full((10, 100), 0.01), np.zeros(10, int), 5) == 0


@pytest.mark.parametrize(("n_labels", "k"), [(3, 5), (4, 0), (4, 7), (5, 1)])
def test_top_k_accuracy_refuses_what_does_not_fit(n_labels, k):
    with pytest.raises(ValueError, match=rf"4 labels and k from 1 to 6, got {n_labels} labels and k={k}"):
        metrics.top_k_accuracy(np.zeros((4, 6)), np.zeros(n_labels, int), k)


@given(judged())
def test_cross_entropy_is_that_of_scikit_learn(case):
    probabilities, labels = case
    expected = sklearn_metrics.log_loss(labels, probabilities, labels=range(probabilities.shape[1]))
    assert metrics.cross_entropy(np.log(probabilities), labels) == pytest.approx(expected)


def test_cross_entropy_of_a_certain_mistake_is_finite():
    log_probabilities = np.array([[0.0, -500.0]], np.float32)
    assert metrics.cross_entropy(log_probabilities, np.array([1])) == 500


@given(st.integers(1, 6000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_follow_wilson_s_formula(case):
    right, n = case
    p, z = right / n, stats.norm.ppf(0.975)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low, high = metrics.accuracy_interval(p, n)
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-9)
    assert 0 <= low <= p <= high <= 1


def test_an_interval_over_seeds_is_never_narrower_than_that_over_images():
    over_images = metrics.accuracy_interval(0.5, 100)
    assert comparison.mean_interval([0.5], 100) == comparison.mean_interval([0.5] * 3, 100) == over_images
    alike, apart = (comparison.mean_interval([0.5 - by, 0.5, 0.5 + by], 100) for by in (0.001, 0.1))
    assert apart[0] < alike[0] < over_images[0] and over_images[1] < alike[1] < apart[1]
    # With images without end only the seeds are left: Student's 4.303 for two degrees of freedom.
    low, high = comparison.mean_interval([0.4, 0.5, 0.6], 10**9)
    assert (0.5 - low, high - 0.5) == pytest.approx([4.303 * 0.1 / 3**0.5] * 2, rel=1e-3)
    assert comparison.mean_interval([0.0, 0.02, 0.0], 1000)[0] == 0


def test_more_confidence_and_fewer_images_widen_an_interval():
    def width(*arguments):
        low, high = metrics.accuracy_interval(*arguments)
        return high - low

    assert width(0.5, 100, 0.99) > width(0.5, 100) > width(0.5, 1000)


@given(judged())
def test_the_summary_is_made_of_its_parts(case):
    probabilities, labels = case
    scores = np.log(probabilities)
    summary = metrics.summarise(scores, labels)
    low, high = metrics.accuracy_interval(summary["accuracy"], len(labels))
    assert summary == {
        "n": len(labels),
        "accuracy": metrics.accuracy(probabilities, labels),
        "accuracy_low": low,
        "accuracy_high": high,
        "top5_accuracy": metrics.top_k_accuracy(scores, labels, min(5, scores.shape[1])),
        "loss": metrics.cross_entropy(scores, labels),
    }


def right(both, only_first, only_second, neither):
    first = [True] * both + [True] * only_first + [False] * only_second + [False] * neither
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return np.array(first, bool), np.array(second, bool)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [(0, 0, 1.0), (1, 5, 14 / 64), (5, 1, 14 / 64), (0, 10, 2 / 1024), (3, 3, 1.0)],
)
def test_mcnemar_has_the_exact_values(only_first, only_second, p_value):
    assert comparison.mcnemar(*right(7, only_first, only_second, 4)) == pytest.approx(p_value)


def test_class_accuracy_is_listed_best_first_without_empty_classes():
    labels, predicted = np.array([0, 0, 0, 0, 1, 1, 3]), np.array([0, 1, 1, 0, 1, 1, 0])
    frame = comparison.class_accuracy(predicted, labels, ["a", "b", "c", "d"])
    assert frame[["class_name", "n", "accuracy"]].to_numpy().tolist() == [["b", 2, 1.0], ["a", 4, 0.5], ["d", 1, 0.0]]
    assert tuple(frame.loc[1, ["low", "high"]]) == pytest.approx(metrics.accuracy_interval(0.5, 4))


def test_confused_pairs_count_both_directions():
    counts = np.array([[9, 2, 0, 1], [3, 9, 0, 0], [0, 0, 9, 4], [0, 0, 4, 9]])
    frame = comparison.confused_pairs(counts, ["a", "b", "c", "d"])
    assert frame.to_numpy().tolist() == [["c", "d", 8], ["a", "b", 5], ["a", "d", 1]]
    assert len(comparison.confused_pairs(counts, ["a", "b", "c", "d"], most=2)) == 2
    assert len(comparison.confused_pairs(np.diag([3, 4]), ["a", "b"])) == 0


def test_holm_has_the_values_of_his_procedure():
    assert comparison.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert comparison.holm(np.array([0.5, 0.9])) == pytest.approx([1.0, 1.0])
    assert len(comparison.holm(np.array([]))) == 0


def test_all_pairs_are_compared_on_the_same_images():
    a, b = right(10, 9, 0, 1)
    frame = comparison.compare({"a": a, "b": b, "c": b})
    assert frame[["first", "second"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert frame["difference"].tolist() == pytest.approx([0.45, 0.45, 0])
    assert frame["p_value"].tolist() == pytest.approx([2 / 512, 2 / 512, 1])
    assert frame["p_holm"].tolist() == pytest.approx([6 / 512, 6 / 512, 1])


def test_too_few_to_compare_give_no_row():
    for given_runs in ({}, {"a": np.array([True])}):
        assert list(comparison.compare(given_runs).columns) == ["first", "second", "difference", "p_value", "p_holm"]
        assert comparison.compare(given_runs).empty


def test_other_images_are_refused():
    with pytest.raises(ValueError, match="the same images for all"):
        comparison.compare({"a": np.array([True]), "b": np.array([True, False])})


def test_disagreement_counts_every_image_once():
    frame = comparison.disagreement(*right(4, 3, 2, 1))
    assert frame["images"].tolist() == [4, 3, 2, 1]
    assert frame["share"].tolist() == [0.4, 0.3, 0.2, 0.1]


def test_classes_of_one_name_are_not_merged_where_two_disagree():
    first, second = np.array([1, 1, 0, 0, 1], bool), np.array([0, 1, 1, 1, 0], bool)
    frame = comparison.class_disagreement(first, second, np.array([0, 1, 1, 1, 2]), ["same", "other", "same", "none"])
    assert frame.to_numpy().tolist() == [["same", 1, 1, 0], ["same", 1, 1, 0], ["other", 3, 0, 2]]


def test_macro_f1_is_the_mean_over_classes():
    # Class 0: precision 1/2, recall 1; class 1: precision 1, recall 1/2; class 2 is never predicted.
    predicted, labels = np.array([0, 0, 1, 0, 0]), np.array([0, 0, 1, 1, 2])
    assert comparison.macro_f1(predicted, labels) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_accuracy_by_groups_equally_many_and_leaves_out_unknown_values():
    values = np.array([5.0, 1, 2, np.nan, 4, 3, 6])
    table = comparison.accuracy_by(values, np.array([True, False, False, True, True, False, True]), groups=2)
    assert table["n"].tolist() == [3, 3]
    assert table["value"].tolist() == [2, 5]
    assert table["accuracy"].tolist() == [0, 1]
    assert (table["low"] <= table["accuracy"]).all()


def test_accuracy_by_equal_values_is_one_group():
    assert comparison.accuracy_by(np.ones(8), np.arange(8) < 2)["accuracy"].tolist() == [0.25]
    assert comparison.accuracy_by(np.full(8, np.nan), np.arange(8) < 2).empty


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_has_the_values_of_its_formula(p_values):
    order = np.argsort(p_values, kind="stable")
    expected = np.empty(len(order))
    stepwise = np.maximum.accumulate(np.asarray(p_values)[order] * np.arange(len(order), 0, -1))
    expected[order] = np.minimum(stepwise, 1)
    assert comparison.holm(np.array(p_values)) == pytest.approx(expected, abs=1e-12)


@given(*[st.integers(0, 30)] * 4)
def test_mcnemar_has_the_values_of_the_binomial_test(both, only_first, only_second, neither):
    expected = stats.binomtest(only_first, only_first + only_second).pvalue if only_first + only_second else 1.0
    assert comparison.mcnemar(*right(both, only_first, only_second, neither)) == pytest.approx(expected, abs=1e-12)
