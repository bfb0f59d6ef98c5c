"""The one theme of all figures, and the form in which a figure is shown and saved."""

import base64
import html
import io
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from PIL import Image

from helpers.config.families import MODELS, PALETTE
from helpers.config.labels import RECIPE_NAMES, name_of
from helpers.config.recipes import RECIPES
from helpers.core import storage

# Inches: the width of a figure. Its text of 8.5 points has 5 points, the least that journals allow, where the figure is printed in
# a column of 85 mm, and 8 pixels on a phone.
PAGE = 5.5

BLUE, ORANGE, GREEN, PINK, GREY = PALETTE
INK, FAINT, LIGHT = "#222222", "#767676", "#C9C9C9"
MODEL_COLOURS = {name: model.colour for name, model in MODELS.items()}
RECIPE_MARKERS = {"as_reported": "o", "as_coded": "s", "improved": "^"}
# Where only families are compared, all of one recipe, these tell them apart without colour.
FAMILY_LOOKS = {"shallow_cnn": ("o", ":"), "deep_cnn": ("s", "--"), "mobilenetv2": ("^", "-")}
# Share of black in the colour of a run; paler shades would not stand out from white.
_BLACK = {"as_reported": 0.5, "as_coded": 0.25, "improved": 0.0}
SEQUENTIAL = "viridis"
_EMBEDDED_PNG = re.compile(r'data:image/png;base64,([^"]+)')

_THEME: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "tinyimage",  # the same figure gives the same file
    "svg.fonttype": "none",
}


@contextmanager
def theme() -> Iterator[None]:
    """The theme for the figures made inside; what was set before comes back after it."""
    with mpl.rc_context(), sns.axes_style("ticks"):
        mpl.rcParams.update(_THEME)
        yield


@contextmanager
def _saving() -> Iterator[None]:
    """The theme for figures that are drawn already: after saving, Matplotlib gives a figure without a layout engine the one of
    the settings, which would move axes that were placed by hand.
    """
    with theme():
        mpl.rcParams["figure.constrained_layout.use"] = False
        yield


@dataclass(frozen=True)
class Plot:
    """A figure with its words.

    Attributes:
        figure: made under `theme`.
        caption: what to look at, which run, which data.
        alt: the finding, for one who cannot see it.
        has_photographs: shows images from which one of the data set can be recognised.
    """

    figure: Figure
    caption: str
    alt: str
    has_photographs: bool = False

    def save(self, folder: Path, name: str) -> None:
        """Write `<name>.png`, `<name>.svg` and `<name>.json` (caption and alt text); equal plots give equal files."""
        folder.mkdir(parents=True, exist_ok=True)
        # First: who finds the picture reads its words.
        storage.write_json(folder / f"{name}.json", {"caption": self.caption, "alt": self.alt})
        for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            with _saving(), storage.replacing(folder / f"{name}.{ending}") as partial:
                self.figure.savefig(partial, metadata=metadata)
                if ending == "svg":
                    partial.write_text(_EMBEDDED_PNG.sub(_as_jpeg, partial.read_text()))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:  # noqa: ANN401 - IPython's protocol
        """How notebooks and the HTML report show it: picture, alt text and caption together."""
        buffer = io.BytesIO()
        with _saving():
            self.figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
        picture = base64.b64encode(buffer.getvalue()).decode()
        width = round(self.figure.get_size_inches()[0] * 140)
        plt.close(self.figure)
        return {
            "text/html": (
                f'<figure style="margin:0"><img src="data:image/png;base64,{picture}" alt="{html.escape(self.alt)}" '
                f'style="width:{width}px;max-width:100%;height:auto"/>'
                f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
            ),
            "text/plain": self.alt,
        }


def _as_jpeg(embedded: re.Match[str]) -> str:
    """A picture inside a drawing as JPEG where that is less than half as large, as for photographs; clear pixels need PNG."""
    png = base64.b64decode(embedded.group(1))
    image, buffer = Image.open(io.BytesIO(png)).convert("RGBA"), io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=85)
    if min(image.getchannel("A").tobytes()) < 255 or 2 * buffer.tell() > len(png):
        return embedded.group()
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@dataclass(frozen=True)
class WrappedTable:
    """A table of text whose long cells wrap, in JupyterLab and in the HTML report.

    Attributes:
        frame: the texts.
        widths: of its columns, shares of the page.
    """

    frame: pd.DataFrame
    widths: tuple[float, ...]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:  # noqa: ANN401 - IPython's protocol
        """HTML for a page, plain lines elsewhere."""
        cell = "text-align:left;vertical-align:top;white-space:normal;overflow-wrap:break-word;padding:0.3em 0.6em"
        columns = "".join(f'<col style="width:{width:.0%}"/>' for width in self.widths)

        def row(tag: str, texts: Iterable[object]) -> str:
            cells = "".join(f'<{tag} style="{cell}">{_with_code(str(text))}</{tag}>' for text in texts)
            return f"<tr>{cells}</tr>"

        body = "".join(row("td", texts) for texts in self.frame.itertuples(index=False))
        return {
            "text/html": (
                f'<table style="table-layout:fixed;width:100%"><colgroup>{columns}</colgroup>'
                f"<thead>{row('th', self.frame.columns)}</thead><tbody>{body}</tbody></table>"
            ),
            "text/plain": "\n".join(" | ".join(map(str, texts)) for texts in self.frame.itertuples(index=False)),
        }


def _with_code(text: str) -> str:
    """HTML of a text in which Markdown's backticks mark code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", html.escape(text))


def new_figure(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    **options: Any,  # noqa: ANN401 - for plt.subplots
) -> tuple[Figure, Any]:
    """Figure and axes (one, or an array) of a size in inches. Call under `theme`."""
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), **options)
    plt.close(figure)  # shown by Plot, not a second time by the notebook
    return figure, axes


def note(figure: Figure, text: str) -> None:
    """Say inside the picture what it was made from, wrapped to the figure's width."""
    characters = int(figure.get_size_inches()[0] * 19.5)
    figure.supxlabel(textwrap.fill(text, characters), x=0.995, ha="right", fontsize=7, color=FAINT)


def headline(figure: Figure, finding: str, source: str) -> None:
    """State the finding above all panels, wrapped to the figure's width, and below them what it was made from; see `note`."""
    characters = int(figure.get_size_inches()[0] * 14)
    figure.suptitle(textwrap.fill(finding, characters), x=0.01, ha="left", fontsize=9)
    note(figure, source)


def percent_axis(axis: Axes, which: str = "y", decimals: int | None = None) -> None:
    """Show fractions as per cent, with as many decimals as the range asks for where no number is given."""
    target = axis.yaxis if which == "y" else axis.xaxis
    target.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=decimals))
    if isinstance(target.get_major_locator(), mpl.ticker.AutoLocator):
        # Ticks 2.5 % apart would lose their half where no decimal is shown.
        target.set_major_locator(mpl.ticker.MaxNLocator("auto", steps=(1, 2, 5, 10)))


def log_ticks(axis: Axis, subs: Sequence[int] = (1, 2, 5), numbers: str = "{x:g}") -> None:
    """Ticks of a logarithmic axis at these multiples of each power of ten, and no numbers between them."""
    axis.set_major_locator(mpl.ticker.LogLocator(subs=subs))
    axis.set_major_formatter(numbers)
    axis.set_minor_formatter(mpl.ticker.NullFormatter())


def chance_line(axis: Axes, num_classes: int, horizontal: bool = True) -> None:
    """A dotted line at chance level."""
    draw = axis.axhline if horizontal else axis.axvline
    draw(1 / num_classes, color=FAINT, linestyle=":", linewidth=1)


def run_colour(model: str, recipe: str) -> str:
    """The model's own colour for `improved`, darker shades of it for the other recipes of the same model."""
    has_one_recipe = sum(known.model == model for known in RECIPES) == 1
    black = 0.0 if has_one_recipe else _BLACK[recipe]
    red, green, blue = ((1 - black) * value for value in mpl.colors.to_rgb(MODEL_COLOURS[model]))
    return mpl.colors.to_hex((red, green, blue))


def family_look(model: str) -> dict[str, Any]:
    """Marker and line of a family, for a figure that has one run of each."""
    marker, line = FAMILY_LOOKS.get(model, ("D", "-."))
    return {"marker": marker, "linestyle": line}


# By the name of a run, for figures that know no more of it.
RUN_COLOURS = {name_of(model, recipe): run_colour(model, recipe) for model in MODEL_COLOURS for recipe in RECIPE_NAMES}
RUN_MARKERS = {name_of(model, recipe): RECIPE_MARKERS[recipe] for model in MODEL_COLOURS for recipe in RECIPE_NAMES}
