"""What an explorer shows for one setting of its controls, one function each: data in, a figure out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes

from helpers.config.labels import name_of
from helpers.core.tensorflow import tf
from helpers.data import augment
from helpers.plots.layout import short
from helpers.plots.style import BLUE, FAINT, INK, ORANGE, PAGE, Plot, headline, new_figure, note, run_colour, theme

# What changes nothing; the terms and their units for `augmentation`.
UNCHANGED = {
    "rotation": 0.0,  # degrees
    "shift_right": 0.0,  # share of the width
    "shift_down": 0.0,  # share of the height
    "shear": 0.0,  # degrees
    "zoom": 1.0,  # factor of the field of view: above 1 objects shrink
    "flip_horizontal": False,
    "flip_vertical": False,
    "contrast": 1.0,  # factor
    "brightness": 1.0,  # factor
}
N_ANSWERS = 5
_GREY = "#B5B5B5"
_ON_ANY_PAGE = "#949494"  # a grey that shows on white and on near-black
_MAP_PIXELS = 500  # fits beside its panel, and on half a laptop's screen
_COLUMNS = 8  # of a page of images
_GAP = 4  # white pixels between its images


def class_page(images: np.ndarray, class_name: str, first: int, total: int, source: str) -> Plot:
    """Some images of one class, side by side.

    Args:
        images: uint8 (n, height, width, 3), n at least 1.
        class_name: of all of them.
        first: number of the first one within its class, from 1.
        total: images of the class.
        source: what the images are.
    """
    where = f"images {first} to {first + len(images) - 1} of {total}"
    with theme():
        # One array in one axes: forty axes would take seconds.
        sheet = _sheet(images)
        figure, axis = new_figure(PAGE, PAGE * sheet.shape[0] / sheet.shape[1] + 0.45)
        axis.imshow(sheet, interpolation="nearest")
        axis.set_title(f"{class_name}: {where}", loc="left")
        axis.axis("off")
        note(figure, source)
    return Plot(
        figure,
        f"Labelled images of the class {class_name}, {where} ({source}).",
        f"A grid of {len(images)} small images of the class {class_name}.",
        has_photographs=True,
    )


def augmentation(image: np.ndarray, values: Mapping[str, float | bool], source: str) -> Plot:
    """An image as it is, and transformed.

    Args:
        image: uint8 (height, width, 3).
        values: by the names of UNCHANGED, in the units given there; names that are missing change nothing.
        source: what the image is.

    Raises:
        ValueError: a name is unknown.
    """
    changed = transformed(image, values)
    words = (
        ", ".join(_setting(name, value) for name, value in values.items() if value != UNCHANGED[name]) or "no change"
    )
    change = np.abs(changed.astype(float) - image).mean()
    finding = f"Under this transform pixels change by {change:.0f} of 255 levels on average"
    with theme():
        figure, axes = new_figure(PAGE * 0.8, 3.4, 1, 2)
        for axis, picture, title in zip(axes, (image, changed), ("as it is", "transformed"), strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set_title(title)
            axis.axis("off")
        headline(figure, finding, source)
    return Plot(
        figure,
        f"One image, left as it is, right transformed ({words}); edges repeat outside of the image ({source}).",
        f"{finding}. Two versions of one image; the right one has {words}.",
        has_photographs=True,
    )


def transformed(image: np.ndarray, values: Mapping[str, float | bool]) -> np.ndarray:
    """One image under one transform, by the code that transforms training batches.

    Args:
        image: uint8 (size, size, 3).
        values: as for `augmentation`.

    Returns:
        uint8 (size, size, 3).

    Raises:
        ValueError: a name is unknown.
    """
    if unknown := set(values) - set(UNCHANGED):
        raise ValueError(f"values may name {', '.join(UNCHANGED)}; got {', '.join(sorted(unknown))}")
    v, size = UNCHANGED | dict(values), image.shape[0]
    parameters = {
        "theta": v["rotation"],
        # Places in the output are mapped to places in the input, so an object moves the other way.
        "tx": -v["shift_right"] * size,
        "ty": -v["shift_down"] * size,
        "shear": v["shear"],
        "zx": v["zoom"],
        "zy": v["zoom"],
        **{name: v[name] for name in ("flip_horizontal", "flip_vertical", "contrast", "brightness")},
    }
    tensors = {name: tf.constant([float(value)]) for name, value in parameters.items()}
    return np.asarray(tf.cast(tf.round(augment.transform(image[None], tensors)), tf.uint8))[0]


def answers(
    probabilities: Mapping[tuple[str, str], np.ndarray],
    class_names: Sequence[str],
    source: str,
    label: int | None = None,
    image: np.ndarray | None = None,
) -> Plot:
    """The most probable classes of one image, by every network.

    Args:
        probabilities: float (n_classes,), by model and recipe, at least one.
        class_names: of the labels.
        source: what the image is.
        label: its true class; None where that is not known.
        image: uint8 (height, width, 3); None where it must not be shown.
    """
    rows = _answer_rows(len(probabilities))
    widths = [1, 1] if image is None else [0.5, 1, 1]
    with theme():
        figure, axes = new_figure(
            PAGE, answers_height(len(probabilities)), rows, len(widths), squeeze=False, width_ratios=widths
        )
        for axis in axes.flat:
            axis.axis("off")
        if image is not None:
            _draw_image(axes[0, 0], image)
        for axis, ((model, recipe), values) in zip(axes[:, -2:].flat, probabilities.items(), strict=False):
            _draw_answers(axis, values, class_names, label, run_colour(model, recipe))
            axis.set_title(_title(name_of(model, recipe), values, label), loc="left", fontsize=8, pad=3)
        headline(figure, _agreement(probabilities, class_names, label), source)
    said = "; ".join(
        f"{name_of(*key)}: {class_names[int(values.argmax())]} ({values.max():.0%})"
        for key, values in probabilities.items()
    )
    known = "" if label is None else f" The true class, {class_names[label]}, is framed."
    left_out = " The image itself is left out." if image is None else ""
    return Plot(
        figure,
        f"The {N_ANSWERS} most probable classes of one image, by network ({source}); a whole bar would be 100 %."
        f"{known}{left_out}",
        f"{said}.",
        has_photographs=image is not None,
    )


def _agreement(
    probabilities: Mapping[tuple[str, str], np.ndarray], class_names: Sequence[str], label: int | None
) -> str:
    """How many networks are right or, where that is not known, which is the most confident."""
    if label is None:
        key = max(probabilities, key=lambda key: probabilities[key].max())
        values = probabilities[key]
        return f"Most confident: {name_of(*key)}, with {class_names[int(values.argmax())]} at {values.max():.0%}"
    n_right = sum(int(values.argmax()) == label for values in probabilities.values())
    return f"True class {class_names[label]}: {n_right} of {len(probabilities)} networks right"


def answers_height(n_networks: int) -> float:
    """Inches of a figure of `answers`."""
    return 1.1 * _answer_rows(n_networks) + 0.6


def _answer_rows(n_networks: int) -> int:
    return -(-n_networks // 2)


def class_on_map(
    places: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    label: int,
    class_names: Sequence[str],
    predictor: str,
    source: str,
) -> Plot:
    """A map of images on which one class stands out.

    Args:
        places: float (n, 2).
        labels: integer (n,).
        predicted: integer (n,), the class that each image was taken for.
        label: the class that stands out.
        class_names: of the labels.
        predictor: what `predicted` comes from, such as "nearest other image".
        source: what the images are.
    """
    mine, right = labels == label, predicted == labels
    kinds = ((right, "o", f"{predictor}: same class"), (~right, "x", f"{predictor}: another class"))
    with theme():
        figure, axis = new_figure(PAGE, 4.4)
        axis.scatter(*places.T, s=4, color=_GREY, linewidths=0, zorder=0)
        axis.set_rasterization_zorder(1)  # thousands of points make a large vector file
        for kind, marker, words in kinds:
            chosen = mine & kind
            axis.scatter(
                *places[chosen].T, s=22, color=INK, marker=marker, linewidths=1, label=f"{words} ({chosen.sum()})"
            )
        axis.axis("off")
        figure.legend(loc="outside lower left")
        finding = f"{class_names[label]}: {(mine & right).sum()} of {mine.sum()} are taken for their own class"
        headline(figure, finding, f"{source}, n = {len(places):,} images")
    return Plot(
        figure,
        f"Map of images with the class {class_names[label]} in black; crosses are classified otherwise ({source}).",
        f"Of {mine.sum()} images of the class {class_names[label]}, {(mine & right).sum()} are taken for their own class.",
    )


def hover_map(
    places: np.ndarray, labels: np.ndarray, predicted: np.ndarray, class_names: Sequence[str], predictor: str
) -> go.Figure:
    """The same map for a page with a pointer: the words of each point appear where the pointer stands.

    Args:
        places: float (n, 2).
        labels: integer (n,).
        predicted: integer (n,).
        class_names: of the labels.
        predictor: what `predicted` comes from.

    Returns:
        A plotly figure: a trace of n markers, and one for the ring around the image that is looked at. It has no background, so
        it stands on a light page and on a dark one.
    """
    words = [
        f"<b>{class_names[true]}</b><br>{predictor}: {class_names[other]}"
        for true, other in zip(labels, predicted, strict=True)
    ]
    points = go.Scatter(
        x=places[:, 0], y=places[:, 1], mode="markers", text=words, hovertemplate="%{text}<extra></extra>",
        marker=markers(labels, predicted),
    )  # fmt: skip
    ring = go.Scatter(
        x=[], y=[], mode="markers", hoverinfo="skip",
        marker={"symbol": "circle-open", "size": 18, "color": BLUE, "line": {"width": 3}},
    )  # fmt: skip
    hidden, clear = {"visible": False}, "rgba(0,0,0,0)"
    return go.Figure(
        [points, ring],
        {
            "width": _MAP_PIXELS, "height": _MAP_PIXELS, "margin": dict.fromkeys("lrtb", 5), "showlegend": False,
            "paper_bgcolor": clear, "plot_bgcolor": clear, "xaxis": hidden, "yaxis": hidden, "dragmode": "pan",
            "hoverlabel": {"bgcolor": "white", "font": {"color": INK}},
            "modebar": {"bgcolor": clear, "color": FAINT, "activecolor": BLUE},
        },
    )  # fmt: skip


def map_legend(is_highlighted: bool, n: int, n_wrong: int, predictor: str) -> str:
    """What the marks on the map mean, as HTML.

    Args:
        is_highlighted: a class stands out.
        n: images that are looked through.
        n_wrong: those of them whose prediction is another class.
        predictor: what predictions come from.
    """
    if not is_highlighted:
        return f'<span style="color:{_ON_ANY_PAGE}">●</span> an image ({n:,})'
    return (
        f'<span style="color:{ORANGE}">●</span> {predictor}: same class ({n - n_wrong})<br>'
        f'<span style="color:{ORANGE}">✕</span> {predictor}: another class ({n_wrong})'
    )


def markers(labels: np.ndarray, predicted: np.ndarray, label: int | None = None) -> dict[str, list]:
    """Colour, symbol and size of each point of `hover_map`, with crosses where the prediction for a class that stands out is wrong.

    Args:
        labels: integer (n,).
        predicted: integer (n,).
        label: the class that stands out; None for none.
    """
    mine = labels == label
    return {
        "color": np.where(mine, ORANGE, _ON_ANY_PAGE).tolist(),
        "symbol": np.where(mine & (predicted != labels), "x", "circle").tolist(),
        "size": np.where(mine, 10, 7).tolist(),
    }


def _setting(name: str, value: float | bool) -> str:
    words = name.replace("_", " ")
    return words if isinstance(value, bool) else f"{words} {value:g}"


def _sheet(images: np.ndarray) -> np.ndarray:
    """Images in rows on white, uint8 (height, width, 3); a last row that is not full stays white."""
    n, height, width, _ = images.shape
    rows = -(-n // _COLUMNS)
    sheet = np.full((rows * _COLUMNS, height + _GAP, width + _GAP, 3), 255, np.uint8)
    sheet[:n, :height, :width] = images
    table = sheet.reshape(rows, _COLUMNS, height + _GAP, width + _GAP, 3)
    return table.swapaxes(1, 2).reshape(rows * (height + _GAP), _COLUMNS * (width + _GAP), 3)


def _draw_image(axis: Axes, image: np.ndarray) -> None:
    axis.imshow(image, interpolation="nearest")
    axis.set_anchor("N")


def _draw_answers(axis: Axes, values: np.ndarray, class_names: Sequence[str], label: int | None, colour: str) -> None:
    """Bars with the class names on them: beside them there is no room for names of many words."""
    top = np.argsort(values)[::-1][:N_ANSWERS]
    edges = [INK if answer == label else "none" for answer in top]
    axis.barh(range(len(top)), np.ones(len(top)), color="#F2F2F2", edgecolor=edges, height=0.85)
    axis.barh(range(len(top)), values[top].astype(float), color=colour, alpha=0.5, height=0.85)
    style: dict[str, Any] = {"va": "center", "fontsize": 7, "color": INK}
    for place, answer in enumerate(top):
        axis.text(0.015, place, short(class_names[answer], 41), **style)
        axis.text(1.02, place, f"{values[answer]:.0%}", **style)
    axis.set(xlim=(0, 1.14), ylim=(len(top) - 0.5, -0.5))


def _title(name: str, values: np.ndarray, label: int | None) -> str:
    if label is None:
        return name
    return f"{name}: {'right' if values.argmax() == label else 'wrong'}"
