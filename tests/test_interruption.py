"""Real processes, ended in the middle of their work."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import numpy as np
import pytest

from helpers import paths, runs, series
from helpers.errors import InputError

TRAIN = """
import sys
from dataclasses import replace
from helpers import config, dataset, plans, training
data = dataset.open_source(sys.argv[1])
recipe = replace(config.find_recipe("shallow_cnn", "improved"), batch_size=20)
recipe = replace(recipe, phases=(replace(recipe.phases[0], epochs=6),))
plan = plans.make_plan(recipe, 0, "smoke", data, dataset.make_split(data), None)
print(plan.folder, flush=True)
training.train(plan, lambda line: print(line, flush=True))
"""


def start(*command, **environment):
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=paths.ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process, words):
    """Lines of output until one has these words in it."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"{words!r} never came:\n{''.join(lines)}")


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_run_that_was_killed_gives_the_same_bits(kaggle_folder, tmp_path):
    folders = []
    for name, epochs in (("killed", (2, 5)), ("whole", ())):
        environment = {"TINYIMAGE_RUNS": str(tmp_path / name), "TINYIMAGE_CACHE": str(tmp_path / "cache")}
        for epoch in epochs:
            process = start("-c", TRAIN, kaggle_folder, **environment)
            read_until(process, f"epoch {epoch}/6")
            kill(process)
        output, _ = start("-c", TRAIN, kaggle_folder, **environment).communicate(timeout=200)
        assert "epoch 6/6" in output
        assert ("going on after epoch" in output) == bool(epochs)
        folders.append(output.splitlines()[0])
    killed, whole = (runs.Run(paths.Path(folder)) for folder in folders)
    assert killed.history.drop(columns="seconds").equals(whole.history.drop(columns="seconds"))
    for name, array in whole.predictions.items():
        assert np.array_equal(array, killed.predictions[name]), name


def test_ctrl_c_ends_the_series_within_seconds_and_says_how_to_go_on(tmp_path):
    folders = {"TINYIMAGE_RUNS": str(tmp_path / "runs"), "TINYIMAGE_CACHE": str(tmp_path / "cache")}
    process = start(
        "-m", "helpers.series", "report", "--profile", "smoke", "--notebooks", "01", "--output", tmp_path, **folders
    )
    read_until(process, "01_data_exploration: started")
    time.sleep(5)  # in the middle of the notebook, not of its start
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert time.monotonic() - begin < 30
    assert process.returncode in (2, 130)  # the kernel may be ended first
    assert output.splitlines()[-1].startswith("Error: ")
    assert output.endswith("the next call goes on from there.\n")
    assert "helpers/series.py" not in output  # a dying kernel may complain, this program does not


def notebook(tmp_path, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata.tags = ["parameters"]
    file = tmp_path / "made.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        ),
        file,
    )
    return file


def test_a_kernel_that_dies_is_one_sentence(tmp_path):
    file = notebook(tmp_path, "seed = 0", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "print('after')")
    with pytest.raises(InputError, match="made.ipynb was stopped.*memory"):
        series.run_notebook(file, tmp_path / "out", {"seed": 0})


def test_a_kernel_that_never_starts_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(series.papermill, "execute_notebook", refuse)
    with pytest.raises(InputError, match=r"made.ipynb: no kernel could be started \(Kernel died before"):
        series.run_notebook(notebook(tmp_path, "seed = 0"), tmp_path / "out", {"seed": 0})


def refuse(*_, **__):
    raise RuntimeError("Kernel died before replying to kernel_info")


def test_an_output_folder_that_cannot_be_written_is_one_sentence():
    """Not even root can write there."""
    process = start(
        "-m", "helpers.series", "report", "--profile", "smoke", "--notebooks", "05", "--output", "/proc/figures"
    )
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert text.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in text


FILL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
from helpers import dataset, series
series.main(lambda: dataset.open_source(sys.argv[1]))
"""


def test_a_cache_that_does_not_fit_on_the_disk_leaves_nothing(kaggle_folder, tmp_path):
    """A limit on the size of files stands in for a full disk: both end a write in its middle."""
    cache = tmp_path / "cache"
    process = start("-c", FILL, kaggle_folder, 200_000, TINYIMAGE_CACHE=str(cache))
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 2, text
    assert text.startswith("Error: ")
    assert "cannot keep decoded images" in text
    assert [file.name for file in cache.iterdir() if not file.name.endswith(".lock")] == []
