"""The figure of architectures: what flows through networks, to scale, and where their parameters are."""

from dataclasses import dataclass

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from helpers.config.labels import MODEL_NAMES
from helpers.plots.style import FAINT, INK, LIGHT, MODEL_COLOURS, PAGE, Plot, headline, new_figure, theme

_MANY_LAYERS = 60  # of a network that is drawn by its blocks
_SIDE = 64  # pixels that a unit of height stands for


@dataclass
class _Stage:
    """One or several layers that are drawn as one box.

    Attributes:
        operation: what they do.
        shape: of what comes out, without the batch.
        parameters: of the layers.
        blocks: how many blocks of like shape they are; 0 for single layers.
    """

    operation: str
    shape: tuple[int, ...]
    parameters: int
    blocks: int = 0


def architectures(networks: dict[str, keras.Model], source: str) -> Plot:
    """Networks as boxes: height for the side of the maps, width for their number, and a bar for the parameters of each.

    Args:
        networks: by the model's name in the results table.
        source: what they are built for.
    """
    stages = {model: _stages(network) for model, network in networks.items()}
    with theme():
        figure, axes = new_figure(
            PAGE, 0.5 + 2.1 * len(networks), 2 * len(networks), 1, height_ratios=[2.1, 1] * len(networks)
        )
        for (model, drawn), upper, lower in zip(stages.items(), axes[::2], axes[1::2], strict=True):
            _draw_boxes(upper, drawn, MODEL_COLOURS[model])
            _draw_parameters(lower, drawn, MODEL_COLOURS[model])
            upper.set_title(
                f"{MODEL_NAMES[model]}: {networks[model].count_params():,} parameters",
                loc="left",
                fontsize=8,
                weight="bold",
            )
        headline(figure, _finding(stages), source)
    counts = "; ".join(
        f"{MODEL_NAMES[model]}, {sum(stage.parameters for stage in drawn):,}" for model, drawn in stages.items()
    )
    return Plot(
        figure,
        "The networks as reported, from the image (left) to the class scores (right). Height is the side of the feature maps, to "
        "scale; width grows with the logarithm of the channels, or units; numbers are side x side x channels, or units. Bars: the "
        "parameters of each layer, as a share of the network's. Blocks of like shape are drawn as one box.",
        f"{_finding(stages)}. Parameters: {counts}.",
    )


def _finding(stages: dict[str, list[_Stage]]) -> str:
    """Which layer has most of the parameters, for the networks where one has more than half."""
    said = []
    for model, drawn in stages.items():
        largest, total = max(drawn, key=lambda stage: stage.parameters), sum(stage.parameters for stage in drawn)
        if largest.parameters > total / 2:
            said.append(f"{largest.parameters / total:.0%} in {MODEL_NAMES[model]}")
    if not said:
        return "In no network does one layer hold more than half of the parameters"
    return f"One layer holds most parameters: {', '.join(said)}"


def _stages(network: keras.Model) -> list[_Stage]:
    """The network as boxes; what only normalises, activates or drops belongs to the box before it."""
    stages: list[_Stage] = []
    by_block = len(network.layers) > _MANY_LAYERS
    block = ""
    for layer in network.layers:
        output = layer.output[0] if isinstance(layer.output, list) else layer.output
        shape, parameters = tuple(output.shape[1:]), layer.count_params()
        if not stages:
            stages.append(_Stage("image", shape, parameters))
            continue
        name = _block_of(layer.name) if by_block else ""
        if name:
            if name == block:
                stages[-1].parameters += parameters
                stages[-1].shape = shape
            else:
                stages.append(_Stage("block", shape, parameters, 1))
        elif operation := _operation(layer):
            stages.append(_Stage(operation, shape, parameters))
        else:
            stages[-1].parameters += parameters
        block = name
    return _merged(stages)


def _merged(stages: list[_Stage]) -> list[_Stage]:
    """Neighbouring blocks whose output has the same shape as one."""
    merged: list[_Stage] = []
    for stage in stages:
        if merged and stage.blocks and merged[-1].blocks and merged[-1].shape == stage.shape:
            merged[-1].parameters += stage.parameters
            merged[-1].blocks += 1
            merged[-1].operation = f"{merged[-1].blocks} blocks"
        else:
            merged.append(stage)
    return merged


def _block_of(name: str) -> str:
    """The inverted residual block that a layer of MobileNetV2 belongs to; "" for a layer outside of them."""
    if name.startswith("expanded_conv"):
        return "block_0"
    return "_".join(name.split("_")[:2]) if name.startswith("block_") else ""


def _operation(layer: keras.Layer) -> str:
    """What a layer does, for those that are drawn as a box of their own."""
    match layer:
        case keras.layers.DepthwiseConv2D():
            return ""
        case keras.layers.Conv2D():
            return f"conv\n{layer.kernel_size[0]} x {layer.kernel_size[1]}"
        case keras.layers.MaxPooling2D():
            return "max\npool"
        case keras.layers.GlobalMaxPooling2D():
            return "global\nmax"
        case keras.layers.GlobalAveragePooling2D():
            return "global\nmean"
        case keras.layers.Flatten():
            return "flatten"
        case keras.layers.Dense():
            return "dense"
    return ""


def _draw_boxes(axis: Axes, stages: list[_Stage], colour: str) -> None:
    for place, stage in enumerate(stages):
        side = stage.shape[0] / _SIDE if len(stage.shape) == 3 else 1 / _SIDE
        width = 0.05 * np.log2(stage.shape[-1] + 1)
        height = max(side, 0.03)
        axis.add_patch(
            Rectangle((place - width / 2, -height / 2), width, height, facecolor=colour, linewidth=0, alpha=0.9)
        )
        words = (
            f"{stage.shape[0]} x {stage.shape[1]}\nx {stage.shape[2]}"
            if len(stage.shape) == 3
            else f"{stage.shape[0]:,}"
        )
        axis.text(place, -0.58, words, ha="center", va="top", fontsize=7, linespacing=1.0)
        axis.text(place, 0.57, stage.operation, ha="center", va="bottom", fontsize=7, linespacing=1.0, color=INK)
        if place:
            before = 0.05 * np.log2(stages[place - 1].shape[-1] + 1) / 2
            axis.plot([place - 1 + before + 0.03, place - width / 2 - 0.03], [0, 0], color=FAINT, linewidth=0.8)
    axis.set(xlim=(-0.6, len(stages) - 0.4), ylim=(-0.95, 0.95))
    axis.axis("off")


def _draw_parameters(axis: Axes, stages: list[_Stage], colour: str) -> None:
    counts = np.array([stage.parameters for stage in stages])
    shares = counts / counts.sum()
    axis.bar(np.arange(len(stages)), shares, width=0.5, color=colour, alpha=0.9)
    for place, (count, share) in enumerate(zip(counts, shares, strict=True)):
        if count:
            axis.text(place, share + 0.04, _brief(count), ha="center", va="bottom", fontsize=7)
    axis.axhline(0, color=LIGHT, linewidth=0.8)
    axis.set(xlim=(-0.6, len(stages) - 0.4), ylim=(0, max(1.35 * shares.max(), 0.5)))
    axis.axis("off")


def _brief(count: int) -> str:
    """A count in few characters: "896", "18.5k", "4.19M"."""
    return f"{count / 1e6:.2f}M" if count >= 1e6 else f"{count / 1e3:.1f}k" if count >= 1e3 else f"{count}"
