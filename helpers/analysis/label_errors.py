"""Labels that are probably wrong, found from what a classifier that was not fitted on an image says of it.

The frozen network below the classifier may have met the image: ImageNet's weights have met TinyImage.
"""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from helpers.analysis import linear_probes


def out_of_sample(features: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Probabilities of the classes of every image, from a linear probe fitted on the other folds.

    Args:
        features: float (n, d) of a frozen network.
        labels: integer (n,), each class at least `folds` times.
        folds: number of folds.
        seed: of the division.

    Returns:
        float64 (n, n_classes).
    """
    division = StratifiedKFold(folds, shuffle=True, random_state=seed)
    features = np.asarray(features, np.float32)
    return cross_val_predict(linear_probes.classifier(), features, labels, cv=division, method="predict_proba")


def candidates(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Images whose label is probably wrong, by confident learning (Northcutt et al. 2021, doi:10.1613/jair.1.12125).

    There are as many of them as labels are estimated to be wrong, less those that no other class explains.

    Args:
        probabilities: float (n, n_classes), out of sample.
        labels: integer (n,), as given.

    Returns:
        Columns `position` (of the image), `given`, `suggested` (labels), `confidence` (probability of the given label),
        the least confident first.
    """
    positions = find_label_issues(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return pd.DataFrame(
        {
            "position": positions,
            "given": labels[positions],
            "suggested": probabilities[positions].argmax(axis=1),
            "confidence": probabilities[positions, labels[positions]],
        }
    )


def flipped(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Labels of which a share, drawn at random, was replaced by another class, each as often.

    Args:
        labels: integer (n,).
        share: to replace, a fraction.
        seed: of the draw.

    Returns:
        int64 (n,).
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(labels), round(share * len(labels)), replace=False)
    num_classes = labels.max() + 1
    noisy = labels.astype(np.int64)
    noisy[chosen] = (noisy[chosen] + rng.integers(1, num_classes, len(chosen))) % num_classes
    return noisy


def check(features: np.ndarray, labels: np.ndarray, share: float, folds: int, seed: int) -> dict[str, float]:
    """What the method finds of labels that were replaced on purpose.

    Args:
        features: float (n, d) of a frozen network.
        labels: integer (n,); labels that are wrong already count as false alarms.
        share: of labels to replace.
        folds: of the cross-validation.
        seed: of the draw and the division.

    Returns:
        `images`, `planted`, `candidates`, `found` (numbers of images), `precision`, `recall`.
    """
    noisy = flipped(labels, share, seed)
    wrong = noisy != labels
    probabilities = out_of_sample(features, noisy, folds, seed)
    named = candidates(probabilities, noisy)["position"].to_numpy()
    n_found = int(wrong[named].sum())
    return {
        "images": len(labels),
        "planted": int(wrong.sum()),
        "candidates": len(named),
        "found": n_found,
        "precision": n_found / max(1, len(named)),
        "recall": n_found / max(1, int(wrong.sum())),
    }
