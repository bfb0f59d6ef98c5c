import importlib.util

import numpy as np
import pytest
from fake_runs import encoded
from PIL import Image

from helpers.core.errors import InputError
from helpers.explore.photographs import find_photographs, read_photograph


def test_a_photograph_becomes_its_middle_square():
    wide = Image.new("RGB", (400, 200), "blue")
    wide.paste("red", (100, 0, 300, 200))
    image = read_photograph(encoded(wide), "wide.png")
    assert image.shape == (64, 64, 3) and image.dtype == np.uint8
    assert (image[:, 4:-4] == [255, 0, 0]).all()
    assert (image[:, [0, -1], 0] > 200).all()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    content = encoded(Image.new("RGB", (80, 80), "white").convert(mode), "TIFF")
    assert (read_photograph(content, "white.tif") == 255).all()


def test_a_turned_photograph_stands_upright():
    picture = Image.new("RGB", (90, 90), "black")
    picture.paste("white", (0, 0, 90, 45))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image = read_photograph(encoded(picture, "JPEG", exif=exif), "turned.jpg")
    assert image[:20].mean() < 20 and image[-20:].mean() > 235


@pytest.mark.parametrize("content", [b"", b"no image", encoded(Image.new("RGB", (50, 50)))[:60]])
def test_a_bad_file_is_one_sentence_with_its_name(content):
    with pytest.raises(InputError, match=r"^holiday.txt cannot be read as an image; try a JPEG or PNG file\.$"):
        read_photograph(content, "holiday.txt")


def test_more_than_eight_bits_are_refused_since_they_would_be_read_as_white():
    with pytest.raises(InputError, match=r"^deep.png has more than eight bits"):
        read_photograph(encoded(Image.new("I;16", (70, 90), 300), "PNG"), "deep.png")


def test_a_webp_file_is_read():
    assert (read_photograph(encoded(Image.new("RGB", (70, 90), "red"), "WEBP"), "red.webp")[..., 0] > 240).all()


def test_a_file_a_folder_and_a_pattern_name_photographs_by_name(tmp_path):
    for name in ("b.png", "a.jpg", ".hidden.png", "below/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def names(pattern):
        return [file.name for file in find_photographs(str(tmp_path / pattern))]

    assert names("b.png") == ["b.png"]
    assert names("") == ["a.jpg", "b.png"]
    assert names("*.png") == ["b.png"]
    assert names("**/*.png") == ["b.png", "c.png"]


@pytest.mark.parametrize("pattern", ["none.png", "*.gif", "empty"])
def test_a_name_without_files_is_refused(pattern, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"^There is no file .*; IMAGE names a file, a folder or a pattern"):
        find_photographs(str(tmp_path / pattern))


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is not None, reason="pillow-heif is installed")
@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_an_heic_file_says_what_would_read_it(brand):
    with pytest.raises(InputError, match=r"^IMG_1.HEIC is an HEIC image; .* \.venv/bin/pip install pillow-heif\.$"):
        read_photograph(b"\x00\x00\x00\x1cftyp" + brand + bytes(40), "IMG_1.HEIC")
