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

COMMITTED = sorted((paths.FIGURES / "full" / "notebooks").glob("*.ipynb"))
IMAGE_DATA = re.compile(r"data:image|image/(png|jpeg|svg)|[A-Za-z0-9+/]{400}")


def output_of(value, **metadata):
    data, _ = DisplayFormatter().format(value)
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata)


def executed(*outputs, source="show()", **parameters):
    cell = nbformat.v4.new_code_cell(source, execution_count=1, outputs=list(outputs))
    cell.metadata["papermill"] = {"start_time": "2022-06-03T10:00:00"}
    metadata = {"papermill": {"parameters": parameters, "environment_variables": {"HOME": "/home/me"}}}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), cell], metadata=metadata)


@pytest.fixture
def plot():
    light = {"brightness": np.linspace(0.1, 0.9, 50), "contrast": np.linspace(0.1, 0.5, 50)}
    return plots.brightness_spread(pd.DataFrame(light), "demo data")


def test_a_saved_figure_becomes_a_reference_with_its_alt_text_and_caption(plot, tmp_path):
    plot.save(tmp_path, "brightness")
    [output] = published.compact(executed(output_of(plot, figure="brightness")), tmp_path).cells[1].outputs
    text = output.data["text/html"]
    assert '<img src="../brightness.png"' in text and plot.alt in text and plot.caption in text
    assert not IMAGE_DATA.search(json.dumps(output))


def test_a_figure_that_was_not_saved_becomes_a_sentence(plot, tmp_path):
    [output] = published.compact(executed(output_of(plot, figure="")), tmp_path).cells[1].outputs
    assert "not published" in output.data["text/html"] and plot.caption in output.data["text/html"]
    assert not IMAGE_DATA.search(json.dumps(output))


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/svg+xml", "application/vnd.plotly.v1+json"])
def test_no_other_form_of_an_image_is_kept(kind, tmp_path):
    shown = nbformat.v4.new_output("display_data", data={kind: "AAAA", "text/plain": "an image"})
    [output] = published.compact(executed(shown), tmp_path).cells[1].outputs
    assert output.data == {"text/plain": "an image"}


@pytest.mark.parametrize("kind", ["text/html", "text/markdown"])
def test_an_image_inside_a_text_is_not_kept(kind, tmp_path):
    text = "![](data:image/png;base64,AAAA)" if kind == "text/markdown" else "<img src='data:image/png;base64,AAAA'>"
    shown = nbformat.v4.new_output("display_data", data={kind: text, "text/plain": "an image"})
    [output] = published.compact(executed(shown), tmp_path).cells[1].outputs
    assert output.data == {"text/plain": "an image"}


def test_nothing_of_the_machine_is_kept(tmp_path):
    printed = nbformat.v4.new_output("stream", name="stdout", text=f"{paths.ROOT}/runs/a is damaged\n")
    notebook = executed(
        printed, source='data = "/home/me/real/tiny.zip"', profile="full", data="/home/me/real/tiny.zip"
    )
    notebook.cells[1].metadata["tags"] = ["injected-parameters"]
    kept = published.compact(notebook, tmp_path)
    text = json.dumps(kept)
    assert "/home/me" not in text and str(paths.ROOT) not in text and "2022" not in text
    assert 'data = "tiny.zip"' in kept.cells[1].source
    assert kept.metadata.papermill.parameters == {"profile": "full", "data": "tiny.zip"}


def test_only_the_notebooks_named_are_published_and_a_damaged_one_is_named(tmp_path):
    for name in ("01_a", "02_b"):
        nbformat.write(executed(), tmp_path / f"{name}.ipynb")
    published.publish(tmp_path, ["02_b", "03_missing"], tmp_path / "figures")
    assert [file.name for file in (tmp_path / "figures" / "notebooks").iterdir()] == ["02_b.ipynb"]
    (tmp_path / "01_a.ipynb").write_text("{")
    with pytest.raises(InputError, match="01_a.ipynb is damaged; call `make report NOTEBOOKS=01`"):
        published.publish(tmp_path, ["01_a"], tmp_path / "figures")


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.stem)
def test_committed_notebooks_hold_no_image_data_and_every_figure_they_name_is_there(file):
    text = file.read_text()
    assert not IMAGE_DATA.search(text)
    assert str(paths.ROOT) not in text and "/home/" not in text
    pictures = re.findall(r'src=\\"\.\./([^"\\]+)', text)
    assert [name for name in pictures if not (paths.FIGURES / "full" / name).exists()] == []
