import csv
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from fake_runs import NUM_CLASSES, write_run
from PIL import Image

from helpers import cli
from helpers.analysis import calibration
from helpers.config.demo_data import PRETRAINING
from helpers.config.profiles import find_recipe
from helpers.config.recipes import RECIPES
from helpers.core import paths, storage
from helpers.core.errors import InputError
from helpers.explore import prediction
from helpers.models import architecture
from helpers.report.network_card import network_card
from helpers.training import fit, records, runs
from helpers.training.runs import Run

CLASS_NAMES = [f"class {label}" for label in range(NUM_CLASSES)]
SHALLOW = find_recipe("shallow_cnn", "improved")
_GENERATOR = np.random.default_rng(0)
# Noise in a colour of its own each, which untrained networks tell apart.
IMAGES = (_GENERATOR.random((9, 1, 1, 3)) * _GENERATOR.integers(0, 256, (9, 64, 64, 3))).astype(np.uint8)


def write_network(folder, recipe):
    """The record of a run with a network that tells images apart; and the network."""
    if recipe.is_pretrained:
        recipe = replace(recipe, width=PRETRAINING.width)
    run = write_run(folder / "runs", recipe.model, recipe.name, right=95)
    storage.write_json(run.folder / "config.json", run.config | {"recipe": recipe.as_dict()})
    run = Run(run.folder)
    keras.utils.set_random_seed(0)
    network = architecture.build(recipe, NUM_CLASSES)
    if recipe.is_pretrained:
        architecture.load_base_weights(network, recipe.width, paths.DEMO_WEIGHTS)
    network.save(run.folder / "model.keras")
    return records.write_record(run, folder / "full" / "records", network_card(run, CLASS_NAMES)), network


@pytest.fixture
def figures(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "FIGURES", tmp_path)
    return tmp_path


@pytest.mark.training
@pytest.mark.parametrize("recipe", [r for r in RECIPES if r.name == "improved"], ids=lambda recipe: recipe.model)
def test_a_network_from_its_record_predicts_what_keras_predicts(recipe, figures):
    record, network = write_network(figures, recipe)
    expected = np.exp(fit.predict(network, IMAGES, recipe.views_at_test))
    assert np.ptp(expected, axis=0).max() > 0.01  # the images make a difference
    again = np.exp(fit.predict(record.network(), IMAGES, recipe.views_at_test))
    np.testing.assert_allclose(again, expected, atol=5e-3)
    predictor = prediction.find_predictor("full", recipe.model)
    calibrated = calibration.scaled(expected, predictor.card["temperature"])
    np.testing.assert_allclose(predictor.probabilities(IMAGES[:1]), calibrated[:1], atol=1e-2)
    np.testing.assert_allclose(predictor.probabilities(IMAGES), calibrated, atol=1e-2)


@pytest.mark.training
def test_a_network_is_converted_once_and_again_where_the_file_is_damaged(figures, capsys):
    write_network(figures, SHALLOW)
    first = prediction.find_predictor("full", "shallow_cnn").probabilities(IMAGES)
    assert "Converting" in capsys.readouterr().out
    prediction.find_predictor("full", "shallow_cnn")
    assert not capsys.readouterr().out
    file = next((paths.cache() / "networks").glob("*.tflite"))
    file.write_bytes(file.read_bytes()[:-100])
    assert np.array_equal(prediction.find_predictor("full", "shallow_cnn").probabilities(IMAGES), first)
    assert "Converting" in capsys.readouterr().out


def test_a_model_without_a_network_is_refused_with_those_there_are(figures):
    write_network(figures, SHALLOW)
    with pytest.raises(
        InputError, match=r"no trained network of 'deep_cnn' in .*records, only of: shallow_cnn; choose"
    ):
        prediction.find_predictor("full", "deep_cnn")


def test_weights_of_another_network_are_refused(figures):
    record, _ = write_network(figures, SHALLOW)
    storage.write_json(
        record.folder / "config.json", record.config | {"recipe": find_recipe("deep_cnn", "improved").as_dict()}
    )
    with pytest.raises(InputError, match=r"weights.npz is no network .*the weights are those of another network"):
        Run(record.folder).network()


def test_a_record_is_written_again_only_where_something_changed(figures):
    record, _ = write_network(figures, SHALLOW)
    run = runs.finished(figures / "runs")[0]
    card, before = network_card(run, CLASS_NAMES), (record.folder / "weights.npz").stat().st_ino
    assert records.write_record(run, record.folder.parent, card).folder == record.folder
    assert (record.folder / "weights.npz").stat().st_ino == before
    records.write_record(run, record.folder.parent, card | {"temperature": 2.0})
    assert (record.folder / "weights.npz").stat().st_ino != before
    assert prediction.find_predictor("full", "shallow_cnn").card["temperature"] == 2.0


@pytest.mark.parametrize("name", ["weights.npz", "network.json"])
def test_a_damaged_network_is_refused(figures, name):
    record, _ = write_network(figures, SHALLOW)
    with (record.folder / name).open("r+b") as file:
        file.truncate(20)
    with pytest.raises(InputError, match=rf"is damaged \({name} is not what was written\); restore it"):
        prediction.find_predictor("full", "shallow_cnn")


def test_a_damaged_network_of_another_model_is_no_obstacle(figures):
    write_network(figures, SHALLOW)
    other = figures / "full" / "records" / "deep_cnn_improved_0"
    other.mkdir()
    (other / "network.json").write_text("{")
    assert prediction.find_predictor("full", "shallow_cnn").card["model"] == "shallow_cnn"


def sure_of(*probabilities):
    """A predictor without a network, which gives an image with the grey value 1 the first row of probabilities and so on."""
    card = {
        "views": ["image"],
        "temperature": 1.0,
        "confidence": 0.5,
        "class_names": CLASS_NAMES,
    }
    logits = np.log(np.array(probabilities))
    return prediction.Predictor(card, paths.ROOT, lambda images: logits[images[:, 0, 0, 0].astype(int) - 1])


def test_files_that_are_no_images_are_named_and_the_others_go_on(tmp_path):
    predictor = sure_of([0.6, 0.1, 0.1, 0.1, 0.1], [0.1, 0.45, 0.15, 0.2, 0.1])
    for name, grey in (("a.png", 1), ("c.png", 2)):
        Image.new("RGB", (64, 64), (grey,) * 3).save(tmp_path / name)
    (tmp_path / "b.png").write_text("no image")
    first, problem, last = prediction.predict(predictor, sorted(tmp_path.iterdir()))
    assert first.is_sure and first.answers[0] == ("class 0", pytest.approx(0.6))
    assert str(problem) == f"{tmp_path / 'b.png'} cannot be read as an image; try a JPEG or PNG file."
    assert not last.is_sure and [name for name, _ in last.answers[:3]] == ["class 1", "class 3", "class 2"]
    assert first.text().splitlines()[:2] == [f"{tmp_path / 'a.png'}: class 0", "   60.0%  class 0"]
    assert last.text().splitlines()[0] == f"{tmp_path / 'c.png'}: not sure"

    prediction.write_csv(tmp_path / "answers.csv", [first, last])
    with (tmp_path / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["answer"] for row in rows] == ["class 0", ""]
    assert rows[1]["class_2"] == "class 3" and rows[1]["probability_2"] == "0.2000"


def test_without_a_confidence_that_is_good_enough_every_answer_is_withheld():
    predictor = sure_of([0.99, 0.0025, 0.0025, 0.0025, 0.0025])
    assert predictor.is_sure(0.99)
    predictor.card["confidence"] = None
    assert not predictor.is_sure(1.0)


@pytest.mark.training
def test_the_command_answers_what_it_can_and_ends_with_status_1_for_the_rest(figures, tmp_path, capsys):
    write_network(figures, SHALLOW)
    (tmp_path / "photos").mkdir()
    Image.fromarray(IMAGES[0]).resize((300, 200)).save(tmp_path / "photos" / "a.jpg")
    (tmp_path / "photos" / "b.txt").write_text("no image")
    with pytest.raises(SystemExit, match="1"):
        cli.predict(str(tmp_path / "photos"), "shallow_cnn", csv="", profile="full")
    shown = capsys.readouterr()
    assert "Shallow CNN, improved (shallow_cnn_improved_0), 95.0% accuracy on 100 test images" in shown.out
    assert f"{tmp_path}/photos/a.jpg: " in shown.out and shown.out.count("  class ") == 5
    assert shown.err.splitlines()[-1] == f"{tmp_path}/photos/b.txt cannot be read as an image; try a JPEG or PNG file."
    with pytest.raises(SystemExit, match="0"):
        cli.predict(str(tmp_path / "photos" / "a.jpg"), "shallow_cnn", str(tmp_path / "a.csv"), "full")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 2


def test_predicting_needs_no_tensorflow():
    program = "import sys, helpers.cli, helpers.explore.prediction; print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=paths.ROOT, timeout=120)
    assert ended.stdout.strip() == "set()", ended
