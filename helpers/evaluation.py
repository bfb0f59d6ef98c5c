"""Metrics with intervals, and comparisons between runs on the same images. Arrays in, numbers out."""

import numpy as np
import pandas as pd
from scipy import stats


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose most probable class is the true one.

    Args:
        probabilities: float (n, n_classes).
        labels: integer (n,).

    Returns:
        A fraction in [0, 1].
    """
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def top_k_accuracy(probabilities: np.ndarray, labels: np.ndarray, k: int = 5) -> float:
    """Share of images whose true class is among the k most probable; classes as probable as it count against it.

    Args:
        probabilities: float (n, n_classes).
        labels: integer (n,), values in [0, n_classes).
        k: from 1 to n_classes.

    Returns:
        A fraction in [0, 1].

    Raises:
        ValueError: shapes or k do not fit.
    """
    n, n_classes = probabilities.shape
    if len(labels) != n or not 1 <= k <= n_classes:
        raise ValueError(f"expected {n} labels and k from 1 to {n_classes}, got {len(labels)} labels and k={k}")
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    rank = (probabilities >= true).sum(axis=1)
    return float(np.mean(rank <= k))


def cross_entropy(log_probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of minus the natural logarithm of the true class's probability, in nats; ln 100 = 4.605 is a uniform guess.

    Args:
        log_probabilities: float (n, n_classes), natural logarithms.
        labels: integer (n,).
    """
    return float(-np.take_along_axis(log_probabilities, labels[:, None], axis=1).mean(dtype=np.float64))


def accuracy_interval(value: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of an accuracy over images (Wilson 1927, through scipy).

    Args:
        value: the accuracy, a fraction.
        n: number of images.
        confidence: of the interval.

    Returns:
        Its lower and upper end, fractions.
    """
    interval = stats.binomtest(round(value * n), n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def mean_interval(values: list[float], n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a mean accuracy: over seeds where there are several (Student's t), else over images (Wilson).

    Args:
        values: accuracies of runs that differ in their seed.
        n: number of images.
        confidence: of the interval.

    Returns:
        Its lower and upper end, fractions in [0, 1].
    """
    if len(values) == 1:
        return accuracy_interval(values[0], n, confidence)
    if np.ptp(values) == 0:
        return values[0], values[0]
    low, high = stats.t.interval(confidence, len(values) - 1, np.mean(values), stats.sem(values))
    return float(max(low, 0)), float(min(high, 1))


def summarise(log_probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The numbers of a row of the results table.

    Args:
        log_probabilities: float (n, n_classes).
        labels: integer (n,).

    Returns:
        `n`, `accuracy`, `accuracy_low`, `accuracy_high`, `top5_accuracy`, `loss`.
    """
    value = accuracy(log_probabilities, labels)
    low, high = accuracy_interval(value, len(labels))
    return {
        "n": len(labels),
        "accuracy": value,
        "accuracy_low": low,
        "accuracy_high": high,
        "top5_accuracy": top_k_accuracy(log_probabilities, labels, min(5, log_probabilities.shape[1])),
        "loss": cross_entropy(log_probabilities, labels),
    }


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Exact p-value that two classifiers, judged on the same images, are equally often right (McNemar 1947).

    Args:
        first: bool (n,), whether one is right on each image.
        second: bool (n,), whether the other is.
    """
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second).pvalue)


def confusion(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts, int64 (num_classes, num_classes): true class by row, predicted class by column."""
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def class_accuracy(predicted: np.ndarray, labels: np.ndarray, class_names: list[str]) -> pd.DataFrame:
    """Accuracy of each class with its interval, best first.

    Returns:
        Columns `class_name`, `n`, `accuracy`, `low`, `high`; classes without images are left out.
    """
    rows = []
    for label, name in enumerate(class_names):
        chosen = labels == label
        if n := int(chosen.sum()):
            value = float(np.mean(predicted[chosen] == label))
            rows.append((name, n, value, *accuracy_interval(value, n)))
    frame = pd.DataFrame(rows, columns=["class_name", "n", "accuracy", "low", "high"])
    return frame.sort_values("accuracy", ascending=False, ignore_index=True, kind="stable")


def confused_pairs(counts: np.ndarray, class_names: list[str], most: int = 10) -> pd.DataFrame:
    """The pairs of classes that are taken for each other most often, in either direction.

    Returns:
        Columns `first`, `second`, `mistakes`, most first.
    """
    both = np.triu(counts + counts.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")[:most]
    rows = [
        (class_names[i], class_names[j], int(both[i, j]))
        for i, j in zip(*np.unravel_index(order, both.shape), strict=True)
    ]
    return pd.DataFrame(rows, columns=["first", "second", "mistakes"]).query("mistakes > 0")
