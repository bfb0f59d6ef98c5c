import json
import shutil
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from fake_runs import assert_same
from processes import full_disk
from sources import flip
from tensorflow.python.summary.summary_iterator import summary_iterator

from helpers.config.demo_data import PRETRAINING
from helpers.config.profiles import find_recipe
from helpers.config.recipes import Phase
from helpers.config.results_versions import RESULTS_VERSIONS
from helpers.core import checksums, paths, provenance, storage
from helpers.core.errors import DivergenceError
from helpers.core.tensorflow import tf
from helpers.models import architecture, features, runtime
from helpers.models.weights import BaseWeights
from helpers.training import fit, runs, tensorboard
from helpers.training.fit import compiled, predict, train
from helpers.training.plans import make_plan

MUON = Phase(2, "muon", 3e-3, "cosine", weight_decay=0.05)
ADAMW = replace(MUON, epochs=1, optimizer="adamw")
SCRATCH = replace(find_recipe("shallow_cnn", "improved"), phases=(MUON, ADAMW), batch_size=20, mix=0.5)
_TRANSFER = find_recipe("mobilenetv2", "improved")
TRANSFER = replace(
    _TRANSFER,
    phases=tuple(replace(phase, epochs=2) for phase in _TRANSFER.phases),
    batch_size=20,
    input_size=64,
    views=0,
    augmentation="none",
)


@pytest.fixture(scope="module")
def plan(tiny, split):
    return make_plan(SCRATCH, 0, "smoke", tiny, split, None)


@pytest.fixture(scope="module")
def transfer_plan(tiny, split):
    sha256 = provenance.file_hash(paths.DEMO_WEIGHTS)
    weights = BaseWeights("the demo's", paths.DEMO_WEIGHTS, sha256, PRETRAINING.width)
    return make_plan(TRANSFER, 0, "smoke", tiny, split, weights)


def trained_elsewhere(plan, folder):
    """Train without interruption into folders of its own; gives the run and its lines of progress."""
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYIMAGE_RUNS", str(folder / "runs"))
        patch.setenv("TINYIMAGE_CACHE", str(folder / "cache"))
        return train(plan, lines.append), lines


@pytest.fixture(scope="module")
def finished(plan, tmp_path_factory):
    return trained_elsewhere(plan, tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def finished_transfer(transfer_plan, tmp_path_factory):
    return trained_elsewhere(transfer_plan, tmp_path_factory.mktemp("transfer"))


def quiet(line):
    pass


def interrupt_at(epoch):
    def progress(line):
        if f"epoch {epoch}/" in line:
            raise KeyboardInterrupt

    return progress


def never(line):
    assert line.endswith(": finished before"), f"nothing should be trained, but: {line}"


def logged(run):
    """What TensorBoard shows of training, by tag and epoch from 0."""
    events = [
        event for file in (run.folder / "logs" / "train").glob("events*") for event in summary_iterator(str(file))
    ]
    return {
        tag: {
            event.step: float(tf.make_ndarray(value.tensor))
            for event in events
            for value in event.summary.value
            if value.tag == tag
        }
        for tag in ("epoch_loss", "epoch_learning_rate")
    }


def test_a_finished_run_has_everything(finished, plan, tiny, split):
    run, _ = finished
    assert checksums.is_complete(run.folder) and run.folder.name == plan.folder.name
    assert run.config == json.loads(json.dumps(plan.config()))
    assert run.history["epoch"].tolist() == [1, 2, 3] and run.history["phase"].tolist() == [1, 1, 2]
    assert run.record["epochs"] == 3 and run.record["training_images"] == len(split.train)
    assert run.record["test_source"] == "split_off"
    assert run.record["weights"] == {"origin": "random initialisation", "sha256": ""}
    assert run.record["data"]["fingerprint"] == tiny.fingerprint
    for part in ("validation", "test"):
        indices = getattr(split, part)
        assert np.array_equal(run.predictions[f"{part}_indices"], indices)
        assert np.array_equal(run.predictions[f"{part}_labels"], tiny.labels[indices])
        np.testing.assert_allclose(run.predictions[f"{part}_probabilities"].sum(axis=1), 1, atol=1e-5)
        assert run.result(part)["accuracy"] == run.is_right(part).mean()
    assert run.predictions["unlabelled_probabilities"].shape == (len(tiny.unlabelled_images), 6)
    assert (run.folder / "logs").is_dir()


def test_the_saved_network_gives_the_saved_predictions(finished, tiny, split):
    run, _ = finished
    model = keras.models.load_model(run.folder / "model.keras")
    with zipfile.ZipFile(run.folder / "model.keras") as archive:
        assert b"helpers" not in archive.read("config.json"), "Keras alone must be able to load it"
    images, _ = tiny.part(split, "test")
    scores = predict(model, images, SCRATCH.views_at_test)
    np.testing.assert_allclose(np.exp(scores), run.predictions["test_probabilities"], atol=1e-6)


def test_the_history_of_validation_is_that_of_the_network(finished, tiny, split):
    run, _ = finished
    model = keras.models.load_model(run.folder / "model.keras")
    images, labels = tiny.part(split, "validation")
    scores = predict(model, images)
    last = run.history.iloc[-1]
    assert last["validation_accuracy"] == pytest.approx((scores.argmax(axis=1) == labels).mean())
    assert last["validation_loss"] == pytest.approx(-scores[np.arange(len(labels)), labels].mean(), rel=1e-4)
    assert last["validation_objective"] > 0 and last["validation_objective"] != last["validation_loss"]


def test_progress_is_at_most_one_line_an_epoch(finished):
    _, lines = finished
    assert len(lines) == SCRATCH.epochs
    assert all(f"epoch {number}/3" in line for number, line in enumerate(lines, start=1))


def test_no_checkpoint_is_left(finished):
    run, _ = finished
    assert not list(run.folder.glob("*checkpoint*")) and not list(run.folder.glob("*.partial"))


def test_a_finished_run_is_not_trained_again(finished, plan, monkeypatch):
    run, _ = finished
    monkeypatch.setenv("TINYIMAGE_RUNS", str(run.folder.parent.parent))
    before = {file: file.stat().st_mtime_ns for file in run.folder.rglob("*")}
    assert train(plan, never).folder == run.folder
    assert {file: file.stat().st_mtime_ns for file in run.folder.rglob("*")} == before


@pytest.mark.parametrize("epoch", [2, 3], ids=["within a phase", "between phases"])
def test_an_interrupted_run_resumes_to_the_same_result(epoch, finished, plan):
    with pytest.raises(KeyboardInterrupt):
        train(plan, interrupt_at(epoch))
    assert not checksums.is_complete(plan.folder)
    if epoch == 2:
        shutil.rmtree(plan.folder / "logs")  # a kill may lose what was not yet on disk
    else:  # or leave the log of an epoch whose checkpoint was not written
        ahead = pd.DataFrame({"epoch_loss": [1.0] * epoch})
        tensorboard.write_logs(plan.folder / "logs", {"train": ahead, "validation": ahead})
    lines = []
    run = train(plan, lines.append)
    for tag, values in logged(finished[0]).items():
        assert logged(run)[tag] == pytest.approx(values) and set(values) == {0, 1, 2}
    assert f"resuming after epoch {epoch - 1}" in lines[0] and len(lines) == 5 - epoch
    assert_same(run, finished[0])
    assert run.record["resumed"] == 1 and finished[0].record["resumed"] == 0
    first, second = run.record["starts"]
    assert run.record["started"] == first["utc"] <= second["utc"] <= run.record["finished"]
    assert first | {"utc": ""} == second | {"utc": ""} == runtime.start_record() | {"utc": ""}
    assert set(first) == {"utc", "cpu", "instruction_sets", "threads", "onednn"}


def test_another_seed_gives_another_result(finished, plan):
    other = train(replace(plan, seed=1), quiet)
    assert other.folder != plan.folder
    assert not np.array_equal(other.predictions["test_probabilities"], finished[0].predictions["test_probabilities"])


def test_run_json_is_written_last(plan, monkeypatch):
    there = []
    write_text = storage.write_text

    def watch(path, text):
        if path.name == checksums.LAST_FILE:
            there.extend(file.name for file in path.parent.iterdir())
        write_text(path, text)

    monkeypatch.setattr(storage, "write_text", watch)
    train(replace(plan, recipe=replace(SCRATCH, phases=(ADAMW,))), quiet)
    assert {"config.json", "history.csv", "predictions.npz", "model.keras", "SHA256SUMS", "logs"} <= set(there)
    assert checksums.LAST_FILE not in there


def test_the_same_seed_gives_the_same_result_also_when_interrupted_while_finishing(plan, finished, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(plan, quiet)
    assert not checksums.is_complete(plan.folder)
    lines = []
    assert_same(train(plan, lines.append), finished[0])
    assert len(lines) == 1 and "resuming after epoch 3" in lines[0]


def test_transfer_interrupted_in_its_second_phase_goes_on_to_the_same_result(transfer_plan, finished_transfer):
    run, lines = finished_transfer
    assert run.history["phase"].tolist() == [1, 1, 2, 2]
    with pytest.raises(KeyboardInterrupt):
        train(transfer_plan, interrupt_at(4))
    again = []
    resumed = train(transfer_plan, again.append)
    assert "resuming after epoch 3" in again[0]
    assert sum("epoch 4/4" in line for line in again) == 1 and not [line for line in again if "epoch 3/4" in line]
    assert_same(resumed, run)


def test_transfer_leaves_what_lies_below_its_second_phase_untouched(finished_transfer):
    model = keras.models.load_model(finished_transfer[0].folder / "model.keras")
    base = keras.applications.MobileNetV2((64, 64, 3), PRETRAINING.width, include_top=False, weights=None)
    base.load_weights(paths.DEMO_WEIGHTS)
    layers = [layer for layer in architecture.base_layers(model) if layer.weights]
    start = [layer.name for layer in layers].index(TRANSFER.phases[1].trainable)
    for index, layer in enumerate(layers):
        same = all(
            np.array_equal(ours, theirs)
            for ours, theirs in zip(layer.get_weights(), base.get_layer(layer.name).get_weights(), strict=True)
        )
        learns = index >= start and not isinstance(layer, keras.layers.BatchNormalization)
        assert same != learns, layer.name


def test_transfer_names_the_origin_of_its_weights(finished_transfer):
    assert finished_transfer[0].record["weights"]["origin"] == "the demo's"
    assert finished_transfer[0].record["weights"]["sha256"] == provenance.file_hash(paths.DEMO_WEIGHTS)


def test_a_frozen_base_of_random_numbers_is_named_before_training(transfer_plan):
    lines = []

    def stop(line):
        lines.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(replace(transfer_plan, weights=BaseWeights("none", None, "", PRETRAINING.width)), stop)
    assert "WEIGHTS=none leaves the base at random numbers" in lines[0]


def test_cached_activations_depend_on_the_results_version_of_the_network(transfer_plan, monkeypatch):
    class Named(Exception):
        pass

    names = []

    def name_only(network, inputs, name, *others):
        names.append(name)
        raise Named

    monkeypatch.setattr(features, "activations", name_only)
    for version in (1, 2):
        monkeypatch.setitem(RESULTS_VERSIONS, "mobilenetv2", version)
        with pytest.raises(Named):
            train(transfer_plan, quiet)
    assert names[0] != names[1]


def test_transfer_trains_on_the_activations_of_each_augmented_view(transfer_plan, tmp_path):
    views = replace(transfer_plan, recipe=replace(transfer_plan.recipe, views=3, augmentation="mild"))
    run, _ = trained_elsewhere(views, tmp_path)
    assert len(run.history) == 4
    n_train, cut = len(transfer_plan.split.train), transfer_plan.recipe.phases[1].frozen_below
    maps = [np.load(file) for file in (tmp_path / "cache" / "activations").glob(f"{cut}_*.npy")]
    of_training = [array for array in maps if len(array) == n_train]
    assert len(of_training) == 3 and len(maps) == 4
    assert len({array.tobytes() for array in of_training}) == 3


def test_averaging_over_the_mirror_image_averages_probabilities(tiny):
    keras.utils.set_random_seed(0)
    model = architecture.build(SCRATCH, 6)
    images = np.asarray(tiny.images[:5])
    plain, turned = np.exp(predict(model, images)), np.exp(predict(model, images[:, :, ::-1].copy()))
    np.testing.assert_allclose(
        np.exp(predict(model, images, ("image", "mirror image"))), (plain + turned) / 2, atol=1e-6
    )
    assert not np.allclose(plain, turned, atol=1e-4)


@pytest.mark.parametrize("n", [1, 4, 5])
def test_predictions_are_complete_for_any_number_of_images(n, monkeypatch):
    monkeypatch.setattr(fit, "_EVALUATION_BATCH", 4)
    keras.utils.set_random_seed(0)
    model = architecture.build(SCRATCH, 6)
    images = np.random.default_rng(0).integers(0, 256, (n, 64, 64, 3), np.uint8)
    scores = predict(model, images)
    assert scores.shape == (n, 6) and scores.dtype == np.float32
    np.testing.assert_allclose(scores[-1:], predict(model, images[-1:]), atol=1e-5)


def test_weight_decay_spares_biases_and_normalisation():
    keras.utils.set_random_seed(0)
    model = architecture.build(SCRATCH, 2)
    phase = replace(ADAMW, schedule="constant", learning_rate=1e-8, weight_decay=1e6)
    compiled(model, phase, 10)
    model.run_eagerly = True
    before = {weight.path: weight.numpy() for weight in model.trainable_weights}
    model.train_on_batch(np.zeros((2, 64, 64, 3), np.float32), np.eye(2, dtype=np.float32))
    shrunk = {
        weight.path
        for weight in model.trainable_weights
        if not np.allclose(weight.numpy(), before[weight.path], atol=1e-6)
    }
    assert shrunk == {path for path in before if path.endswith("kernel")}


def test_a_loss_that_is_no_number_ends_the_run_with_a_record(tiny, split):
    wild = replace(SCRATCH, phases=(Phase(2, "sgd", 1e20),), augmentation="none", mix=0.0)
    plan = make_plan(wild, 0, "smoke", tiny, split, None)
    with pytest.raises(DivergenceError, match=r"shallow_cnn improved, seed 0: the loss was (nan|inf) in epoch 1"):
        train(plan, quiet)
    assert not checksums.is_complete(plan.folder)
    assert runs.finished(plan.folder.parent) == []
    with pytest.raises(DivergenceError, match="in epoch 1"):
        train(plan, never)


def test_a_disk_that_is_full_at_a_checkpoint_costs_the_epoch_and_no_more(plan, finished):
    with pytest.raises(KeyboardInterrupt):
        train(plan, interrupt_at(2))
    with pytest.raises(OSError, match="File too large"), full_disk(1_000_000):
        train(plan, quiet)
    lines = []
    assert_same(train(plan, lines.append), finished[0])
    assert "resuming after epoch 1" in lines[0]
    assert not [file.name for file in plan.folder.iterdir() if "partial" in file.name]


@pytest.mark.parametrize("name", ["history.csv", "predictions.npz", "model.keras", "run.json"])
def test_a_finished_run_that_is_damaged_is_named_and_trained_again(name, plan, finished, capsys):
    shutil.copytree(finished[0].folder, plan.folder)
    assert_same(train(plan, never), finished[0])
    flip(plan.folder / name)
    with pytest.raises(KeyboardInterrupt):  # named, and on its way
        train(plan, interrupt_at(1))
    assert capsys.readouterr().out.startswith(f"{plan.folder} is damaged ({name} is not what was written)")
    assert not checksums.is_complete(plan.folder)


def test_a_damaged_checkpoint_is_named_and_the_run_starts_again(plan, finished):
    with pytest.raises(KeyboardInterrupt):
        train(plan, interrupt_at(3))
    [file] = plan.folder.glob("checkpoint_*.npz")
    file.write_bytes(file.read_bytes()[:-100])
    lines = []
    assert_same(train(plan, lines.append), finished[0])
    assert lines[0] == f"{file} is damaged and is not used"
    assert "epoch 1/3" in lines[1]
