import re

import pytest
from fake_runs import NUM_CLASSES, write_run

from helpers.core import paths
from helpers.report import evaluations, model_card
from helpers.training.runs import OLDEST_KERAS

NAMES = [f"class {label}" for label in range(NUM_CLASSES)]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, "mobilenetv2", "improved", seed=3, right=40)


def test_the_card_has_the_run_s_own_numbers(run, tmp_path):
    text = model_card.write(run, tmp_path / "figures", NAMES, 0).read_text()
    result = run.result()
    for words in (
        "# Model card: MobileNetV2, improved",
        f"{100 * result['accuracy']:.1f} % ({100 * result['accuracy_low']:.1f} % to",
        "1,234,567 parameters",
        "seed 3",
        run.key,
        "abc123",
        f"its `model.keras` needs Keras {OLDEST_KERAS} or later",
        "split off the labelled training images",
        "8 copies of each image, by augmentation `mild_and_sharp`",
        "weight decay 0.05, batch normalisation frozen",
    ):
        assert words in text
    for number, phase in enumerate(run.config["recipe"]["phases"], start=1):
        assert f"phase {number}: {phase['epochs']} epochs" in text
    assert "—" not in text and "nan" not in text


def test_the_oldest_keras_is_tried_again_for_each_new_version():
    locked = re.search(r"^keras==(\d+\.\d+)\.", (paths.ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert OLDEST_KERAS.startswith(f"{locked[1]}.")


def test_a_network_trained_from_pixels_names_its_augmentation(tmp_path):
    assert "augmentation `report`" in model_card.text(write_run(tmp_path, "deep_cnn", "as_reported"), NAMES)


def test_class_names_are_shown_as_they_are(run):
    text = model_card.text(run, ["<b>_x_</b> ![](http://a/b.png)"] * NUM_CLASSES)
    assert r"(\<b\>\_x\_\</b\> \!\[\](http://a/b.png))" in text


def test_cautions_fit_the_data_and_the_weights(run):
    demo = model_card.text(run, NAMES)
    assert "nothing about photographs" in demo and "may flatter" not in demo
    run.record["data"]["description"], run.record["weights"]["sha256"] = "TinyImage", "66dd"
    real = model_card.text(run, NAMES)
    assert "may flatter" in real and "procedural" not in real and "sha256 66dd" in real


def test_every_look_at_the_test_set_is_counted(run, tmp_path):
    evaluations.log_test_evaluation(tmp_path, run)
    assert "looked at once (`test_evaluations.csv`)" in model_card.write(run, tmp_path, NAMES, 0).read_text()
    evaluations.log_test_evaluation(
        tmp_path, write_run(tmp_path, "mobilenetv2", "improved", seed=3, right=41, version="b")
    )
    evaluations.log_test_evaluation(tmp_path, write_run(tmp_path, "mobilenetv2", "improved", seed=4))
    assert "looked at 2 times" in model_card.write(run, tmp_path, NAMES, 0).read_text()


def test_wrong_labels_are_named_where_there_are_some(run):
    assert "some labels of the data count as wrong, 7 at least" in model_card.text(run, NAMES, n_wrong_labels=7)
    assert "count as wrong" not in model_card.text(run, NAMES)
