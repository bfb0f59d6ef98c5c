"""Figures of what changes to a recipe bring, transfer learning first."""

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from helpers.plots.labels import label_places
from helpers.plots.layout import counted, wrapped
from helpers.plots.style import (
    FAINT,
    GREY,
    INK,
    LIGHT,
    MODEL_COLOURS,
    PAGE,
    Plot,
    headline,
    new_figure,
    percent_axis,
    theme,
)


def transfer_changes(frame: pd.DataFrame, source: str) -> Plot:
    """What each change brought, one after another, as a waterfall with intervals over images.

    Args:
        frame: of `tables.transfer_changes`.
        source: what was evaluated.
    """
    first, last = frame["accuracy"].iloc[[0, -1]]
    largest = frame.loc[frame["gain"].idxmax()] if len(frame) > 1 else frame.iloc[0]
    finding = f"From {first:.1%} to {last:.1%} on validation"
    if len(frame) > 1:
        finding += f"; the largest step, {100 * largest['gain']:+.1f} points: {largest['change']}"
    colour = MODEL_COLOURS["mobilenetv2"]
    with theme():
        figure, axis = new_figure(PAGE, 1.1 + 0.36 * len(frame))
        places, before = np.arange(len(frame))[::-1], frame["accuracy"].shift(fill_value=0.0)
        for place, row, start in zip(places, frame.itertuples(), before, strict=True):
            is_start = np.isnan(row.gain)
            axis.barh(
                place,
                row.accuracy - start,
                left=start,
                height=0.62,
                color=LIGHT if is_start else colour if row.gain >= 0 else GREY,
            )
            axis.plot([row.low, row.high], [place] * 2, color=INK, linewidth=1)
            gain = round(100 * row.accuracy, 1) - round(100 * start, 1)  # of the numbers that are shown
            words = f"{row.accuracy:.1%}" if is_start else f"{gain:+.1f} to {row.accuracy:.1%}"
            axis.text(max(row.high, start) + 0.012, place, words, va="center")
            if place:
                axis.plot([row.accuracy] * 2, [place - 1.31, place + 0.31], color=FAINT, linewidth=0.8)
        axis.set_yticks(places, [wrapped(change, 34, 2) for change in frame["change"]])
        axis.tick_params(axis="y", length=0)
        axis.set(xlabel="validation accuracy", xlim=(0, 1.35 * frame["high"].max()), ylim=(-0.6, len(frame) - 0.4))
        percent_axis(axis, "x", decimals=0)
        headline(figure, finding, f"{source}, {frame['n'].iloc[0]:,} validation images")
    return Plot(
        figure,
        f"What each change brought, one after another, on validation ({source}); thin lines are 95 % intervals over images of the accuracy "
        "reached. Linear classifiers on a frozen base learned from a part of the training images.",
        f"{finding}. " + "; ".join(f"{row.change}: {row.accuracy:.1%}" for row in frame.itertuples()) + ".",
    )


def learning_curve(curve: pd.DataFrame, source: str) -> Plot:
    """Accuracy of a linear classifier on frozen features by the number of training images.

    Args:
        curve: of `linear_probes.learning_curve`.
        source: what was evaluated.
    """
    colour = MODEL_COLOURS["mobilenetv2"]
    means = curve.groupby("images_per_class")[["accuracy", "low", "high"]].mean()
    few, many = means.index[0], means.index[-1]
    finding = (
        f"{few} images a class give {means['accuracy'].loc[few]:.1%}, {many} give {means['accuracy'].loc[many]:.1%}"
    )
    with theme():
        figure, axis = new_figure(PAGE * 0.8, 2.8)
        axis.plot(means.index, means["accuracy"], color=colour)
        axis.fill_between(means.index, means["low"], means["high"], color=colour, alpha=0.2, linewidth=0)
        axis.plot(curve["images_per_class"], curve["accuracy"], "o", color=colour, markersize=3)
        axis.set(xscale="log", xlabel="training images of each class", ylabel="validation accuracy")
        axis.set(ylim=(0, 1.2 * means["high"].max()), xlim=(few / 1.2, many * 1.4))
        axis.set_xticks(means.index, [str(size) for size in means.index])
        axis.xaxis.set_minor_formatter(NullFormatter())
        percent_axis(axis, decimals=0)
        headline(figure, finding, f"{source}, {curve['n'].iloc[0]:,} validation images")
        gains = means["accuracy"].diff()
        words = [
            f"{value:.0%}" if np.isnan(gain) else f"{100 * gain:+.1f}"
            for value, gain in zip(means["accuracy"], gains, strict=True)
        ]
        label_places(axis, list(means["accuracy"].items()), words, [INK] * len(means))
    return Plot(
        figure,
        f"A linear classifier on frozen MobileNetV2 features by the number of training images ({source}), with the gain over the number "
        "before it in points. Points: draws of the training images; band: 95 % interval over validation images.",
        f"{finding}. Accuracy by images: "
        + "; ".join(f"{size} a class {value:.1%}" for size, value in means["accuracy"].items())
        + ".",
    )


def input_sweep(sweep: pd.DataFrame, source: str) -> Plot:
    """What input size and input range are worth.

    Args:
        sweep: of `linear_probes.input_sweep`.
        source: what was evaluated.
    """
    finding = _range_and_size(sweep)
    with theme():
        figure, axis = new_figure(PAGE, 3.1)
        colours, markers, labels = iter((INK, MODEL_COLOURS["mobilenetv2"], GREY)), iter("os^"), []
        for span, group in sweep.groupby("input_range", sort=False):
            colour, gains = next(colours), group["accuracy"].diff()
            errors = [group["accuracy"] - group["low"], group["high"] - group["accuracy"]]
            axis.errorbar(
                group["input_size"], group["accuracy"], yerr=errors, marker=next(markers), color=colour, capsize=3
            )
            for row, gain in zip(group.itertuples(), gains, strict=True):
                words = f"pixels scaled\n{span}: {row.accuracy:.1%}" if np.isnan(gain) else f"{100 * gain:+.1f}"
                labels.append(((row.input_size, row.accuracy), words, colour))
        sizes = sorted(sweep["input_size"].unique())
        axis.set_xticks(sizes)
        axis.set(xlabel="input size, pixels (the images have 64)", ylabel="validation accuracy")
        axis.set(ylim=(0, 1.25 * sweep["high"].max()), xlim=(sizes[0] - 35, sizes[-1] + 15))
        percent_axis(axis, decimals=0)
        headline(figure, finding, f"{source}, {sweep['n'].iloc[0]:,} validation images")
        label_places(axis, *map(list, zip(*labels, strict=True)))
    low, high = sweep.loc[sweep["accuracy"].idxmin()], sweep.loc[sweep["accuracy"].idxmax()]
    return Plot(
        figure,
        f"A linear classifier on frozen MobileNetV2 features, by input size and by the range pixels are scaled to, with 95 % "
        f"intervals ({source}). Numbers on a line: the gain over the size before it, in points.",
        f"{finding}. From {low['accuracy']:.1%} at {low['input_size']:.0f} px ({low['input_range']}) to {high['accuracy']:.1%} at "
        f"{high['input_size']:.0f} px ({high['input_range']}).",
    )


def _range_and_size(sweep: pd.DataFrame) -> str:
    """What the range brings at the smallest size, and what a larger size adds at most within a range."""
    smallest = sweep[sweep["input_size"] == sweep["input_size"].min()]
    by_range = 100 * (smallest["accuracy"].max() - smallest["accuracy"].min())
    best = sweep.loc[sweep["accuracy"].idxmax()]
    start = smallest[smallest["input_range"] == best["input_range"]]["accuracy"]
    by_size = 100 * (best["accuracy"] - (start.iloc[0] if len(start) else best["accuracy"]))
    return (
        f"The range of pixel values is worth {by_range:.1f} points at {smallest['input_size'].iloc[0]} px, enlarging to "
        f"{best['input_size']:.0f} px another {by_size:.1f}"
    )


def folds(frame: pd.DataFrame, source: str) -> Plot:
    """Accuracy of each fold with its interval over images, on an axis of the range that they cover.

    Args:
        frame: of `linear_probes.cross_validation`.
        source: what was evaluated.
    """
    spread, mean = frame["accuracy"].std(), frame["accuracy"].mean()
    by_chance = np.sqrt(mean * (1 - mean) / frame["n"].mean())
    finding = f"{len(frame)} folds have {mean:.1%} on average; they spread by {100 * spread:.1f} points, and chance alone by {100 * by_chance:.1f}"
    with theme():
        figure, axis = new_figure(PAGE * 0.8, 2.6)
        errors = [frame["accuracy"] - frame["low"], frame["high"] - frame["accuracy"]]
        axis.errorbar(
            frame["fold"], frame["accuracy"], yerr=errors, fmt="o", color=MODEL_COLOURS["mobilenetv2"], capsize=3
        )
        axis.axhline(mean, color=INK, linestyle="--", linewidth=1)
        axis.fill_between(
            [0.5, len(frame) + 0.5], mean - by_chance, mean + by_chance, color=LIGHT, alpha=0.5, linewidth=0, zorder=0
        )
        low, high = np.floor(50 * frame["low"].min()) / 50, np.ceil(50 * frame["high"].max()) / 50
        axis.set(
            xlabel="fold",
            ylabel="accuracy of the fold",
            xticks=frame["fold"],
            ylim=(low, high),
            xlim=(0.5, len(frame) + 0.5),
        )
        percent_axis(axis, decimals=0)
        headline(figure, finding, f"{source}, {counted(frame['n'])} images a fold")
    return Plot(
        figure,
        "Cross-validation of a linear classifier on frozen features of images for training and validation "
        f"({source}), on an axis that does not start at zero. Lines: 95 % intervals over images; dashed: the mean; band: one standard "
        "deviation that so many images give by chance.",
        f"{finding}. Between {frame['accuracy'].min():.1%} and {frame['accuracy'].max():.1%}.",
    )
