import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from helpers import cli
from helpers.core import paths
from helpers.core.errors import InputError

BROKEN = Path(__file__).parent / "broken"
PARAMETERS = {"profile": "smoke", "data": "", "weights": "", "output": "", "seed": 0}


@dataclass
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call(monkeypatch, capsys):
    """The command line as a user calls it, without the seconds of a new process; test_interruption.py has real ones."""

    def run(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["series", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Ended(ended.value.code, *capsys.readouterr())

    return run


def test_choose_takes_numbers_in_the_order_of_the_series():
    assert cli.choose("") == list(cli.NOTEBOOKS)
    assert cli.choose("5, 02") == ["02_shallow_cnn", "05_result_comparison"]


def test_choose_refuses_an_unknown_number():
    with pytest.raises(InputError, match="no notebook '09'.*01 to 05"):
        cli.choose("09")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profile", "huge"], ["'huge'", "smoke, demo, quick, full"]),
        (["--models", "vgg16"], ["'vgg16'", "mobilenetv2"]),
        (["--recipes", "best"], ["'best'", "improved"]),
        (["--notebooks", "7"], ["'07'", "01 to 05"]),
        (["--data", "no/such.zip"], ["no/such.zip", "DATA must name"]),
        (["--weights", "no/such.h5"], ["no/such.h5", "WEIGHTS must name"]),
    ],
)
def test_bad_input_is_one_sentence_and_a_status(arguments, words, call):
    done = call("report", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words)


def test_traceback_is_shown_when_asked_for(call):
    done = call("report", "--profile", "huge", "--traceback")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_real_data_without_imagenet_weights_says_what_to_do(kaggle_folder, tmp_path, call):
    # Nothing answers at the proxy's address, so the weights cannot be fetched.
    nowhere = "http://127.0.0.1:9"
    done = call(
        "report", "--data", kaggle_folder, KERAS_HOME=str(tmp_path), HOME=str(tmp_path),
        http_proxy=nowhere, https_proxy=nowhere,
    )  # fmt: skip
    assert done.returncode == 2
    assert "WEIGHTS=<file>" in done.stderr
    assert "WEIGHTS=none" in done.stderr
    assert "Traceback" not in done.stderr


def test_notebook_that_fails_stops_with_its_copy_left(tmp_path):
    with pytest.raises(InputError, match=r"raises.ipynb failed in cell \d+: ZeroDivisionError: a cell that fails"):
        cli.run_notebook(BROKEN / "raises.ipynb", tmp_path, PARAMETERS)
    copy = nbformat.read(tmp_path / "raises.ipynb", 4)
    errors = [out for cell in copy.cells for out in cell.get("outputs", []) if out.output_type == "error"]
    assert errors[0].ename == "ZeroDivisionError"
    assert any("a cell that fails" in line for line in errors[0].traceback)


def test_notebook_that_leaves_early_is_no_success(tmp_path):
    with pytest.raises(InputError, match="leaves_early.ipynb"):
        cli.run_notebook(BROKEN / "leaves_early.ipynb", tmp_path, PARAMETERS)


def test_misspelt_parameter_is_refused_before_anything_runs(tmp_path):
    wrong = {("sede" if name == "seed" else name): value for name, value in PARAMETERS.items()}
    with pytest.raises(InputError, match="sede, seed"):
        cli.run_notebook(BROKEN / "prints.ipynb", tmp_path, wrong)
    assert not list(tmp_path.iterdir())


def test_log_has_a_plain_line_for_each_line_of_the_notebook(tmp_path, capfd):
    cli.run_notebook(BROKEN / "prints.ipynb", tmp_path, PARAMETERS)
    out = capfd.readouterr().out
    assert [line for line in out.splitlines() if "epoch" in line] == [f"prints: run: epoch {n}/3" for n in (1, 2, 3)]
    assert "\r" not in out


def test_kernels_of_the_series_are_told_that_they_are_headless(tmp_path, monkeypatch):
    monkeypatch.delenv("TINYIMAGE_HEADLESS", raising=False)
    notebook = nbformat.read(BROKEN / "prints.ipynb", 4)
    notebook.cells.append(nbformat.v4.new_code_cell('import os\nprint(os.environ["TINYIMAGE_HEADLESS"])'))
    nbformat.write(notebook, tmp_path / "asks.ipynb")
    copy = cli.run_notebook(tmp_path / "asks.ipynb", tmp_path / "executed", PARAMETERS)
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
    copy = cli.run_notebook(tmp_path / "asks.ipynb", tmp_path / "executed", PARAMETERS | {"output": output})
    assert [cell.outputs[0].text for cell in nbformat.read(copy, 4).cells[-2:]] == ["notebooks\n", "True\n"]


def test_only_a_lack_of_room_or_of_rights_is_called_one(capsys):
    for error, hint in ((OSError(errno.ENOSPC, "No space left on device", "/x"), True), (TimeoutError(), False)):

        def command(error=error):
            raise error

        with pytest.raises(SystemExit):
            cli.main(command)
        said = capsys.readouterr().err
        assert ("make room" in said) == hint and "the next call goes on from there" in said


def test_html_without_a_run_says_what_to_do(call, tmp_path):
    done = call("html", TINYIMAGE_RUNS=str(tmp_path))
    assert done.returncode == 2
    assert "make report" in done.stderr
