"""Figures of what runs predict: confidence, confused classes, accuracy by class and by property of the image."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm

from helpers.analysis import calibration
from helpers.plots.layout import counted, short
from helpers.plots.style import (
    COLUMN,
    FAINT,
    INK,
    PAGE,
    RECIPE_MARKERS,
    SEQUENTIAL,
    Plot,
    new_figure,
    note,
    percent_axis,
    run_colour,
    theme,
)
from helpers.training import metrics
from helpers.training.runs import Run

_FEWEST_IN_BIN = 10  # images, below which an accuracy is not drawn


def reliability(runs: Sequence[Run], temperatures: Sequence[float], source: str) -> Plot:
    """Accuracy against confidence on test, as trained and after temperature scaling.

    Args:
        runs: one for each line.
        temperatures: of the runs, fitted on validation.
        source: what was evaluated.
    """
    with theme():
        figure, axes = new_figure(PAGE, 3.0, 1, 2, sharey=True)
        for axis, title, divisors in (
            (axes[0], "as trained", [1.0] * len(runs)),
            (axes[1], "after temperature scaling", temperatures),
        ):
            axis.plot([0, 1], [0, 1], color=FAINT, linestyle=":", linewidth=1)
            for run, divisor in zip(runs, divisors, strict=True):
                table = calibration.reliability(calibration.scaled(run.probabilities(), divisor), run.labels())
                table = table[table["n"] >= _FEWEST_IN_BIN]
                axis.errorbar(
                    table["confidence"],
                    table["accuracy"],
                    _distances(table["accuracy"], table["n"]),
                    fmt=f"{RECIPE_MARKERS[run.recipe]}-",
                    color=run_colour(run.model, run.recipe),
                    elinewidth=0.8,
                    markersize=4,
                    clip_on=False,
                    label=run.title,
                )
            axis.set(title=title, xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
            percent_axis(axis, "x")
        axes[0].set_ylabel("accuracy")
        percent_axis(axes[0])
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        note(figure, f"{source}, n = {runs[0].result()['n']:,} images")
    errors = [calibration.expected_calibration_error(run.probabilities(), run.labels()) for run in runs]
    return Plot(
        figure,
        f"Accuracy of test images grouped by confidence with 95 % intervals ({source}), in {calibration.N_BINS} bins of equal "
        f"width; bins of fewer than {_FEWEST_IN_BIN} images are left out. On the dotted line accuracy equals "
        "confidence. The temperature is fitted on validation.",
        "; ".join(
            f"{run.title}: expected calibration error {error:.1%}, temperature {divisor:.2f}"
            for run, error, divisor in zip(runs, errors, temperatures, strict=True)
        ),
    )


def risk_coverage(runs: Sequence[Run], source: str) -> Plot:
    """Accuracy of the answers, for every share of test images that is answered, the most confident first.

    Args:
        runs: one curve each.
        source: what they were evaluated on.
    """
    curves = [calibration.risk_coverage(run.probabilities(), run.labels()) for run in runs]
    with theme():
        figure, axis = new_figure(COLUMN, 2.6)
        for run, curve in zip(runs, curves, strict=True):
            answered = np.arange(1, len(curve) + 1)[_FEWEST_IN_BIN - 1 :]  # an accuracy of fewer answers says nothing
            curve, colour = curve.iloc[_FEWEST_IN_BIN - 1 :], run_colour(run.model, run.recipe)
            below, above = _distances(curve["accuracy"], answered)
            axis.fill_between(
                curve["coverage"], curve["accuracy"] - below, curve["accuracy"] + above, color=colour, alpha=0.2, lw=0
            )
            axis.plot(
                curve["coverage"],
                curve["accuracy"],
                color=colour,
                marker=RECIPE_MARKERS[run.recipe],
                markevery=max(1, len(curve) // 6),
                label=run.title,
            )
        axis.set(xlabel="share of images answered", ylabel="accuracy of the answers", xlim=(0, 1), ylim=(0, 1))
        for which in ("x", "y"):
            percent_axis(axis, which)
        axis.legend(loc="best")
        note(figure, f"{source}, n = {len(curves[0]):,} images")
    halves = {
        run.title: curve["accuracy"].iloc[[len(curve) // 2 - 1, -1]] for run, curve in zip(runs, curves, strict=True)
    }
    best, (half, whole) = max(halves.items(), key=lambda item: item[1].iloc[-1])
    return Plot(
        figure,
        f"Accuracy with its 95 % interval if only the images of highest confidence are answered, on test ({source}). {best}, is "
        f"right on {whole:.1%} of all images and on {half:.1%} of the more confident half.",
        "; ".join(
            f"{name}: {half:.1%} on the more confident half, {whole:.1%} on all"
            for name, (half, whole) in halves.items()
        ),
    )


def _distances(accuracies: pd.Series, numbers: Iterable[int]) -> np.ndarray:
    """How far the ends of Wilson's 95 % intervals lie below and above accuracies over these numbers of images, float (2, n)."""
    ends = [metrics.accuracy_interval(*pair) for pair in zip(accuracies, numbers, strict=True)]
    low, high = np.reshape(ends, (-1, 2)).T
    return np.clip([accuracies - low, high - accuracies], 0, None)


def confusion(counts: np.ndarray, groups: Sequence[tuple[str, int]], run_name: str, source: str) -> Plot:
    """The confusion matrix as shares of each true class.

    Args:
        counts: integer (n_classes, n_classes), true class by row, related classes next to each other where that is known.
        groups: of `wordnet.groups`, for these rows; none where no relation is known.
        run_name: whose mistakes.
        source: what was evaluated.
    """
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ends = np.cumsum([size for _, size in groups])
    with theme():
        figure, axis = new_figure(5.4, 4.3)
        norm = PowerNorm(0.4, vmin=0, vmax=1)  # one image of a class is 2 %, and should be seen beside 80 %
        picture = axis.imshow(shares, cmap=SEQUENTIAL, norm=norm, interpolation="nearest")
        axis.set(xlabel="predicted class", ylabel="true class", title=run_name, xticks=[])
        middles = [end - size / 2 - 0.5 for (_, size), end in zip(groups, ends, strict=True)]
        axis.set_yticks(middles, [f"{name} ({size})" for name, size in groups])
        axis.tick_params(length=0)
        for end in ends[:-1] - 0.5:
            axis.axhline(end, color="white", linewidth=0.6, alpha=0.6)
            axis.axvline(end, color="white", linewidth=0.6, alpha=0.6)
        bar = figure.colorbar(picture, ax=axis, shrink=0.85, ticks=[0, 0.02, 0.1, 0.25, 0.5, 1])
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        note(figure, f"{source}, n = {counts.sum():,} images")
    right = np.trace(counts) / counts.sum()
    return Plot(
        figure,
        f"Predicted classes, as shares of each true class: {run_name} ({source}). The diagonal is correct; the "
        "scale is stretched where shares are small.",
        f"{right:.1%} of the images lie on the diagonal.{_within(counts, ends)}",
    )


def _within(counts: np.ndarray, ends: np.ndarray) -> str:
    """How many mistakes stay within their group of classes."""
    wrong = counts.sum() - np.trace(counts)
    if len(ends) < 2 or not wrong:
        return ""
    group = np.searchsorted(ends, np.arange(len(counts)), side="right")
    is_inside = group[:, None] == group
    inside = counts[is_inside].sum() - np.trace(counts)
    mistakes = counts.sum(axis=1) - np.diag(counts)
    blind = (mistakes * (is_inside.sum(axis=1) - 1)).sum() / (len(counts) - 1)
    return (
        f" Of the mistakes, {inside / wrong:.0%} stay within one of {len(ends)} groups of related classes; of mistakes at random "
        f"it would be {blind / wrong:.0%}."
    )


def class_accuracies(per_class: pd.DataFrame, run_name: str, source: str, shown: int = 10) -> Plot:
    """The classes that are recognised best and worst, with intervals.

    Args:
        per_class: of `comparison.class_accuracy`.
        run_name: whose accuracy.
        source: what was evaluated.
        shown: how many at either end.
    """
    chosen = pd.concat([per_class.head(shown), per_class.tail(shown)]).iloc[::-1]
    with theme():
        figure, axis = new_figure(PAGE, 0.8 + 0.2 * len(chosen))
        places = np.arange(len(chosen)) + (np.arange(len(chosen)) >= min(shown, len(chosen) - shown)) * 0.8
        low, high = chosen["accuracy"] - chosen["low"], chosen["high"] - chosen["accuracy"]
        axis.errorbar(
            chosen["accuracy"],
            places,
            xerr=[low.clip(lower=0), high.clip(lower=0)],
            fmt="o",
            color=INK,
            capsize=2,
        )
        whole = np.average(per_class["accuracy"], weights=per_class["n"])
        axis.axvline(whole, color=FAINT, linestyle="--", linewidth=1, label=f"over all images: {whole:.1%}")
        axis.legend(loc="upper left")
        axis.set_yticks(places, [short(name, 42) for name in chosen["class_name"]])
        axis.set(xlim=(-0.02, 1.02), xlabel="accuracy within the class", title=run_name)
        percent_axis(axis, "x")
        note(figure, f"{source}, n = {counted(per_class['n'])} images a class")
    above, below = (per_class["low"] > whole).sum(), (per_class["high"] < whole).sum()
    return Plot(
        figure,
        f"The {shown} classes recognised best and the {shown} recognised worst, with 95 % intervals: {run_name} ({source}). "
        f"Of all {len(per_class)} classes, {above} have their interval above the dashed line and {below} below it.",
        f"Best: {per_class['class_name'].iloc[0]} at {per_class['accuracy'].iloc[0]:.0%}. Worst: "
        f"{per_class['class_name'].iloc[-1]} at {per_class['accuracy'].iloc[-1]:.0%}.",
    )


def accuracy_by(tables: dict[str, list[pd.DataFrame]], runs: Sequence[Run], source: str) -> Plot:
    """Accuracy by properties of the images, one property a panel.

    Args:
        tables: for each property, `comparison.accuracy_by` of each run.
        runs: in the order of the tables.
        source: what was evaluated.
    """
    rows = -(-len(tables) // 2)
    with theme():
        figure, axes = new_figure(PAGE, 2.3 * rows, rows, 2, sharey=True, squeeze=False)
        for axis in axes.flat[len(tables) :]:
            axis.axis("off")
        for axis, (name, by_run) in zip(axes.flat, tables.items(), strict=False):
            for run, table in zip(runs, by_run, strict=True):
                errors = [table["accuracy"] - table["low"], table["high"] - table["accuracy"]]
                axis.errorbar(
                    table["value"],
                    table["accuracy"],
                    yerr=errors,
                    fmt=f"{RECIPE_MARKERS[run.recipe]}-",
                    color=run_colour(run.model, run.recipe),
                    capsize=2,
                    label=run.title,
                )
            axis.set(xlabel=name, ylim=(0, 1))
        for axis in axes[:, 0]:
            axis.set(ylabel="test accuracy")
        percent_axis(axes[0, 0])
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(runs))
        groups = pd.concat([table["n"] for by_run in tables.values() for table in by_run])
        note(figure, f"{source}, n = {counted(groups)} images a point")
    ends = [
        f"{run.title} by {name}: {table['accuracy'].iloc[0]:.1%} in the lowest group, "
        f"{table['accuracy'].iloc[-1]:.1%} in the highest"
        for name, by_run in tables.items()
        for run, table in zip(runs, by_run, strict=True)
    ]
    return Plot(
        figure,
        f"Test accuracy by properties of the images, in groups of equally many, with 95 % intervals ({source}). Each point stands at its "
        "group's median.",
        "; ".join(ends),
    )
