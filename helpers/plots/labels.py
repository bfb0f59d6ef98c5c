"""Names beside what they name: where a label covers neither another label nor what is drawn."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from helpers.plots.style import FAINT

_DISTANCES = (5, 9, 14, 20, 27, 35, 45, 57, 72, 90)  # points between a place and its label
_DIRECTIONS = ((1, 0), (1, 0.7), (1, -0.7), (0, 1), (0, -1), (-1, 0.7), (-1, -0.7), (-1, 0))
_LEADER_FROM = 14  # points; a label that is farther away gets a line to its place
_STEP = 3.0  # pixels between the points by which lines are known
_GAP = np.array([6.0, 1.0])  # pixels between two labels, beside and above each other
_FAINT_WEIGHT = 0.15  # of a reference line, beside one of data


def label_places(
    axis: Axes, places: Sequence[tuple[float, float]], texts: Sequence[str], colours: Sequence[str]
) -> None:
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
    pixels_per_point, frame = figure.dpi / 72, axis.get_window_extent()
    drawn, weights = _drawn_pixels(axis)
    taken: list[np.ndarray] = []
    for place, text, colour in zip(places, texts, colours, strict=True):
        label = axis.annotate(
            text,
            place,
            (0, 0),
            textcoords="offset points",
            color=colour,
            annotation_clip=False,
            bbox={"facecolor": axis.get_facecolor(), "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        )
        label.set_in_layout(False)
        extent, anchor = label.get_window_extent(), np.asarray(axis.transData.transform(place))
        found: list[tuple[float, int, np.ndarray, np.ndarray]] = []
        for distance in _DISTANCES:
            for direction in _DIRECTIONS:
                offset = distance * np.array(direction)
                at, size = anchor + offset * pixels_per_point, np.array([extent.width, extent.height])
                low = at - size * (1 - np.sign(direction)) / 2
                box = np.concatenate([low, low + size])
                cost = _covered(box, drawn, weights, taken, frame) + 0.1 * distance
                if distance >= _LEADER_FROM:
                    cost += _crossed(anchor, at, drawn, weights, taken)
                found.append((cost, len(found), offset, box))
        _, _, (right, up), box = min(found)
        label.set(
            position=(right, up),
            ha={1: "left", 0: "center", -1: "right"}[int(np.sign(right))],
            va={1: "bottom", 0: "center", -1: "top"}[int(np.sign(up))],
        )
        if np.abs((right, up)).max() >= _LEADER_FROM:
            end = axis.transData.inverted().transform(anchor + np.array((right, up)) * pixels_per_point)
            axis.plot(*zip(place, end, strict=True), color=colour, linewidth=0.5, zorder=1)
            leader = _dense(np.array([anchor, axis.transData.transform(end)]))
            drawn, weights = np.concatenate([drawn, leader]), np.concatenate([weights, np.ones(len(leader))])
        taken.append(box)


def lay_out(axis: Axes) -> Figure:
    """Let the layout decide where everything of an axes' figure lies; returns the figure."""
    figure = cast(Figure, axis.get_figure(root=True))
    figure.draw_without_rendering()
    return figure


def _drawn_pixels(axis: Axes) -> tuple[np.ndarray, np.ndarray]:
    """Where lines and marks of an axes lie, float (n, 2), and how much it matters that each stays free, float (n,)."""
    paths = [
        (
            line.get_transform().transform(np.asarray(line.get_xydata())),
            _FAINT_WEIGHT if line.get_color() == FAINT else 1.0,
        )
        for line in axis.lines
    ]
    for collection in axis.collections:
        paths.append((collection.get_offset_transform().transform(collection.get_offsets()), 1.0))
        paths += [(collection.get_transform().transform(path.vertices), 0.5) for path in collection.get_paths()[:200]]
    dense = [(_dense(path[np.isfinite(path).all(axis=1)]), weight) for path, weight in paths]
    dense += [(_marks(line), 1.0) for line in axis.lines if line.get_marker() not in ("None", "", None)]
    points = np.concatenate([np.empty((0, 2)), *(path for path, _ in dense)])
    return points, np.concatenate([np.empty(0), *(np.full(len(path), weight) for path, weight in dense)])


def _marks(line: Line2D) -> np.ndarray:
    """The corners of the marks of a line, in pixels: a label that covers a mark covers what it is there to show."""
    centres = line.get_transform().transform(np.asarray(line.get_xydata()))
    figure = cast(Figure, line.get_figure(root=True))
    half = line.get_markersize() / 2 * figure.dpi / 72
    corners = half * np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)])
    centres = centres[np.isfinite(centres).all(axis=1)][:: line.get_markevery() or 1]
    return (centres[:, None] + corners).reshape(-1, 2)


def _dense(path: np.ndarray) -> np.ndarray:
    """Points along a path at equal distances."""
    if len(path) < 2:
        return path
    along = np.concatenate([[0.0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    at = np.arange(0, along[-1] + _STEP, _STEP)
    return np.column_stack([np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])])


def _covered(
    box: np.ndarray, drawn: np.ndarray, weights: np.ndarray, taken: Sequence[np.ndarray], frame: Bbox
) -> float:
    """How much a label in a box (left, bottom, right, top; pixels) would cover; 0 for nothing."""
    margin = 2.0
    inside = weights[((drawn > box[:2] - margin) & (drawn < box[2:] + margin)).all(axis=1)].sum()
    overlaps = sum(bool((box[:2] < other[2:] + _GAP).all() and (other[:2] - _GAP < box[2:]).all()) for other in taken)
    outside = max(0.0, frame.x0 - box[0], frame.y0 - box[1], box[2] - frame.x1, box[3] - frame.y1)
    return float(inside + 1000 * overlaps + 100 * outside)


def _crossed(
    start: np.ndarray, end: np.ndarray, drawn: np.ndarray, weights: np.ndarray, taken: Sequence[np.ndarray]
) -> float:
    """How much of lines and labels lies below the line from a place to its label, apart from the place itself."""
    along = start + np.linspace(0.25, 1, 12)[:, None] * (end - start)
    near = (np.abs(drawn[None] - along[:, None]) < _STEP).all(axis=2).any(axis=0)
    labels = sum(bool(((along > box[:2]) & (along < box[2:])).all(axis=1).any()) for box in taken)
    return float(3 * weights[near].sum() + 100 * labels)
