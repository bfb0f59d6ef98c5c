"""Figures of what changes to a recipe bring, transfer learning first."""

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from helpers.config.labels import MODEL_NAMES
from helpers.plots.layout import counted, wrapped
from helpers.plots.style import (
    COLUMN,
    GREY,
    INK,
    MODEL_COLOURS,
    PAGE,
    RUN_COLOURS,
    Plot,
    new_figure,
    note,
    percent_axis,
    theme,
)


def levers(frame: pd.DataFrame, source: str) -> Plot:
    """What each lever brought, one after another, with intervals over images.

    Args:
        frame: of `results.levers`.
        source: what was evaluated.
    """
    colour = MODEL_COLOURS["mobilenetv2"]
    with theme():
        figure, axis = new_figure(PAGE, 0.8 + 0.34 * len(frame))
        places = np.arange(len(frame))[::-1]
        errors = [frame["accuracy"] - frame["low"], frame["high"] - frame["accuracy"]]
        axis.errorbar(
            frame["accuracy"], places, xerr=errors, fmt="o-", color=colour, ecolor=INK, capsize=3, linewidth=1
        )
        for place, row in zip(places, frame.itertuples(), strict=True):
            gain = "" if np.isnan(row.gain) else f" ({100 * row.gain:+.1f})"
            axis.text(row.high + 0.012, place, f"{row.accuracy:.1%}{gain}", va="center")
        axis.set_yticks(places, [wrapped(lever, 44, 2) for lever in frame["lever"]])
        axis.set(xlabel="validation accuracy")
        axis.margins(x=0.2, y=0.1)
        axis.set_xlim(left=0)
        percent_axis(axis, "x")
        note(figure, f"{source}, n = {frame['n'].iloc[0]:,} images")
    return Plot(
        figure,
        f"What each lever brought, one after another, on validation ({source}); lines are 95 % intervals over images. Linear "
        "classifiers on a frozen base learned from a part of the training images.",
        "; ".join(f"{row.lever}: {row.accuracy:.1%}" for row in frame.itertuples()),
    )


def learning_curve(curve: pd.DataFrame, source: str) -> Plot:
    """Accuracy of a linear classifier on frozen features by the number of training images.

    Args:
        curve: of `linear_probes.learning_curve`.
        source: what was evaluated.
    """
    colour = MODEL_COLOURS["mobilenetv2"]
    means = curve.groupby("images_per_class")[["accuracy", "low", "high"]].mean()
    with theme():
        figure, axis = new_figure(COLUMN, 2.5)
        axis.plot(means.index, means["accuracy"], color=colour)
        axis.fill_between(means.index, means["low"], means["high"], color=colour, alpha=0.2, linewidth=0)
        axis.plot(curve["images_per_class"], curve["accuracy"], "o", color=colour, markersize=3)
        axis.set(xscale="log", xlabel="training images of each class", ylabel="validation accuracy", ylim=(0, None))
        axis.set_xticks(means.index, [str(size) for size in means.index])
        axis.xaxis.set_minor_formatter(NullFormatter())
        percent_axis(axis)
        note(figure, f"{source}, n = {curve['n'].iloc[0]:,} images")
    return Plot(
        figure,
        f"A linear classifier on frozen MobileNetV2 features by the number of training images ({source}). Points: draws of the "
        "training images; band: 95 % interval over validation images.",
        "Accuracy by images: " + "; ".join(f"{size} a class {value:.1%}" for size, value in means["accuracy"].items()),
    )


def input_sweep(sweep: pd.DataFrame, source: str) -> Plot:
    """What input size and input range are worth.

    Args:
        sweep: of `linear_probes.input_sweep`.
        source: what was evaluated.
    """
    markers = iter("os^")
    with theme():
        figure, axis = new_figure(PAGE * 0.7, 2.7)
        colours = iter((INK, MODEL_COLOURS["mobilenetv2"], GREY))
        for span, group in sweep.groupby("input_range", sort=False):
            errors = [group["accuracy"] - group["low"], group["high"] - group["accuracy"]]
            axis.errorbar(
                group["input_size"],
                group["accuracy"],
                yerr=errors,
                marker=next(markers),
                color=next(colours),
                capsize=3,
                label=f"pixels scaled {span}",
            )
        axis.set_xticks(sorted(sweep["input_size"].unique()))
        axis.set(xlabel="input size, pixels (the images have 64)", ylabel="validation accuracy", ylim=(0, None))
        percent_axis(axis)
        axis.legend()
        note(figure, f"{source}, n = {sweep['n'].iloc[0]:,} validation images")
    low, high = sweep.loc[sweep["accuracy"].idxmin()], sweep.loc[sweep["accuracy"].idxmax()]
    return Plot(
        figure,
        f"A linear classifier on frozen MobileNetV2 features, by input size and by the range pixels are scaled to, with 95 % "
        f"intervals ({source}).",
        f"From {low['accuracy']:.1%} at {low['input_size']:.0f} px ({low['input_range']}) to {high['accuracy']:.1%} at "
        f"{high['input_size']:.0f} px ({high['input_range']}).",
    )


def folds(frame: pd.DataFrame, source: str) -> Plot:
    """Accuracy of each fold with its interval over images.

    Args:
        frame: of `linear_probes.cross_validation`.
        source: what was evaluated.
    """
    with theme():
        figure, axis = new_figure(COLUMN, 2.3)
        errors = [frame["accuracy"] - frame["low"], frame["high"] - frame["accuracy"]]
        axis.errorbar(
            frame["fold"], frame["accuracy"], yerr=errors, fmt="o", color=MODEL_COLOURS["mobilenetv2"], capsize=3
        )
        axis.axhline(frame["accuracy"].mean(), color=INK, linestyle="--", linewidth=1)
        axis.set(xlabel="fold", ylabel="accuracy of the fold", xticks=frame["fold"], ylim=(0, None))
        percent_axis(axis)
        note(figure, f"{source}, n = {counted(frame['n'])} images a fold")
    return Plot(
        figure,
        f"Cross-validation of a linear classifier on frozen features of images for training and validation ({source}); lines are 95 % intervals over images, dashed "
        "is the mean.",
        f"{len(frame)} folds between {frame['accuracy'].min():.1%} and {frame['accuracy'].max():.1%}.",
    )


def improvements(steps: pd.DataFrame, source: str) -> Plot:
    """What each change brought, as steps from the report's recipe to the improved one.

    Args:
        steps: of `results.steps`.
        source: what was evaluated.
    """
    with theme():
        figure, axis = new_figure(PAGE, 0.8 + 0.3 * len(steps))
        for place, row in enumerate(steps.iloc[::-1].itertuples()):
            # A step between two recipes is no run; it leads to the improved one, whose colour is the model's.
            colour = RUN_COLOURS.get(row.step, MODEL_COLOURS[row.model])
            axis.barh(place, row.accuracy, color=colour, height=0.6)
            errors = [[row.accuracy - row.low], [row.high - row.accuracy]]
            axis.errorbar(row.accuracy, place, xerr=errors, color=INK, capsize=2, linewidth=1)
            axis.text(row.high + 0.008, place, f"{row.accuracy:.1%}", va="center")
        axis.set_yticks(range(len(steps)), steps["step"].iloc[::-1])
        axis.set(xlabel="validation accuracy")
        axis.margins(x=0.12)
        axis.set_xlim(left=0)
        percent_axis(axis, "x")
        note(figure, source)
    ends = steps.groupby("model", sort=False)["accuracy"].agg(["first", "last"])
    gains = "; ".join(
        f"{MODEL_NAMES[model]} {100 * (end['last'] - end['first']):+.1f}" for model, end in ends.iterrows()
    )
    return Plot(
        figure,
        f"From the report's recipe to the improved one, step by step, on validation with 95 % intervals ({source}); one run of "
        f"each recipe. From the first to the last step, in points: {gains}.",
        "; ".join(f"{row.step}: {row.accuracy:.1%}" for row in steps.itertuples()),
    )
