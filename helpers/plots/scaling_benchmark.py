"""The figure of time and memory by number of images."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from helpers.plots.labels import label_places
from helpers.plots.style import BLUE, FAINT, GREEN, GREY, INK, ORANGE, PAGE, PINK, Plot, headline, new_figure, theme
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
    low, high = measured["images"].min(), measured["images"].max()
    longest = measured.loc[measured["seconds"].idxmax()]
    finding = (
        f"Time grows as the images do: of {high:,} images, the longest step is {STEP_NAMES[longest['step']]}, "
        f"{brief(longest['seconds'])} s; none takes more than {measured['anonymous_mib'].max():,.0f} MiB"
    )
    with theme():
        figure, (left, right) = new_figure(PAGE, 5.4, 2, 1, sharex=True)
        for step, (colour, marker) in _LOOKS.items():
            rows = measured[measured["step"] == step].sort_values("images")
            for axis, column in ((left, "seconds"), (right, "anonymous_mib")):
                axis.plot(rows["images"], rows[column], color=colour, marker=marker)
        _slope_one(left, measured)
        left.set(xscale="log", yscale="log", ylabel="seconds", xlim=(low / 1.3, high * 20))
        right.set(xlabel="images", ylabel="peak of anonymous memory, MiB")
        right.set_ylim(0, measured["anonymous_mib"].max() * 1.1)
        sizes = sorted(measured["images"].unique())
        right.set_xticks(sizes, [f"{size:,}" for size in sizes])
        right.minorticks_off()
        headline(figure, finding, source)
        ends = measured.sort_values("images").groupby("step").last()
        for axis, column in ((left, "seconds"), (right, "anonymous_mib")):
            label_places(
                axis,
                [(ends.loc[step, "images"], ends.loc[step, column]) for step in _LOOKS if step in ends.index],
                [STEP_NAMES[step] for step in _LOOKS if step in ends.index],
                [colour for step, (colour, _) in _LOOKS.items() if step in ends.index],
            )
    return Plot(
        figure,
        f"Time (above) and peak memory (below) of each step by the number of images, measured ({source}). Points on a line "
        "parallel to the dashed one grow as the images do. Memory is what a process has to have, TensorFlow among it; mapped "
        "pages of files are not in it.",
        f"{finding}. From {low:,} to {high:,} images: " + "; ".join(_grown(measured, step) for step in _LOOKS) + ".",
    )


def _slope_one(axis: Axes, measured: pd.DataFrame) -> None:
    """A line along which twice the images take twice the time, above all points."""
    sizes = np.array([measured["images"].min(), measured["images"].max()])
    seconds = 2 * (measured["seconds"] / measured["images"]).max() * sizes
    axis.plot(sizes, seconds, color=FAINT, linestyle="--", linewidth=1)


def _grown(measured: pd.DataFrame, step: str) -> str:
    rows = measured[measured["step"] == step].sort_values("images")
    if rows.empty:
        return f"{STEP_NAMES[step]} not measured"
    first, last = rows.iloc[0], rows.iloc[-1]
    return (
        f"{STEP_NAMES[step]} {brief(first['seconds'])} to {brief(last['seconds'])} s, {first['anonymous_mib']:.0f} to "
        f"{last['anonymous_mib']:.0f} MiB"
    )
