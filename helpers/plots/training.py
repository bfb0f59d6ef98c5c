"""Figures of short experiments with training: learning rates, batches, penalties."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.config.labels import MODEL_NAMES
from helpers.plots.labels import label_places
from helpers.plots.style import (
    FAINT,
    INK,
    MODEL_COLOURS,
    PAGE,
    Plot,
    chance_line,
    headline,
    log_ticks,
    new_figure,
    percent_axis,
    theme,
)

_POINTS = 400  # of a curve by steps
_HIGHEST_LOSS = 3  # that is drawn, in losses at chance level: the others would press the rest flat


def learning_rates(sweep: pd.DataFrame, marked: float, num_classes: int, model: str, source: str) -> Plot:
    """Loss, accuracy and dead units after a few steps at several learning rates.

    Args:
        sweep: of `training_probes.learning_rate_sweep`; a rate of 0 is drawn as the untrained network.
        marked: the report's learning rate.
        num_classes: for the loss at chance level.
        model: whose learning rates, for the colour.
        source: what was trained on, and how long.
    """
    trained = sweep["learning_rate"] > 0
    best = sweep.loc[sweep.loc[trained, "validation_accuracy"].idxmax()]
    at_mark = sweep.loc[(sweep["learning_rate"] - marked).abs().idxmin()]
    highest = _HIGHEST_LOSS * np.log(num_classes)
    n_higher = int((sweep["training_loss"] > highest).sum())
    clipped = f" Losses above {highest:.1f} ({n_higher} here) are drawn at {highest:.1f}." if n_higher else ""
    layers = [
        (column, layer) for column, layer in (("dead_conv_2", "conv_2"), ("dead_share", "dense_1")) if column in sweep
    ]
    finding = (
        f"{MODEL_NAMES[model]}: at the report's rate, {marked:g}, {_dead(at_mark, layers)} is dead and validation accuracy is "
        f"{at_mark['validation_accuracy']:.1%}; at {best['learning_rate']:g}, {_dead(best, layers)}, and {best['validation_accuracy']:.1%}"
    )
    decades = 10.0 ** np.arange(*np.round(np.log10(sweep.loc[trained, "learning_rate"].agg(["min", "max"]))) + [0, 1])
    untrained = decades[0] / 10
    with theme():
        figure, axes = new_figure(PAGE, 5.0, 3, 1, sharex=True)
        shown = sweep.assign(training_loss=sweep["training_loss"].clip(upper=highest))
        drawn = (("training_loss",), ("validation_accuracy",), tuple(column for column, _ in layers))
        for axis, names in zip(axes, drawn, strict=True):
            for name, look in zip(names[::-1], ("-", "--"), strict=False):
                axis.plot(
                    shown.loc[trained, "learning_rate"],
                    shown.loc[trained, name],
                    look,
                    marker="o",
                    color=MODEL_COLOURS[model],
                )
                fresh = shown.loc[~trained, name]
                axis.plot([untrained] * len(fresh), fresh, "o", fillstyle="none", color=MODEL_COLOURS[model])
        axes[0].axhline(np.log(num_classes), color=FAINT, linestyle=":", linewidth=1)
        axes[0].set(ylabel="training loss\nat the end, nats")
        chance_line(axes[1], num_classes)
        axes[1].set(ylabel="validation accuracy", ylim=(0, 1.15 * axes[1].get_ylim()[1]))
        axes[2].set(ylabel="dead units", ylim=(-0.03, 1.03))
        for axis in axes[1:]:
            percent_axis(axis, decimals=0)
        for axis in axes:
            axis.axvline(marked, color=INK, linestyle="--", linewidth=1)
            axis.set_xscale("log")
            ticks = [f"$10^{{{round(np.log10(decade))}}}$" for decade in decades]
            axis.set_xticks(*((decades, ticks) if trained.all() else ([untrained, *decades], ["0", *ticks])))
            axis.minorticks_off()
        axes[-1].set_xlabel("learning rate" if trained.all() else "learning rate (0: untrained)")
        headline(figure, finding, source)
        axes[0].set_ylim(top=axes[0].get_ylim()[0] + 1.2 * np.ptp(axes[0].get_ylim()))
        label_places(axes[0], [(marked, axes[0].get_ylim()[1])], ["the report's"], [INK])
        middle = sweep.loc[trained].iloc[(trained.sum() - 1) // 2]
        places = [(middle["learning_rate"], middle[column]) for column, _ in layers]
        label_places(axes[2], places, [layer for _, layer in layers], [MODEL_COLOURS[model]] * len(places))
    return Plot(
        figure,
        f"The same network after the same steps at several learning rates ({source}). Dashed upright: the report's rate. Dotted: the "
        f"loss ln {num_classes} and the accuracy at chance level.{clipped} Dead: zero for every one of 200 validation images"
        f"{'.' if trained.all() else '; hollow marks are the untrained network.'}",
        f"{finding}." + "".join(f" Untrained, {_dead(row, layers)}." for _, row in sweep[~trained].iterrows()),
    )


def _dead(row: pd.Series, layers: Sequence[tuple[str, str]]) -> str:
    """The shares of dead units by layer: "98% of conv_2 and 100% of dense_1"."""
    return " and ".join(f"{row[column]:.0%} of {layer}" for column, layer in layers)


def gradient_noise(frame: pd.DataFrame, source: str) -> Plot:
    """How noisy the gradient of one batch is.

    Args:
        frame: of `training_probes.gradient_noise`.
        source: whose gradients.
    """
    first, last = frame.iloc[0], frame.iloc[-1]
    finding = (
        f"The noise of a gradient falls from {first['relative_noise']:.1f} to {last['relative_noise']:.1f} times its mean, from "
        f"{first['batch_size']:.0f} images a batch to {last['batch_size']:.0f}"
    )
    with theme():
        figure, axis = new_figure(PAGE * 0.8, 2.7)
        axis.plot(frame["batch_size"], frame["relative_noise"], marker="o", color=MODEL_COLOURS["shallow_cnn"])
        fall = first["relative_noise"] * np.sqrt(first["batch_size"] / frame["batch_size"])
        axis.plot(frame["batch_size"], fall, color=FAINT, linestyle=":")
        axis.set(xscale="log", yscale="log", xlabel="batch size", ylabel="noise / mean gradient")
        axis.set_xticks(frame["batch_size"], frame["batch_size"])
        log_ticks(axis.yaxis)
        axis.minorticks_off()
        headline(figure, finding, source)
        middle = len(frame) // 2
        places = [(frame["batch_size"].iloc[middle], values.iloc[middle]) for values in (frame["relative_noise"], fall)]
        label_places(axis, places, ["measured", "1 / sqrt(batch size)"], [MODEL_COLOURS["shallow_cnn"], FAINT])
    return Plot(
        figure,
        f"Distance of single batches' gradients from their mean, over its length, before training ({source}).",
        f"{finding}.",
    )


def penalty_course(course: pd.DataFrame, num_classes: int, source: str) -> Plot:
    """Penalty and cross-entropy over the first steps of training.

    Args:
        course: of `penalties.course`.
        num_classes: for the loss at chance level.
        source: what was trained on.
    """
    highest = course.loc[course["penalty"].idxmax()]
    finding = (
        f"The penalty rises from {course['penalty'].iloc[0]:.1f} to {highest['penalty']:.1f} nats in {highest['step']:.0f} steps and ends at "
        f"{course['penalty'].iloc[-1]:.1f}"
    )
    with theme():
        figure, axis = new_figure(PAGE, 2.7)
        colour, last = MODEL_COLOURS["deep_cnn_l2"], course.iloc[-1]
        shown = course.iloc[np.unique(np.linspace(0, len(course) - 1, _POINTS).astype(int))]
        axis.plot(shown["step"], shown["penalty"], color=colour)
        axis.plot(shown["step"], shown["cross_entropy"], "--", color=INK, linewidth=1)
        axis.axhline(np.log(num_classes), color=FAINT, linestyle=":", linewidth=1)
        axis.set(xlabel="optimizer step", ylabel="nats", yscale="log", xlim=(0, 1.3 * last["step"]))
        log_ticks(axis.yaxis)
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axis.set_xticks([tick for tick in axis.get_xticks() if 0 <= tick <= last["step"]])
        headline(figure, finding, source)
        label_places(
            axis,
            [(last["step"], last["penalty"]), (last["step"], last["cross_entropy"])],
            ["penalty", "cross-entropy"],
            [colour, INK],
        )
    return Plot(
        figure,
        f"The two parts of the objective over the first steps: the L2 penalty and the cross-entropy of each batch ({source}). Dotted: "
        f"ln {num_classes}, the cross-entropy at chance level.",
        f"The penalty has {course['penalty'].iloc[0]:.1f} nats after the first step, {course['penalty'].max():.1f} at its "
        f"highest and {course['penalty'].iloc[-1]:.1f} at the end; the cross-entropy ends at "
        f"{course['cross_entropy'].iloc[-1]:.1f}.",
    )
