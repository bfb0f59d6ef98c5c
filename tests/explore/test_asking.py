import keras
import numpy as np
import pytest
from fake_runs import write_run

from helpers.config import profiles
from helpers.explore import asking
from helpers.models import architecture, conversion, inference
from helpers.training import fit


@pytest.fixture
def run(tmp_path):
    """A run with a network that averages over the mirror image."""
    run = write_run(tmp_path, "shallow_cnn", "improved")
    keras.utils.set_random_seed(0)
    architecture.build(profiles.find_recipe("shallow_cnn", "improved"), 5).save(run.folder / "model.keras")
    assert len(run.settings.views_at_test) > 1
    return run


@pytest.mark.parametrize("runtime", ["LiteRT", "Keras"])
def test_a_network_answers_as_it_did_in_its_run(runtime, run, monkeypatch, capsys):
    if runtime == "Keras":
        monkeypatch.setattr(conversion, "to_litert", refuse)
    else:
        monkeypatch.setattr(inference, "with_keras", refuse)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    probabilities = asking.network(run)(image)
    model = run.network()
    assert probabilities.shape == (5,) and probabilities.sum() == pytest.approx(1, abs=1e-5)
    monkeypatch.undo()
    assert probabilities == pytest.approx(
        np.exp(fit.predict(model, image[None], run.settings.views_at_test)[0]), abs=1e-5
    )
    assert probabilities != pytest.approx(np.exp(fit.predict(model, image[None])[0]), abs=1e-5)
    assert capsys.readouterr().out == ""


def refuse(*arguments):
    raise RuntimeError("not here")


def test_networks_of_records_and_missing_ones_are_named(tmp_path):
    there, record = write_run(tmp_path, "shallow_cnn", "improved"), write_run(tmp_path, "mobilenetv2", "improved")
    without = write_run(tmp_path, "mobilenetv2", "as_coded")
    (there.folder / "model.keras").touch()
    (record.folder / "weights.npz").touch()
    other_seed = write_run(tmp_path, "shallow_cnn", "improved", 1)
    words = asking.which_networks([there, other_seed, record, without])
    assert "Shallow CNN, improved" not in words
    assert "Networks from committed records (kernels in half precision): MobileNetV2, improved." in words
    assert "MobileNetV2, as coded (its record has no network)" in words
    assert "Deep CNN, improved (not run)" in words
