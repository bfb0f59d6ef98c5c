"""The figure of time and memory by number of images."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from helpers.plots.style import BLUE, FAINT, GREEN, GREY, INK, ORANGE, PAGE, PINK, Plot, new_figure, note, theme
from helpers.report.scaling_facts import STEP_NAMES, brief

# In the order of the work; colour never works alone.
_LOOKS = dict(
    zip(
        ("decode", "reopen", "split", "batch", "extract", "evaluate"),
        zip((BLUE, ORANGE, GREEN, PINK, INK, GREY), "os^Dvp", strict=True),
        strict=True,
    )
)


def scaling(measured: pd.DataFrame, source: str) -> Plot:
    """Seconds, and peak of anonymous memory, by number of images.

    Args:
        measured: columns `images`, `step` (keys of STEP_NAMES), `seconds`, `anonymous_mib`.
        source: what was measured, and where.
    """
    measured = measured[measured["step"].isin(STEP_NAMES)]
    with theme():
        figure, (left, right) = new_figure(PAGE, 3.3, 1, 2)
        for step, (colour, marker) in _LOOKS.items():
            rows = measured[measured["step"] == step].sort_values("images")
            for axis, column in ((left, "seconds"), (right, "anonymous_mib")):
                axis.plot(rows["images"], rows[column], color=colour, marker=marker, label=STEP_NAMES[step])
        _slope_one(left, measured)
        left.set(xscale="log", yscale="log", xlabel="images", ylabel="seconds")
        right.set(xscale="log", xlabel="images", ylabel="peak of anonymous memory, MiB")
        right.set_ylim(0, measured["anonymous_mib"].max() * 1.1)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
        note(figure, source)
    low, high = measured["images"].min(), measured["images"].max()
    return Plot(
        figure,
        f"Time (left) and peak memory (right) of each step by the number of images, measured ({source}). Points on a line "
        "parallel to the dashed one grow as the images do. Memory is what a process has to have, TensorFlow among it; mapped "
        "pages of files are not in it.",
        f"From {low:,} to {high:,} images: " + "; ".join(_grown(measured, step) for step in _LOOKS) + ".",
    )


def _slope_one(axis: Axes, measured: pd.DataFrame) -> None:
    """A line along which twice the images take twice the time, above all points."""
    sizes = np.array([measured["images"].min(), measured["images"].max()])
    seconds = 2 * (measured["seconds"] / measured["images"]).max() * sizes
    axis.plot(sizes, seconds, color=FAINT, linestyle="--", linewidth=1, label="slope 1")


def _grown(measured: pd.DataFrame, step: str) -> str:
    rows = measured[measured["step"] == step].sort_values("images")
    if rows.empty:
        return f"{STEP_NAMES[step]} not measured"
    first, last = rows.iloc[0], rows.iloc[-1]
    return (
        f"{STEP_NAMES[step]} {brief(first['seconds'])} to {brief(last['seconds'])} s, {first['anonymous_mib']:.0f} to "
        f"{last['anonymous_mib']:.0f} MiB"
    )
