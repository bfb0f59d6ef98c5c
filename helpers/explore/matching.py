"""Which images an explorer shows: those whose predictions meet the conditions of its controls."""

from collections.abc import Mapping

import numpy as np


def matching(
    probabilities: Mapping[tuple[str, str], np.ndarray],
    labels: np.ndarray,
    network: tuple[str, str],
    answer: str = "",
    confidence: tuple[float, float] = (0.0, 1.0),
    label: int | None = None,
    other: tuple[str, str] | None = None,
    other_answer: str = "",
) -> np.ndarray:
    """The images that meet every condition, those of which a network is surest first.

    Args:
        probabilities: float (n, n_classes), by model and recipe.
        labels: integer (n,).
        network: whose answer and confidence count.
        answer: "right", "wrong", or "" for either.
        confidence: lowest and highest probability of the answer, both included.
        label: the true class; None for any.
        other: a second network; None for none.
        other_answer: as `answer`, of the second network.

    Returns:
        int64, indices of images.
    """
    sure = probabilities[network].max(axis=1)
    low, high = confidence
    # Averages of probabilities in single precision may lie a little above 1.
    keep = (sure >= low) & ((sure <= high) | (high == 1))
    for key, wanted in ((network, answer), (other, other_answer)):
        if key and wanted:
            keep &= (probabilities[key].argmax(axis=1) == labels) == (wanted == "right")
    if label is not None:
        keep &= labels == label
    chosen = np.flatnonzero(keep)
    return chosen[np.argsort(-sure[chosen], kind="stable")]
