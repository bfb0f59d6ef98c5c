"""What figures of several modules are laid out with."""

import itertools
import textwrap
from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from helpers.plots.style import PAGE, new_figure

_DISTANCES = (5, 9, 14, 20, 27, 35, 45, 57, 72, 90)  # points between a place and its label, nearest first
_DIRECTIONS = ((1, 0), (1, 0.7), (1, -0.7), (0, 1), (0, -1), (-1, 0.7), (-1, -0.7), (-1, 0))
_LEADER_FROM = 14  # points; a label farther away gets a line to its place


def tiles(
    rows: int, columns: int, side: float, titles: Sequence[str] = (), left: float = 0.0
) -> tuple[Figure, np.ndarray]:
    """Axes without frames for small images; placed by hand, because the layout engine is slow with a hundred axes.

    Args:
        rows: of the grid.
        columns: of the grid.
        side: height of an image in inches.
        titles: wrapped words that will stand above images; the longest decides the room for all.
        left: inches left free for words before each row.

    Returns:
        The figure, and its axes (rows, columns).
    """
    gap, margin = 0.06, 0.1
    above = gap + 0.11 * max((title.count("\n") + 1 for title in titles if title), default=0)
    height = rows * (side + above) + 0.25
    left = max(left, margin)
    width = (PAGE - left - margin - (columns - 1) * gap) / columns
    places = {"left": left / PAGE, "right": 1 - margin / PAGE, "top": 1 - above / height, "bottom": 0.25 / height}
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


def label_places(
    axis: Axes, places: Sequence[tuple[float, float]], texts: Sequence[str], colours: Sequence[str]
) -> list[Annotation]:
    """Write words beside places, where they cover neither each other nor what is drawn.

    Call it last: it reads where lines and limits lie. A label that found room only farther away gets a thin line to its place.

    Args:
        axis: with everything drawn and its limits set; labels stay inside it.
        places: in the units of the axes.
        texts: one for each place.
        colours: of the words.
    """
    axis.autoscale(False)  # the lines to far labels change no limit
    figure = lay_out(axis)
    pixels_per_point = figure.dpi / 72
    frame, drawn = axis.get_window_extent(), _drawn_pixels(axis)
    taken: list[np.ndarray] = []
    labels = []
    for place, text, colour in zip(places, texts, colours, strict=True):
        label = axis.annotate(text, place, (0, 0), textcoords="offset points", color=colour, annotation_clip=False)
        label.set_in_layout(False)
        extent = label.get_window_extent()
        size, anchor = np.array([extent.width, extent.height]), axis.transData.transform(place)
        best = (np.inf, 0.0, (1.0, 0.0), np.zeros(4))
        for distance in _DISTANCES:
            for direction in _DIRECTIONS:
                at = anchor + distance * pixels_per_point * np.array(direction)
                low = at - size * (1 - np.sign(direction)) / 2
                box = np.concatenate([low, low + size])
                cost = _covered(box, drawn, taken, (frame.x0, frame.y0, frame.x1, frame.y1))
                if cost < best[0]:
                    best = (cost, distance, direction, box)
            if not best[0]:
                break
        _, distance, (right, up), box = best
        label.set(
            position=(distance * right, distance * up),
            ha={1: "left", 0: "center", -1: "right"}[int(np.sign(right))],
            va={1: "bottom", 0: "center", -1: "top"}[int(np.sign(up))],
        )
        if distance >= _LEADER_FROM:
            end = tuple(np.array((distance * right, distance * up)) * pixels_per_point + anchor)
            axis.plot(
                *zip(place, axis.transData.inverted().transform(end), strict=True),
                color=colour,
                linewidth=0.5,
                zorder=1,
            )
        taken.append(box)
        labels.append(label)
    return labels


def lay_out(axis: Axes) -> Figure:
    """Let the layout decide where everything of an axes' figure lies; returns the figure."""
    figure = cast(Figure, axis.get_figure(root=True))
    figure.draw_without_rendering()
    return figure


def _drawn_pixels(axis: Axes) -> np.ndarray:
    """Where lines and marks of an axes lie, float (n, 2)."""
    points_of_lines = [(line, np.asarray(line.get_xydata())) for line in axis.lines]
    paths = [line.get_transform().transform(points) for line, points in points_of_lines if len(points)]
    for collection in axis.collections:
        offsets = collection.get_offset_transform().transform(collection.get_offsets())
        paths += [offsets] if len(offsets) > 1 else []
        paths += [collection.get_transform().transform(path.vertices) for path in collection.get_paths()[:200]]
    steps = np.linspace(0, 1, 40)[:, None]
    dense = [
        np.concatenate([start + steps * (end - start) for start, end in itertools.pairwise(path)])
        if len(path) > 1
        else path
        for path in paths
    ]
    points = np.concatenate(dense) if dense else np.empty((0, 2))
    return points[np.isfinite(points).all(axis=1)]


def _covered(
    box: np.ndarray, drawn: np.ndarray, taken: Sequence[np.ndarray], frame: tuple[float, float, float, float]
) -> float:
    """How much a label in a box (left, bottom, right, top; pixels) would cover; 0 for nothing."""
    margin = 2.0
    inside = ((drawn > box[:2] - margin) & (drawn < box[2:] + margin)).all(axis=1).sum()
    overlaps = sum(bool((box[:2] < other[2:] + 1).all() and (other[:2] - 1 < box[2:]).all()) for other in taken)
    outside = max(0.0, frame[0] - box[0], frame[1] - box[1], box[2] - frame[2], box[3] - frame[3])
    return float(inside + 1000 * overlaps + 100 * outside)
