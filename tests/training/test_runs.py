import pickle
import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sources import flip

from helpers.core import checksums, paths, storage
from helpers.core.errors import DivergenceError, InputError
from helpers.training import records, runs
from helpers.training.runs import Run

CONFIG = {
    "recipe": {"model": "deep_cnn", "name": "improved", "network": "deep_improved"},
    "seed": 3,
    "key": "0123456789abcdef",
    "profile": "smoke",
}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "runs" / "smoke" / "deep_cnn_improved_3_0123456789"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    predictions = {}
    for split, n in (("validation", 40), ("test", 30)):
        predictions[f"{split}_probabilities"] = rng.dirichlet(np.ones(5), n).astype(np.float32)
        predictions[f"{split}_labels"] = rng.integers(0, 5, n)
        predictions[f"{split}_indices"] = np.arange(n) + 1000
    predictions["unlabelled_probabilities"] = rng.dirichlet(np.ones(5), 10).astype(np.float32)
    np.savez(folder / "predictions.npz", **predictions)
    pd.DataFrame({"epoch": [1, 2], "accuracy": [0.1, 0.2]}).to_csv(folder / "history.csv", index=False)
    (folder / "model.keras").write_bytes(b"a network")
    (folder / "logs").mkdir()
    storage.write_json(folder / "config.json", CONFIG)
    storage.write_json(folder / "run.json", {"results": {"test": {"n": 30, "accuracy": 0.2}}, "parameters": 12})
    checksums.write_all(folder)
    return Run(folder)


def test_a_run_is_read_from_its_folder(run):
    assert (run.model, run.recipe, run.seed, run.key) == ("deep_cnn", "improved", 3, "0123456789abcdef")
    assert run.label == "deep_cnn improved"
    assert run.history["epoch"].tolist() == [1, 2]
    assert run.result() == {"n": 30, "accuracy": 0.2}
    assert run.has_model() and run.has_known_network()
    run.config["recipe"]["network"] = "deep_of_last_year"
    assert not run.has_model()
    best = run.predictions["test_probabilities"].argmax(axis=1)
    assert np.array_equal(run.is_right(), best == run.predictions["test_labels"])
    assert len(run.is_right("validation")) == 40


def test_a_record_has_what_is_small_of_a_run(run, tmp_path):
    record = records.write_record(run, tmp_path / "records")
    assert record.folder == tmp_path / "records" / "deep_cnn_improved_3"
    assert {file.name for file in record.folder.iterdir()} == {
        "config.json",
        "history.csv",
        "predictions.npz",
        "run.json",
        "SHA256SUMS",
    }
    assert (record.config, record.record) == (run.config, run.record)
    assert record.history.equals(run.history)
    assert not record.has_model() and checksums.is_complete(record.folder)


def test_a_record_keeps_probabilities_as_halves_and_leaves_out_the_unlabelled(run, tmp_path):
    record = records.write_record(run, tmp_path / "records")
    assert set(run.predictions) - set(record.predictions) == {"unlabelled_probabilities"}
    for name, array in record.predictions.items():
        if name.endswith("probabilities"):
            assert array.dtype == np.float16
            np.testing.assert_allclose(array, run.predictions[name], atol=5e-4)
        else:
            assert np.array_equal(array, run.predictions[name])
            assert array.dtype.kind == "i"


def test_halves_give_the_same_answers(tmp_path):
    close = np.float32([[0.3, 0.30002, 0.1], [0.30002, 0.3, 0.1], [0.99997, 1e-5, 2e-5]])
    assert close.astype(np.float16)[0].argmax() == 0, "rounding alone changes the first answer"
    half = records._in_half(close)
    assert half.argmax(axis=1).tolist() == [1, 0, 0]
    np.testing.assert_allclose(half, close, atol=5e-4)


def test_a_record_of_a_record_is_the_same(run, tmp_path):
    once = records.write_record(run, tmp_path / "records")
    twice = records.write_record(once, tmp_path / "copies")
    for name, array in once.predictions.items():
        assert np.array_equal(array, twice.predictions[name])


def test_a_record_that_is_there_is_left_as_it_is(run, tmp_path):
    file = records.write_record(run, tmp_path / "records").folder / "history.csv"
    written = file.stat().st_mtime_ns
    records.write_record(run, tmp_path / "records")
    assert file.stat().st_mtime_ns == written


def test_a_new_record_replaces_a_damaged_one_whole(run, tmp_path):
    old = records.write_record(run, tmp_path / "records").folder
    (old / "history.csv").write_text("x")
    (old / "leftover").write_text("x")
    partial = old.with_name(f".{old.name}.partial")
    partial.mkdir()
    (partial / "leftover").write_text("x")
    record = records.write_record(run, tmp_path / "records")
    assert not (record.folder / "leftover").exists()
    assert [path.name for path in (tmp_path / "records").iterdir()] == ["deep_cnn_improved_3"]


def test_only_complete_runs_are_listed_by_name(run):
    parent = run.folder.parent
    (parent / "unfinished").mkdir()
    (parent / "unfinished" / "config.json").write_text("{}")
    shutil.copytree(run.folder, parent / "a_first")
    assert [found.folder.name for found in runs.finished(parent)] == ["a_first", run.folder.name]
    assert not checksums.is_complete(parent / "unfinished")


def cut(file):
    file.write_bytes(file.read_bytes()[:-2])


def empty(file):
    file.write_bytes(b"")


FILES = ("config.json", "history.csv", "predictions.npz", "model.keras", "run.json", "SHA256SUMS")


@pytest.mark.parametrize("spoil", [flip, cut, empty, Path.unlink])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_run_is_named_once_and_left_out(name, spoil, run, capsys):
    assert [found.folder for found in runs.finished(run.folder.parent)] == [run.folder]
    spoil(run.folder / name)
    assert runs.finished(run.folder.parent) == [] == runs.finished(run.folder.parent)
    assert not checksums.is_complete(run.folder)
    if (run.folder / "run.json").exists():  # without it a run has not ended
        assert capsys.readouterr().out == f"{run.folder} is damaged ({checksums.damage(run.folder)}) and is left out\n"


@pytest.mark.parametrize("spoil", [flip, cut, empty, Path.unlink])
@pytest.mark.parametrize("name", FILES[:-1])
def test_a_damaged_run_makes_room_for_its_training(name, spoil, run):
    lines = []
    checksums.clear_damaged(run.folder, lines.append)
    assert lines == [] and checksums.is_complete(run.folder)
    spoil(run.folder / name)
    checksums.clear_damaged(run.folder, lines.append)
    assert not (run.folder / "run.json").exists()
    assert len(lines) == (name != "run.json" or spoil is not Path.unlink)
    assert all(name in line and "trained again" in line for line in lines)


def test_a_run_without_checksums_is_neither_trusted_nor_trained_over(run):
    (run.folder / "SHA256SUMS").unlink()
    with pytest.raises(InputError, match="without checksums .* call helpers.core.checksums.write_all"):
        checksums.clear_damaged(run.folder)
    assert runs.finished(run.folder.parent) == []
    checksums.write_all(run.folder)
    assert runs.finished(run.folder.parent) == [run]
    with pytest.raises(InputError, match="neither run.json nor failure.json"):
        checksums.write_all(run.folder.parent)


def test_other_tools_can_check_the_hashes(run):
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum here")
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=run.folder, capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split("\n")[:-1]) == sorted(f"{name}: OK" for name in FILES[:-1])


def test_a_damaged_failure_is_forgotten_and_a_sound_one_is_not(run):
    (run.folder / "run.json").unlink()
    runs.fail(run.folder, "the loss was nan", run.history)
    with pytest.raises(DivergenceError, match="nan"):
        runs.check_not_failed(run.folder)
    assert [failure.reason for failure in runs.failed(run.folder.parent)] == ["the loss was nan"]
    flip(run.folder / "failure.json")
    assert runs.failed(run.folder.parent) == []
    runs.check_not_failed(run.folder)
    assert not (run.folder / "failure.json").exists()


def test_committed_records_are_what_was_written():
    records = paths.FIGURES / "full" / "records"
    assert {folder.name: checksums.damage(folder) for folder in records.iterdir() if checksums.damage(folder)} == {}


def test_no_folder_has_no_runs(tmp_path):
    assert runs.finished(tmp_path / "nowhere") == []


def network_with_code(file, trace):
    layer = keras.layers.Lambda(lambda x: open(trace, "w") and x)  # noqa: PTH123, SIM115
    keras.Sequential([keras.Input((3,)), layer]).save(file)


def pickle_in_disguise(file, trace):
    class TouchesWhenLoaded:
        def __reduce__(self):
            return open, (trace, "w")

    file.write_bytes(pickle.dumps(TouchesWhenLoaded()))


def network_cut_off(file, trace):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(file)
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize("make", [network_with_code, pickle_in_disguise, network_cut_off])
def test_a_network_that_brings_code_or_is_damaged_is_refused_in_one_sentence(make, tmp_path):
    trace = tmp_path / "trace"
    make(tmp_path / "model.keras", str(trace))
    trace.unlink(missing_ok=True)  # building the Lambda layer runs it
    with pytest.raises(InputError, match=r"model\.keras is no network that this project saved .* train it again\.$"):
        Run(tmp_path).network()
    assert not trace.exists()


def test_a_saved_network_comes_back(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    assert np.array_equal(Run(tmp_path).network().get_weights()[0], model.get_weights()[0])
