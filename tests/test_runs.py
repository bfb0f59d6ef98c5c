import json
import pickle
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from helpers import runs
from helpers.errors import InputError
from helpers.runs import Run

CONFIG = {
    "recipe": {"model": "deep_cnn", "name": "improved"},
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
    runs.write_json(folder / "config.json", CONFIG)
    runs.write_json(folder / "run.json", {"results": {"test": {"n": 30, "accuracy": 0.2}}, "parameters": 12})
    return Run(folder)


def test_a_run_is_read_from_its_folder(run):
    assert (run.model, run.recipe, run.seed, run.key) == ("deep_cnn", "improved", 3, "0123456789abcdef")
    assert run.label == "deep_cnn improved"
    assert run.history["epoch"].tolist() == [1, 2]
    assert run.result() == {"n": 30, "accuracy": 0.2}
    assert run.has_model()
    best = run.predictions["test_probabilities"].argmax(axis=1)
    assert np.array_equal(run.is_right(), best == run.predictions["test_labels"])
    assert len(run.is_right("validation")) == 40


def test_a_record_has_what_is_small_of_a_run(run, tmp_path):
    record = runs.write_record(run, tmp_path / "records")
    assert record.folder == tmp_path / "records" / "deep_cnn_improved_3"
    assert {file.name for file in record.folder.iterdir()} == {
        "config.json",
        "history.csv",
        "predictions.npz",
        "run.json",
    }
    assert (record.config, record.record) == (run.config, run.record)
    assert record.history.equals(run.history)
    assert not record.has_model() and runs.is_complete(record.folder)


def test_a_record_keeps_probabilities_as_halves_and_leaves_out_the_unlabelled(run, tmp_path):
    record = runs.write_record(run, tmp_path / "records")
    assert set(run.predictions) - set(record.predictions) == {"unlabelled_probabilities"}
    for name, array in record.predictions.items():
        if name.endswith("probabilities"):
            assert array.dtype == np.float16
            np.testing.assert_allclose(array, run.predictions[name], atol=5e-4)
        else:
            assert np.array_equal(array, run.predictions[name])
            assert array.dtype.kind == "i"


def test_a_record_of_a_record_is_the_same(run, tmp_path):
    once = runs.write_record(run, tmp_path / "records")
    twice = runs.write_record(once, tmp_path / "copies")
    for name, array in once.predictions.items():
        assert np.array_equal(array, twice.predictions[name])


def test_a_new_record_replaces_the_old_one_whole(run, tmp_path):
    old = runs.write_record(run, tmp_path / "records").folder
    (old / "leftover").write_text("x")
    partial = old.with_name(f"{old.name}.partial")
    partial.mkdir()
    (partial / "leftover").write_text("x")
    record = runs.write_record(run, tmp_path / "records")
    assert not (record.folder / "leftover").exists()
    assert [path.name for path in (tmp_path / "records").iterdir()] == ["deep_cnn_improved_3"]


def test_only_complete_runs_are_listed_by_name(run):
    parent = run.folder.parent
    (parent / "unfinished").mkdir()
    (parent / "unfinished" / "config.json").write_text("{}")
    (parent / "a_first").mkdir()
    (parent / "a_first" / "run.json").write_text("{}")
    assert [found.folder.name for found in runs.finished(parent)] == ["a_first", run.folder.name]
    assert not runs.is_complete(parent / "unfinished")


def test_no_folder_has_no_runs(tmp_path):
    assert runs.finished(tmp_path / "nowhere") == []


def test_json_is_written_whole(tmp_path):
    runs.write_json(tmp_path / "value.json", {"a": [1, 2.5, None]})
    assert json.loads((tmp_path / "value.json").read_text()) == {"a": [1, 2.5, None]}
    assert [path.name for path in tmp_path.iterdir()] == ["value.json"]


def test_what_cannot_be_written_as_json_leaves_the_old_file(tmp_path):
    runs.write_json(tmp_path / "value.json", 1)
    with pytest.raises(TypeError):
        runs.write_json(tmp_path / "value.json", {"a": object()})
    assert (tmp_path / "value.json").read_text() == "1\n"


def test_an_interrupted_writing_leaves_the_old_file(tmp_path, monkeypatch):
    runs.write_json(tmp_path / "value.json", "old")

    def interrupted(path, text):
        path.write_bytes(text[:3].encode())
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.write_json(tmp_path / "value.json", "new and longer")
    assert json.loads((tmp_path / "value.json").read_text()) == "old"


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
