import json
import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter

from helpers import plots
from helpers.core import paths
from helpers.core.errors import InputError
from helpers.report import published

COMMITTED = sorted((paths.FIGURES / "full" / "outputs").glob("*.json"))
IMAGE_DATA = re.compile(r"data:image|image/(png|jpeg|svg)|[A-Za-z0-9+/]{400}")


def output_of(value, **metadata):
    data, _ = DisplayFormatter().format(value)
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata)


def executed(*outputs, **parameters):
    cell = nbformat.v4.new_code_cell("show()", id="show", execution_count=1, outputs=list(outputs))
    cell.metadata["papermill"] = {"start_time": "2022-06-03T10:00:00"}
    metadata = {"papermill": {"parameters": parameters}}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), cell], metadata=metadata)


def kept_of(output, figures):
    [kept] = published.outputs(executed(output), figures)["cells"]["show"]
    return kept


@pytest.fixture
def plot():
    light = {"brightness": np.linspace(0.1, 0.9, 50), "contrast": np.linspace(0.1, 0.5, 50)}
    return plots.brightness_spread(pd.DataFrame(light), "demo data")


def test_a_saved_figure_becomes_a_reference_with_its_alt_text_and_caption(plot, tmp_path):
    plot.save(tmp_path, "brightness")
    output = kept_of(output_of(plot, figure="brightness"), tmp_path)
    text = output.data["text/html"]
    assert '<img src="../brightness.png"' in text and plot.alt in text and plot.caption in text
    assert not IMAGE_DATA.search(json.dumps(output))


def test_a_figure_that_was_not_saved_becomes_a_sentence(plot, tmp_path):
    output = kept_of(output_of(plot, figure=""), tmp_path)
    assert "not published" in output.data["text/html"] and plot.caption in output.data["text/html"]
    assert not IMAGE_DATA.search(json.dumps(output))


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/svg+xml", "application/vnd.plotly.v1+json"])
def test_no_other_form_of_an_image_is_kept(kind, tmp_path):
    shown = nbformat.v4.new_output("display_data", data={kind: "AAAA", "text/plain": "an image"})
    output = kept_of(shown, tmp_path)
    assert output.data == {"text/plain": "an image"}


@pytest.mark.parametrize("kind", ["text/html", "text/markdown"])
def test_an_image_inside_a_text_is_not_kept(kind, tmp_path):
    text = "![](data:image/png;base64,AAAA)" if kind == "text/markdown" else "<img src='data:image/png;base64,AAAA'>"
    shown = nbformat.v4.new_output("display_data", data={kind: text, "text/plain": "an image"})
    output = kept_of(shown, tmp_path)
    assert output.data == {"text/plain": "an image"}


def test_nothing_of_the_machine_is_kept(tmp_path):
    printed = nbformat.v4.new_output("stream", name="stdout", text=f"{paths.ROOT}/runs/a is damaged\n")
    kept = published.outputs(executed(printed, profile="full", data=str(tmp_path / "tiny.zip")), tmp_path)
    assert (kept["profile"], kept["data"]) == ("full", "tiny.zip")
    assert kept["cells"]["show"][0]["text"] == "runs/a is damaged\n"
    text = json.dumps(kept)
    assert str(tmp_path) not in text and str(paths.ROOT) not in text and "2022" not in text


@pytest.fixture
def series(tmp_path, monkeypatch):
    """A folder of two executed notebooks, and their sources without outputs."""
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path)
    (tmp_path / "executed").mkdir()
    for name in ("01_a", "02_b"):
        nbformat.write(executed(), tmp_path / f"{name}.ipynb")
        output = nbformat.v4.new_output("stream", name="stdout", text=f"shown by {name}")
        nbformat.write(executed(output, profile="full", data="a.zip"), tmp_path / "executed" / f"{name}.ipynb")
    return tmp_path


def test_a_published_notebook_has_the_prose_of_today_and_the_outputs_of_the_run(series):
    published.publish(series / "executed", ["02_b", "03_missing"], series / "figures")
    source = nbformat.read(series / "02_b.ipynb", 4)
    source.cells[0].source = "# Reworded"
    source.cells.append(nbformat.v4.new_code_cell("later()"))
    nbformat.write(source, series / "02_b.ipynb")
    [(name, notebook)] = published.load(series / "figures").items()
    assert name == "02_b" and notebook.metadata.published == {"profile": "full", "data": "a.zip"}
    assert notebook.cells[0].source == "# Reworded"
    assert [output.text for output in notebook.cells[1].outputs] == ["shown by 02_b"] and notebook.cells[
        2
    ].outputs == []


def test_outputs_of_a_notebook_that_is_gone_are_left_out(series):
    published.publish(series / "executed", ["01_a", "02_b"], series / "figures")
    (series / "01_a.ipynb").unlink()
    assert list(published.load(series / "figures")) == ["02_b"]


def test_a_damaged_file_is_named(series):
    (series / "executed" / "01_a.ipynb").write_text("{")
    with pytest.raises(InputError, match="01_a.ipynb is damaged; call `make report NOTEBOOKS=01`"):
        published.publish(series / "executed", ["01_a"], series / "figures")
    for text in ("{", "[]", '{"cells": {}}'):
        (series / "figures" / "outputs" / "02_b.json").write_text(text)
        with pytest.raises(InputError, match="02_b.json is damaged; call `make report NOTEBOOKS=02`"):
            published.load(series / "figures")


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.stem)
def test_committed_outputs_hold_no_image_data_and_belong_to_cells_and_figures_that_are_there(file):
    text = file.read_text()
    assert not IMAGE_DATA.search(text) and str(paths.ROOT) not in text
    cells = nbformat.read(paths.NOTEBOOKS / f"{file.stem}.ipynb", 4).cells
    assert set(json.loads(text)["cells"]) <= {cell.id for cell in cells}
    pictures = re.findall(r'src=\\"\.\./([^"\\]+)', text)
    assert [name for name in pictures if not (paths.FIGURES / "full" / name).exists()] == []
