"""Pictures of what a layer does to a few numbers: convolution and max pooling, on a photograph too, and dropout."""

import keras
import numpy as np
from keras import layers
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from helpers.data import sample_photographs
from helpers.plots.style import FAINT, INK, ORANGE, PAGE, Plot, headline, new_figure, theme

EDGES = {
    "vertical edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32),
    "horizontal edges": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32),
    "blur": np.full((3, 3), 1 / 9, np.float32),
}
_PATCH = np.array([[1, 1, 2, 8, 9], [1, 2, 2, 9, 8], [2, 1, 3, 8, 9], [1, 1, 2, 9, 9], [2, 1, 1, 8, 8]], np.float32)
_MAP = np.array([[1, 5, 0, 2], [3, 2, 1, 0], [0, 1, 7, 4], [2, 0, 6, 5]], np.float32)
_UNITS = np.array([[4, 1, 6, 2], [3, 8, 2, 5], [7, 3, 5, 1], [2, 6, 4, 5]], np.float32)
_SIDE = 128  # pixels of the photograph
_CREDIT = "photograph: D. Büchele (china.jpg), CC BY 2.0, as scikit-learn ships it"


def photograph() -> np.ndarray:
    """A photograph that may be shown, its middle square in grey, float32 (128, 128), 0 to 255."""
    return sample_photographs.load(_SIDE)["a temple in China"].mean(axis=2, dtype=np.float32)


def convolution() -> Plot:
    """A 3 x 3 filter on a few numbers, and what three such filters make of a photograph."""
    kernel, image = EDGES["vertical edges"], photograph()
    result = _convolved(_PATCH, kernel)
    terms = " + ".join(f"{value:.0f}·({weight:.0f})" for value, weight in zip(_PATCH[:3, 2], kernel[:, 0], strict=True))
    with theme():
        figure, axes = new_figure(PAGE, 4.3, 2, 4, height_ratios=[1, 1.05])
        _numbers(axes[0, 0], _PATCH, "numbers, 5 x 5", (2, 0, 3))
        _numbers(axes[0, 1], kernel, "times the filter, 3 x 3")
        _numbers(axes[0, 2], result, "gives 3 x 3", (2, 0, 1))
        axes[0, 3].axis("off")
        words = f"In the frame:\n{terms}\n+ the same of the other\ntwo columns = {result[0, 2]:.0f}\n\nThe frame slides on by\none; the nine weights\nstay the same."
        axes[0, 3].text(0, 0.5, words, va="center", fontsize=7.5, linespacing=1.4)
        axes[1, 0].imshow(image, cmap="gray", interpolation="none")
        axes[1, 0].set_title(f"photograph\n{_SIDE} x {_SIDE}", fontsize=8)
        for axis, (name, weights) in zip(axes[1, 1:], EDGES.items(), strict=True):
            response = _convolved(image, weights)
            bound = np.quantile(np.abs(response), 0.995)
            axis.imshow(
                response, cmap="gray", interpolation="none", vmin=-bound if weights.min() < 0 else 0, vmax=bound
            )
            axis.set_title(f"{name}\n{response.shape[0]} x {response.shape[1]}", fontsize=8)
        for axis in axes[1]:
            axis.axis("off")
        finding = f"One filter of nine weights turns 5 x 5 numbers into 3 x 3: up to {result.max():.0f} where the numbers rise to the right"
        headline(figure, finding, _CREDIT)
    return Plot(
        figure,
        "A convolution slides one small filter over its input: each output is a weighted sum of nine neighbours, with the same nine "
        "weights everywhere. Without padding the result is two smaller on each axis. Below: the same filter and two others on a "
        "photograph; grey is zero for the two filters of edges.",
        f"Above, 5 x 5 numbers with an edge between small and large ones, a 3 x 3 filter, and the 3 x 3 sums, which are largest, "
        f"{result.max():.0f}, at the edge. Below, a photograph of a building and three versions of it: upright edges, level edges, blurred.",
    )


def max_pooling() -> Plot:
    """Max pooling on a few numbers, and a map of edges before and after two poolings."""
    maps = [np.maximum(_convolved(photograph(), EDGES["vertical edges"]), 0)]
    for _ in range(2):
        maps.append(np.asarray(keras.ops.max_pool(maps[-1][None, :, :, None], 2))[0, :, :, 0])
    pooled = np.asarray(keras.ops.max_pool(_MAP[None, :, :, None], 2))[0, :, :, 0]
    with theme():
        figure, axes = new_figure(PAGE, 4.2, 2, 3, height_ratios=[1, 1.2])
        _numbers(axes[0, 0], _MAP, "numbers, 4 x 4", (2, 2, 2))
        _numbers(axes[0, 1], pooled, "the largest of each 2 x 2", (1, 1, 1))
        axes[0, 0].plot([1.5, 1.5], [-0.5, 3.5], [-0.5, 3.5], [1.5, 1.5], color=INK, linewidth=1)
        axes[0, 2].axis("off")
        axes[0, 2].text(
            0, 0.5, f"In the frame: the largest\nof 7, 4, 6 and 5 is {pooled[1, 1]:.0f}.\n\nA quarter of the numbers\nis left, and no parameter\nis needed.",
            va="center", fontsize=7.5, linespacing=1.4,
        )  # fmt: skip
        bound = np.quantile(maps[0], 0.995)
        for axis, values in zip(axes[1], maps, strict=True):
            axis.imshow(values, cmap="gray", interpolation="none", vmin=0, vmax=bound)
            axis.set_title(f"{values.shape[0]} x {values.shape[1]}")
            axis.axis("off")
        headline(figure, "Max pooling keeps a quarter of the numbers, and the strong edges with them", _CREDIT)
    return Plot(
        figure,
        "Max pooling keeps the largest of each 2 x 2 values: a quarter of the numbers, the strong edges still there, their place known "
        "less exactly. It comes after a convolution, and it has no parameters. Below: the upright edges of a photograph before and "
        "after two poolings.",
        f"Above, 4 x 4 numbers become 2 x 2; the largest of 7, 4, 6 and 5 is {pooled[1, 1]:.0f}. Below, three pictures of the same edges, "
        "each with half the side of the one before.",
    )


def dropout(rate: float = 0.25, seed: int = 0) -> Plot:
    """A few activations before a dropout layer, after it in two steps of training, and after it in use.

    Args:
        rate: share of the activations that a step sets to zero, on average.
        seed: of the layer.
    """
    layer = layers.Dropout(rate, seed=seed)
    steps = [np.asarray(layer(_UNITS, training=True)) for _ in range(2)]
    in_use = np.asarray(layer(_UNITS, training=False))
    named = {"activations": _UNITS, "one step of training": steps[0], "the next step": steps[1], "in use": in_use}
    zeros = [int((values == 0).sum()) for values in steps]
    with theme():
        figure, axes = new_figure(PAGE, 2.3, 1, 4)
        for axis, (name, values) in zip(axes, named.items(), strict=True):
            _numbers(axis, values, f"{name}\nmean {values.mean():.1f}", decimals=0 if values is _UNITS else 1)
            for row, column in np.argwhere(values == 0):
                axis.add_patch(
                    Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="white", edgecolor=FAINT, hatch="////")
                )
                axis.text(column, row, "0", ha="center", va="center", color=INK, backgroundcolor="white")
        finding = (
            f"Dropout sets {zeros[0]} and {zeros[1]} of {_UNITS.size} activations to zero in two steps, multiplies the rest by "
            f"{1 / (1 - rate):.2f}, and changes nothing in use"
        )
        headline(figure, finding, "computed, no data")
    return Plot(
        figure,
        f"A dropout layer with a rate of {rate:.0%}. In training each step sets other activations to zero, drawn at random (hatched), and "
        f"divides the rest by {1 - rate:g}, so that their mean stays the same on average. In use every activation passes unchanged.",
        f"Four squares of {_UNITS.size} numbers: the activations; two steps of training, with {zeros[0]} and {zeros[1]} zeros at different "
        "places and larger numbers elsewhere; and in use the activations again.",
    )


def _convolved(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """What a layer of this one filter gives for a map, without padding."""
    return np.asarray(keras.ops.conv(values[None, :, :, None], kernel[:, :, None, None], padding="valid"))[0, :, :, 0]


def _numbers(
    axis: Axes, values: np.ndarray, title: str, frame: tuple[int, int, int] | None = None, decimals: int = 0
) -> None:
    """Numbers in cells, shaded by size, with a frame (column, row, side) around some of them."""
    bound = np.abs(values).max()
    axis.imshow(
        values, cmap="gray", interpolation="none", vmin=-3 * bound, vmax=bound
    )  # light, so that dark text is legible
    for (row, column), value in np.ndenumerate(values):
        axis.text(column, row, f"{value:.{decimals}f}", ha="center", va="center", fontsize=8, color=INK)
    if frame:
        column, row, side = frame
        box = Rectangle(
            (column - 0.5, row - 0.5), side, side, fill=False, edgecolor=ORANGE, linewidth=2, clip_on=False, zorder=3
        )
        axis.add_patch(box)
    axis.set_title(title)
    axis.axis("off")
