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
from helpers.report import explorers, model_card, published, site
from helpers.training.runs import Run

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
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path)

    def build(*values, results="", words=None):
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures" / "results.md").write_text(results)
        if words:
            plt.figure().savefig(tmp_path / "figures" / "accuracies.png")
            (tmp_path / "figures" / "accuracies.json").write_text(json.dumps(words))
        notebook = nbformat.v4.new_notebook(
            metadata=LANGUAGE, cells=[nbformat.v4.new_markdown_cell("# Title"), *map(shown, values)]
        )
        nbformat.write(notebook, tmp_path / "01_data.ipynb")
        published.publish(tmp_path, ["01_data"], tmp_path / "figures")
        front = site.build("smoke", tmp_path / "figures", ["02_second"])
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


def test_pages_of_the_demo_say_so_and_the_front_page_has_the_committed_results(page):
    front, notebook = page()
    for parser in (front, notebook):
        assert "These pages are about procedural demo images" in parser.text
    assert "Why the report" in front.text and "Improved." in front.text
    assert "Left out, since they have not finished: 02_second." in front.text


def test_markup_in_class_names_is_text_on_every_page(page, tiny, tmp_path):
    run = write_run(tmp_path, "mobilenetv2", "improved")
    truth = run.predictions["test_labels"]
    predicted = run.predictions["test_probabilities"].argmax(axis=1)
    places = np.random.default_rng(0).normal(size=(len(truth), 2))
    front, notebook = page(
        exploration.class_table(type("Data", (), {"class_names": NAMES})),
        comparison.class_accuracy(predicted, truth, NAMES),
        comparison.confused_pairs(comparison.confusion(predicted, truth, NUM_CLASSES), NAMES),
        plots.embedding_map(places, truth, None, MARKUP),
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
    plot = plots.class_accuracies(comparison.class_accuracy(labels, labels, NAMES), "Deep CNN", "demo data")
    plot.save(tmp_path, "classes")
    tree = ElementTree.parse(tmp_path / "classes.svg")
    tags = {element.tag.rsplit("}")[-1] for element in tree.iter()}
    assert "text" in tags and not tags & {"script", "img", "image"}
    assert MARKUP[:40] in "".join(tree.getroot().itertext())


def test_without_notebooks_there_is_nothing_to_build(tmp_path):
    with pytest.raises(InputError, match="No notebook has been run.*'smoke'"):
        site.build("smoke", tmp_path)


def test_each_profile_has_a_site_and_the_folder_leads_to_the_last(page):
    page()
    sites = paths.BUILD / "html"
    assert "smoke/index.html" in (sites / "index.html").read_text()
    assert (sites / "smoke" / "index.html").exists()
    assert {path.name for path in sites.iterdir()} == {"index.html", "smoke"}


def test_explorers_work_from_disk_by_keyboard(page, chromium):
    page()
    view = chromium.new_page(viewport={"width": 390, "height": 900})
    asked, errors = [], []
    view.on("request", lambda request: asked.append(request.url))
    view.on("pageerror", lambda error: errors.append(str(error)))
    view.goto((paths.BUILD / "html" / "smoke" / "explore.html").as_uri())
    classes, answers, augmentation = view.locator("form.explorer").all()

    for explorer, control in ((classes, "[name=class]"), (augmentation, "[name=augmentation]")):
        before = explorer.locator("img").get_attribute("src")
        explorer.locator(control).press("ArrowDown")
        assert explorer.locator("img").get_attribute("src") != before
        assert explorer.locator(control).evaluate("c => c.selectedOptions[0].text") in explorer.inner_text()
    augmentation.locator("[name=view]").press("ArrowRight")
    assert augmentation.locator("img").get_attribute("src").endswith("view_0_improved_2.webp")
    augmentation.locator("[name=augmentation]").press("ArrowDown")  # one picture stands for all views
    assert augmentation.locator("img").get_attribute("src").endswith("view_0_none_1.webp")
    view.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth)")

    answers.locator("[name=class]").select_option(label="volleyball")
    run = Run(paths.FIGURES / "full" / "records" / "mobilenetv2_improved_0")
    label = explorers.answers()["classes"].index("volleyball")
    right = int((run.predicted()[run.labels() == label] == label).sum())
    assert answers.locator("table").nth(2).locator("tr.right").inner_text().split() == ["volleyball", str(right)]
    assert view.evaluate("document.documentElement.scrollWidth") <= 390
    view.close()
    assert errors == [] and [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_without_javascript_an_explorer_is_a_still_figure(page, chromium):
    page()
    context = chromium.new_context(java_script_enabled=False)
    view = context.new_page()
    view.goto((paths.BUILD / "html" / "smoke" / "explore.html").as_uri())
    assert view.locator("form.explorer img:visible").count() == 2
    assert view.locator(".answers tr:visible").count() > 3 and view.locator("fieldset:visible").count() == 0
    context.close()


def test_code_is_copied_by_a_button(page, chromium):
    page(Markdown("an answer"))
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    view = context.new_page()
    view.goto((paths.BUILD / "html" / "smoke" / "01_data.html").as_uri())
    view.locator("details.hide summary").first.click()
    view.locator("button.copy").first.click()
    view.locator("button.copy", has_text="Copied").wait_for()
    assert view.evaluate("navigator.clipboard.readText()") == "show()\n"
    context.close()
