import os
import tempfile
from pathlib import Path

import nbformat
import pytest

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.runner.execute import run_notebook
from helpers.runner.notebooks import Notebook

BROKEN = Path(__file__).parents[1] / "broken"
PARAMETERS = {"profile": "smoke", "data": "", "weights": "", "output": "", "seed": 0}


def with_cell(folder, source):
    """The notebook that works, with a last cell."""
    notebook = nbformat.read(BROKEN / "prints.ipynb", 4)
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    file = folder / "prints.ipynb"
    nbformat.write(notebook, file)
    return file


def test_notebook_that_fails_stops_with_its_copy_left(tmp_path):
    with pytest.raises(InputError, match=r"raises.ipynb failed in cell \d+: ZeroDivisionError: a cell that fails"):
        run_notebook(BROKEN / "raises.ipynb", tmp_path, PARAMETERS)
    copy = nbformat.read(tmp_path / paths.INCOMPLETE / "raises.ipynb", 4)
    errors = [out for cell in copy.cells for out in cell.get("outputs", []) if out.output_type == "error"]
    assert errors[0].ename == "ZeroDivisionError"
    assert any("a cell that fails" in line for line in errors[0].traceback)


def test_notebook_that_leaves_early_is_no_success(tmp_path):
    with pytest.raises(InputError, match="leaves_early.ipynb"):
        run_notebook(BROKEN / "leaves_early.ipynb", tmp_path, PARAMETERS)


def test_misspelt_parameter_is_refused_before_anything_runs(tmp_path):
    wrong = {("sede" if name == "seed" else name): value for name, value in PARAMETERS.items()}
    with pytest.raises(InputError, match="sede, seed"):
        run_notebook(BROKEN / "prints.ipynb", tmp_path, wrong)
    assert not list(tmp_path.iterdir())


def test_kernels_of_the_series_are_told_that_they_are_headless(tmp_path, monkeypatch):
    monkeypatch.delenv("TINYIMAGE_HEADLESS", raising=False)
    notebook = nbformat.read(BROKEN / "prints.ipynb", 4)
    notebook.cells.append(nbformat.v4.new_code_cell('import os\nprint(os.environ["TINYIMAGE_HEADLESS"])'))
    nbformat.write(notebook, tmp_path / "asks.ipynb")
    copy = run_notebook(tmp_path / "asks.ipynb", tmp_path / "executed", PARAMETERS)
    assert nbformat.read(copy, 4).cells[-1].outputs[0].text == "1\n"
    assert "TINYIMAGE_HEADLESS" not in os.environ


def test_a_relative_path_names_the_same_file_in_a_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(paths.DATA)
    notebook = nbformat.read(BROKEN / "prints.ipynb", 4)
    notebook.cells.append(
        nbformat.v4.new_code_cell("from helpers.core import paths\nprint(paths.resolve(output).name)")
    )
    notebook.cells.append(nbformat.v4.new_code_cell("print(paths.resolve(output) == paths.ROOT.parent / 'notebooks')"))
    nbformat.write(notebook, tmp_path / "asks.ipynb")
    output = paths.from_root("../../notebooks")  # inside the project there is a folder of that name
    copy = run_notebook(tmp_path / "asks.ipynb", tmp_path / "executed", PARAMETERS | {"output": output})
    assert [cell.outputs[0].text for cell in nbformat.read(copy, 4).cells[-2:]] == ["notebooks\n", "True\n"]


def test_the_last_complete_copy_stays_until_the_next_one_is_complete(tmp_path):
    complete = run_notebook(BROKEN / "prints.ipynb", tmp_path / "executed", PARAMETERS)
    content = complete.read_bytes()
    with pytest.raises(InputError, match="failed in cell"):
        run_notebook(with_cell(tmp_path, "raise ValueError"), tmp_path / "executed", PARAMETERS)
    incomplete = tmp_path / "executed" / paths.INCOMPLETE / "prints.ipynb"
    assert complete.read_bytes() == content and incomplete.exists()
    run_notebook(BROKEN / "prints.ipynb", tmp_path / "executed", PARAMETERS)
    assert not incomplete.exists()


def test_cells_are_reported_with_the_heading_of_their_section(tmp_path):
    notebook = nbformat.read(BROKEN / "prints.ipynb", 4)
    notebook.cells += [nbformat.v4.new_markdown_cell("## Worse than chance?\n\nText."), nbformat.v4.new_code_cell("1")]
    nbformat.write(notebook, tmp_path / "prints.ipynb")
    events = []
    run_notebook(tmp_path / "prints.ipynb", tmp_path / "executed", PARAMETERS, events.append)
    starts = [event for event in events if "cell" in event]
    assert starts[-1] == {"cell": Notebook(tmp_path / "prints.ipynb").n_cells, "heading": "Worse than chance?"}
    lines = [event["line"] for event in events if "line" in event]
    assert [line for line in lines if "epoch" in line] == [f"run: epoch {n}/3" for n in (1, 2, 3)]


@pytest.fixture
def short_folder():
    with tempfile.TemporaryDirectory(prefix="short") as folder:
        yield Path(folder)


def test_sockets_of_kernels_are_in_a_temporary_folder_that_is_removed(short_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(short_folder))
    left_by_a_killed_process = short_folder / f"tinyimage-kernel-{os.getuid()}-99999999-x"
    left_by_a_killed_process.mkdir()
    source = "import ipykernel\nprint(ipykernel.get_connection_info(unpack=True)['ip'])"
    copy = run_notebook(with_cell(tmp_path, source), tmp_path / "executed", PARAMETERS)
    assert nbformat.read(copy, 4).cells[-1].outputs[0].text.startswith(f"{short_folder}/tinyimage-kernel-")
    assert list(short_folder.glob("tinyimage-kernel-*")) == list(paths.ROOT.glob("kernel-ipc-*")) == []


def test_a_kernel_starts_where_the_temporary_folder_has_a_long_name(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    copy = run_notebook(with_cell(tmp_path, "print(6 * 7)"), tmp_path / "executed", PARAMETERS)
    assert nbformat.read(copy, 4).cells[-1].outputs[0].text == "42\n"
