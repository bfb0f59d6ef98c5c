"""Linear classifiers on the features of the frozen MobileNetV2: input size, pooling, number of images, folds."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.analysis.fine_tuning import pretrained
from helpers.config.recipes import Recipe
from helpers.config.results_versions import versions_of
from helpers.core import provenance
from helpers.data.dataset import Dataset, Rows, Split
from helpers.data.splits import subset
from helpers.models import architecture, features
from helpers.models.weights import BaseWeights
from helpers.training import metrics


def frozen_features(
    recipe: Recipe,
    weights: BaseWeights,
    dataset: Dataset,
    indices: np.ndarray,
    pooling: str = "global_average",
) -> np.ndarray:
    """Globally pooled features of the frozen MobileNetV2 of a recipe, kept in the cache.

    Args:
        recipe: input size and input range are read.
        weights: of the base; a base without pretrained weights is that of seed 0.
        dataset: the data.
        indices: of labelled images.
        pooling: "global_average" or "global_max".

    Returns:
        float16 (n, 1280), memory-mapped.
    """
    key = [recipe.input_size, recipe.input_range, weights.width, pooling, dataset.fingerprint, indices.tolist()]
    key += [weights.sha256, provenance.key_packages(), versions_of("decoding", "mobilenetv2", "features")]
    name = f"probe_{provenance.digest(key)}"
    if (kept := features.kept(name)) is not None:
        return kept
    network = {"global_average": "mobilenetv2_improved", "global_max": "mobilenetv2_reported"}[pooling]
    size_and_range = replace(recipe, network=network, dropout=0.0, views=0, phases=())  # features are those of the base
    model = pretrained(size_and_range, weights, dataset.num_classes, 0)
    return features.activations(architecture.trunk(model, pooling), Rows(dataset.images, indices), name)


def probe_indices(dataset: Dataset, split: Split, images_per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """So many training images of each class, and all of validation.

    Returns:
        int64 indices into the labelled images: training, validation.
    """
    labels = pd.Series(dataset.labels[split.train])
    chosen = labels.groupby(labels).cumcount() < images_per_class
    return split.train[chosen.to_numpy()], split.validation


def classifier() -> Pipeline:
    """The linear probe, not yet fitted: a regularised logistic regression on standardised features."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=100, tol=1e-3))


def linear_probe(
    train_features: np.ndarray, train_labels: np.ndarray, features: np.ndarray, labels: np.ndarray
) -> dict[str, float]:
    """Accuracy of a linear classifier on features of a frozen network.

    Args:
        train_features: float (n, d).
        train_labels: integer (n,).
        features: float (m, d) of other images.
        labels: integer (m,).

    Returns:
        `n`, `accuracy`, `low`, `high`.
    """
    fitted = classifier().fit(np.asarray(train_features, np.float32), train_labels)
    value = float(fitted.score(np.asarray(features, np.float32), labels))
    low, high = metrics.accuracy_interval(value, len(labels))
    return {"n": len(labels), "accuracy": value, "low": low, "high": high}


def input_sweep(
    recipe: Recipe,
    weights: BaseWeights,
    dataset: Dataset,
    split: Split,
    sizes: Sequence[int],
    ranges: Sequence[tuple[float, float]],
    images_per_class: int,
) -> pd.DataFrame:
    """What input size and input range are worth: a linear probe on frozen features for each.

    Returns:
        Columns `input_size`, `input_range`, `n`, `accuracy`, `low`, `high`; accuracy on validation.
    """
    train, validation = probe_indices(dataset, split, images_per_class)
    both = np.concatenate([train, validation])
    rows = []
    for size in sizes:
        for span in ranges if size == min(sizes) else ranges[-1:]:
            settings = replace(recipe, input_size=size, input_range=span)
            embedded = frozen_features(settings, weights, dataset, both)
            result = linear_probe(
                embedded[: len(train)], dataset.labels[train], embedded[len(train) :], dataset.labels[validation]
            )
            rows.append({"input_size": size, "input_range": f"{span[0]:g} to {span[1]:g}", **result})
    return pd.DataFrame(rows)


def pooling_comparison(
    recipe: Recipe, weights: BaseWeights, dataset: Dataset, split: Split, images_per_class: int
) -> pd.DataFrame:
    """What a linear probe reads from the frozen network's last maps by their largest value and by their mean.

    Args:
        recipe: input size and input range are read.
        weights: of the base.
        dataset: the data.
        split: its split; accuracy is measured on validation.
        images_per_class: training images of each class.

    Returns:
        Columns `pooling`, `n`, `accuracy`, `low`, `high`.
    """
    train, validation = probe_indices(dataset, split, images_per_class)
    both = np.concatenate([train, validation])
    rows = []
    for pooling in ("global_max", "global_average"):
        embedded = frozen_features(recipe, weights, dataset, both, pooling=pooling)
        result = linear_probe(
            embedded[: len(train)], dataset.labels[train], embedded[len(train) :], dataset.labels[validation]
        )
        rows.append({"pooling": pooling, **result})
    return pd.DataFrame(rows)


def learning_curve(
    features: np.ndarray,
    labels: np.ndarray,
    held_out: np.ndarray,
    held_out_labels: np.ndarray,
    sizes: Sequence[int],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Accuracy of a linear probe by the number of training images of a class.

    Args:
        features: float (n, d) of the training images, by a frozen network.
        labels: integer (n,).
        held_out: float (m, d) of other images.
        held_out_labels: integer (m,).
        sizes: training images of each class; those above what there is are left out.
        draws: how often so many images are drawn; all of them need one draw only.
        seed: of the draws.

    Returns:
        Columns `images_per_class`, `draw`, `n` (held-out images), `accuracy`, `low`, `high` (interval over images).
    """
    most = int(np.bincount(labels).min())
    rows = []
    for size in [size for size in sizes if size <= most]:
        for draw in range(draws if size < most else 1):
            chosen = subset(labels, size, [seed, draw])
            result = linear_probe(features[chosen], labels[chosen], held_out, held_out_labels)
            rows.append({"images_per_class": size, "draw": draw, **result})
    return pd.DataFrame(rows)


def cross_validation(features: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> pd.DataFrame:
    """Accuracy of a linear probe on each of several folds (the k-fold cross-validation that the report left out).

    Args:
        features: float (n, d) of a frozen network.
        labels: integer (n,).
        folds: number of folds.
        seed: of the division.

    Returns:
        Columns `fold`, `n`, `accuracy`, `low`, `high`, `seconds` (of the fold).
    """
    rows = []
    division = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (train, held_out) in enumerate(division.split(labels, labels), start=1):
        begin = time.perf_counter()
        result = linear_probe(features[train], labels[train], features[held_out], labels[held_out])
        rows.append({"fold": fold, **result, "seconds": time.perf_counter() - begin})
    return pd.DataFrame(rows)
