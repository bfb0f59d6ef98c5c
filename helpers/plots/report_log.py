"""Figures of what the report's own log holds: the seconds of its epochs, and which weights changed."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd

from helpers.analysis import costs
from helpers.plots.style import (
    FAINT,
    INK,
    LIGHT,
    MODEL_COLOURS,
    PAGE,
    RECIPE_MARKERS,
    Plot,
    headline,
    log_ticks,
    new_figure,
    run_colour,
    theme,
)
from helpers.report import selection
from helpers.training.runs import Run

_LOG = "the report's log"


def epoch_seconds(runs: Sequence[Run], reported: pd.DataFrame, source: str) -> Plot:
    """How much longer an epoch of the second phase takes than one of the first, in the report's log and in runs.

    Args:
        runs: of MobileNetV2; one of each recipe is drawn, since seeds differ by what else the machine did. Those of one
            phase are left out. May be empty.
        reported: columns `phase` and `seconds` of the report's log, one row an epoch.
        source: what was trained on.
    """
    drawn = {_LOG: (INK, "x", costs.epoch_seconds_by_phase(reported))}
    first = [run for run in selection.by_recipe(runs).values() if run.history["phase"].max() > 1]
    drawn |= {
        run.title: (
            run_colour(run.model, run.recipe),
            RECIPE_MARKERS[run.recipe],
            costs.epoch_seconds_by_phase(run.history),
        )
        for run in first
    }
    ratios = {name: seconds[2] / seconds[1] for name, (_, _, seconds) in drawn.items()}
    finding = f"In the report's log an epoch of phase 2 takes {ratios[_LOG]:.2f} times as long as one of phase 1"
    released = [run.title for run in first if [not phase.trainable for phase in run.settings.phases] == [False, True]]
    finding += "".join(f"; where the base is unfrozen ({name}), {ratios[name]:.2f} times" for name in released)
    n_images = "".join(f", {n:,} training images" for n in sorted({run.training_images for run in first}))
    with theme():
        figure, axis = new_figure(PAGE, 1.2 + 0.36 * len(drawn))
        for place, (name, (colour, marker, seconds)) in enumerate(reversed(drawn.items())):
            axis.plot([1, ratios[name]], [place] * 2, color=colour, linewidth=1)
            axis.plot(ratios[name], place, marker, color=colour, markersize=6)
            words = (
                f"{ratios[name]:.2f} ({seconds[1]:.2g} s to {seconds[2]:.2g} s)"
                if seconds[2] < 10
                else f"{ratios[name]:.2f} ({seconds[1]:.0f} s to {seconds[2]:.0f} s)"
            )
            axis.annotate(
                words, (max(ratios[name], 1), place), (8, 0), textcoords="offset points", va="center", color=colour
            )
        axis.axvline(1, color=FAINT, linestyle=":", linewidth=1)
        axis.set_yticks(range(len(drawn)), list(reversed(drawn)))
        axis.tick_params(axis="y", length=0)
        low, high = min(1, *ratios.values()), max(1, *ratios.values())
        axis.set(xscale="log", xlim=(low / 1.3, high * max(2.5, (high / low) ** 0.6)), ylim=(-0.6, len(drawn) - 0.4))
        axis.set_xlabel("seconds of an epoch of phase 2 over one of phase 1, logarithmic")
        log_ticks(axis.xaxis)
        headline(figure, finding, source + n_images)
    seeds = " and ".join(str(seed) for seed in sorted({run.seed for run in first}))
    return Plot(
        figure,
        "Median seconds of an epoch of the second phase over that of the first, logarithmic; the first epoch of a phase, which also builds "
        f"the graph, is left out{f'. One run of each recipe, that of the first seed, {seeds}' if seeds else ''} ({source}). Dotted: no "
        "difference. The log is of another machine and other data; only its ratio compares.",
        f"{finding}. " + "; ".join(f"{name}: {ratio:.2f}" for name, ratio in ratios.items()) + ".",
    )


def logged_weights(frame: pd.DataFrame) -> Plot:
    """Which weight tensors of the report's logged run changed: a strip of tensors by the number of their histograms.

    Args:
        frame: of `reported.logged_weights`.
    """
    epochs = int(frame["epochs_logged"].max())
    parts = list(dict.fromkeys(frame["part"]))
    counts = {part: frame[frame["part"] == part]["changed"].agg(["sum", "size"]) for part in parts}
    finding = "; ".join(f"{part}: {count['sum']} of {count['size']} tensors change" for part, count in counts.items())
    # A tensor with k different histograms in n epochs changed in k - 1 of the steps between them.
    cells = (
        np.arange(1, epochs + 1)[:, None]
        <= frame["distinct_histograms"].to_numpy() * (frame["distinct_histograms"] > 1).to_numpy()
    )
    with theme():
        figure, axis = new_figure(PAGE, 1.9)
        colours = mpl.colors.ListedColormap([LIGHT, MODEL_COLOURS["mobilenetv2"]])
        axis.imshow(cells, aspect="auto", cmap=colours, vmin=0, vmax=1, interpolation="nearest", origin="lower",
                    extent=(0, len(frame), 0.5, epochs + 0.5))  # fmt: skip
        start = 0
        for part in parts:
            size = int(counts[part]["size"])
            axis.axvline(start, color="white", linewidth=1.5)
            axis.annotate(
                part, (start + size / 2 if start == 0 else len(frame), 1), (0, 3),
                xycoords=("data", "axes fraction"), textcoords="offset points", ha="center" if start == 0 else "right", va="bottom",
                color=MODEL_COLOURS["mobilenetv2"] if counts[part]["sum"] else FAINT,
            )  # fmt: skip
            start += size
        axis.set(
            xlabel="weight tensor, from the image to the classes", ylabel="different\nhistograms", yticks=[1, epochs]
        )
        headline(figure, f"In {epochs} logged epochs, {finding}", "the report's TensorBoard log")
    changes = "; ".join(f"{part}: {count['sum']} of {count['size']} tensors changed" for part, count in counts.items())
    return Plot(
        figure,
        f"Different histograms of each weight tensor over the {epochs} epochs of the report's logged run, as the height of a coloured "
        "column; grey is a tensor that kept one histogram, so that never changed.",
        f"{changes}.",
    )
