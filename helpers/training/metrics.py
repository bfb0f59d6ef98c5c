"""Metrics of one network: accuracy with its interval, top-k accuracy, cross-entropy. Arrays in, numbers out."""

from collections.abc import Callable
from typing import TypedDict

import numpy as np
from scipy import stats

_ROWS = 8_192  # looked at together


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose most probable class is the true one.

    Args:
        probabilities: float (n, n_classes).
        labels: integer (n,).

    Returns:
        A fraction in [0, 1].
    """
    return float(np.mean(_by_rows(lambda rows, true: rows.argmax(axis=1) == true, probabilities, labels)))


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
    ranks = _by_rows(lambda rows, true: (rows >= _of_true(rows, true)).sum(axis=1), probabilities, labels)
    return float(np.mean(ranks <= k))


def cross_entropy(log_probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean of minus the natural logarithm of the true class's probability, in nats; ln 100 = 4.605 is chance level.

    Args:
        log_probabilities: float (n, n_classes), natural logarithms.
        labels: integer (n,).
    """
    return float(-_by_rows(_of_true, log_probabilities, labels).mean(dtype=np.float64))


def _by_rows(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], scores: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """What a function finds for each image, some images at a time: scores in a mapped file need not fit into memory."""
    starts = range(0, max(1, len(scores)), _ROWS)
    return np.concatenate([function(scores[i : i + _ROWS], labels[i : i + _ROWS]) for i in starts])


def _of_true(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The score of the true class of each image, (n, 1)."""
    return np.take_along_axis(scores, labels[:, None], axis=1)


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


class Result(TypedDict):
    """The numbers of a row of the results table: accuracies are fractions, the interval is 95 %, the loss is in nats."""

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    top5_accuracy: float
    loss: float


def summarise(log_probabilities: np.ndarray, labels: np.ndarray) -> Result:
    """The numbers of a row of the results table.

    Args:
        log_probabilities: float (n, n_classes).
        labels: integer (n,).
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
