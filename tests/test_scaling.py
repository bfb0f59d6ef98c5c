import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

import numpy as np
import pandas as pd
import pytest

from benchmarks import many_images, scaling, steps
from helpers.core import paths
from helpers.core.errors import InputError
from helpers.data.dataset import open_source
from helpers.report import scaling_facts
from helpers.training import metrics

MEASURED = scaling_facts.complete_sizes(paths.FIGURES / "full" / "scaling.csv")
Usage = namedtuple("Usage", "total used free")
Files = namedtuple("Files", "f_files f_favail")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many") / "source"
    many_images.write(folder, 202, 4)
    return folder


@pytest.fixture
def without_processes(monkeypatch):
    """Steps that only say what they were asked, and of which one may fail."""
    asked = []

    def measured(step, source, environment):
        asked.append(step)
        assert (source / "wnids.txt").exists() and environment["TINYIMAGE_MOST_FILES"] == "1200"
        if step == measured.broken:
            raise InputError(f"The step {step} failed.")
        return {"seconds": 1.5, "start_mib": 1.0, "anonymous_mib": 2.0, "mapped_mib": 3.0}

    measured.broken = None
    monkeypatch.setattr(scaling, "_measured", measured)
    return asked, measured


def left_behind():
    return [path for path in paths.cache().glob("scaling*") if path.is_dir()]


# --- the data ----------------------------------------------------------------------------------------------------


def test_many_images_are_a_kaggle_source_of_which_no_two_are_alike(source):
    opened = open_source(source)
    assert opened.layout == "kaggle" and opened.num_classes == 4 and len(opened.unlabelled_images) == 0
    assert np.bincount(opened.labels).tolist() == [51, 51, 50, 50]
    assert len(np.unique(opened.digests)) == 202 and (opened.boxes == [0, 0, 63, 63]).all()
    sizes = [file.stat().st_size for file in source.rglob("*.JPEG")]
    assert max(sizes) <= many_images.BYTES


def test_another_seed_gives_other_images(source, tmp_path):
    for name, seed in (("same", 0), ("other", 1)):
        many_images.write(tmp_path / name, 202, 4, seed)
    file = next(source.rglob("*.JPEG")).relative_to(source)
    assert (tmp_path / "same" / file).read_bytes() == (source / file).read_bytes()
    assert (tmp_path / "other" / file).read_bytes() != (source / file).read_bytes()


# --- measuring ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", steps.STEPS)
def test_a_step_does_its_work_when_the_clock_runs(name, source):
    work = steps.STEPS[name](source)
    before = set(paths.cache().rglob("*.npy"))
    found = work()
    made = {file.name for file in set(paths.cache().rglob("*.npy")) - before}
    if name == "decode":
        assert len(found.images) == 202 and made == {"labelled.npy", "official.npy", "unlabelled.npy"}
    elif name == "reopen":
        assert len(found.images) == 202
    elif name == "split":
        assert [len(part) for part in (found.train, found.validation, found.test)] == [161, 20, 21]
    elif name == "batch":
        assert len(found) == 161 // 128
    elif name == "extract":
        assert found.shape == (202, 1280) and made == {"scaling.npy"}
    elif name == "evaluate":
        assert found["n"] == 202 and found["loss"] > np.log(4) / 2


def test_memory_and_time_are_those_of_another_process(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "STEPS", {"decode": None, "reopen": None})
    table = tmp_path / "scaling.csv"
    scaling.measure([200], 4, table)
    rows = pd.read_csv(table).set_index("step")
    assert list(rows.index) == ["write", "decode", "reopen"]
    assert set(rows.columns) == set(MEASURED.columns) - {"step"}
    measured = rows.loc[["decode", "reopen"]]
    assert (measured["start_mib"] > 100).all() and (measured["anonymous_mib"] >= measured["start_mib"]).all()
    assert rows.loc["decode", "content_bytes"] > 200 * 64 * 64 * 3 and rows.loc["reopen", "content_bytes"] == 0
    assert rows["hardware"].notna().all() and (rows["seconds"] > 0).all()
    assert not left_behind()


def test_what_was_measured_is_kept_and_not_measured_again(tmp_path, without_processes):
    asked, measured = without_processes
    table = tmp_path / "scaling.csv"
    measured.broken = "batch"
    with pytest.raises(InputError, match="batch failed"):
        scaling.measure([200], 4, table)
    assert not left_behind()
    assert scaling._steps_done(table, 200) == {"write", "decode", "reopen", "split"}
    asked.clear()
    measured.broken = None
    scaling.measure([200], 4, table)
    assert asked == ["decode", "batch", "extract", "evaluate"]
    asked.clear()
    scaling.measure([200], 4, table)
    assert asked == [] and pd.read_csv(table)["step"].tolist() == ["write", *steps.STEPS]


def test_a_step_that_fails_is_named(tmp_path, capfd):
    with pytest.raises(InputError, match="The step reopen failed with status 1"):
        scaling._measured("reopen", tmp_path / "nothing", dict(os.environ))
    assert "There is no" in capfd.readouterr().err


@pytest.mark.parametrize("free", [10**6, 10**15])
def test_too_many_images_for_the_disk_are_refused_before_anything_is_written(free, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**15, 0, free))
    with pytest.raises(
        InputError, match=r"2,000,000 images would take .* GB .* at most 20 GB are used; name another folder"
    ):
        scaling.measure([2_000_000], 100, tmp_path / "scaling.csv")
    assert not (tmp_path / "scaling.csv").exists() and not left_behind()


def test_more_files_than_the_disk_takes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**15, 0, 10**15))
    monkeypatch.setattr(os, "statvfs", lambda path: Files(f_files=2000, f_favail=1100))
    with pytest.raises(InputError, match=r"200 images are more files than .* has room for \(1,100\)"):
        scaling.check_room(200, tmp_path)


def test_a_million_images_are_allowed_where_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**15, 0, 10**15))
    scaling.check_room(1_000_000, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_stays_of_a_process_that_is_told_to_stop(number, tmp_path):
    program = (
        "import signal\nfrom pathlib import Path\nfrom benchmarks import scaling\nfrom helpers.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        f"main(lambda: scaling.measure([5000], 4, Path({str(tmp_path / 'scaling.csv')!r})))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=paths.ROOT, stderr=subprocess.PIPE)
    while not list(paths.cache().glob("scaling*/source/train")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate()
    assert process.returncode and not left_behind()


@pytest.mark.parametrize("text", ["", "many", "100", "10000,x"])
def test_sizes_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="IMAGES must be numbers from 1,000 on"):
        scaling._sizes(text)
    assert scaling._sizes("20000,10000,10000") == [10_000, 20_000]


def test_evaluation_in_blocks_gives_the_same_numbers(monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 1000)
    scores = np.log(rng.dirichlet(np.ones(7), 1000)).astype(np.float32)
    whole = metrics.summarise(scores, labels)
    monkeypatch.setattr(metrics, "_ROWS", 64)
    assert metrics.summarise(scores, labels) == whole
    assert 0.05 < whole["accuracy"] < 0.3 < whole["top5_accuracy"] < 0.9


# --- the page ----------------------------------------------------------------------------------------------------


def test_a_number_of_images_that_was_interrupted_is_left_out_and_one_alone_says_nothing(tmp_path):
    table = tmp_path / "scaling.csv"
    partly = MEASURED.assign(images=7_000_000).head(3)
    pd.concat([MEASURED, partly]).to_csv(table, index=False)
    assert set(scaling_facts.complete_sizes(table)["images"]) == set(MEASURED["images"])
    first = MEASURED["images"].min()
    pd.concat([MEASURED[MEASURED["images"] == first], partly]).to_csv(table, index=False)
    with pytest.raises(InputError, match="needs two numbers of images or more"):
        scaling_facts.complete_sizes(table)


def test_costs_grow_with_what_was_measured():
    facts, slower = (scaling_facts.facts(MEASURED.assign(seconds=MEASURED["seconds"] * n)) for n in (1, 24))
    assert facts["larger"][0]["images"] == 1_281_167 and facts["larger"][0]["decoded"] == "193 GB"
    assert facts["larger"][1]["decode"].endswith(" days")
    assert float(slower["larger"][1]["decode"].removesuffix(" days").replace(",", "")) == pytest.approx(
        24 * float(facts["larger"][1]["decode"].removesuffix(" days")), rel=0.01
    )
    assert all(0.8 < step["growth"] < 1.3 for step in facts["steps"])
