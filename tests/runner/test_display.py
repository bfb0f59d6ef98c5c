import io
import json

import nbformat
import pytest
from rich.console import Console

from helpers.runner.display import Display
from helpers.runner.notebooks import Notebook


@pytest.fixture
def notebook(tmp_path):
    """Of three code cells and two sections."""
    prose, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [prose("# 2 Shallow CNN\n\nText."), code("seed = 0"), code("1"), prose("## Worse than chance?"), code("2")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "02_shallow_cnn.ipynb")
    return Notebook(tmp_path / "02_shallow_cnn.ipynb")


@pytest.fixture
def executed(notebook):
    """A folder with an earlier executed copy, each of whose four cells took 300 seconds."""
    folder = notebook.file.parent / "executed"
    folder.mkdir()
    cells = [{"cell_type": "code", "metadata": {"papermill": {"duration": 300.0}}}] * 4
    (folder / notebook.file.name).write_text(json.dumps({"cells": cells}))
    return folder


def shown(display):
    """The lines that a terminal shows, without the spaces that fill them."""
    console = display.bars.console
    with console.capture() as captured:
        console.print(display.bars.get_renderable())
    return [line.rstrip() for line in captured.get().splitlines()]


@pytest.mark.parametrize("width", [80, 100])
def test_a_terminal_shows_cell_heading_and_time_left_as_soon_as_a_notebook_starts(width, notebook, executed):
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width)
    display = Display(5, executed, console)
    display.start(notebook)
    [line] = shown(display)
    assert line.endswith("0:00:00 20 min left notebook 1/5, cell 1/4: 2 Shallow CNN")
    display.show(notebook, {"cell": 4, "heading": "Worse than chance?"})
    display.show(notebook, {"line": "shallow_cnn as_reported, seed 0: epoch 3/24, accuracy 0.010, validation 0.010"})
    [line] = shown(display)
    assert " left notebook 1/5, cell 4/4: Worse than chance?" in line and line.endswith("…") and len(line) == width


def test_elsewhere_a_notebook_says_where_it_starts_and_each_new_section(notebook, executed, capsys):
    display = Display(5, executed)
    display.start(notebook)
    for event in ({"cell": 1, "heading": "2 Shallow CNN"}, {"cell": 4, "heading": "Worse than chance?"}):
        display.show(notebook, event)
    assert capsys.readouterr().out.splitlines() == [
        "02_shallow_cnn: started, notebook 1/5, cell 1/4: 2 Shallow CNN; about 20 min by its last run",
        "02_shallow_cnn: cell 4/4: Worse than chance?",
    ]
