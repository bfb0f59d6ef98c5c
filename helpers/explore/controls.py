"""What the explorers are put together from: menus, rows that wrap, buttons that turn pages, a picture that follows its controls."""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from helpers.plots.style import Plot

PIXELS_PER_INCH = 110  # of a figure on a page; see Plot
STYLE = {"description_width": "8em"}


def menu(options: Sequence[Any], description: str, index: int = 0, width: str = "30em") -> widgets.Dropdown:
    """A menu wide enough for the name of a class where the page is; chosen from by index, since None would select nothing."""
    layout = {"width": width, "max_width": "100%"}
    return widgets.Dropdown(options=options, index=index, description=description, style=STYLE, layout=layout)


def by_name(names: Sequence[str], numbers: Iterable[int]) -> list[tuple[str, int]]:
    """Options of a menu, in alphabetical order."""
    return sorted((names[number], int(number)) for number in numbers)


def row(*parts: widgets.Widget) -> widgets.Box:
    """Parts side by side, and one below another where the page is narrow."""
    return widgets.Box(parts, layout={"display": "flex", "flex_flow": "row wrap", "grid_gap": "4px 12px"})


class Turner(widgets.HBox):
    """A slider from 1 to `n` between buttons for the previous and the next; gone where there is nothing to turn.

    Attributes:
        place: the slider, whose value is the place.
    """

    def __init__(self, description: str, n: int = 1) -> None:
        self.place = widgets.IntSlider(1, 1, 1, description=description, style=STYLE)
        self._previous, self._next = (
            widgets.Button(icon=f"chevron-{way}", tooltip=f"{words} {description}", layout={"width": "40px"})
            for way, words in (("left", "previous"), ("right", "next"))
        )
        self._previous.on_click(lambda _: self._turn(-1))
        self._next.on_click(lambda _: self._turn(1))
        self.place.observe(self._mark_ends, "value")
        super().__init__([self.place, self._previous, self._next])
        self.restart(n)

    def restart(self, n: int) -> None:
        """Go to the first of n."""
        self.place.value, self.place.max = 1, max(1, n)
        self.layout.display = "flex" if n > 1 else "none"
        self._mark_ends()

    def _turn(self, step: int) -> None:
        self.place.value += step

    def _mark_ends(self, _: object = None) -> None:
        self._previous.disabled = self.place.value == 1
        self._next.disabled = self.place.value == self.place.max


class Picture(widgets.HTML):
    """What `draw` gives, drawn again when the values of its controls have changed."""

    def __init__(
        self, draw: Callable[[], Plot | str], controls: Iterable[widgets.ValueWidget], inches: float | None = None
    ) -> None:
        """Draw, and watch the controls.

        Args:
            draw: a figure, or a sentence in its place.
            controls: on which it depends.
            inches: height that is kept for the figure, so that what follows stays where it is; None for that of the first.
        """
        super().__init__(layout={"flex": "1 1 400px"})
        self._draw, self._controls = draw, tuple(controls)
        self._shown: tuple[object, ...] = ()
        self._is_held = False
        for control in self._controls:
            control.observe(self._redraw, "value")
        shown = self._redraw()
        if inches is None and isinstance(shown, Plot):
            inches = shown.figure.get_figheight()
        keep_room(self, inches or 0)

    def set_values(self, values: Mapping[widgets.ValueWidget, object]) -> None:
        """Give controls new values, and draw once."""
        self._is_held = True
        try:
            for control, value in values.items():
                control.value = value
        finally:
            self._is_held = False
        self._redraw()

    def _redraw(self, _: object = None) -> Plot | str | None:
        values = tuple(control.value for control in self._controls)
        if self._is_held or values == self._shown:
            return None
        self._shown = values
        shown = self._draw()
        self.value = as_html(shown)
        return shown


def keep_room(picture: widgets.HTML, inches: float) -> None:
    """Reserve the height of a figure and of two lines of caption."""
    picture.layout.min_height = f"{round(inches * PIXELS_PER_INCH) + 60}px"


def as_html(shown: Plot | str) -> str:
    """A figure with its caption, or a sentence, for a page."""
    return html.escape(shown) if isinstance(shown, str) else shown._repr_mimebundle_()["text/html"]


def stand_in(shown: Plot | str) -> str:
    """What a page shows where the widget of the same cell is not alive, as in a notebook that was saved and opened again.

    The rules hide it beside a living widget, and hide JupyterLab's message about one that it does not find. Pages that drop the
    rules, such as GitHub's, show it.
    """
    return f"""<style>
.stand-in {{ display: none }}
.jp-OutputArea:not(:has(.widget-box)) .stand-in {{ display: block }}
.jp-OutputArea:has(.stand-in):not(:has(.widget-box)) .jp-OutputArea-output.jupyter-widgets {{ display: none }}
</style><div class="stand-in">{as_html(shown)}</div>"""
