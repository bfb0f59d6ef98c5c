import ast
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbformat
import pandas as pd
import papermill
import pytest
from lab_server import lab, open_and_run
from PIL import Image
from playwright.sync_api import expect

from helpers.config.recipes import RECIPES
from helpers.core import paths
from helpers.report import published, results, site
from helpers.runner.execute import run_notebook
from helpers.runner.notebooks import executed_folder, find_notebooks

NOTEBOOKS = [notebook.file for notebook in find_notebooks()]
NAMES = {"profile": "demo", "data": "", "weights": "", "output": "", "seed": 0}
FIXED_FIGURES = (
    "figure_1_architectures",
    "figure_2_shallow_cnn",
    "figure_3_deep_cnn",
    "figure_4_mobilenetv2",
)
RESULT_TABLES = (
    "calibration",
    "class_accuracies",
    "confused_pairs",
    "costs",
    "coverages",
    "disagreement",
    "disagreement_by_class",
    "grad_cam_check",
    "leader_board",
    "severity_of_mistakes",
    "verdicts",
    "without_label_candidates",
)
EXPLORERS = ("class_browser", "augmentation_lab", "image_map", "answer_browser", "own_photograph")

BRANCHES_AND_LOOPS = (ast.If, ast.IfExp, ast.Match, ast.Try, ast.For, ast.While, ast.FunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def code_cells(notebook):
    return [cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]


def test_the_series_is_complete():
    assert sorted(paths.NOTEBOOKS.glob("*.ipynb")) == NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
class TestSource:
    def test_is_committed_without_outputs(self, notebook):
        assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))

    def test_has_the_five_parameters_in_one_tagged_cell(self, notebook):
        tagged = [c for c in nbformat.read(notebook, 4).cells if "parameters" in c.metadata.get("tags", [])]
        assert len(tagged) == 1
        values = {}
        exec(tagged[0].source, values)
        assert {name: values[name] for name in values if name != "__builtins__"} == NAMES
        assert set(papermill.inspect_notebook(str(notebook))) == set(NAMES)

    def test_reads_every_parameter(self, notebook):
        rest = "\n".join(c.source for c in code_cells(notebook) if "parameters" not in c.metadata.get("tags", []))
        assert all(re.search(rf"\b{name}\b", rest) for name in NAMES)

    def test_has_the_kernel_of_any_environment_and_stable_ids(self, notebook):
        content = nbformat.read(notebook, 4)
        assert content.metadata.kernelspec.name == "python3"
        ids = [cell.id for cell in content.cells]
        assert len(set(ids)) == len(ids)

    def test_holds_no_absolute_path_class_or_shell_line(self, notebook):
        text = "\n".join(cell.source for cell in code_cells(notebook))
        assert not re.search(r"""["'](/|~|[A-Z]:\\)""", text)
        assert not re.search(r"^\s*(class |[!%])", text, re.MULTILINE)

    def test_leaves_branches_and_loops_to_helpers(self, notebook):
        """A comprehension of one line is all that a cell may have."""
        for cell in code_cells(notebook):
            for node in ast.walk(ast.parse(cell.source)):
                assert not isinstance(node, BRANCHES_AND_LOOPS), cell.source
                assert not isinstance(node, COMPREHENSIONS) or node.lineno == node.end_lineno, cell.source

    def test_keeps_cells_small_and_begins_and_ends_in_prose(self, notebook):
        cells = nbformat.read(notebook, 4).cells
        working = [c.source for c in code_cells(notebook) if not c.source.startswith(("from ", "import "))]
        assert max(len(source.splitlines()) for source in working) <= 15
        assert cells[0].cell_type == cells[-1].cell_type == "markdown"
        assert cells[0].source.startswith("# ")
        assert "References" in cells[-1].source


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The whole series at `smoke`, as the command line runs it, in folders of its own."""
    folder = tmp_path_factory.mktemp("series")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYIMAGE_RUNS", str(folder / "runs"))
        patch.setenv("TINYIMAGE_CACHE", str(folder / "cache"))
        patch.setattr(paths, "BUILD", folder / "build")
        output = folder / "figures"
        parameters = {"profile": "smoke", "data": "", "weights": "", "output": str(output), "seed": 3}
        for notebook in NOTEBOOKS:
            run_notebook(notebook, executed_folder("smoke"), parameters)
        published.publish(executed_folder("smoke"), [file.stem for file in NOTEBOOKS], output)
        page = site.build("smoke", output)
        yield {"output": output, "executed": executed_folder("smoke"), "page": page}


def test_every_promised_figure_is_there_in_both_formats_with_its_words(finished):
    for name in FIXED_FIGURES:
        for ending in ("png", "svg", "json"):
            assert (finished["output"] / f"{name}.{ending}").stat().st_size > 100, name
    for words in finished["output"].glob("*.json"):
        content = json.loads(words.read_text())
        assert len(content["caption"]) > 20, words.name
        assert len(content["alt"]) > 20, words.name


def test_what_is_found_is_kept_as_tables(finished):
    for name in RESULT_TABLES:
        assert len(pd.read_csv(finished["output"] / f"{name}.csv")), name


@pytest.fixture(scope="module")
def comparison(finished, chromium, tmp_path_factory):
    """Notebook 05 in JupyterLab after Run All, with the runs of the series."""
    folder = tmp_path_factory.mktemp("lab")
    parameters = {"profile": "smoke", "output": str(finished["output"]), "seed": 3}
    papermill.execute_notebook(
        str(NOTEBOOKS[4]), str(folder / "05.ipynb"), parameters, prepare_only=True, progress_bar=False
    )
    with lab(folder, tmp_path_factory.mktemp("jupyter")) as server:
        page = open_and_run(chromium, server, "05.ipynb")
        expect(page.locator(".jp-CodeCell .jp-InputPrompt").last).to_have_text(re.compile(r"\[\d+\]:"))
        yield page
        page.close()


def test_run_all_in_jupyterlab_runs_every_cell(comparison):
    assert comparison.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert comparison.errors == []


def test_the_next_image_in_jupyterlab_has_other_answers(comparison):
    row = comparison.locator(".widget-slider", has_text="image")
    picture = row.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')][1]").locator("figure img")
    source = picture.get_attribute("src")
    row.locator(".noUi-handle").focus()
    comparison.keyboard.press("ArrowRight")
    expect(picture).not_to_have_attribute("src", source)


def test_a_photograph_given_in_jupyterlab_is_answered(comparison, tmp_path):
    Image.new("RGB", (100, 80), "green").save(tmp_path / "meadow.png")
    with comparison.expect_file_chooser() as chooser:
        comparison.get_by_role("button", name="A photograph").click()
    chooser.value.set_files(tmp_path / "meadow.png")
    expect(comparison.locator("figcaption", has_text="meadow.png")).to_be_visible()


def test_explorers_are_figures_without_a_trace_of_widgets(finished):
    for name in EXPLORERS:
        assert "In JupyterLab: " in json.loads((finished["output"] / f"{name}.json").read_text())["caption"]
    for notebook in finished["executed"].glob("*.ipynb"):
        assert "widgets" not in nbformat.read(notebook, 4).metadata
        assert "application/vnd.jupyter.widget" not in notebook.read_text()
    assert "jupyter.widget" not in finished["page"].with_name(f"{NOTEBOOKS[0].stem}.html").read_text()


def test_results_have_a_row_for_every_recipe_and_split(finished):
    table = pd.read_csv(finished["output"] / "results.csv")
    assert list(table.columns) == list(results.COLUMNS)
    assert not table.duplicated(["model", "recipe", "seed", "split"]).any()
    assert set(table["split"]) == {"validation", "test"}
    assert set(table["test_source"]) == {"split_off"}
    assert len(table) == 2 * len(RECIPES)
    assert set(table["seed"]) == {3}
    assert table["accuracy"].between(0, 1).all()
    assert (finished["output"] / "results.md").read_text().count("Shallow CNN") >= 3


def test_submissions_are_in_the_order_of_the_sample(finished):
    table = pd.read_csv(finished["output"] / "submission_mobilenetv2_improved.csv")
    assert list(table.columns) == ["img_id", "label"]
    assert table["img_id"].str.len().eq(18).all()
    assert table["label"].between(0, 99).all()


def test_executed_notebooks_are_quiet(finished):
    for notebook in finished["executed"].glob("*.ipynb"):
        outputs = [out for cell in code_cells(notebook) for out in cell.outputs]
        printed = "".join(out.text for out in outputs if out.output_type == "stream")
        assert "\r" not in printed
        assert "Warning" not in printed, notebook.name
        assert len(printed.splitlines()) < 120, notebook.name


def test_pages_have_alt_text_and_ask_no_other_host(finished):
    pages = list(Path(finished["page"]).parent.glob("*.html"))
    assert {page.stem for page in pages} >= {"index", *(file.stem for file in NOTEBOOKS)}
    for page in pages:
        text = page.read_text()
        assert not re.search(r"""<(script|link|img|iframe)[^>]+(src|href)=["'](https?:)?//""", text), page.name
        assert not re.search(r"<img(?![^>]*\balt=)[^>]*>", text), page.name


@pytest.mark.parametrize("width", [390, 1400])
def test_pages_hold_in_a_browser(finished, chromium, width):
    """No error, no request, no broken link or picture, nothing wider than a telephone or a desk."""
    view = chromium.new_page(viewport={"width": width, "height": 900})
    errors, asked = [], []
    view.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    view.on("pageerror", lambda error: errors.append(str(error)))
    view.on("request", lambda request: asked.append(request.url))
    folder = finished["page"].parent
    for name in ("index", "explore", *(file.stem for file in NOTEBOOKS)):
        view.goto((folder / f"{name}.html").as_uri())
        view.wait_for_function("[...document.images].every(image => image.complete)")
        assert view.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.alt)") == []
        assert view.evaluate("document.documentElement.scrollWidth") <= width, name
        widest = view.evaluate("Math.max(...[...document.querySelectorAll('figure img')].map(i => i.clientWidth))")
        assert 200 < widest <= width, name
        links = view.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)")
        files = {unquote(urlparse(link).path) for link in links if link.startswith("file:")}
        assert [file for file in files if not Path(file).exists()] == []
    view.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_every_figure_of_a_page_is_a_file_beside_it(finished):
    folder = finished["page"].parent
    for notebook in NOTEBOOKS:
        kept = (finished["output"] / "outputs" / f"{notebook.stem}.json").read_text()
        assert "data:image" not in kept and "not published" not in kept  # all of the demo's may be shown
        pictures = re.findall(r'src="(figures/[^"]+)"', (folder / f"{notebook.stem}.html").read_text())
        assert pictures and all((folder / name).exists() for name in pictures)


def test_front_page_shows_the_main_figures_and_every_notebook(finished):
    text = finished["page"].read_text()
    assert len(re.findall(r"<figure", text)) >= 4
    assert ":::" not in text
    assert "```" not in text
    assert all(f'href="{name}.html"' in text for name in [file.stem for file in NOTEBOOKS])


def test_result_comparison_trains_nothing():
    source = "\n".join(cell.source for cell in code_cells(NOTEBOOKS[4]))
    assert ".train(" not in source
    assert ".fit(" not in source
