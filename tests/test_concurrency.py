"""Real processes that want the same thing at the same time."""

import errno
import os
import subprocess

import numpy as np
import pytest
from processes import TRAIN, kill_tree, ordinary_user, read_until, start

from helpers.core import checksums, paths, storage
from helpers.data import dataset
from helpers.training import runs

OPEN = """
import sys
from helpers.data import dataset
data = dataset.open_source(sys.argv[1])
print(data.fingerprint, int(data.images.sum()))
"""

HOLD = """
import sys, time
from helpers.core import paths, storage
with storage.locked(paths.Path(sys.argv[1]), "Another process holds it"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folders(tmp_path):
    return {"TINYIMAGE_RUNS": str(tmp_path / "runs"), "TINYIMAGE_CACHE": str(tmp_path / "cache")}


def test_a_second_series_waits_and_goes_on_when_the_first_is_killed(tmp_path, folders):
    command = ("-m", "helpers.cli", "report", "--profile", "smoke", "--notebooks", "05", "--no-html")
    first = start(*command, "--output", tmp_path / "figures", **folders)
    read_until(first, "05_result_comparison: started")
    same_runs = start(*command, "--output", tmp_path / "other", **folders)
    assert read_until(same_runs, "waits")[-1] == "Another series runs the profile smoke; this one waits for it\n"
    kill_tree(first)
    read_until(same_runs, "05_result_comparison: started")
    kill_tree(same_runs)


def test_series_of_two_profiles_run_at_the_same_time(tmp_path, folders):
    both = [
        start("-m", "helpers.cli", "report", "--profile", profile, "--notebooks", "05", "--no-html",
              "--output", tmp_path / profile, **folders)
        for profile in ("smoke", "demo")
    ]  # fmt: skip
    for process in both:
        assert "waits" not in "".join(read_until(process, "05_result_comparison: started"))
    for process in both:
        kill_tree(process)


BUILD = """
import sys
from helpers import cli
from helpers.core import paths
paths.BUILD = paths.Path(sys.argv[1])
cli._build_html(sys.argv[2], paths.FIGURES / "full")
"""


def test_pages_of_two_profiles_are_built_one_after_the_other(tmp_path):
    both = [start("-c", BUILD, tmp_path, profile) for profile in ("full", "quick")]
    printed = [process.communicate(timeout=600)[0] for process in both]
    assert sorted("this one waits for it" in text for text in printed) == [False, True], printed
    assert {page.parent.name for page in tmp_path.glob("html/*/05_result_comparison.html")} == {"full", "quick"}


def test_a_lock_is_free_when_its_owner_is_killed(tmp_path):
    lock, lines = tmp_path / "lock", []
    owner = start("-c", HOLD, lock)
    read_until(owner, "held")
    waiting = start("-c", HOLD, lock)
    assert read_until(waiting, "waits") == ["Another process holds it; this one waits for it\n"]
    kill_tree(owner)
    read_until(waiting, "held")
    kill_tree(waiting)
    with storage.locked(lock, "nobody", lines.append):
        assert lines == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_on_a_mount_without_locks_a_marker_is_held_until_its_owner_is_killed(number, no_locks, tmp_path):
    lock = tmp_path / "lock"
    owner = start("-c", HOLD, lock, **no_locks(tmp_path, number))
    read_until(owner, "held")
    waiting = start("-c", HOLD, lock, **no_locks(tmp_path, number))
    [line] = read_until(waiting, "waits")
    assert line == f"Another process holds it; this one waits for it (if none runs, remove {lock}.held)\n"
    kill_tree(owner)
    read_until(waiting, "held")
    kill_tree(waiting)


def test_on_a_mount_without_locks_two_processes_train_one_run_once(kaggle_folder, tmp_path, folders, no_locks):
    both = [start("-c", TRAIN, kaggle_folder, 2, **folders, **no_locks(tmp_path)) for _ in range(2)]
    printed = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert sorted(text.count("epoch 2/2") for text in printed) == [0, 1]
    assert "Warning" not in "".join(printed)


def test_two_processes_that_open_one_source_decode_it_once(kaggle_folder, tmp_path, folders):
    both = [start("-c", OPEN, kaggle_folder, **folders) for _ in range(2)]
    printed = [process.communicate(timeout=600)[0].splitlines() for process in both]
    data = dataset.open_source(kaggle_folder)
    assert {lines[-1] for lines in printed} == {f"{data.fingerprint} {int(data.images.sum())}"}
    kept = {path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()}
    assert kept == {f"images_{data.fingerprint}_v{dataset._CACHE_VERSION}"}


def test_two_processes_that_want_one_run_train_it_once(kaggle_folder, folders):
    both = [start("-c", TRAIN, kaggle_folder, 2, **folders) for _ in range(2)]
    printed = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert sorted(text.count("epoch 2/2") for text in printed) == [0, 1]
    [folder] = {line for text in printed for line in text.splitlines() if line.startswith(folders["TINYIMAGE_RUNS"])}
    assert checksums.damage(paths.Path(folder)) == "" and len(runs.Run(paths.Path(folder)).history) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_reads_what_the_first_has_decoded(shared_folder, monkeypatch):
    before = dataset.open_source(shared_folder / "source")
    monkeypatch.setattr(dataset, "decode", lambda *_: pytest.fail("decoded twice"))
    subprocess.run(["cp", "-r", shared_folder / "source", shared_folder / "own"], check=True)
    for path in (shared_folder / "own").rglob("*"):
        path.chmod(0o777)
    with ordinary_user():
        for source in (shared_folder / "source", shared_folder / "own"):  # known, and known by its content alone
            assert np.array_equal(dataset.open_source(source).images, before.images)
