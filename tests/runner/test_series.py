import time
from pathlib import Path

import nbformat
import pytest

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.runner.notebooks import find_notebooks
from helpers.runner.series import describe_series, run_series

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@pytest.fixture
def series(tmp_path):
    """A function that runs notebooks which wait for none, each given by its name after an underscore and the sources of its cells."""

    def run(jobs, **sources):
        for name, cells in sources.items():
            cells = [nbformat.v4.new_code_cell(source) for source in ("seed = 0", *cells)]
            cells[0].metadata.tags = ["parameters"]
            metadata = {"kernelspec": KERNEL, "tinyimage": {"after": []}}
            nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), tmp_path / f"{name[1:]}.ipynb")
        run_series(find_notebooks(tmp_path), tmp_path / "executed", {"seed": 0}, jobs)
        return tmp_path / "executed"

    return run


MEET = """
import pathlib, time
pathlib.Path({mine!r}).touch()
until = time.monotonic() + 100
while not pathlib.Path({theirs!r}).exists():
    assert time.monotonic() < until
    time.sleep(0.1)
"""


def test_notebooks_that_do_not_wait_run_side_by_side(series, tmp_path, capfd):
    """Each waits for a file of the other, which never comes where one runs after the other."""
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    executed = series(
        2,
        _01_one=[MEET.format(mine=one, theirs=two), "print('first')"],
        _02_two=[MEET.format(mine=two, theirs=one), "print('second')"],
    )
    assert {copy.name for copy in executed.glob("*.ipynb")} == {"01_one.ipynb", "02_two.ipynb"}
    lines = capfd.readouterr().out.splitlines()
    assert lines[:2] == [f"{name}: started, notebook {n}/2, cell 1/4" for n, name in ((1, "01_one"), (2, "02_two"))]
    assert "01_one: first" in lines and "02_two: second" in lines
    assert {line.partition(" after ")[0] for line in lines if " after " in line} == {"01_one: done", "02_two: done"}


def test_a_notebook_that_fails_interrupts_those_beside_it(series, tmp_path, capfd):
    started = tmp_path / "started"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(started)!r}).exists(): time.sleep(0.1)"
    sleeps = f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    with pytest.raises(InputError, match="^01_fails.ipynb failed in cell .: ValueError: a reason;"):
        series(2, _01_fails=[waits, "raise ValueError('a reason')"], _02_sleeps=[sleeps])
    kernel = Path(f"/proc/{started.read_text()}")
    until = time.monotonic() + 30
    while kernel.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not kernel.exists()
    assert "01_fails: failed after" in capfd.readouterr().out
    assert (tmp_path / "executed" / paths.INCOMPLETE / "02_sleeps.ipynb").exists()


def test_a_notebook_whose_process_is_killed_is_named(series):
    with pytest.raises(InputError, match="01_killed ended with status -9"):
        series(1, _01_killed=["import os\nos.kill(os.getppid(), 9)\nimport time\ntime.sleep(60)"])


def test_what_a_series_is_about_to_do_has_an_estimate_from_its_last_run(series, tmp_path):
    text = describe_series(find_notebooks()[:2], tmp_path, "demo", 2)
    assert text.startswith("Running notebooks 01, 02 with the profile demo, up to 2 side by side; how long it takes")
    executed = series(1, _01_sleeps=["import time\ntime.sleep(1)"])
    assert "; about 1 s if" in describe_series(find_notebooks(tmp_path), executed, "demo", 1)


def test_linear_algebra_of_a_notebook_has_one_thread_unless_the_user_says_otherwise(series, monkeypatch, capfd):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    count = "import numpy, threadpoolctl\nprint({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    series(1, _01_counts=[count, "import os; print(os.environ['OMP_NUM_THREADS'])"])
    lines = capfd.readouterr().out.splitlines()
    assert "01_counts: {1}" in lines and "01_counts: 2" in lines
