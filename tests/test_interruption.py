"""Real processes, ended in the middle of their work."""

import json
import os
import signal
import sys
import time

import nbformat
import numpy as np
import pytest
from fake_runs import NUM_CLASSES, assert_same, write_run
from processes import TRAIN, full_disk, kill_tree, read_until, start

from helpers.core import paths, storage
from helpers.core.errors import InputError
from helpers.plots.style import Plot, new_figure
from helpers.report import evaluations, generated, model_card, results
from helpers.runner.execute import run_notebook
from helpers.training import checkpoints, records, runs


def test_a_run_that_was_killed_gives_the_same_bits(kaggle_folder, tmp_path):
    folders = []
    for name, epochs in (("killed", (2, 5)), ("whole", ())):
        environment = {"TINYIMAGE_RUNS": str(tmp_path / name), "TINYIMAGE_CACHE": str(tmp_path / "cache")}
        for epoch in epochs:
            process = start("-c", TRAIN, kaggle_folder, 6, **environment)
            read_until(process, f"epoch {epoch}/6")
            kill_tree(process)
        output, _ = start("-c", TRAIN, kaggle_folder, 6, **environment).communicate(timeout=200)
        assert "epoch 6/6" in output
        assert ("resuming after epoch" in output) == bool(epochs)
        folders.append(output.splitlines()[0])
    killed, whole = (runs.Run(paths.Path(folder)) for folder in folders)
    assert_same(killed, whole)


def test_ctrl_c_ends_the_series_within_seconds_and_says_how_to_go_on(tmp_path):
    folders = {"TINYIMAGE_RUNS": str(tmp_path / "runs"), "TINYIMAGE_CACHE": str(tmp_path / "cache")}
    process = start(
        "-m", "helpers.cli", "report", "--profile", "smoke", "--notebooks", "01", "--output", tmp_path, **folders
    )
    read_until(process, "01_data_exploration: started")
    time.sleep(5)  # in the middle of the notebook, not of its start
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)  # some seconds, and more where other tests have the processor
    assert "01_data_exploration: done" not in output
    assert process.returncode == 130
    assert output.splitlines()[-1].startswith("Error: ")
    assert output.endswith("the next call resumes from there.\n")
    assert "helpers/cli.py" not in output  # a dying kernel may complain, this program does not


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
        run_notebook(file, tmp_path / "out", {"seed": 0})


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ([sys.executable, "-c", "raise SystemExit(1)"], "Kernel died before replying to kernel_info"),
        (["/no/such/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "/no/such/python"),
        ([os.devnull], "Permission denied"),
    ],
    ids=["ends at once", "is not there", "is no program"],
)
def test_a_kernel_that_never_starts_is_one_sentence(program, reason, tmp_path, monkeypatch):
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps({"argv": program, "display_name": "broken", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    with pytest.raises(InputError, match=r"^made.ipynb: no kernel could be started \(") as caught:
        run_notebook(notebook(tmp_path, "seed = 0"), tmp_path / "out", {"seed": 0})
    assert reason in str(caught.value) and str(caught.value).isprintable()


def test_an_output_folder_that_cannot_be_written_is_one_sentence():
    """Not even root can write there."""
    process = start(
        "-m", "helpers.cli", "report", "--profile", "smoke", "--notebooks", "05", "--output", "/proc/figures"
    )
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert text.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in text


FILL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
from helpers.data import dataset
from helpers import cli
cli.main(lambda: dataset.open_source(sys.argv[1]))
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


def facts(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def a_figure(value):
    figure, axis = new_figure(2, 2)
    axis.plot([0, value])
    return Plot(figure, f"A caption, {value}.", f"A line to {value}.")


# Writes something that depends on the run into a folder.
WRITERS = {
    "tables": lambda run, folder: results.write_tables(folder, [run]),
    "submission": lambda run, folder: evaluations.write_submission(folder, run, [f"image_{n}" for n in range(100)]),
    "log of evaluations": lambda run, folder: evaluations.log_test_evaluation(folder, run),
    "figure": lambda run, folder: a_figure(run.seed).save(folder, "line"),
    "model card": lambda run, folder: model_card.write(run, folder, list("abcdefg")[:NUM_CLASSES], 0),
    "record": lambda run, folder: records.write_record(run, folder),
    "failure": lambda run, folder: runs.fail(folder, f"the loss was nan, {run.seed}" * 10, run.history),
    "checkpoint": lambda run, folder: checkpoints.save(folder, 1, {"a": np.full(1000, run.seed)}),
    "json": lambda run, folder: storage.write_json(folder / "value.json", [run.seed] * 100),
    "hash": lambda run, folder: storage.write_checksum(folder / "value", f"{run.seed}" * 64),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_what_was_there(name, tmp_path):
    write, out = WRITERS[name], tmp_path / "out"
    first, second = (write_run(tmp_path / "runs", "mobilenetv2", "improved", seed, right=20 + seed) for seed in (1, 2))
    out.mkdir()
    if name == "failure":
        (out / "config.json").write_text("{}")
    write(first, out)
    before = facts(out)
    with pytest.raises(OSError, match="File too large"), full_disk(50):
        write(second, out)
    after = facts(out)
    left = set(after) - set(before)
    assert {file: after.get(file) for file in before} == before
    assert all("partial" in file for file in left), left  # never read, and written over by the next call
    write(second, out)
    assert facts(out) != before and not [file for file in facts(out) if "partial" in file]


def test_a_full_disk_leaves_the_readme(tmp_path, monkeypatch):
    text = (paths.ROOT / "README.md").read_text()
    (tmp_path / "README.md").write_text(text)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    with pytest.raises(OSError, match="File too large"), full_disk(1000):
        generated.update()
    assert facts(tmp_path) == {"README.md": text.encode()}


RUNS_OUT = {
    "memory": ("bytes(2**50)", "MemoryError;"),
    "disk": (
        "import resource\nfrom pathlib import Path\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "Path('{folder}/checkpoint').write_bytes(b'x' * 2000)",
        "OSError: [Errno 27] File too large;",
    ),
}


@pytest.mark.parametrize("what", RUNS_OUT)
def test_what_runs_out_inside_a_kernel_is_one_sentence(what, tmp_path):
    source, words = RUNS_OUT[what]
    file = notebook(tmp_path, "seed = 0", source.replace("{folder}", str(tmp_path)))
    with pytest.raises(
        InputError, match=r"^made.ipynb failed in cell 3: .* the next call resumes from there\.$"
    ) as caught:
        run_notebook(file, tmp_path / "out", {"seed": 0})
    assert words in str(caught.value)
