"""Sentences and small tables about the data, built from their numbers; sentences are Markdown."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from helpers.analysis import exploration
from helpers.config.recipes import AUGMENTATIONS, IMAGE_SIZE
from helpers.data.dataset import Dataset, Split
from helpers.report.findings import numbered
from helpers.training.metrics import accuracy_interval

NEAR_COPY = 0.95  # correlation from which on two images count as near-copies


def labelled_images(source: str, dataset: Dataset) -> str:
    """What a notebook reads: images and classes."""
    return f"This run reads **{source}**: {len(dataset.labels):,} labelled images of {dataset.num_classes} classes."


def mirror_image(differences: Mapping[str, float]) -> str:
    """How far the mean image differs from its two flips; see `exploration.mirror_differences`."""
    left_right, upside_down = differences["left_right"], differences["upside_down"]
    return (
        f"On a scale from 0 to 1, the mean image differs from its mirror image by {left_right:.4f} per pixel, and from itself upside "
        f"down by {upside_down:.4f}, {upside_down / left_right:.1f} times as much."
    )


def grey_images(dataset: Dataset) -> str:
    """How many labelled images are grey-scale images."""
    n_grey, n = int(dataset.is_grey.sum()), len(dataset.labels)
    return f"{n_grey:,} of {n:,} labelled images ({n_grey / n:.1%}) are grey-scale images."


def with_sides(duplicates: pd.DataFrame, dataset: Dataset, split: Split) -> pd.DataFrame:
    """The pairs of `duplicates.duplicate_pairs` with the parts of the split that they are in: `first_side`, `second_side`."""
    side = exploration.sides(dataset, split)
    return duplicates.assign(first_side=side[duplicates["first"]], second_side=side[duplicates["second"]])


def copies(duplicates: pd.DataFrame) -> str:
    """How many copies stand in two classes, and how many pairs the split separates; see `with_sides`."""
    used = duplicates[(duplicates[["first_side", "second_side"]] != "unused").all(axis=1)]
    return (
        f"Pairs of copies: {len(duplicates)}, of which {_n_in_two_classes(duplicates)} are in two classes. This profile uses both images of "
        f"{len(used)}; the split separates **{_n_separated(duplicates)}** of these."
    )


def near_copies(nearest: pd.DataFrame, dataset: Dataset, split: Split) -> str:
    """How many test images nearly repeat a training image, and what that can be worth.

    Args:
        nearest: of `exploration.nearest_in_training` for the test images.
        dataset: the data.
        split: its split.
    """
    alike = _alike(nearest)
    _, labels = dataset.part(split, "test")
    n_agreeing = int((labels[alike["position"]] == dataset.labels[alike["nearest"]]).sum())
    share = len(alike) / len(nearest)
    return (
        f"{len(alike)} of {len(nearest):,} test images ({share:.2%}) correlate above {NEAR_COPY} with a training image; for {n_agreeing} of "
        "them the two classes agree. Even if all of these were true copies and the network had memorised them, they could raise test "
        f"accuracy by no more than {100 * share:.2f} points."
    )


def shear(changes: pd.DataFrame) -> str:
    """How far the report's shear moves pixels, beside one by 30 %; `changes` is of `exploration.augmentation_changes`."""
    reported, meant = changes.set_index("transform")["mean_change"].filter(like="shear")
    angle = AUGMENTATIONS["report"].shear_degrees
    return (
        f"A shear of {angle:g} degrees moves the outermost row of pixels by {_shear_reach(angle):.2f} pixels; one by 30 % would move it "
        f"by {_shear_reach(exploration.SHEAR_OF_30_PERCENT):.1f}. On average a pixel value changes by {reported:.2f} of 255, against "
        f"{meant:.1f}. In effect the report trained without shear."
    )


def nearest_of_same_class(vectors: Mapping[str, np.ndarray], labels: np.ndarray) -> pd.DataFrame:
    """How often the nearest image is of the same class, for each way of describing images.

    Args:
        vectors: by name, (n, ...), a description of each image.
        labels: integer (n,).

    Returns:
        One row a description: `nearest image is of the same class` (a fraction) with the ends of its interval, `low`, `high`.
    """
    rows = {}
    for name, values in vectors.items():
        share = np.mean(labels[exploration.nearest_others(values)] == labels)
        rows[name] = (share, *accuracy_interval(share, len(labels)))
    return pd.DataFrame.from_dict(rows, orient="index", columns=[_SAME_CLASS, "low", "high"])


_SAME_CLASS = "nearest image is of the same class"


def summary(
    dataset: Dataset,
    split: Split,
    duplicates: pd.DataFrame,
    nearest: pd.DataFrame,
    boxes: pd.DataFrame,
    same_class: pd.DataFrame,
) -> pd.Series:
    """The numbers of the data, as text.

    Args:
        dataset: the data.
        split: its split.
        duplicates: of `with_sides`.
        nearest: of `exploration.nearest_in_training` for the test images.
        boxes: of `exploration.box_statistics`.
        same_class: of `nearest_of_same_class` for pixels and frozen features.
    """
    pixels, features = same_class[_SAME_CLASS]
    return pd.Series(
        {
            "training images": f"{len(split.train):,}",
            "validation images": f"{len(split.validation):,}",
            f"test images ({split.test_source})": f"{len(split.test):,}",
            "grey labelled images": f"{dataset.is_grey.mean():.1%}",
            "images in two classes": str(_n_in_two_classes(duplicates)),
            "copies on different sides of the split": str(_n_separated(duplicates)),
            f"test images above {NEAR_COPY} with a training image": str(len(_alike(nearest))),
            "median share of the image inside the box": f"{boxes['area'].median():.0%}",
            "shift of the outermost row, shear as reported": f"{_shear_reach(AUGMENTATIONS['report'].shear_degrees):.2f} pixels",
            "same class nearest, pixels": f"{pixels:.1%}",
            "same class nearest, frozen features": f"{features:.1%}",
        }
    )


def findings(
    dataset: Dataset,
    counts: pd.DataFrame,
    light: pd.DataFrame,
    duplicates: pd.DataFrame,
    nearest: pd.DataFrame,
    boxes: pd.DataFrame,
    same_class: pd.DataFrame,
    n_mapped: int,
) -> str:
    """What the data show, as a numbered list.

    Args:
        dataset: the data.
        counts: of `exploration.split_counts`.
        light: of `exploration.brightness_and_contrast`.
        duplicates: of `with_sides`.
        nearest: of `exploration.nearest_in_training` for the test images.
        boxes: of `exploration.box_statistics`.
        same_class: of `nearest_of_same_class` for pixels and frozen features.
        n_mapped: images that `same_class` was measured on.
    """
    low, high = light["brightness"].quantile([0.05, 0.95])
    train = counts.iloc[0]
    pixels, features = (
        f"{row[_SAME_CLASS]:.1%} of {n_mapped:,} cases (95 % interval {row['low']:.1%} to {row['high']:.1%})"
        for _, row in same_class.iterrows()
    )
    return numbered(
        [
            f"The classes are balanced: {train['fewest_in_a_class']} to {train['most_in_a_class']} training images each. So accuracy is a "
            f"fair summary, and chance level is {1 / dataset.num_classes:.0%}.",
            f"{_n_in_two_classes(duplicates)} images stand in two classes, which is certain label noise. The split separates "
            f"{_n_separated(duplicates)} pairs of copies, and at most {len(_alike(nearest))} of {len(nearest):,} test images are near-copies "
            "by the measure used.",
            f"The median object fills {boxes['area'].median():.0%} of its image, and brightness runs from {low:.2f} to {high:.2f} for "
            "90 % of the images.",
            f"The report's shear moves no pixel by more than {_shear_reach(AUGMENTATIONS['report'].shear_degrees):.2f} pixels: it was as good "
            "as absent.",
            f"The nearest image in the frozen features is of the same class in {features}; the nearest in the pixels in {pixels}.",
        ]
    )


def _n_in_two_classes(duplicates: pd.DataFrame) -> int:
    return int(duplicates["in_two_classes"].sum())


def _n_separated(duplicates: pd.DataFrame) -> int:
    """Pairs whose copies are both used, on different sides of the split."""
    used = duplicates[(duplicates[["first_side", "second_side"]] != "unused").all(axis=1)]
    return int((used["first_side"] != used["second_side"]).sum())


def _alike(nearest: pd.DataFrame) -> pd.DataFrame:
    return nearest[nearest["correlation"] > NEAR_COPY]


def _shear_reach(degrees: float) -> float:
    """Pixels by which a shear moves the outermost row of an image."""
    return float(np.sin(np.radians(degrees)) * (IMAGE_SIZE - 1) / 2)
