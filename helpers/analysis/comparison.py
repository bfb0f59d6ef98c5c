"""Comparisons between runs on the same images, and between classes and groups of images. Arrays in, numbers out."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import metrics as sklearn_metrics
from statsmodels.stats import contingency_tables, multitest

from helpers.data import wordnet
from helpers.training.metrics import Result, accuracy_interval

# A difference counts where its p-value, corrected for the number of comparisons, is below it.
SIGNIFICANCE = 0.05


def macro_f1(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the classes of the harmonic mean of precision and recall; 0 for a class that is never predicted.

    Args:
        predicted: integer (n,).
        labels: integer (n,), the true classes.
    """
    return float(sklearn_metrics.f1_score(labels, predicted, average="macro", zero_division=0))


def mean_interval(values: list[float], n: int) -> tuple[float, float]:
    """95 % interval of a mean accuracy, for other images and other seeds.

    The half-widths of Wilson's interval over images, at the mean, and of Student's over seeds are added in quadrature, as of
    independent errors. One seed, or seeds that all score the same, leave the interval over images.

    Args:
        values: accuracies of runs that differ in their seed.
        n: number of images.

    Returns:
        Its lower and upper end, fractions in [0, 1].
    """
    mean = float(np.mean(values))
    low, high = accuracy_interval(mean, n)
    if np.ptp(values) > 0:
        over_seeds = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
        low, high = mean - np.hypot(mean - low, over_seeds), mean + np.hypot(high - mean, over_seeds)
    return float(max(low, 0)), float(min(high, 1))


def accuracy_text(result: Result) -> str:
    """An accuracy with its interval for a sentence: "23.1 % (22.0 % to 24.3 %, n = 1,200)".

    Args:
        result: `accuracy`, `accuracy_low`, `accuracy_high` and `n`, as `summarise` gives them.
    """
    percentages = (result["accuracy"], result["accuracy_low"], result["accuracy_high"])
    value, low, high = (f"{100 * fraction:.1f} %" for fraction in percentages)
    return f"{value} ({low} to {high}, n = {result['n']:,})"


def versus_chance(value: float, n: int, num_classes: int) -> str:
    """Whether an accuracy differs from chance level: "above chance", "below chance" or "at chance".

    Args:
        value: the accuracy, a fraction.
        n: number of images.
        num_classes: chance level is one in this number.
    """
    low, high = accuracy_interval(value, n)
    return "above chance" if low > 1 / num_classes else "below chance" if high < 1 / num_classes else "at chance"


def p_value_text(p_value: float) -> str:
    """A p-value in few characters: "p < 0.001", "p = 0.24"."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}" if p_value < 0.01 else f"p = {p_value:.2f}"


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Exact p-value that two classifiers, evaluated on the same images, are equally accurate (McNemar 1947).

    Args:
        first: bool (n,), whether one is right on each image.
        second: bool (n,), whether the other is.
    """
    only_first, only_second = np.sum(first & ~second), np.sum(second & ~first)
    disagreements = np.array([[0, only_first], [only_second, 0]])  # images on which both agree do not enter the test
    return float(contingency_tables.mcnemar(disagreements, exact=True).pvalue)


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values corrected for their number, so that one false alarm among all of them is as rare as in one (Holm 1979).

    Args:
        p_values: float (n,), each of a test of its own.

    Returns:
        float (n,), never below the values given and at most 1; compare them with the same level, such as `SIGNIFICANCE`.
    """
    return multitest.multipletests(p_values, method="holm")[1] if len(p_values) else np.empty(0)


def compare(right: dict[str, np.ndarray]) -> pd.DataFrame:
    """Every pair of classifiers on the same images: McNemar's exact test, corrected for the number of pairs by Holm.

    Args:
        right: by name, bool (n,): whether it is right on each image; all in the same order of images.

    Returns:
        One row a pair: `first`, `second`, `difference` (accuracy of the first minus that of the second, a fraction),
        `p_value`, `p_holm`.

    Raises:
        ValueError: the classifiers were evaluated on different numbers of images.
    """
    sizes = {name: len(values) for name, values in right.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"expected the same images for all, got these numbers of images: {sizes}")
    rows = [
        (first, second, float(right[first].mean() - right[second].mean()), mcnemar(right[first], right[second]))
        for first, second in itertools.combinations(right, 2)
    ]
    frame = pd.DataFrame(rows, columns=["first", "second", "difference", "p_value"])
    return frame.assign(p_holm=holm(frame["p_value"].to_numpy(float)))


def gaps(right: dict[str, np.ndarray]) -> pd.DataFrame:
    """How far each classifier is ahead of the next in rank on the same images.

    Args:
        right: by name, bool (n,): whether it is right on each image; all in the same order of images.

    Returns:
        One row for each but the last, best first: `first`, `second`, `difference` (a fraction), `low`, `high` (its 95 % interval
        over the images, by the normal distribution of paired differences), `p_holm` (corrected for all pairs, as in `compare`).
    """
    ranked = dict(sorted(right.items(), key=lambda item: -item[1].mean()))
    pairs = compare(ranked).set_index(["first", "second"])
    rows = []
    for first, second in itertools.pairwise(ranked):
        lead = ranked[first].astype(float) - ranked[second]
        half_width = stats.norm.ppf(0.975) * stats.sem(lead)
        difference = float(lead.mean())
        rows.append(
            (
                first,
                second,
                difference,
                difference - half_width,
                difference + half_width,
                pairs.loc[(first, second), "p_holm"],
            )
        )
    return pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p_holm"])


def disagreement(first: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    """On how many images both, one or neither of two classifiers is right.

    Args:
        first: bool (n,), whether one is right on each image.
        second: bool (n,), whether the other is.

    Returns:
        Rows `both`, `only the first`, `only the second`, `neither`; columns `right`, `images`, `share`.
    """
    counts = [np.sum(first & second), np.sum(first & ~second), np.sum(~first & second), np.sum(~first & ~second)]
    names = ["both", "only the first", "only the second", "neither"]
    return pd.DataFrame({"right": names, "images": counts, "share": np.array(counts) / len(first)})


def class_disagreement(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray, class_names: list[str]
) -> pd.DataFrame:
    """Where the first of two classifiers is right and the second wrong, by class; the first's best classes on top.

    Args:
        first: bool (n,), whether one is right on each image.
        second: bool (n,), whether the other is.
        labels: integer (n,), the true classes.
        class_names: of the labels.

    Returns:
        Columns `class_name`, `n`, `only_first`, `only_second`; classes without images are left out.
    """
    only = {"only_first": first & ~second, "only_second": second & ~first}
    groups = pd.DataFrame({"label": labels} | only).groupby("label")  # not by name: two classes may share one
    table = groups.sum().assign(n=groups.size()).reset_index()
    table.insert(0, "class_name", np.array(class_names)[table["label"]])
    order = (table["only_second"] - table["only_first"]).sort_values(kind="stable").index
    return table.loc[order, ["class_name", "n", "only_first", "only_second"]].reset_index(drop=True)


def accuracy_by(values: np.ndarray, right: np.ndarray, groups: int = 5) -> pd.DataFrame:
    """Accuracy by the value of something else, in groups of equally many images.

    Args:
        values: float (n,), of each image; nan where it has none, such images are left out.
        right: bool (n,), whether the image was classified correctly.
        groups: number of groups; fewer come back where many values are equal.

    Returns:
        Columns `value` (median of the group), `n`, `accuracy`, `low`, `high`, by rising value.
    """
    frame = pd.DataFrame({"value": values, "right": right}).dropna()
    # Equal values have no quantiles to divide them by.
    group_of = pd.qcut(frame["value"], groups, duplicates="drop") if len(set(frame["value"])) > 1 else frame["value"]
    rows = [
        (
            group["value"].median(),
            len(group),
            group["right"].mean(),
            *accuracy_interval(group["right"].mean(), len(group)),
        )
        for _, group in frame.groupby(group_of, observed=True)
    ]
    return pd.DataFrame(rows, columns=["value", "n", "accuracy", "low", "high"])


def accuracy_by_properties(properties: pd.DataFrame, right: Sequence[np.ndarray]) -> dict[str, list[pd.DataFrame]]:
    """Accuracy of several classifiers by each property of the images, see `accuracy_by`.

    Args:
        properties: of `exploration.image_properties`; one that no image has is left out.
        right: for each classifier, bool (n,): whether it is right on each image.

    Returns:
        By the name of the property, a table for each classifier.
    """
    columns = [column for column in _PROPERTIES if properties[column].notna().any()]
    return {_PROPERTIES[column]: [accuracy_by(properties[column], values) for values in right] for column in columns}


_PROPERTIES = {
    "area": "area of the object's box, share of the image",
    "sharpness": "sharpness",
    "brightness": "mean brightness",
    "contrast": "contrast",
}


def confusion(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts, int64 (num_classes, num_classes): true class by row, predicted class by column.

    Args:
        predicted: integer (n,), in [0, num_classes).
        labels: integer (n,), the true classes.
        num_classes: also those that do not occur.
    """
    return sklearn_metrics.confusion_matrix(labels, predicted, labels=range(num_classes))


@dataclass(frozen=True)
class RelatedConfusion:
    """A confusion matrix with related classes next to each other.

    Attributes:
        counts: integer (n_classes, n_classes), true class by row, predicted class by column.
        class_names: of the rows.
        groups: of `wordnet.groups`, for these rows; none where no relation is known.
    """

    counts: np.ndarray
    class_names: list[str]
    groups: list[tuple[str, int]]


def confusion_by_relation(
    predicted: np.ndarray, labels: np.ndarray, class_names: Sequence[str], tree: Sequence[wordnet.ConceptPath] | None
) -> RelatedConfusion:
    """The confusion matrix with related classes next to each other.

    Args:
        predicted: integer (n,), in [0, n_classes).
        labels: integer (n,), the true classes.
        class_names: of the labels, also those that do not occur.
        tree: of `wordnet.class_paths`; None where no relation is known, then classes stand in the order of their labels.
    """
    counts = confusion(predicted, labels, len(class_names))
    if tree is None:
        return RelatedConfusion(counts, list(class_names), [])
    order = wordnet.order(wordnet.distances(tree))
    return RelatedConfusion(counts[order][:, order], [class_names[label] for label in order], wordnet.groups(tree))


def class_accuracy(predicted: np.ndarray, labels: np.ndarray, class_names: list[str]) -> pd.DataFrame:
    """Accuracy of each class with its interval, best first.

    Args:
        predicted: integer (n,).
        labels: integer (n,), the true classes.
        class_names: of the labels.

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

    Args:
        counts: of `confusion`.
        class_names: in its order.
        most: pairs to give.

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
