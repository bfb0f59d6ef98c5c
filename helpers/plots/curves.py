"""Curves of training: one panel a measure, one above the other, with the names of the lines at their ends."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from helpers.config.labels import MODEL_NAMES
from helpers.plots.labels import label_places
from helpers.plots.style import (
    FAINT,
    INK,
    PAGE,
    RECIPE_MARKERS,
    Plot,
    chance_line,
    headline,
    log_ticks,
    new_figure,
    percent_axis,
    run_colour,
    theme,
)
from helpers.training.runs import Run

_PANELS = {
    "accuracy": "accuracy",
    "objective": "objective, nats",
    "loss": "cross-entropy, nats",
}
_ROOM = 0.34  # of the epochs, right of the last one, for the names of the lines


def training_curves(
    runs: Sequence[Run],
    source: str,
    reported: Mapping[str, pd.DataFrame] | None = None,
    with_objective: bool = False,
) -> Plot:
    """Accuracy above, loss below it on a logarithmic axis; training dashed, validation solid.

    Args:
        runs: of one family of model; several seeds of a recipe share a colour and a label.
        source: what they were trained on.
        reported: curves of the report by their name, as `analysis.reported` gives them, drawn in black. Their losses hold any
            penalties, so they stand in the panel of the objective where there is one.
        with_objective: a panel between the two has what the optimizer saw, with penalties and label smoothing.
    """
    panels = [name for name in _PANELS if with_objective or name != "objective"]
    reported = reported or {}
    with theme():
        figure, axes = new_figure(PAGE, 0.7 + 1.85 * len(panels), len(panels), 1, sharex=True)
        places: list[list[tuple[str, str, float, float]]] = []
        for axis, panel in zip(axes, panels, strict=True):
            lines = [_draw_run(axis, run, panel) for run in runs]
            if panel != "loss" or not with_objective:
                lines += [
                    _draw_reported(axis, *item, panel, marker)
                    for item, marker in zip(reported.items(), itertools.cycle("x+*"), strict=False)
                ]
            places.append(list({(text, colour): (text, colour, x, y) for text, colour, x, y in lines}.values()))
            axis.set_ylabel(_PANELS[panel])
        _finish_axes(axes, runs, reported, panels)
        n_training, n_validation = runs[0].training_images, runs[0].result("validation")["n"]
        images = f"{n_training:,} training and {n_validation:,} validation images"
        headline(figure, _title(runs, reported), f"{source}, {images}")
        for axis, labels in zip(axes, places, strict=True):
            label_places(
                axis,
                [(x, y) for _, _, x, y in labels],
                [text for text, *_ in labels],
                [colour for _, colour, *_ in labels],
            )
    return Plot(figure, _caption(runs, source, reported, panels), f"{_finding(runs, reported)}.")


def _draw_run(axis: Axes, run: Run, panel: str) -> tuple[str, str, float, float]:
    """Both lines of a run; returns its label, its colour, and where its validation line ends."""
    colour, history = run_colour(run.model, run.recipe), run.history
    options: dict[str, Any] = {"marker": RECIPE_MARKERS[run.recipe], "markevery": max(1, len(history) // 6)}
    axis.plot(history["epoch"], history[f"validation_{panel}"], color=colour, markersize=3, linewidth=1.2, **options)
    axis.plot(history["epoch"], history[panel], linestyle="--", alpha=0.6, linewidth=0.9, color=colour)
    last = history.iloc[-1]
    return _short(run), colour, float(last["epoch"]), float(last[f"validation_{panel}"])


def _draw_reported(
    axis: Axes, name: str, curves: pd.DataFrame, panel: str, marker: str
) -> tuple[str, str, float, float]:
    epochs, column = np.arange(1, len(curves) + 1), "accuracy" if panel == "accuracy" else "loss"
    validation = curves[f"validation_{column}"]
    axis.plot(epochs, validation, color=INK, marker=marker, markevery=max(1, len(curves) // 6), linewidth=1.2)
    axis.plot(epochs, curves[f"train_{column}"], color=INK, linestyle="--", linewidth=0.9, alpha=0.6)
    return name, INK, float(epochs[-1]), float(validation.iloc[-1])


def _finish_axes(
    axes: Sequence[Axes], runs: Sequence[Run], reported: Mapping[str, pd.DataFrame], panels: Sequence[str]
) -> None:
    last = max([int(run.history["epoch"].iloc[-1]) for run in runs] + [len(curves) for curves in reported.values()])
    num_classes = runs[0].probabilities("validation").shape[1]
    borders = sorted({border for run in runs for border in _phase_borders(run)})
    for axis, panel in zip(axes, panels, strict=True):
        axis.set_xlim(0.5 if last > 1 else 0, last + max(1.0, _ROOM * last))
        for border in borders:
            axis.axvline(border, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
        if panel == "accuracy":
            chance_line(axis, num_classes)
            top = axis.get_ylim()[1]
            axis.set_ylim(0, 1.12 * top)
            axis.set_yticks([tick for tick in axis.get_yticks() if 0 <= tick <= 1.12 * top])
            axis.set_ylim(-0.14 * top, 1.12 * top)  # below 0 is room for the names of what stays at chance level
            percent_axis(axis, decimals=0)
            continue
        axis.set_yscale("log")
        log_ticks(axis.yaxis, (1, 2, 3, 5))
        axis.axhline(np.log(num_classes), color=FAINT, linestyle=":", linewidth=1)
    if borders and len(borders) == 1:
        for phase, x, side in ((1, borders[0], "right"), (2, borders[0], "left")):
            axes[0].annotate(
                f"phase {phase}",
                (x, 1),
                (-4 if side == "right" else 4, -2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha=side,
                va="top",
                color=FAINT,
            )
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[-1].set_xticks([tick for tick in axes[-1].get_xticks() if 1 <= tick <= last])


def _short(run: Run) -> str:
    """A run's name within its family: "improved", "as reported + L2"."""
    *variant, recipe = run.title.split(", ")[1:]
    return " + ".join([recipe, *variant])


def _finding(runs: Sequence[Run], reported: Mapping[str, pd.DataFrame]) -> str:
    """Where the validation accuracies end; for one recipe of two phases, what the second brought."""
    recipes = dict.fromkeys(_short(run) for run in runs)
    family = MODEL_NAMES[runs[0].model].split(", ")[0]
    if len(recipes) == 1 and not reported and _phase_borders(runs[0]):
        at_border = [run.history.query("phase == 1")["validation_accuracy"].iloc[-1] for run in runs]
        at_end = [run.history["validation_accuracy"].iloc[-1] for run in runs]
        return f"{family}, {next(iter(recipes))}: validation accuracy is {_range(at_border)} after phase 1 and {_range(at_end)} at the end"
    ends = {
        name: _range([run.history["validation_accuracy"].iloc[-1] for run in runs if _short(run) == name])
        for name in recipes
    }
    ends |= {name: f"{curves['validation_accuracy'].iloc[-1]:.1%}" for name, curves in reported.items()}
    by_value: dict[str, list[str]] = {}
    for name, value in sorted(ends.items(), key=lambda item: -float(item[1].split("%")[0])):
        by_value.setdefault(value, []).append(name)
    listed = "; ".join(f"{value} {', '.join(names)}" for value, names in by_value.items())
    return f"{family}, validation accuracy at the end: {listed}"


def _title(runs: Sequence[Run], reported: Mapping[str, pd.DataFrame]) -> str:
    """What sets the improved recipe apart; where there is no other, or it is missing, the whole finding."""
    ends = [(run.recipe, run.history["validation_accuracy"].iloc[-1]) for run in runs]
    ends += [("", curves["validation_accuracy"].iloc[-1]) for curves in reported.values()]
    improved, others = ([end for recipe, end in ends if (recipe == "improved") is wanted] for wanted in (True, False))
    if not improved or not others:
        return _finding(runs, reported)
    family = MODEL_NAMES[runs[0].model].split(", ")[0]
    return (
        f"{family}: validation accuracy ends at {_range(improved)} with the improved recipe, at {_range(others)} with the others"
        f"{' and in the report' if reported else ''}"
    )


def _range(values: Sequence[float]) -> str:
    """One value, or the lowest and highest of several seeds."""
    return " to ".join(dict.fromkeys(f"{value:.1%}" for value in (min(values), max(values))))


def _caption(runs: Sequence[Run], source: str, reported: Mapping[str, pd.DataFrame], panels: Sequence[str]) -> str:
    losses = (
        "Accuracy, objective (with penalties and label smoothing) and cross-entropy, the latter two on a logarithmic scale"
        if "objective" in panels
        else "Accuracy, and cross-entropy without penalties on a logarithmic scale"
    )
    has_border = any(_phase_borders(run) for run in runs)
    losses_of_report = (
        f"{name} from {curves['train_loss'].iloc[0]:.1f} to {curves['train_loss'].iloc[-1]:.1f}"
        for name, curves in reported.items()
    )
    of_report = (
        f"Black: the report's curves on its own split; its losses include penalties (in training: {'; '.join(losses_of_report)}). "
        if reported
        else ""
    )
    several = len({(run.model, run.recipe) for run in runs}) < len(runs)
    names = dict.fromkeys(run.title for run in runs if len(run.settings.views_at_test) > 1)
    flipped = f"Scores of {'; '.join(names)} include test-time augmentation; the curves do not." if names else ""
    return (
        f"{losses}, by epoch ({source}). Solid: validation; dashed: training. Training values are measured while the "
        "network changes, with the augmentation, mixing and dropout of the recipe. Dotted: chance level"
        f"{', and upright the border between two phases' if has_border else ''}. {of_report}"
        f"{'Where a recipe has several seeds, each has a line. ' if several else ''}"
        f"{flipped}"
    ).strip()


def _phase_borders(run: Run) -> list[float]:
    phases = run.history["phase"]
    return (run.history["epoch"][phases.diff() > 0] - 0.5).tolist()
