import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from fake_runs import NUM_CLASSES, write_run
from hostile import MARKUP
from IPython.core.formatters import DisplayFormatter
from IPython.display import Markdown

from helpers import plots
from helpers.analysis import comparison, exploration
from helpers.core import paths
from helpers.core.errors import InputError
from helpers.plots.style import WrappedTable
from helpers.report import model_card, site

NAMES = [MARKUP] * NUM_CLASSES
LANGUAGE = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}


class Page(HTMLParser):
    """Text of a page, the part of it that is folded away, and what of it would run, which a class name brought in."""

    def __init__(self):
        super().__init__()
        self.found, self.folds = [], 0
        self.text = self.folded = self.inside = ""

    def handle_starttag(self, tag, attributes):
        if any(name.startswith("on") or "alert" in (value or "") and name != "alt" for name, value in attributes):
            self.found.append((tag, attributes))
        self.folds += tag == "details"
        self.inside = tag

    def handle_endtag(self, tag):
        self.folds -= tag == "details"
        self.inside = ""

    def handle_data(self, data):
        self.text += data
        self.folded += data if self.folds else ""
        if self.inside == "script" and "alert(1)" in data:
            self.found.append(("script", data))


def shown(value):
    """A cell with the output that a notebook keeps of a value."""
    data, metadata = DisplayFormatter().format(value)
    data.pop("image/png", None)
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    return nbformat.v4.new_code_cell("show()", execution_count=1, outputs=[output])


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Build the report from one notebook with given outputs; gives the page's parser."""
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")

    def build(*values, results="", words=None):
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures" / "results.md").write_text(results)
        if words:
            plt.figure().savefig(tmp_path / "figures" / "accuracies.png")
            (tmp_path / "figures" / "accuracies.json").write_text(json.dumps(words))
        notebook = nbformat.v4.new_notebook(
            metadata=LANGUAGE, cells=[nbformat.v4.new_markdown_cell("# Title"), *map(shown, values)]
        )
        (tmp_path / "executed").mkdir()
        nbformat.write(notebook, tmp_path / "executed" / "01_data.ipynb")
        front = site.build(tmp_path / "executed", ("01_data",), "smoke", tmp_path / "figures")
        parsers = []
        for file in (front, front.with_name("01_data.html")):
            parsers.append(Page())
            parsers[-1].feed(file.read_text())
        return parsers

    return build


def test_code_is_folded_away_and_its_output_is_not(page):
    _, notebook = page(Markdown("an answer"))
    assert "show" in notebook.folded
    assert "an answer" in notebook.text
    assert "an answer" not in notebook.folded


def test_a_page_says_what_it_was_made_from(page):
    _, notebook = page()
    assert "Made from the demo data with the profile smoke." in notebook.text


def test_a_page_of_real_data_names_the_file_and_not_where_it_lies(tmp_path):
    cells = [nbformat.v4.new_markdown_cell("# Title\n\nProse.")]
    metadata = {"papermill": {"parameters": {"data": "/somewhere/of`mine/tiny.zip"}}}
    nbformat.write(nbformat.v4.new_notebook(metadata=metadata, cells=cells), tmp_path / "a.ipynb")
    words = site._as_page(tmp_path / "a.ipynb", "full", has_newer=False).cells[0].source
    assert words == "# Title\n\n*Made from `tiny.zip` with the profile `full`.*\n\nProse."


def test_markup_in_class_names_is_text_on_every_page(page, tiny, tmp_path):
    run = write_run(tmp_path, "mobilenetv2", "improved")
    truth = run.predictions["test_labels"]
    predicted = run.predictions["test_probabilities"].argmax(axis=1)
    places = np.random.default_rng(0).normal(size=(len(truth), 2))
    front, notebook = page(
        exploration.class_table(type("Data", (), {"class_names": NAMES})),
        comparison.class_accuracy(predicted, truth, NAMES),
        comparison.confused_pairs(comparison.confusion(predicted, truth, NUM_CLASSES), NAMES),
        plots.embedding_map(places, truth, NAMES, MARKUP),
        plots.class_accuracies(comparison.class_accuracy(predicted, truth, NAMES), MARKUP, MARKUP),
        WrappedTable(pd.DataFrame({MARKUP: [MARKUP]}), (1.0,)),
        Markdown(model_card.text(run, NAMES)),
        Markdown(f"A file named {MARKUP}\n\n{MARKUP}"),
        results=f"Weights: {MARKUP}\n\n| a |\n|---|\n| {MARKUP} |\n",
        words={"caption": MARKUP, "alt": MARKUP},
    )
    for parser in (front, notebook):
        assert parser.found == []
        assert parser.text.count("alert(1)") >= 2  # it is there, as text


def test_markup_in_class_names_is_text_in_a_drawing(tmp_path):
    labels = np.arange(NUM_CLASSES).repeat(5)
    plot = plots.embedding_map(np.random.default_rng(0).normal(size=(len(labels), 2)), labels, NAMES, "demo data")
    plot.save(tmp_path, "map")
    tree = ElementTree.parse(tmp_path / "map.svg")
    tags = {element.tag.rsplit("}")[-1] for element in tree.iter()}
    assert "text" in tags and not tags & {"script", "img", "image"}
    assert MARKUP in "".join(tree.getroot().itertext())


def test_without_notebooks_there_is_nothing_to_build(tmp_path):
    with pytest.raises(InputError, match="No notebook has been run.*'smoke'"):
        site.build(tmp_path, ("01_data",), "smoke")


@pytest.mark.parametrize("has_newer", [True, False])
def test_a_page_says_that_a_later_run_has_not_finished(has_newer, tmp_path):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title")]), tmp_path / "a.ipynb")
    text = site._as_page(tmp_path / "a.ipynb", "demo", has_newer).cells[0].source
    assert ("A later run of this notebook has not finished" in text) == has_newer


def test_the_front_page_names_notebooks_that_have_only_an_incomplete_copy(tmp_path):
    (tmp_path / "incomplete").mkdir()
    for name in ("01_first", "02_second"):
        (tmp_path / "incomplete" / f"{name}.ipynb").touch()
    assert site._left_out(tmp_path, ["01_first"]) == ["**Left out, since they have not finished: 02_second.**"]
    assert site._left_out(tmp_path, ["01_first", "02_second"]) == []
