"""Interactive views for JupyterLab: menus and sliders around the figures of `views`, one function each.

Where no front end is alive, each stands on the page as one figure; see `Experiment.explore`.
"""

import base64
import html
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.callbacks import Points

from helpers.config.labels import name_of
from helpers.config.profiles import find_recipe
from helpers.config.recipes import AUGMENTATIONS, Augmentation
from helpers.data import sample_photographs
from helpers.explore import controls, views
from helpers.explore.controls import Picture, Turner
from helpers.explore.matching import matching
from helpers.plots.style import Plot
from helpers.training import metrics

PER_PAGE = 40
_REPORT = AUGMENTATIONS["report"]
_IMPROVED = AUGMENTATIONS[find_recipe("deep_cnn", "improved").augmentation]
# The report's limits, all at once.
_START = {
    "rotation": _REPORT.rotation_degrees,
    "shift_right": _REPORT.shift,
    "shift_down": _REPORT.shift,
    "shear": _REPORT.shear_degrees,
    "zoom": 1 - _REPORT.zoom,
    "flip_horizontal": _REPORT.flip_horizontal,
    "flip_vertical": _REPORT.flip_vertical,
}
# What the buttons set. The report's text calls its shear "up to 30 %"; its code has 0.3 degrees.
_PRESETS = {
    "Report": views.UNCHANGED | _START,
    "30 % shear": views.UNCHANGED | _START | {"shear": round(math.degrees(math.atan(0.3)), 1)},
    "None": views.UNCHANGED,
}
# Lowest, highest, step.
_SLIDERS = {
    "rotation": (-45, 45, 1),
    "shift_right": (-0.5, 0.5, 0.01),
    "shift_down": (-0.5, 0.5, 0.01),
    "shear": (-45, 45, 0.1),
    "zoom": (0.5, 1.5, 0.01),
    "contrast": (0.2, 1.8, 0.01),
    "brightness": (0.2, 1.8, 0.01),
}
_UNITS = {"rotation": "°", "shear": "°"}


@dataclass(frozen=True)
class Explorer:
    """An interactive view.

    Attributes:
        widget: makes it, for a live front end.
        still: makes the figure that stands for it elsewhere, told whether photographs may be in it.
        hint: what it offers, to follow "In JupyterLab: ".
    """

    widget: Callable[[], widgets.Widget]
    still: Callable[[bool], Plot]
    hint: str

    def page(self, photographs: bool) -> Plot:
        """The figure for a page, captioned with what a live front end would offer."""
        plot = self.still(photographs)
        return replace(plot, caption=f"{plot.caption} In JupyterLab: {self.hint}")

    def live(self) -> dict[str, Any]:
        """Its widget as IPython displays it, with words where a page cannot show widgets."""
        return self.widget()._repr_mimebundle_() | {"text/plain": f"In JupyterLab: {self.hint}"}


def class_browser(images: np.ndarray, labels: np.ndarray, class_names: Sequence[str], source: str) -> Explorer:
    """All images of any class, a page at a time.

    Args:
        images: uint8 (n, height, width, 3).
        labels: integer (n,).
        class_names: of the labels.
        source: what the images are.
    """

    def view(label: int, page: int) -> Plot:
        mine = np.flatnonzero(labels == label)
        first = (min(page, _pages(len(mine))) - 1) * PER_PAGE
        shown = np.asarray(images[mine[first : first + PER_PAGE]])
        return views.class_page(shown, class_names[label], first + 1, len(mine), source)

    def widget() -> widgets.Widget:
        label = controls.menu(controls.by_name(class_names, np.unique(labels)), "class")
        pages = Turner("page")

        def turn_back(_: object = None) -> None:
            pages.restart(_pages(int((labels == label.value).sum())))

        turn_back()
        label.observe(turn_back, "value")
        picture = Picture(lambda: view(label.value, pages.place.value), (label, pages.place))
        return widgets.VBox([controls.row(label, pages), picture])

    return Explorer(widget, lambda _: view(int(labels[0]), 1), "choose any class by its name, and turn its pages.")


def augmentation_lab(images: np.ndarray, titles: Sequence[str], source: str) -> Explorer:
    """One image beside its transformed copy; every parameter of the augmentation has a slider.

    Args:
        images: uint8 (n, height, width, 3), to choose from.
        titles: a name for each.
        source: what the images are.
    """

    def widget() -> widgets.Widget:
        which = controls.menu(controls.by_name(titles, range(len(images))), "image")
        sliders = {name: _transform_control(name) for name in views.UNCHANGED}
        picture = Picture(
            lambda: views.augmentation(images[which.value], {name: c.value for name, c in sliders.items()}, source),
            (which, *sliders.values()),
        )

        def preset(name: str) -> widgets.Button:
            button = widgets.Button(description=name, layout={"width": "auto"})
            button.on_click(lambda _: picture.set_values({sliders[key]: v for key, v in _PRESETS[name].items()}))
            return button

        rows = [widgets.HBox([slider, widgets.HTML(_ranges(name))]) for name, slider in sliders.items()]
        left = widgets.VBox([which, widgets.HBox([*map(preset, _PRESETS)]), *rows], layout={"flex": "0 1 auto"})
        return controls.row(left, picture)

    def still(photographs: bool) -> Plot:
        if photographs:
            return views.augmentation(images[0], _START, source)
        flower = sample_photographs.load()["a flower"]
        return replace(views.augmentation(flower, _START, sample_photographs.CREDIT), has_photographs=False)

    return Explorer(widget, still, "move each parameter by a slider, on an image of any class.")


def answer_browser(
    probabilities: Mapping[tuple[str, str], np.ndarray],
    labels: np.ndarray,
    images: np.ndarray,
    class_names: Sequence[str],
    source: str,
) -> Explorer:
    """The answers of all networks to one image, and menus that choose which images to look at.

    Args:
        probabilities: float (n, n_classes), by model and recipe, for the same images, at least one.
        labels: integer (n,).
        images: uint8 (n, height, width, 3), or anything that gives an image for an index.
        class_names: of the labels.
        source: what the images are.
    """
    best = max(probabilities, key=lambda key: metrics.accuracy(probabilities[key], labels))

    def view(index: int, photographs: bool = True) -> Plot:
        image = np.asarray(images[index]) if photographs else None
        mine = {key: values[index] for key, values in probabilities.items()}
        return views.answers(mine, class_names, source, int(labels[index]), image)

    def widget() -> widgets.Widget:
        filters = _filters(list(probabilities), best, labels, class_names)
        turner = Turner("image")
        count = widgets.Label()

        def matches() -> np.ndarray:
            return matching(probabilities, labels, **{name: control.value for name, control in filters.items()})

        def start_again(_: object = None) -> None:
            n = len(matches())
            turner.restart(n)
            count.value = f"{n:,} of {len(labels):,} images"

        def draw() -> Plot | str:
            chosen = matches()
            return view(chosen[turner.place.value - 1]) if len(chosen) else "No image meets all of these conditions."

        start_again()
        for control in filters.values():
            control.observe(start_again, "value")
        picture = Picture(draw, (*filters.values(), turner.place))
        f = filters
        rows = (
            (f["network"], f["answer"], f["confidence"]),
            (f["other"], f["other_answer"]),
            (f["label"],),
            (turner, count),
        )
        return widgets.VBox([*(controls.row(*row) for row in rows), picture])

    def still(photographs: bool) -> Plot:
        mistakes = matching(probabilities, labels, best, "wrong")
        if not len(mistakes):
            return view(0, photographs)
        plot = view(mistakes[0], photographs)
        return replace(plot, caption=f"The surest mistake of {name_of(*best)}. {plot.caption}")

    return Explorer(
        widget,
        still,
        "see every image, or only mistakes, one class, a range of confidence, or what one network gets right and another "
        "wrong.",
    )


def image_map(
    places: np.ndarray,
    labels: np.ndarray,
    neighbours: np.ndarray,
    images: np.ndarray,
    class_names: Sequence[str],
    source: str,
) -> Explorer:
    """A map of images that names and shows the image under the pointer, and the image nearest to it.

    Args:
        places: float (n, 2).
        labels: integer (n,).
        neighbours: integer (n,), index of the nearest other image of each.
        images: uint8 (n, height, width, 3), or anything that gives an image for an index.
        class_names: of the labels.
        source: what the images are.
    """
    predicted, predictor = labels[neighbours], "nearest other image"

    def widget() -> widgets.Widget:
        figure = go.FigureWidget(views.hover_map(places, labels, predicted, class_names, predictor))
        options = [("none", None), *controls.by_name(class_names, np.unique(labels))]
        label = controls.menu(options, "highlight class")
        turner, legend = Turner("image"), widgets.HTML()
        shown = widgets.HTML("Point at an image on the map, or step through them with the slider.")
        controls.keep_room(shown, 3)
        in_turn = np.arange(len(labels))

        def show(index: int) -> None:
            figure.data[1].update(x=[places[index, 0]], y=[places[index, 1]])
            pictures = (index, f"image {index + 1}"), (neighbours[index], predictor)
            shown.value = "".join(_thumbnail(np.asarray(images[i]), class_names[labels[i]], is_) for i, is_ in pictures)

        def stand_out(_: object = None) -> None:
            nonlocal in_turn
            in_turn = np.arange(len(labels)) if label.value is None else np.flatnonzero(labels == label.value)
            turner.restart(len(in_turn))
            figure.data[0].marker.update(views.markers(labels, predicted, label.value))
            n_wrong = int((predicted[in_turn] != labels[in_turn]).sum())
            legend.value = views.map_legend(label.value is not None, len(in_turn), n_wrong, predictor)
            if label.value is not None:
                show(int(in_turn[0]))

        def point_at(_: object, points: Points, __: object) -> None:
            for index in points.point_inds[:1]:
                show(index)

        stand_out()
        label.observe(stand_out, "value")
        turner.place.observe(lambda change: show(int(in_turn[change["new"] - 1])), "value")
        figure.data[0].on_hover(point_at)
        side = widgets.VBox([label, legend, turner, shown], layout={"flex": "1 1 340px"})
        return controls.row(widgets.Box([figure], layout={"flex": "0 1 auto"}), side)

    def still(_: bool) -> Plot:
        n_wrong = np.bincount(labels[predicted != labels], minlength=len(class_names))
        label = int(n_wrong.argmax())
        plot = views.class_on_map(places, labels, predicted, label, class_names, predictor, source)
        return replace(plot, caption=f"{plot.caption} No class has more crosses.")

    return Explorer(
        widget, still, "point at an image to see it beside its neighbour, zoom in, and highlight any class."
    )


def _pages(n_images: int) -> int:
    return max(1, -(-n_images // PER_PAGE))


def _transform_control(name: str) -> widgets.ValueWidget:
    label = name.replace("_", " ")
    value = _START.get(name, views.UNCHANGED[name])
    if name not in _SLIDERS:
        return widgets.Checkbox(value, description=label, style=controls.STYLE)
    low, high, step = _SLIDERS[name]
    unit = _UNITS.get(name, "")
    layout = "d" if step == 1 else ".1f" if step == 0.1 else ".2f"
    return widgets.FloatSlider(
        value,
        min=low,
        max=high,
        step=step,
        description=f"{label} {unit}".strip(),
        readout_format=layout,
        style=controls.STYLE,
    )


def _ranges(name: str) -> str:
    """Between which values the recipes draw a parameter."""

    def drawn(augmentation: Augmentation) -> str:
        if name.startswith("flip"):
            return "on or off" if getattr(augmentation, name) else "off"
        a = augmentation
        spread = {"rotation": a.rotation_degrees, "shear": a.shear_degrees, "zoom": a.zoom} | dict.fromkeys(
            ("shift_right", "shift_down"), a.shift
        )
        value, middle = spread.get(name, a.contrast), views.UNCHANGED[name]
        if not value:
            return f"{middle:g}"
        return f"{middle - value:g} to {middle + value:g}" if middle else f"±{value:g}"

    return f"<small>report {drawn(_REPORT)}, improved {drawn(_IMPROVED)}</small>"


def _filters(
    networks: list[tuple[str, str]], first: tuple[str, str], labels: np.ndarray, class_names: Sequence[str]
) -> dict[str, widgets.ValueWidget]:
    """Controls by the names of the arguments of `matching`."""
    named = [(name_of(*key), key) for key in networks]
    right_or_wrong = [("right or wrong", ""), ("right", "right"), ("wrong", "wrong")]
    confidence = widgets.FloatRangeSlider(
        value=(0, 1), min=0, max=1, step=0.01, description="its confidence", readout_format=".0%", style=controls.STYLE
    )
    return {
        "network": controls.menu(named, "network", networks.index(first)),
        "answer": controls.menu(right_or_wrong, "its answer is", 2, "16em"),
        "confidence": confidence,
        "other": controls.menu([("none", None), *named], "other network"),
        "other_answer": controls.menu(right_or_wrong, "other's answer is", 1, "16em"),
        "label": controls.menu([("any", None), *controls.by_name(class_names, np.unique(labels))], "true class"),
    }


def _thumbnail(image: np.ndarray, name: str, what: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png")
    picture = base64.b64encode(buffer.getvalue()).decode()
    return (
        '<figure style="display:inline-block;vertical-align:top;width:160px;margin:0 8px 0 0">'
        f'<img src="data:image/png;base64,{picture}" alt="{html.escape(name)}" style="width:160px;image-rendering:pixelated"/>'
        f'<figcaption style="line-height:1.3">{html.escape(what)}:<br><b>{html.escape(name)}</b></figcaption></figure>'
    )
