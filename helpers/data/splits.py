"""Stratified training, validation and test images; copies of an image stay on one side."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from helpers.config.recipes import SPLIT_SEED
from helpers.core import provenance
from helpers.core.errors import InputError
from helpers.data.dataset import Dataset, Split
from helpers.data.decoding import pixel_digests

SPLITS = ("train", "validation", "test")


def make_split(dataset: Dataset, images_per_class: int | None = None) -> Split:
    """Divide the labelled images, stratified and always in the same way.

    80 % are for training, as in the report. The rest is halved into validation and test; where the source has labelled
    test images of its own, those are the test set and all the rest is for validation, but for copies of test images, which
    are left out. Copies of an image stay on one side, so class counts may differ by one.

    Args:
        dataset: what to divide.
        images_per_class: use only so many of each class (and of the official test images in proportion).

    Raises:
        InputError: a class has too few images, or `check_split` finds something.
    """
    _check_labels(dataset.labels, dataset)
    has_official = len(dataset.official_labels) > 0
    indices = np.arange(len(dataset.labels))
    if images_per_class is not None:
        indices = subset(dataset.labels, images_per_class, SPLIT_SEED)
    if has_official:
        per_class = len(dataset.official_labels) if images_per_class is None else max(1, images_per_class // 10)
        official = subset(dataset.official_labels, per_class, SPLIT_SEED)
        indices = indices[~np.isin(dataset.digests[indices], pixel_digests(dataset.official_images[official]))]
    # One image stands for all its copies and takes them along.
    _, first, group = np.unique(dataset.digests[indices], return_index=True, return_inverse=True)
    order = np.argsort(first)
    representatives, group = first[order], np.argsort(order)[group]
    labels = dataset.labels[indices[representatives]]
    fewest = np.bincount(labels, minlength=dataset.num_classes).min()
    if fewest < 10:
        raise InputError(
            f"A class has only {fewest} different images in use; a split needs 10 of each: use more images."
        )
    side = np.zeros(len(representatives), np.int64)
    everything = np.arange(len(labels))
    _, held_out = train_test_split(everything, test_size=0.2, stratify=labels, random_state=SPLIT_SEED)
    side[held_out] = 1
    if not has_official:
        _, test = train_test_split(held_out, test_size=0.5, stratify=labels[held_out], random_state=SPLIT_SEED)
        side[test] = 2
    train, validation, test = (np.sort(indices[side[group] == number]) for number in range(3))
    if has_official:
        test = official
    source = "official_val" if has_official else "split_off"
    fingerprint = provenance.digest([source, *(part.tolist() for part in (train, validation, test))])
    split = Split(train, validation, test, source, fingerprint)
    check_split(dataset, split)
    return split


def check_split(dataset: Dataset, split: Split) -> None:
    """Make sure that a split of a data set can be believed.

    Raises:
        InputError: a label is out of range, a class is missing from a split, or an image is in two of them.
    """
    digests = {}
    for name in SPLITS:
        images, labels = dataset.part(split, name)
        _check_labels(labels, dataset)
        missing = np.setdiff1d(np.arange(dataset.num_classes), labels)
        if len(missing):
            raise InputError(
                f"The {name} images have none of class {dataset.wnids[missing[0]]} ({len(missing)} of "
                f"{dataset.num_classes} classes are missing); use more images."
            )
        is_official = name == "test" and not split.is_test_split_off
        digests[name] = pixel_digests(images) if is_official else dataset.digests[getattr(split, name)]
    for first, second in combinations(SPLITS, 2):
        shared = np.intersect1d(digests[first], digests[second])
        if len(shared):
            where = getattr(split, first)[np.flatnonzero(digests[first] == shared[0])[0]]
            raise InputError(
                f"{len(shared)} images are in {first} and in {second}, the first of them labelled image {where}; what is "
                f"measured on {second} would flatter: split the data with make_split."
            )


def _check_labels(labels: np.ndarray, dataset: Dataset) -> None:
    out_of_range = labels[(labels < 0) | (labels >= dataset.num_classes)]
    if len(out_of_range):
        raise InputError(
            f"{len(out_of_range)} labels are not between 0 and {dataset.num_classes - 1}, the first of them {out_of_range[0]}; obtain the "
            "data again."
        )


def subset(labels: np.ndarray, per_class: int, seed: int | Sequence[int]) -> np.ndarray:
    """Indices of so many images of each class, drawn at random, int64, sorted.

    Args:
        labels: integer (n,).
        per_class: images of each class; of a class with fewer, all.
        seed: of the draw.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = pd.Series(labels[order]).groupby(labels[order]).cumcount().to_numpy()
    return np.sort(order[rank < per_class])
