"""Figures of how training went."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator

from helpers.config.report_facts import REPORTED
from helpers.plots.style import (
    COLUMN,
    FAINT,
    GREY,
    INK,
    MODEL_COLOURS,
    PAGE,
    RECIPE_MARKERS,
    Plot,
    chance_line,
    new_figure,
    note,
    percent_axis,
    run_colour,
    theme,
)
from helpers.report import selection
from helpers.training.runs import Run


def training_curves(runs: Sequence[Run], source: str, reported: Mapping[str, pd.DataFrame] | None = None) -> Plot:
    """Accuracy left, loss right; training dashed, validation solid.

    Args:
        runs: of one family of model; several seeds of a recipe share a colour.
        source: what they were trained on.
        reported: curves of the report by their name for the legend, as `analysis.reported` gives them, drawn in black.
    """
    with theme():
        figure, axes = new_figure(PAGE, 3.1, 1, 2)
        for run in runs:
            options = {
                "color": run_colour(run.model, run.recipe),
                "marker": RECIPE_MARKERS[run.recipe],
                "markevery": max(1, len(run.history) // 6),
            }
            for axis, column in zip(axes, ("accuracy", "loss"), strict=True):
                epochs = run.history["epoch"]
                axis.plot(epochs, run.history[f"validation_{column}"], label=_label(run, runs), **options)
                axis.plot(epochs, run.history[column], linestyle="--", alpha=0.7, linewidth=1, color=options["color"])
                if len(runs) == 1 or reported:
                    for border in _phase_borders(run):
                        axis.axvline(border, color=options["color"], linewidth=0.8, linestyle=(0, (1, 2)))
        if reported:
            _draw_reported_curves(axes, reported)
        elif REPORTED[runs[0].model].accuracy is not None:
            axes[0].axhline(
                REPORTED[runs[0].model].accuracy, color=INK, linewidth=1, linestyle="-.", label="report, table 1"
            )
        chance_line(axes[0], runs[0].probabilities().shape[1])
        axes[0].set(ylabel="accuracy", xlabel="epoch", ylim=(0, None))
        percent_axis(axes[0])
        highest = _highest_loss(runs, reported)
        axes[1].set(ylabel="loss: cross-entropy, nats", xlabel="epoch", ylim=(0, min(highest, 12)))
        for axis in axes:
            axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=2)
        n_training, n_validation = runs[0].training_images, runs[0].result("validation")["n"]
        note(figure, f"{source}, {n_training:,} training and {n_validation:,} validation images")
    finals = _ends(runs, lambda run: f"{run.history['validation_accuracy'].iloc[-1]:.1%}")
    return Plot(
        figure,
        f"Accuracy and cross-entropy (penalties left out) by epoch, validation solid, training dashed ({source}). Training "
        "values are measured while the network changes, with the augmentation, mixing and dropout of the recipe. Dotted: chance level"
        f"{', upright ones the borders between phases' if any(_phase_borders(run) for run in runs) else ''}."
        f"{_seeds(runs)}{' Losses above 12 lie outside the picture.' if highest > 12 else ''}{_covered(runs)}"
        f"{_of_the_report(runs, reported)}{_without_augmentation(runs)}",
        f"Validation accuracy by epoch: {finals}.",
    )


def _ends(runs: Sequence[Run], end: Callable[[Run], str]) -> str:
    """What each recipe ends at; seeds that read the same are named once."""
    ends: dict[str, list[str]] = {}
    for run in runs:
        ends.setdefault(run.title, []).append(end(run))
    return "; ".join(f"{name} ends at {', '.join(dict.fromkeys(endings))}" for name, endings in ends.items())


def _seeds(runs: Sequence[Run]) -> str:
    """A sentence on recipes that have several lines; "" where none has."""
    return (
        " Where a recipe has several seeds, each has a line."
        if len({(run.model, run.recipe) for run in runs}) < len(runs)
        else ""
    )


def _of_the_report(runs: Sequence[Run], reported: Mapping[str, pd.DataFrame] | None) -> str:
    """A sentence on what is drawn in black; "" where nothing is."""
    if reported:
        return f" Black: {'; '.join(reported)}, on its own split, losses with any penalties."
    return "" if REPORTED[runs[0].model].accuracy is None else " Black: the report's table 1, measured on other images."


def _without_augmentation(runs: Sequence[Run]) -> str:
    """A sentence on runs whose scores are higher than their curves; "" where there are none."""
    names = dict.fromkeys(run.title for run in runs if run.settings.flip_at_test)
    return f" The scores of {'; '.join(names)} include test-time augmentation, the curves do not." if names else ""


def _covered(runs: Sequence[Run]) -> str:
    """A sentence on validation curves that a later one hides for all of their length; "" where each can be seen."""
    hidden = [
        run.title
        for i, run in enumerate(runs)
        if any(_lies_on(run, later) for later in runs[i + 1 :] if later.label != run.label)
    ]
    return f" Hidden behind another curve: {'; '.join(dict.fromkeys(hidden))}." if hidden else ""


def _lies_on(run: Run, later: Run) -> bool:
    own, hiding = (shown.history["validation_accuracy"].to_numpy() for shown in (run, later))
    return len(own) <= len(hiding) and bool((abs(own - hiding[: len(own)]) < 0.002).all())


def learning_rates(sweep: pd.DataFrame, marked: float, num_classes: int, model: str, source: str) -> Plot:
    """Loss, accuracy and dead units after a few steps at several learning rates.

    Args:
        sweep: of `training_probes.learning_rate_sweep`.
        marked: the report's learning rate.
        num_classes: for the loss at chance level.
        model: whose learning rates, for the colour.
        source: what was trained on, and how long.
    """
    with theme():
        figure, axes = new_figure(PAGE, 2.4, 1, 3)
        shown = sweep.assign(training_loss=sweep["training_loss"].clip(upper=3 * np.log(num_classes)))
        names = ("training_loss", "validation_accuracy", "dead_share")
        for axis, name in zip(axes, names, strict=True):
            axis.plot(shown["learning_rate"], shown[name], marker="o", color=MODEL_COLOURS[model])
        axes[0].axhline(np.log(num_classes), color=FAINT, linestyle=":", linewidth=1)
        axes[0].set(ylabel="training loss at the end, nats")
        chance_line(axes[1], num_classes)
        axes[1].set(ylabel="validation accuracy", ylim=(0, None))
        axes[2].set(ylabel="dead units, first dense layer", ylim=(-0.03, 1.03))
        for axis in axes[1:]:
            percent_axis(axis)
        for axis in axes:
            axis.axvline(marked, color=INK, linestyle="--", linewidth=1)
            axis.set(xscale="log", xlabel="learning rate")
        note(figure, source)
    best = sweep.loc[sweep["validation_accuracy"].idxmax()]
    at_mark = sweep.loc[(sweep["learning_rate"] - marked).abs().idxmin()]
    return Plot(
        figure,
        f"The same network after the same steps at several learning rates ({source}). Dashed: the report's rate. Dotted: the "
        f"loss ln {num_classes} and the accuracy at chance level.",
        f"At the report's rate validation accuracy is {at_mark['validation_accuracy']:.1%}; the best of the rates tried, "
        f"{best['learning_rate']:g}, reaches {best['validation_accuracy']:.1%}. Of the first dense layer's units "
        f"{at_mark['dead_share']:.0%} are dead at the report's rate, {best['dead_share']:.0%} at the best one.",
    )


def gradient_noise(frame: pd.DataFrame, source: str) -> Plot:
    """How noisy the gradient of one batch is.

    Args:
        frame: of `training_probes.gradient_noise`.
        source: whose gradients.
    """
    with theme():
        figure, axis = new_figure(COLUMN * 1.1, 2.3)
        axis.plot(frame["batch_size"], frame["relative_noise"], marker="o", color=MODEL_COLOURS["shallow_cnn"])
        first = frame.iloc[0]
        fall = first["relative_noise"] * np.sqrt(first["batch_size"] / frame["batch_size"])
        axis.plot(frame["batch_size"], fall, color=FAINT, linestyle=":", label="1 / sqrt(batch size)")
        axis.set(xscale="log", yscale="log", xlabel="batch size", ylabel="noise / mean gradient")
        axis.set_xticks(frame["batch_size"], frame["batch_size"])
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
        axis.legend()
        note(figure, source)
    return Plot(
        figure,
        f"Distance of single batches' gradients from their mean, over its length, before training ({source}).",
        f"The noise falls from {first['relative_noise']:.1f} at {first['batch_size']:.0f} images to "
        f"{frame['relative_noise'].iloc[-1]:.1f} at {frame['batch_size'].iloc[-1]:.0f}.",
    )


def epoch_seconds(runs: Sequence[Run], reported: pd.Series, source: str) -> Plot:
    """Seconds of each epoch, beside those of the report's log.

    Args:
        runs: of MobileNetV2, first seeds first; the first of each recipe is drawn, since seeds differ by what else the
            machine did. May be empty.
        reported: of `reported.epoch_seconds`.
        source: what was trained on.
    """
    first = list(selection.by_recipe(runs).values())
    seeds = " and ".join(str(seed) for seed in sorted({run.seed for run in first}))
    n_images = "".join(f", {n:,} training images" for n in sorted({run.training_images for run in first}))
    with theme():
        figure, axis = new_figure(PAGE, 3)
        log_epochs = np.arange(1, len(reported) + 1)
        axis.plot(log_epochs, reported, color=INK, marker="x", label="the report's log (GTX 1650 Ti)")
        for run in first:
            options = {"color": run_colour(run.model, run.recipe), "marker": RECIPE_MARKERS[run.recipe]}
            for number, phase in run.history.groupby("phase"):
                label = run.title if number == 1 else None
                axis.plot(phase["epoch"], phase["seconds"], label=label, **options)
        axis.axvline(5.5, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
        axis.set(xlabel="epoch", ylabel="seconds of the epoch", yscale="log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        figure.legend(loc="outside upper center", ncols=2)
        note(figure, source + n_images)
    return Plot(
        figure,
        f"Seconds of each epoch, logarithmic{f', in one run of each recipe, that of the first seed, {seeds}' if seeds else ''} "
        f"({source}); a gap in a line is the border between its phases, the dotted line that of the report's log. The log is "
        "of another machine and other data; only its shape compares. An epoch that begins a phase also builds the graph.",
        f"The report's log passes from {reported.iloc[4]:.0f} s in the last epoch of its first phase to "
        f"{reported.iloc[5]:.0f} s in the first of its second, without a jump.",
    )


def logged_weights(frame: pd.DataFrame) -> Plot:
    """How many different histograms the report's log holds of each weight tensor.

    Args:
        frame: of `reported.logged_weights`.
    """
    colours = {"pretrained base": GREY, "new head": MODEL_COLOURS["mobilenetv2"]}
    with theme():
        figure, axis = new_figure(PAGE * 0.8, 2.4)
        for (part, group), marker in zip(frame.groupby("part", sort=False), "o^", strict=False):
            axis.plot(
                group.index + 1,
                group["distinct_histograms"],
                marker,
                color=colours[part],
                label=f"{part}, {len(group)} tensors",
            )
        epochs = int(frame["epochs_logged"].max())
        axis.set(
            xlabel="weight tensor, from the image to the classes",
            ylabel="different histograms",
            ylim=(0, epochs + 1),
            yticks=[1, epochs],
        )
        axis.legend(loc="center left")
        note(figure, "the report's TensorBoard log")
    counts = frame.groupby("part", sort=False)["changed"].agg(["sum", "size"])
    changes = "; ".join(f"{part}: {row['sum']} of {row['size']} tensors changed" for part, row in counts.iterrows())
    return Plot(
        figure,
        f"Different histograms of each weight tensor in the {epochs} epochs of the report's logged run: 1 is a tensor that "
        "never changed.",
        f"{changes}.",
    )


def _label(run: Run, runs: Sequence[Run]) -> str | None:
    """A run's name for the legend: the first seed of a recipe stands for all."""
    is_first = run.seed == min(other.seed for other in runs if other.label == run.label)
    return run.title if is_first else None


def _phase_borders(run: Run) -> list[float]:
    phases = run.history["phase"]
    return (run.history["epoch"][phases.diff() > 0] - 0.5).tolist()


def _highest_loss(runs: Sequence[Run], reported: Mapping[str, pd.DataFrame] | None) -> float:
    losses = [run.history[["loss", "validation_loss"]] for run in runs]
    losses += [curves[["train_loss", "validation_loss"]] for curves in (reported or {}).values()]
    highest = max(frame.max().max() for frame in losses)
    return float(np.nan_to_num(highest, nan=12.0, posinf=12.0)) * 1.05


def _draw_reported_curves(axes: Sequence[Axes], reported: Mapping[str, pd.DataFrame]) -> None:
    for (name, curves), marker in zip(reported.items(), ("x", "+"), strict=False):
        epochs = np.arange(1, len(curves) + 1)
        options: dict[str, Any] = {"color": INK, "markevery": max(1, len(curves) // 6)}
        for axis, column in zip(axes, ("accuracy", "loss"), strict=True):
            axis.plot(epochs, curves[f"validation_{column}"], marker=marker, label=name, **options)
            axis.plot(epochs, curves[f"train_{column}"], color=INK, linestyle="--", linewidth=1, alpha=0.7)
            for border in epochs[curves["phase"].diff() > 0] if "phase" in curves else ():
                axis.axvline(border - 0.5, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))


def penalties(runs: Sequence[Run], num_classes: int, source: str) -> Plot:
    """Validation loss as Keras reports it, penalties included, beside the cross-entropy in it.

    Args:
        runs: with penalties.
        num_classes: for the loss at chance level.
        source: what they were trained on.
    """
    reported = REPORTED["shallow_cnn"].loss
    with theme():
        figure, axis = new_figure(PAGE, 2.7)
        kinds = list(dict.fromkeys((run.model, run.recipe) for run in runs))
        for run in runs:
            width = len(kinds) - kinds.index((run.model, run.recipe))  # a line under another looks out on both sides
            options: dict[str, Any] = {
                "color": run_colour(run.model, run.recipe),
                "marker": RECIPE_MARKERS[run.recipe],
                "linewidth": 0.5 + width,
                "markersize": 2 + 2 * width,
            }
            name, history = _label(run, runs), run.history
            labels = [f"{name}: {what}" if name else None for what in ("with penalties", "cross-entropy")]
            axis.plot(history["epoch"], history["validation_objective"], label=labels[0], **options)
            axis.plot(history["epoch"], history["validation_loss"], "--", label=labels[1], **options)
        axis.axhline(
            reported, color=INK, linestyle="-.", linewidth=1, label=f"report's table 1, shallow CNN: {reported:g}"
        )
        axis.axhline(
            np.log(num_classes), color=FAINT, linestyle=":", linewidth=1, label=f"chance level: ln {num_classes}"
        )
        axis.set(xlabel="epoch", ylabel="validation loss, nats", yscale="log")
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        # The losses span less than two decades: ticks between the powers of ten, close enough to read values from.
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.5, 2, 3, 4, 5, 6, 8)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
        figure.legend(loc="outside right center")
        note(figure, f"{source}, n = {runs[0].result('validation')['n']:,} validation images")
    ends = _ends(
        runs,
        lambda run: (
            f"{run.history['validation_objective'].iloc[-1]:.1f} with penalties and "
            f"{run.history['validation_loss'].iloc[-1]:.1f} without"
        ),
    )
    return Plot(
        figure,
        f"Validation loss of the networks with penalties, logarithmic: solid as Keras reports it, dashed the cross-entropy "
        f"in it ({source}). The report's {reported:g}, of its shallow CNN, comes from other data.{_seeds(runs)}",
        f"{ends}.",
    )


def penalty_course(course: pd.DataFrame, num_classes: int, source: str) -> Plot:
    """Penalty and cross-entropy over the first steps of training.

    Args:
        course: of `penalties.course`.
        num_classes: for the loss at chance level.
        source: what was trained on.
    """
    with theme():
        figure, axis = new_figure(PAGE * 0.75, 2.5)
        colour = MODEL_COLOURS["deep_cnn_l2"]
        axis.plot(course["step"], course["penalty"], color=colour, label="penalty")
        axis.plot(course["step"], course["cross_entropy"], "--", color=INK, linewidth=1, label="cross-entropy")
        axis.axhline(
            np.log(num_classes), color=FAINT, linestyle=":", linewidth=1, label=f"chance level: ln {num_classes}"
        )
        axis.set(xlabel="optimizer step", ylabel="nats", yscale="log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        figure.legend(loc="outside right center")
        note(figure, source)
    return Plot(
        figure,
        f"The two parts of the objective over the first steps: the L2 penalty and the cross-entropy of each batch ({source}).",
        f"The penalty has {course['penalty'].iloc[0]:.1f} nats after the first step, {course['penalty'].max():.1f} at its "
        f"highest and {course['penalty'].iloc[-1]:.1f} at the end; the cross-entropy ends at "
        f"{course['cross_entropy'].iloc[-1]:.1f}.",
    )
