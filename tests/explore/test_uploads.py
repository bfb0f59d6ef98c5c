import keras
import numpy as np
import pytest
from fake_runs import encoded, write_run
from PIL import Image

from helpers.config import profiles
from helpers.core.errors import InputError
from helpers.explore import uploads
from helpers.models import architecture
from helpers.training import fit


def test_a_photograph_becomes_its_middle_square():
    wide = Image.new("RGB", (400, 200), "blue")
    wide.paste("red", (100, 0, 300, 200))
    image = uploads.read_photograph(encoded(wide), "wide.png")
    assert image.shape == (64, 64, 3) and image.dtype == np.uint8
    assert (image[:, 4:-4] == [255, 0, 0]).all()
    assert (image[:, [0, -1], 0] > 200).all()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    content = encoded(Image.new("RGB", (80, 80), "white").convert(mode), "TIFF")
    assert (uploads.read_photograph(content, "white.tif") == 255).all()


def test_a_turned_photograph_stands_upright():
    picture = Image.new("RGB", (90, 90), "black")
    picture.paste("white", (0, 0, 90, 45))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image = uploads.read_photograph(encoded(picture, "JPEG", exif=exif), "turned.jpg")
    assert image[:20].mean() < 20 and image[-20:].mean() > 235


@pytest.mark.parametrize("content", [b"", b"no image", encoded(Image.new("RGB", (50, 50)))[:60]])
def test_a_bad_file_is_one_sentence_with_its_name(content):
    with pytest.raises(InputError, match=r"^holiday.txt cannot be read as an image; try a JPEG or PNG file\.$"):
        uploads.read_photograph(content, "holiday.txt")


def test_a_network_answers_as_it_did_in_its_run(tmp_path):
    run = write_run(tmp_path, "shallow_cnn", "improved")
    keras.utils.set_random_seed(0)
    model = architecture.build(profiles.find_recipe("shallow_cnn", "improved"), 5)
    model.save(run.folder / "model.keras")
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    flip = run.config["recipe"]["flip_at_test"]
    assert flip
    probabilities = uploads.network(run)(image)
    assert probabilities.shape == (5,) and probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert probabilities == pytest.approx(np.exp(fit.predict(model, image[None], True)[0]), abs=1e-5)
    assert probabilities != pytest.approx(np.exp(fit.predict(model, image[None])[0]), abs=1e-5)


def test_networks_that_are_missing_are_named_with_the_reason(tmp_path):
    there, record = write_run(tmp_path, "shallow_cnn", "improved"), write_run(tmp_path, "mobilenetv2", "improved")
    (there.folder / "model.keras").touch()
    other_seed = write_run(tmp_path, "shallow_cnn", "improved", 1)
    words = uploads.missing_networks([there, other_seed, record])
    assert "Shallow CNN, improved" not in words
    assert "MobileNetV2, improved (only its record is here)" in words
    assert "Deep CNN, improved (not run)" in words
