"""The figure of the two kinds of block that let many layers be trained: residual, and inverted residual."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.path import Path

from helpers.plots.style import INK, MODEL_COLOURS, PAGE, Plot, headline, new_figure, theme

_RESIDUAL = ("conv_3_2a", "conv_3_2b")  # of the deep CNN, improved: a block whose shortcut is the identity
_INVERTED = ("block_5_expand", "block_5_depthwise", "block_5_project")  # of MobileNetV2, likewise
_WIDTH = 0.16  # of a box, where the next one begins 1 further right
_OVER = 0.62  # height of the way past the convolutions, where the tallest box ends at 0.5


@dataclass
class _Convolution:
    """A convolution of a block.

    Attributes:
        words: what it is.
        channels: of what it gives.
        parameters: of its kernel.
    """

    words: str
    channels: int
    parameters: int


def blocks(residual: keras.Model, inverted: keras.Model, source: str) -> Plot:
    """A residual block beside an inverted residual, their widths to one scale.

    Args:
        residual: the improved deep CNN.
        inverted: MobileNetV2.
        source: what the networks are built for.
    """
    plain, wide = _convolutions(residual, _RESIDUAL), _convolutions(inverted, _INVERTED)
    totals = [sum(convolution.parameters for convolution in drawn) for drawn in (plain, wide)]
    finding = (
        f"A residual block keeps its {plain[-1].channels} channels; an inverted residual widens {wide[-1].channels} to "
        f"{wide[0].channels} and narrows them again, with {totals[1] / totals[0]:.0%} of the parameters"
    )
    with theme():
        figure, axes = new_figure(PAGE, 4.4, 2, 1)
        panels = (
            ("deep_cnn", f"Residual block (deep CNN, improved): {totals[0]:,} parameters", plain),
            ("mobilenetv2", f"Inverted residual (MobileNetV2): {totals[1]:,} parameters", wide),
        )
        largest = max(convolution.channels for convolution in [*plain, *wide])
        for axis, (model, title, drawn) in zip(axes, panels, strict=True):
            _draw(axis, drawn, largest, MODEL_COLOURS[model])
            axis.set_title(title, loc="left", fontsize=8, weight="bold")
        headline(figure, finding, source)
    return Plot(
        figure,
        "Boxes are maps, their height the number of channels, to one scale; arrows are convolutions with the parameters of their kernels "
        "(batch normalisation and ReLU are left out). The curved arrow carries the input past the convolutions, so a block has to "
        "learn only what is added to it. The depthwise convolution filters each channel by itself, which makes the wide part cheap.",
        f"{finding}: {totals[1]:,} in place of {totals[0]:,}. In both the input is added to the output.",
    )


def _convolutions(network: keras.Model, names: Sequence[str]) -> list[_Convolution]:
    return [_convolution(network.get_layer(name)) for name in names]


def _convolution(layer: keras.Layer) -> _Convolution:
    kind = "depthwise" if isinstance(layer, keras.layers.DepthwiseConv2D) else "convolution"
    words = f"{layer.kernel_size[0]} x {layer.kernel_size[1]}\n{kind}"
    return _Convolution(words, layer.output.shape[-1], layer.count_params())


def _draw(axis: Axes, convolutions: Sequence[_Convolution], largest: int, colour: str) -> None:
    """Maps and arrows from left to right; the block gives as many channels as it reads."""
    channels = [convolutions[-1].channels, *(convolution.channels for convolution in convolutions)]
    for place, number in enumerate(channels):
        height = number / largest
        axis.add_patch(
            Rectangle((place - _WIDTH / 2, -height / 2), _WIDTH, height, facecolor=colour, linewidth=0, alpha=0.9)
        )
        axis.text(place, -height / 2 - 0.04, f"{number}", ha="center", va="top", fontsize=8)
    for place, convolution in enumerate(convolutions):
        axis.annotate("", (place + 1 - _WIDTH, 0), (place + _WIDTH, 0), arrowprops={"arrowstyle": "->", "color": INK})
        axis.text(place + 0.5, 0.05, convolution.words, ha="center", va="bottom", fontsize=8, linespacing=1.1)
        axis.text(place + 0.5, -0.05, f"{convolution.parameters:,}", ha="center", va="top", fontsize=8)
    end = len(convolutions) + 0.4
    axis.annotate("", (end - 0.12, 0), (end - 0.4 + _WIDTH / 2, 0), arrowprops={"arrowstyle": "-", "color": INK})
    axis.text(
        end, 0, "+", ha="center", va="center", bbox={"boxstyle": "circle", "facecolor": "white", "edgecolor": INK}
    )
    over = [(0, channels[0] / largest / 2), (0, _OVER), (end, _OVER), (end, 0.15)]
    axis.add_patch(FancyArrowPatch(path=Path(over), arrowstyle="->", mutation_scale=10, color=INK))
    axis.text(end / 2, _OVER + 0.03, "the input, unchanged", ha="center", va="bottom", fontsize=8)
    axis.set(xlim=(-0.3, 3.7), ylim=(-0.68, 0.85))
    axis.axis("off")
