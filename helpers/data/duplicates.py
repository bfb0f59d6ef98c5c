"""Labelled images with equal pixels, and the labels that they prove wrong."""

import numpy as np
import pandas as pd

from helpers.data.dataset import Dataset


def duplicate_pairs(dataset: Dataset) -> pd.DataFrame:
    """Labelled images with equal pixels, one row for each further copy.

    Returns:
        Columns `first`, `second` (indices), `first_class`, `second_class` (names), `in_two_classes` (bool).
    """
    frame = pd.DataFrame({"index": np.arange(len(dataset.labels)), "digest": dataset.digests})
    rows = [
        (indices[0], copy)
        for indices in frame.groupby("digest", sort=False)["index"].apply(list)
        for copy in indices[1:]
    ]
    names = np.array(dataset.class_names)[dataset.labels]
    pairs = pd.DataFrame(rows, columns=["first", "second"], dtype=np.int64)
    classes = dataset.labels[pairs["first"]], dataset.labels[pairs["second"]]  # two classes may have one name
    return pairs.assign(
        first_class=names[pairs["first"]], second_class=names[pairs["second"]], in_two_classes=classes[0] != classes[1]
    )


def certainly_wrong_labels(dataset: Dataset) -> int:
    """How many labels count as wrong at least, an image having one: of equal images, all without their most frequent label."""
    copies = pd.DataFrame({"digest": dataset.digests, "label": dataset.labels}).value_counts().groupby("digest")
    return int((copies.sum() - copies.max()).sum())
