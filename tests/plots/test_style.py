import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers.config import labels
from helpers.core import paths
from helpers.data import sample_photographs
from helpers.plots import style
from helpers.plots.style import Plot, WrappedTable, new_figure, theme

ALT = 'The "best" is 5 < 6 & rising.'


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def test_the_style_loads_no_tensorflow():
    code = "import sys; from helpers.plots import layout, style; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, check=False).returncode == 0


def plot(alt=ALT):
    with theme():
        figure, axis = new_figure(2, 1.5)
        axis.plot([0, 1])
        style.note(figure, "made by a test")
    return Plot(figure, "A <b>line</b> & its caption.", alt)


@pytest.mark.parametrize("fails", [False, True])
def test_theme_restores_the_settings_that_were_there(fails):
    before = dict(mpl.rcParams)
    try:
        with theme():
            assert mpl.rcParams["axes.titlesize"] == 9 and dict(mpl.rcParams) != before
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert dict(mpl.rcParams) == before


def test_save_writes_picture_drawing_and_words(tmp_path):
    plot().save(tmp_path / "new" / "folder", "line")
    folder = tmp_path / "new" / "folder"
    assert sorted(file.name for file in folder.iterdir()) == ["line.json", "line.png", "line.svg"]
    assert json.loads((folder / "line.json").read_text()) == {"caption": "A <b>line</b> & its caption.", "alt": ALT}
    assert "made by a test" in (folder / "line.svg").read_text()
    assert Image.open(folder / "line.png").size == (400, 300)


def test_words_with_quotes_and_brackets_reach_the_page_as_they_are():
    bundle = plot()._repr_mimebundle_()
    page = Page(bundle["text/html"])
    assert [tag for tag, _ in page.tags] == ["figure", "img", "figcaption"]
    assert page.tags[1][1]["alt"] == ALT
    assert "".join(page.texts) == "A <b>line</b> & its caption."
    assert bundle["text/plain"] == ALT


@pytest.mark.parametrize("which", ["x", "y"])
def test_percent_axis_writes_fractions_as_per_cent(which):
    with theme():
        figure, axis = new_figure(2, 2)
        axis.set(xlim=(0, 1), ylim=(0, 1))
        style.percent_axis(axis, which)
        figure.canvas.draw()
    words = {name: [text.get_text() for text in getattr(axis, f"get_{name}ticklabels")()] for name in "xy"}
    assert "100%" in words.pop(which) and "0%" not in words.popitem()[1]


@pytest.mark.parametrize("top", [0.12, 0.14, 0.17, 0.2])
def test_whole_per_cents_are_those_of_their_ticks(top):
    with theme():
        figure, axis = new_figure(3, 3)
        axis.set(ylim=(0, top))
        style.percent_axis(axis, decimals=0)
        figure.canvas.draw()
    shown = [float(text.get_text().rstrip("%")) for text in axis.get_yticklabels()]
    assert shown == pytest.approx(100 * axis.get_yticks())


def test_chance_line_stands_at_one_in_so_many():
    _, axis = new_figure(2, 2)
    style.chance_line(axis, 5)
    style.chance_line(axis, 4, horizontal=False)
    assert np.unique(axis.lines[0].get_ydata()).tolist() == [0.2]
    assert np.unique(axis.lines[1].get_xdata()).tolist() == [0.25]


def test_new_figures_have_their_size_and_are_not_left_open():
    figure, axes = new_figure(3, 2, 2, 3)
    assert figure.get_size_inches().tolist() == [3, 2] and axes.shape == (2, 3)
    assert figure.number not in mpl.pyplot.get_fignums()


def test_wrapped_table_escapes_its_texts_and_shares_the_width():
    frame = pd.DataFrame({"what & why": ["<script>alert(1)</script>", "b"], "n": ["1", "`python main.py`"]})
    bundle = WrappedTable(frame, (0.7, 0.3))._repr_mimebundle_()
    page = Page(bundle["text/html"])
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags and tags.count("tr") == 3
    assert page.texts == ["what & why", "n", "<script>alert(1)</script>", "1", "b", "python main.py"]
    assert tags.count("code") == 1
    assert [attributes["style"] for tag, attributes in page.tags if tag == "col"] == ["width:70%", "width:30%"]
    assert bundle["text/plain"].splitlines()[1] == "b | `python main.py`"


def test_every_model_has_a_colour_and_a_name():
    assert set(style.MODEL_COLOURS) == set(labels.MODEL_NAMES)
    assert set(style.RECIPE_MARKERS) == set(labels.RECIPE_NAMES)
    assert labels.name_of("deep_cnn", "improved") == "Deep CNN, improved"


def test_axes_placed_by_hand_stay_where_they_are_however_often_a_figure_is_saved(tmp_path):
    with theme():
        places = {"left": 0.6, "right": 0.9, "bottom": 0.2, "top": 0.5}
        figure, axis = new_figure(2, 2, layout="none", gridspec_kw=places)
    shown = Plot(figure, "A caption.", "An alternative text.")
    shown.save(tmp_path, "placed")
    shown._repr_mimebundle_()
    assert axis.get_position().extents == pytest.approx((0.6, 0.2, 0.9, 0.5))


@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        ("jpeg", lambda axis: axis.imshow(sample_photographs.load()["a flower"], interpolation="none")),
        ("png", lambda axis: axis.imshow(np.eye(64), interpolation="none")),  # has to stay exact
        (
            "png",
            lambda axis: axis.scatter(*np.random.default_rng(0).random((2, 3000)), rasterized=True),
        ),  # clear between
    ],
)
def test_photographs_inside_drawings_are_jpeg_and_nothing_else(kind, draw, tmp_path):
    with theme():
        figure, axis = new_figure(2, 2)
        draw(axis)
    Plot(figure, "caption", "alt").save(tmp_path, "drawing")
    assert [kind] == re.findall(r"data:image/(\w+)", (tmp_path / "drawing.svg").read_text())


def test_committed_drawings_are_small():
    sizes = {file.name: file.stat().st_size for file in (paths.FIGURES / "full").glob("*.svg")}
    assert {name: size for name, size in sizes.items() if size > 150_000} == {}
