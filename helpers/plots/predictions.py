"""Figures of what runs predict: confidence, and accuracy by class and by property of the image."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from helpers.analysis import calibration
from helpers.config.labels import MODEL_NAMES
from helpers.plots.labels import label_places
from helpers.plots.layout import counted, short
from helpers.plots.style import (
    FAINT,
    INK,
    PAGE,
    Plot,
    family_look,
    headline,
    new_figure,
    percent_axis,
    run_colour,
    theme,
)
from helpers.training import metrics
from helpers.training.runs import Run

_FEWEST_IN_BIN = 10  # images, below which an accuracy is not drawn
_POINTS = 150  # of a curve; a vector file with one for each image is large and looks the same


def reliability(runs: Sequence[Run], temperatures: Sequence[float], source: str) -> Plot:
    """Accuracy against confidence on test, as trained and after temperature scaling, over a histogram of confidence.

    Args:
        runs: one for each line.
        temperatures: of the runs, fitted on validation.
        source: what was evaluated.
    """
    sides = {"as trained": [1.0] * len(runs), "after temperature scaling": list(temperatures)}
    scaled = {
        title: [calibration.scaled(run.probabilities(), divisor) for run, divisor in zip(runs, divisors, strict=True)]
        for title, divisors in sides.items()
    }
    errors = {
        title: [
            calibration.expected_calibration_error(probabilities, run.labels())
            for run, probabilities in zip(runs, of_runs, strict=True)
        ]
        for title, of_runs in scaled.items()
    }
    worst = int(np.argmax(errors["as trained"]))
    finding = (
        f"{runs[worst].title}: one temperature brings the calibration error from {errors['as trained'][worst]:.1%} to "
        f"{errors['after temperature scaling'][worst]:.1%}"
    )
    with theme():
        figure, axes = new_figure(PAGE, 4.2, 2, 2, sharex=True, sharey="row", height_ratios=[3, 1])
        for column, title in enumerate(sides):
            upper, lower = axes[:, column]
            upper.plot([0, 1], [0, 1], color=FAINT, linestyle=":", linewidth=1)
            for run, probabilities in zip(runs, scaled[title], strict=True):
                _draw_reliability(upper, lower, run, probabilities)
            upper.set(title=title, xlim=(0, 1), ylim=(0, 1))
            lower.set(xlabel="confidence")
            percent_axis(lower, "x")
        axes[0, 0].set_ylabel("accuracy")
        axes[1, 0].set(ylabel="images", ylim=(0, None))
        for axis in axes[:, 0]:
            percent_axis(axis, decimals=0)
        headline(figure, finding, f"{source}, {runs[0].result()['n']:,} test images")
        for axis, title in zip(axes[0], sides, strict=True):
            label_places(
                axis,
                [_middle(axis.containers[i][0]) for i in range(len(runs))],
                [f"{MODEL_NAMES[run.model]}\nECE {error:.1%}" for run, error in zip(runs, errors[title], strict=True)],
                [run_colour(run.model, run.recipe) for run in runs],
            )
    return Plot(
        figure,
        f"Above: accuracy of test images grouped by confidence, with 95 % intervals ({source}), in {calibration.N_BINS} bins of equal "
        f"width; bins of fewer than {_FEWEST_IN_BIN} images are left out. On the dotted line accuracy equals confidence; ECE is the "
        "expected calibration error. Below: the share of the images in each bin. The temperature is fitted on validation. "
        f"Shown: {'; '.join(run.title for run in runs)}.",
        f"{finding}. "
        + "; ".join(
            f"{run.title}: expected calibration error {before:.1%}, with temperature {divisor:.2f} {after:.1%}"
            for run, before, divisor, after in zip(
                runs, *(errors["as trained"], temperatures, errors["after temperature scaling"]), strict=True
            )
        )
        + ".",
    )


def _draw_reliability(upper: Axes, lower: Axes, run: Run, probabilities: np.ndarray) -> None:
    colour = run_colour(run.model, run.recipe)
    bins = calibration.reliability(probabilities, run.labels())
    edges = np.linspace(0, 1, calibration.N_BINS + 1)
    lower.stairs(
        np.histogram(probabilities.max(axis=1), edges)[0] / len(probabilities),
        edges,
        color=colour,
        linewidth=1.2,
        linestyle=family_look(run.model)["linestyle"],
    )
    table = bins[bins["n"] >= _FEWEST_IN_BIN]
    upper.errorbar(
        table["confidence"],
        table["accuracy"],
        _distances(table["accuracy"], table["n"]),
        **family_look(run.model),
        color=colour,
        elinewidth=0.8,
        markersize=4,
        clip_on=False,
    )


def _middle(line: Line2D) -> tuple[float, float]:
    """The point in the middle of a line; the middle of its panel where all bins are too small for one."""
    points = np.asarray(line.get_xydata())
    if not len(points):
        return 0.5, 0.5
    x, y = points[len(points) // 2]
    return float(x), float(y)


def risk_coverage(runs: Sequence[Run], source: str) -> Plot:
    """Accuracy of the answers, for every share of test images that is answered, the most confident first.

    Args:
        runs: one curve each.
        source: what they were evaluated on.
    """
    curves = [calibration.risk_coverage(run.probabilities(), run.labels()) for run in runs]
    n = len(curves[0])
    halves = {run.title: curve["accuracy"].iloc[[n // 2 - 1, -1]] for run, curve in zip(runs, curves, strict=True)}
    best, (half, whole) = max(halves.items(), key=lambda item: item[1].iloc[-1])
    finding = f"{best}: {half:.0%} right on the more confident half, {whole:.0%} on all"
    with theme():
        figure, axis = new_figure(PAGE, 3.0)
        places, words = [], []
        for run, curve in zip(runs, curves, strict=True):
            # Points for the eye; an accuracy of fewer answers than the first of them says nothing.
            shown = np.unique(np.linspace(min(max(_FEWEST_IN_BIN, n // 100), n) - 1, n - 1, _POINTS).astype(int))
            curve, colour = curve.iloc[shown], run_colour(run.model, run.recipe)
            below, above = _distances(curve["accuracy"], shown + 1)
            axis.fill_between(
                curve["coverage"], curve["accuracy"] - below, curve["accuracy"] + above, color=colour, alpha=0.2, lw=0
            )
            look = family_look(run.model)
            axis.plot(curve["coverage"], curve["accuracy"], color=colour, linestyle=look["linestyle"])
            middle, end = halves[run.title]
            axis.plot(0.5, middle, look["marker"], color=colour)
            places.append((1.0, end))
            words.append(f"{MODEL_NAMES[run.model]}: {middle:.0%} on the\nmore confident half,\n{end:.0%} on all")
        axis.axvline(0.5, color=FAINT, linestyle=":", linewidth=1)
        axis.set(
            xlabel="share of images answered, the most confident first",
            ylabel="accuracy of the answers",
            xlim=(0, 1.6),
            ylim=(0, 1.02),
        )
        axis.set_xticks(np.linspace(0, 1, 6))
        for which in ("x", "y"):
            percent_axis(axis, which)
        headline(figure, finding, f"{source}, {n:,} test images")
        colours = [run_colour(run.model, run.recipe) for run in runs]
        label_places(
            axis, places[::-1], words[::-1], colours[::-1]
        )  # from the highest down: the labels go to the right
    return Plot(
        figure,
        f"Accuracy with its 95 % interval if only the images of highest confidence are answered, on test ({source}): "
        f"{'; '.join(halves)}. Marked: half of the images answered.",
        f"{finding}. "
        + "; ".join(
            f"{name}: {half:.1%} on the more confident half, {whole:.1%} on all"
            for name, (half, whole) in halves.items()
        )
        + ".",
    )


def _distances(accuracies: pd.Series, numbers: Iterable[int]) -> np.ndarray:
    """How far the ends of Wilson's 95 % intervals lie below and above accuracies over these numbers of images, float (2, n)."""
    ends = [metrics.accuracy_interval(*pair) for pair in zip(accuracies, numbers, strict=True)]
    low, high = np.reshape(ends, (-1, 2)).T
    return np.clip([accuracies - low, high - accuracies], 0, None)


def class_accuracies(per_class: pd.DataFrame, run_name: str, source: str, shown: int = 10) -> Plot:
    """The classes that are recognised best and worst, with intervals.

    Args:
        per_class: of `comparison.class_accuracy`.
        run_name: whose accuracy.
        source: what was evaluated.
        shown: how many at either end.
    """
    chosen = pd.concat([per_class.head(shown), per_class.tail(shown)]).iloc[::-1]
    whole = np.average(per_class["accuracy"], weights=per_class["n"])
    above, below = (per_class["low"] > whole).sum(), (per_class["high"] < whole).sum()
    finding = f"{run_name}: of {len(per_class)} classes, {above} lie clearly above the accuracy on all images and {below} clearly below"
    with theme():
        figure, axis = new_figure(PAGE, 1.1 + 0.19 * len(chosen))
        places = np.arange(len(chosen)) + (np.arange(len(chosen)) >= min(shown, len(chosen) - shown)) * 1.2
        is_sure = ((chosen["low"] > whole) | (chosen["high"] < whole)).to_numpy()
        for place, row, sure in zip(places, chosen.itertuples(), is_sure, strict=True):
            axis.plot([row.low, row.high], [place] * 2, color=INK if sure else FAINT, linewidth=1)
            axis.plot(row.accuracy, place, "o", color=INK if sure else FAINT, fillstyle="full" if sure else "none")
        axis.axvline(whole, color=FAINT, linestyle="--", linewidth=1)
        gap = places[min(shown, len(chosen) - shown)] - 1.1 if len(chosen) > shown else places[0] - 0.7
        axis.text(whole, gap, f" all images: {whole:.1%}", color=FAINT, va="center")
        axis.set_yticks(places, [short(name, 42) for name in chosen["class_name"]])
        axis.tick_params(axis="y", length=0)
        axis.set(xlim=(-0.02, 1.02), xlabel="accuracy within the class")
        percent_axis(axis, "x")
        headline(figure, finding, f"{source}, {counted(per_class['n'])} test images a class")
    return Plot(
        figure,
        f"The {shown} classes recognised best and the {shown} recognised worst, with 95 % intervals: {run_name} ({source}). "
        "Dashed: the accuracy on all images; hollow: classes whose interval holds it.",
        f"{finding}. Best: {per_class['class_name'].iloc[0]} at {per_class['accuracy'].iloc[0]:.0%}. Worst: "
        f"{per_class['class_name'].iloc[-1]} at {per_class['accuracy'].iloc[-1]:.0%}.",
    )


def accuracy_by(tables: dict[str, list[pd.DataFrame]], runs: Sequence[Run], source: str) -> Plot:
    """Accuracy by properties of the images, one property a panel, in the same groups for every run.

    Args:
        tables: for each property, `comparison.accuracy_by` of each run.
        runs: in the order of the tables.
        source: what was evaluated.
    """
    rows = -(-len(tables) // 2)
    with theme():
        figure, axes = new_figure(PAGE, 0.7 + 2.2 * rows, rows, 2, sharey=True, squeeze=False)
        for axis in axes.flat[len(tables) :]:
            axis.axis("off")
        for axis, (name, by_run) in zip(axes.flat, tables.items(), strict=False):
            for run, table in zip(runs, by_run, strict=True):
                axis.errorbar(
                    np.arange(len(table)),
                    table["accuracy"],
                    yerr=[table["accuracy"] - table["low"], table["high"] - table["accuracy"]],
                    **family_look(run.model),
                    color=run_colour(run.model, run.recipe),
                    elinewidth=1,
                )
            n_groups = max(len(table) for table in by_run)
            axis.set_xticks(range(n_groups), [f"{value:.2g}" for value in by_run[0]["value"]])
            axis.set(xlabel=name, ylim=(0, 1), xlim=(-0.3, n_groups - 0.7))
        for axis in axes[:, 0]:
            axis.set(ylabel="test accuracy")
        percent_axis(axes[0, 0])
        groups = pd.concat([table["n"] for by_run in tables.values() for table in by_run])
        headline(figure, _strongest(tables, runs), f"{source}, {counted(groups)} test images a point")
        first = next(iter(tables.values()))
        label_places(
            axes[0, 0],
            [(len(table) - 1, table["accuracy"].iloc[-1]) for table in first],
            [MODEL_NAMES[run.model] for run in runs],
            [run_colour(run.model, run.recipe) for run in runs],
        )
    ends = [
        f"{run.title} by {name}: {table['accuracy'].iloc[0]:.1%} in the lowest group, "
        f"{table['accuracy'].iloc[-1]:.1%} in the highest"
        for name, by_run in tables.items()
        for run, table in zip(runs, by_run, strict=True)
    ]
    return Plot(
        figure,
        f"Test accuracy by properties of the images, in groups of equally many that are the same for every network, with 95 % "
        f"intervals ({source}); below each, its median. Shown: {'; '.join(run.title for run in runs)}.",
        f"{_strongest(tables, runs)}. {'; '.join(ends)}.",
    )


def _strongest(tables: dict[str, list[pd.DataFrame]], runs: Sequence[Run]) -> str:
    """The property along which the accuracy of the best run changes most from the lowest group to the highest."""
    place = int(np.argmax([run.result()["accuracy"] for run in runs]))
    changes = {
        name: by_run[place]["accuracy"].iloc[-1] - by_run[place]["accuracy"].iloc[0] for name, by_run in tables.items()
    }
    name = max(changes, key=lambda name: abs(changes[name]))
    return (
        f"{runs[place].title}: accuracy changes most with the {name.split(',')[0]}, by {100 * changes[name]:+.1f} points from the "
        "lowest group to the highest"
    )
