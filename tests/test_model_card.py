import pytest
from fake_runs import NUM_CLASSES, write_run

from helpers import model_card

NAMES = [f"class {label}" for label in range(NUM_CLASSES)]


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, "mobilenetv2", "improved", seed=3, right=40)


def test_the_card_has_the_run_s_own_numbers(run, tmp_path):
    text = model_card.write(run, tmp_path / "figures", NAMES).read_text()
    result = run.result()
    for words in (
        "# Model card: MobileNetV2, improved",
        f"{100 * result['accuracy']:.1f} % ({100 * result['accuracy_low']:.1f} % to",
        "1,234,567 parameters",
        "seed 3",
        run.key,
        "abc123",
        "split off the labelled training images",
    ):
        assert words in text
    for number, phase in enumerate(run.config["recipe"]["phases"], start=1):
        assert f"phase {number}: {phase['epochs']} epochs" in text
    assert "—" not in text and "nan" not in text


def test_class_names_are_shown_as_they_are(run):
    text = model_card.text(run, ["<b>_x_</b> ![](http://a/b.png)"] * NUM_CLASSES)
    assert r"(\<b\>\_x\_\</b\> \!\[\](http://a/b.png))" in text


def test_cautions_fit_the_data_and_the_weights(run):
    demo = model_card.text(run, NAMES)
    assert "nothing about photographs" in demo and "may flatter" not in demo
    run.record["data"]["description"], run.record["weights"]["sha256"] = "TinyImage", "66dd"
    real = model_card.text(run, NAMES)
    assert "may flatter" in real and "procedural" not in real and "sha256 66dd" in real
