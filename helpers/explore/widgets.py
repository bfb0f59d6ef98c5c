"""Interactive views for JupyterLab: menus and sliders around the figures of `views`, one function each.

Where no front end is alive, each stands on the page as one figure; see `Experiment.explore`.
"""

import base64
import html
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.callbacks import Points

from helpers.config.labels import name_of
from helpers.config.recipes import AUGMENTATIONS
from helpers.core.errors import InputError
from helpers.explore import asking, photographs, views
from helpers.explore.matching import matching
from helpers.plots import illustrations
from helpers.plots.style import Plot
from helpers.report import selection
from helpers.training import metrics
from helpers.training.runs import Run

PER_PAGE = 40
_REPORT = AUGMENTATIONS["report"]
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
_WIDE = {"description_width": "7.5em"}


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
        label = widgets.Dropdown(options=_by_name(class_names, np.unique(labels)), description="class")
        page = widgets.IntSlider(1, 1, 1, description="page")

        def turn_back(_: object = None) -> None:
            page.max = _pages(int((labels == label.value).sum()))
            page.value = 1

        turn_back()
        label.observe(turn_back, "value")
        picture = _picture(lambda: view(label.value, page.value), (label, page))
        return widgets.VBox([widgets.HBox([label, page]), picture])

    return Explorer(widget, lambda _: view(int(labels[0]), 1), "choose any class by its name, and turn its pages.")


def augmentation_lab(images: np.ndarray, titles: Sequence[str], source: str) -> Explorer:
    """One image beside its transformed copy; every parameter of the augmentation has a slider.

    Args:
        images: uint8 (n, height, width, 3), to choose from.
        titles: a name for each.
        source: what the images are.
    """

    def widget() -> widgets.Widget:
        which = widgets.Dropdown(options=_by_name(titles, range(len(images))), description="image", style=_WIDE)
        controls = {name: _transform_control(name) for name in views.UNCHANGED}
        reset = widgets.Button(description="Undo all")
        picture = _picture(
            lambda: views.augmentation(images[which.value], {name: c.value for name, c in controls.items()}, source),
            (which, *controls.values()),
        )

        def undo(_: object) -> None:
            for name, control in controls.items():
                control.value = views.UNCHANGED[name]

        reset.on_click(undo)
        left = widgets.VBox(
            [which, *controls.values(), reset], layout={"flex": "0 0 auto"}
        )  # else the picture takes its room
        return widgets.HBox([left, picture])

    return Explorer(
        widget,
        lambda _: views.augmentation(images[0], _START, source),
        "move each parameter by a slider, on an image of any class.",
    )


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
        place = widgets.IntSlider(1, 1, 1, description="image", style=_WIDE)
        count = widgets.Label()

        def matches() -> np.ndarray:
            return matching(probabilities, labels, **{name: control.value for name, control in filters.items()})

        def start_again(_: object = None) -> None:
            n = len(matches())
            place.max, place.value, place.disabled = max(1, n), 1, n == 0
            count.value = f"{n:,} of {len(labels):,} images"

        def draw() -> Plot | str:
            chosen = matches()
            return view(chosen[place.value - 1]) if len(chosen) else "No image meets all of these conditions."

        start_again()
        for control in filters.values():
            control.observe(start_again, "value")
        picture = _picture(draw, (*filters.values(), place))
        f = filters
        rows = (f["network"], f["answer"], f["confidence"]), (f["other"], f["other_answer"], f["label"]), (place, count)
        return widgets.VBox([*(widgets.HBox(row) for row in rows), picture])

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
    predicted: np.ndarray,
    images: np.ndarray,
    class_names: Sequence[str],
    predictor: str,
    source: str,
) -> Explorer:
    """A map of images that names and shows the image under the pointer.

    Args:
        places: float (n, 2).
        labels: integer (n,).
        predicted: integer (n,), the predicted class of each image.
        images: uint8 (n, height, width, 3), or anything that gives an image for an index.
        class_names: of the labels.
        predictor: what `predicted` comes from, within a sentence, such as "nearest other image".
        source: what the images are.
    """

    def widget() -> widgets.Widget:
        figure = go.FigureWidget(views.hover_map(places, labels, predicted, class_names, predictor))
        label = widgets.Dropdown(
            options=[("none", None), *_by_name(class_names, np.unique(labels))],
            description="highlight class",
            style=_WIDE,
        )
        pointed_at = widgets.HTML("Point at an image.", layout={"width": "200px"})

        def stand_out(change: dict) -> None:
            figure.data[0].marker.update(views.markers(labels, predicted, change["new"]))

        def point_at(_: object, points: Points, __: object) -> None:
            for index in points.point_inds[:1]:
                other = f"{predictor}: {class_names[predicted[index]]}"
                pointed_at.value = _thumbnail(np.asarray(images[index]), class_names[labels[index]], other)

        label.observe(stand_out, "value")
        figure.data[0].on_hover(point_at)
        return widgets.HBox([figure, widgets.VBox([label, pointed_at])])

    def still(_: bool) -> Plot:
        n_wrong = np.bincount(labels[predicted != labels], minlength=len(class_names))
        label = int(n_wrong.argmax())
        plot = views.class_on_map(places, labels, predicted, label, class_names, predictor, source)
        return replace(plot, caption=f"{plot.caption} No class has more crosses.")

    return Explorer(widget, still, "point at an image to see it with its class, zoom in, and highlight any class.")


def own_photograph(runs: Sequence[Run], class_names: Sequence[str]) -> Explorer:
    """What every network says of a file that the reader gives.

    Args:
        runs: at least one has its network. Of a recipe with several, the first seed is asked.
        class_names: of the labels.
    """
    there = list(selection.by_recipe([run for run in runs if run.has_model()]).values())
    network = cache(asking.network)  # a network is loaded when it is first asked

    def view(image: np.ndarray, asked: Iterable[Run], source: str) -> Plot:
        said = {(run.model, run.recipe): network(run)(image) for run in asked}
        return views.answers(said, class_names, source, image=image)

    def widget() -> widgets.Widget:
        upload = widgets.FileUpload(accept="image/*", description="A photograph", layout={"width": "200px"})
        picture = widgets.HTML()

        def answer(change: dict) -> None:
            for file in change["new"]:
                picture.value = f"Asking {len(there)} networks; the first time takes some seconds."
                try:
                    image = photographs.read_photograph(bytes(file["content"]), file["name"])
                except InputError as error:
                    picture.value = html.escape(str(error))
                else:
                    picture.value = _as_html(view(image, there, file["name"]))

        upload.observe(answer, "value")
        return widgets.VBox([upload, widgets.HTML(asking.which_networks(runs)), picture])

    def still(_: bool) -> Plot:
        drawing = view(
            illustrations.example_image(), selection.best_of_each_family(there), "a drawing by the demo's generator"
        )
        return replace(drawing, has_photographs=False)

    return Explorer(
        widget, still, "give a photograph of your own, and see what every network says of its middle square."
    )


def _by_name(names: Sequence[str], numbers: Iterable[int]) -> list[tuple[str, int]]:
    """Options of a menu, in alphabetical order."""
    return sorted((names[number], int(number)) for number in numbers)


def _pages(n_images: int) -> int:
    return max(1, -(-n_images // PER_PAGE))


def _transform_control(name: str) -> widgets.ValueWidget:
    label = name.replace("_", " ")
    value = _START.get(name, views.UNCHANGED[name])
    if name not in _SLIDERS:
        return widgets.Checkbox(value, description=label, style=_WIDE)
    low, high, step = _SLIDERS[name]
    unit = _UNITS.get(name, "")
    layout = "d" if step == 1 else ".1f" if step == 0.1 else ".2f"
    return widgets.FloatSlider(
        value, min=low, max=high, step=step, description=f"{label} {unit}", readout_format=layout, style=_WIDE
    )


def _filters(
    networks: list[tuple[str, str]], first: tuple[str, str], labels: np.ndarray, class_names: Sequence[str]
) -> dict[str, widgets.ValueWidget]:
    """Controls by the names of the arguments of `matching`."""
    named = [(name_of(*key), key) for key in networks]
    right_or_wrong = [("right or wrong", ""), ("right", "right"), ("wrong", "wrong")]
    menus = {
        "network": (named, networks.index(first), "network"),
        "answer": (right_or_wrong, 2, "its answer is"),
        "other": ([("none", None), *named], 0, "other network"),
        "other_answer": (right_or_wrong, 1, "its answer is"),
        "label": ([("any", None), *_by_name(class_names, np.unique(labels))], 0, "true class"),
    }
    controls = {
        # By index, since a value of None would select nothing.
        name: widgets.Dropdown(options=options, index=index, description=description, style=_WIDE)
        for name, (options, index, description) in menus.items()
    }
    confidence = widgets.FloatRangeSlider(
        value=(0, 1), min=0, max=1, step=0.01, description="its confidence", readout_format=".0%", style=_WIDE
    )
    return controls | {"confidence": confidence}


def _picture(draw: Callable[[], Plot | str], controls: Iterable[widgets.ValueWidget]) -> widgets.HTML:
    """What `draw` gives, drawn again whenever a control changes."""
    picture = widgets.HTML(_as_html(draw()))

    def redraw(_: object) -> None:
        picture.value = _as_html(draw())

    for control in controls:
        control.observe(redraw, "value")
    return picture


def _as_html(shown: Plot | str) -> str:
    return html.escape(shown) if isinstance(shown, str) else shown._repr_mimebundle_()["text/html"]


def _thumbnail(image: np.ndarray, name: str, caption: str) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png")
    picture = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<img src="data:image/png;base64,{picture}" alt="{html.escape(name)}" style="width:192px;image-rendering:pixelated"/>'
        f"<br><b>{html.escape(name)}</b><br>{html.escape(caption)}"
    )
