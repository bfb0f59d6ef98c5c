"""Figures of networks: their layers, and what they make of an image."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.plots.labels import label_places
from helpers.plots.layout import TITLE, tiles, wrapped
from helpers.plots.style import (
    PAGE,
    RUN_COLOURS,
    RUN_MARKERS,
    SEQUENTIAL,
    Plot,
    headline,
    new_figure,
    percent_axis,
    theme,
)

_LEAST_SPREAD = 1e-6  # a layer of dead units has none, which has no place on a logarithmic axis
_MOST_NAMES = 8  # of layers under an axis


def filters(kernels: dict[str, np.ndarray], source: str) -> Plot:
    """First-layer filters as small colour images, the first 32 of each network.

    Args:
        kernels: by run, float (height, width, 3, n).
        source: what they were trained on.
    """
    shown = 32
    finding = "; ".join(
        f"{name}: {_n_coloured(kernel)} of {kernel.shape[3]} filters weigh colour more than brightness"
        for name, kernel in kernels.items()
    )
    with theme():
        figure, axes = new_figure(PAGE, 1.0 * len(kernels) + 0.5, len(kernels), 1, squeeze=False)
        for axis, (name, kernel) in zip(axes.flat, kernels.items(), strict=True):
            squares = np.moveaxis(0.5 + kernel / (2 * max(abs(kernel).max(), 1e-9)), 3, 0)[:shown]
            squares = np.pad(squares, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1)
            axis.imshow(np.vstack([np.hstack(list(squares[i : i + 16])) for i in range(0, len(squares), 16)]))
            axis.set_title(f"{name}, {len(squares)} of the filters" if len(kernels) > 1 else "", loc="left")
            axis.axis("off")
        headline(figure, finding, source)
    return Plot(
        figure,
        f"Filters of the first convolution after training, red, green and blue as the weights of the three channels; mid-grey is "
        f"zero, and full colour the largest weight of the layer ({source}). A filter weighs colour more than brightness where less than half of its squared weights is common to the three channels. Networks whose run folder is not here are left out.",
        f"{finding}.",
    )


def _n_coloured(kernel: np.ndarray) -> int:
    """How many filters (height, width, 3, n) have less of their squared weights in grey, the mean of the channels, than in colour."""
    grey = 3 * np.square(kernel.mean(axis=2)).sum(axis=(0, 1))
    return int((2 * grey < np.square(kernel).sum(axis=(0, 1, 2))).sum())


def layer_activity(tables: dict[str, pd.DataFrame], source: str) -> Plot:
    """Share of dead units, and how much a layer's output differs between images, by the depth of the layer.

    Args:
        tables: by name of the run ("Deep CNN, improved"), of `network_probes.layer_activity`.
        source: what they were trained on.
    """
    worst, table = max(tables.items(), key=lambda item: item[1]["dead_share"].max())
    layer = table.loc[table["dead_share"].idxmax()]
    finding = f"Most dead units: {worst}, {layer['dead_share']:.0%} in {layer['layer']}"
    if not layer["dead_share"]:
        finding = "No unit is dead"
    with theme():
        figure, (upper, lower) = new_figure(PAGE, 4.6, 2, 1, sharex=True)
        for name, activity in tables.items():
            options = {"marker": RUN_MARKERS[name], "color": RUN_COLOURS[name]}
            upper.plot(_depths(activity), activity["dead_share"], **options)
            lower.plot(_depths(activity), activity["spread_over_images"].clip(lower=_LEAST_SPREAD), **options)
        deepest = max(tables.values(), key=len)
        upper.set(ylim=(-0.12, 1.12), title="units that never fire")
        percent_axis(upper, decimals=0)
        lower.set(yscale="log", title="spread of a unit over images")
        named = slice(None, None, -max(1, -(-len(deepest) // _MOST_NAMES)))  # every so many, and always the last
        for axis in (upper, lower):
            axis.set_xticks(
                _depths(deepest)[named],
                deepest["layer"].iloc[named],
                rotation=30,
                ha="right",
                rotation_mode="anchor",
                fontsize=7,
            )
            axis.set_xlim(-0.05, 1.6)
        lower.set_xlabel("depth: first to last rectified layer")
        headline(figure, finding, source)
        colours = [RUN_COLOURS[name] for name in tables]
        names = [name.split(", ", 1)[1] for name in tables]
        label_places(upper, [(1.0, activity["dead_share"].iloc[-1]) for activity in tables.values()], names, colours)
        ends = [max(activity["spread_over_images"].iloc[-1], _LEAST_SPREAD) for activity in tables.values()]
        label_places(lower, [(1.0, end) for end in ends], names, colours)
    return Plot(
        figure,
        f"What comes out of each rectified layer on images of the validation set ({source}), by relative depth; the names are those of the "
        "deepest network. Above, units that are zero for every image; below, how much a unit's mean differs from image to image "
        f"(logarithmic; what lies below {_LEAST_SPREAD:g} is drawn there).",
        f"{finding}. At the last layer: "
        + "; ".join(f"{name} {activity['dead_share'].iloc[-1]:.0%}" for name, activity in tables.items())
        + ".",
    )


def _depths(activity: pd.DataFrame) -> np.ndarray:
    """Places of the layers from 0, the first, to 1, the last."""
    return np.linspace(0, 1, len(activity)) if len(activity) > 1 else np.ones(1)


def grad_cam(
    images: np.ndarray,
    names: Sequence[str],
    maps: dict[str, np.ndarray],
    answers: dict[str, list[str]],
    source: str,
    are_free: bool = False,
) -> Plot:
    """Images, and for each network what in them speaks for its answer.

    Args:
        images: uint8 (n, height, width, 3).
        names: what is on them.
        maps: for each network, float (n, height, width) of `attribution.grad_cam`.
        answers: for each network, its answer to each image, in words.
        source: what the images are.
        are_free: anybody may see these images.
    """
    columns = 1 + len(maps)
    width = int(PAGE / columns * 17)
    titles = [[wrapped(name, width, 3) for name in names]]
    titles += [[wrapped(answer, width, 3) for answer in answers[name]] for name in maps]
    for column, name in zip(titles[1:], maps, strict=True):
        column[0] = f"{name}:\n{column[0]}"
    finding = _agreement_of_maps(maps)
    with theme():
        words = [title for column in titles for title in column]
        figure, axes = tiles(len(images), columns, 1.0, words, top=TITLE if finding else 0)
        for row, image in enumerate(images):
            axes[row, 0].imshow(image, interpolation="nearest")
            for axis, heat in zip(axes[row, 1:], maps.values(), strict=True):
                axis.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axis.imshow(heat[row], cmap=SEQUENTIAL, vmin=0, vmax=1, alpha=0.55)
            for axis, column in zip(axes[row], titles, strict=True):
                axis.set_title(column[row], fontsize=7, pad=2, linespacing=0.95)
        headline(figure, finding, source)
    return Plot(
        figure,
        f"Where the networks find their answer (Grad-CAM): light places raise the score of the class named above ({source}). Each column is one "
        "network; the first has the image.",
        f"{finding + '. ' if finding else ''}{len(images)} images in rows; beside each the same image in grey under a coloured map for "
        f"{' and '.join(maps)}.",
        has_photographs=not are_free,
    )


def _agreement_of_maps(maps: dict[str, np.ndarray]) -> str:
    """How alike the maps of different networks are, as a title; "" for one network, and where a map is flat."""
    with np.errstate(invalid="ignore"):
        correlations = [
            np.corrcoef(first[row].ravel(), second[row].ravel())[0, 1]
            for first, second in itertools.combinations(maps.values(), 2)
            for row in range(len(first))
        ]
    if not np.isfinite(correlations).any():
        return ""
    return f"Of the same image, the maps of two networks correlate by {np.nanmean(correlations):.2f} on average"


def neighbours(
    images: np.ndarray,
    answers: Sequence[str],
    truth: Sequence[str],
    neighbour_images: np.ndarray,
    names: np.ndarray,
    source: str,
) -> Plot:
    """Images with a wrong answer, and beside each the training images that a network finds most alike.

    Args:
        images: uint8 (n, height, width, 3).
        answers: n classes, which the network named.
        truth: n classes, the labels.
        neighbour_images: uint8 (n, m, height, width, 3).
        names: str (n, m), classes of the neighbours.
        source: what the images are.
    """
    shares = [(names == np.array(classes)[:, None]).mean() for classes in (answers, truth)]
    finding = f"{shares[0]:.0%} of the neighbours are of the class that was named, {shares[1]:.0%} of the true one"
    titles = [f"{answer}; true: {true}" for answer, true in zip(answers, truth, strict=True)]
    columns = 1 + neighbour_images.shape[1]
    width = int(PAGE / columns * 16)
    lines = [
        [wrapped(title, width, 5), *(wrapped(name, width, 5) for name in row)]
        for title, row in zip(titles, names, strict=True)
    ]
    with theme():
        figure, axes = tiles(
            len(images), columns, PAGE / columns * 0.9, [line for row in lines for line in row], top=TITLE
        )
        for row, image in enumerate(images):
            for axis, picture, title in zip(axes[row], (image, *neighbour_images[row]), lines[row], strict=True):
                axis.imshow(picture, interpolation="nearest")
                axis.set_title(title, fontsize=7, pad=2, linespacing=0.95)
        headline(figure, finding, source)
    return Plot(
        figure,
        f"Left: test images with a wrong answer. Beside each: the training images that the network finds most alike ({source}).",
        f"{finding}. {len(images)} rows of one test image and {neighbour_images.shape[1]} training images with their classes.",
        has_photographs=True,
    )


def feature_maps(maps: dict[str, np.ndarray], image: np.ndarray, source: str) -> Plot:
    """What layers of a network make of one image: the maps that vary most over it.

    Args:
        maps: for each layer, float (height, width, channels).
        image: uint8 (height, width, 3), one that anybody may see.
        source: what the image is.
    """
    shown = 8
    first, last = list(maps.values())[0], list(maps.values())[-1]
    sizes = [f"{values.shape[0]} x {values.shape[1]}" for values in (first, last)]
    zeros = [f"{(values == 0).mean():.0%}" for values in (first, last)]
    finding = f"At {sizes[0]} places {zeros[0]} of the outputs are zero, at {sizes[1]} places {zeros[1]}"
    with theme():
        figure, axes = tiles(len(maps), shown + 1, PAGE / (shown + 1) * 0.9, left=0.7, top=TITLE)
        axes[0, 0].imshow(image, interpolation="nearest")
        for row, (name, values) in zip(axes, maps.items(), strict=True):
            liveliest = np.argsort(-values.std(axis=(0, 1)), kind="stable")[:shown]
            for axis, channel in zip(row[1:], liveliest, strict=False):
                axis.imshow(values[..., channel], cmap=SEQUENTIAL, interpolation="nearest")
            row[0].text(
                -0.08,
                0.5,
                f"{name}\n{values.shape[0]} x {values.shape[1]}",
                transform=row[0].transAxes,
                ha="right",
                va="center",
                fontsize=7,
            )
        headline(figure, finding, source)
    return Plot(
        figure,
        f"What some layers make of one image: the {shown} maps of each that vary most over it ({source}); light is high.",
        f"{finding}. One image and {shown} maps for each of the layers {', '.join(maps)}; the maps get coarser from layer to layer.",
    )
