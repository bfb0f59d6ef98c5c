"""What figures of several modules are laid out with."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from helpers.plots.style import PAGE, new_figure

TITLE = 0.25  # inches that a title of one line takes above small images


def tiles(
    rows: int, columns: int, side: float, titles: Sequence[str] = (), left: float = 0.0, top: float = 0.0
) -> tuple[Figure, np.ndarray]:
    """Axes without frames for small images; placed by hand, because the layout engine is slow with a hundred axes.

    Args:
        rows: of the grid.
        columns: of the grid.
        side: height of an image in inches.
        titles: wrapped words that will stand above images; the longest decides the room for all.
        left: inches left free for words before each row.
        top: inches left free above all rows.

    Returns:
        The figure, and its axes (rows, columns).
    """
    gap, margin = 0.06, 0.1
    above = gap + 0.11 * max((title.count("\n") + 1 for title in titles if title), default=0)
    height = top + rows * (side + above) + 0.25
    left = max(left, margin)
    width = (PAGE - left - margin - (columns - 1) * gap) / columns
    places = {
        "left": left / PAGE,
        "right": 1 - margin / PAGE,
        "top": 1 - (top + above) / height,
        "bottom": 0.25 / height,
    }
    gaps = {"wspace": gap / width, "hspace": above / side}
    figure, axes = new_figure(PAGE, height, rows, columns, squeeze=False, layout="none", gridspec_kw={**places, **gaps})
    for axis in axes.flat:
        axis.axis("off")
    return figure, axes


def wrapped(text: str, width: int, most: int) -> str:
    """Text wrapped to a number of lines at most; what is longer ends in "…"."""
    lines = textwrap.wrap(text, width)
    kept = [*lines[: most - 1], *([short(" ".join(lines[most - 1 :]), width)] if len(lines) >= most else [])]
    return "\n".join(kept)


def span(values: pd.Series) -> str:
    """Where nine tenths of the values lie: "0.20 to 0.71"."""
    low, high = values.quantile([0.05, 0.95])
    return f"{low:.2f} to {high:.2f}"


def counted(numbers: pd.Series) -> str:
    """How many there are of each of several: "3,000", or "3,000 to 3,001"."""
    return " to ".join(f"{number:,}" for number in sorted({numbers.min(), numbers.max()}))


def short(text: str, length: int) -> str:
    """Text of at most `length` characters; what is longer ends in "…"."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
