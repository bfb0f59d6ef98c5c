import base64
import hashlib
import io
import shutil
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sources import annotations, broken, fails, images_of, zipped

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.data import decoding
from helpers.data.dataset import open_source


def test_pixels_are_those_of_the_files(tiny, kaggle_folder):
    for index in (0, 13, 71):
        name = tiny.names[index]
        file = kaggle_folder / "train" / "train" / tiny.wnids[tiny.labels[index]] / "images" / name
        with Image.open(file) as image:
            assert np.array_equal(tiny.images[index], np.asarray(image.convert("RGB")))


@given(
    mode=st.sampled_from(["RGB", "L", "CMYK"]),
    format=st.sampled_from(["JPEG", "TIFF"]),
    quality=st.integers(5, 100),
    subsampling=st.integers(0, 2),
    progressive=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_kind_of_image_decodes_as_pillow_decodes_it(mode, format, quality, subsampling, progressive, seed):
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    options = {"quality": quality, "subsampling": subsampling, "progressive": progressive} if format == "JPEG" else {}
    Image.fromarray(noise).convert(mode).save(file, format, **options)
    pixels, is_grey = decoding._decode_image(file.getvalue(), "a made-up image")
    with Image.open(file) as image:
        assert np.array_equal(pixels, np.asarray(image.convert("RGB")))
    assert is_grey == (mode == "L")


# A JPEG of 64 x 64 with chroma subsampling, and what it decoded to when the committed runs were made.
JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+"
    "gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCABAAEADASIAAhEB"
    "AxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS"
    "0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKz"
    "tLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgEC"
    "BAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpj"
    "ZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6"
    "/9oADAMBAAIRAxEAPwDnPLo8urPl0vl19LUmYxZW8ujy6s+XS+XXDUmdEWVfLpfLqz5dHl1wVJnRFlby6Xy6s+XR5dcNSZ0RZP5dJtAq15dQSDDkV7eK"
    "qyjH3TzsFCNSbUl0GbRRgUtFec6s3uz1lhqS6fmGBRgUUVD13KVCmug4JkZpfLqaFMxg1J5defVlZtHNtJom8uqNyMTsPp/Ktfy6Xy692t7yseRha/sZ"
    "c1rmFRW75dL5dcMmonprML/Z/H/gGDRW95dL5dYSrqPQ0WMv9n8Shapm3U/X+dTeXVny6Xy68yrUu2zPmu2yby6PLqz5dL5dfQVJngRZW8ujy6s+XS+X"
    "XDUmdMWVvLo8urPl0vl1wVJnRFlby6PLqz5dL5dcNSZ0RZ//2Q=="
)


def test_the_same_file_gives_the_same_pixels_with_every_version_of_the_decoder():
    """The key of a run has the content of the files, not the decoder: where this fails, raise `_CACHE_VERSION`, and make every
    run again."""
    pixels, is_grey = decoding._decode_image(base64.b64decode(JPEG), "image")
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == "f8e2314171365262" and not is_grey


def test_grey_images_are_marked(tiny):
    assert {name for name, grey in zip(tiny.names, tiny.is_grey, strict=True) if grey} == {
        f"{wnid}_0.JPEG" for wnid in tiny.wnids
    }


def test_an_interrupted_decoding_leaves_nothing_and_is_done_again(kaggle, monkeypatch):
    def interrupt(images):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "pixel_digests", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_source(kaggle)
    assert not [path for path in paths.cache().iterdir() if path.is_dir()]
    assert len(open_source(kaggle).labels) == 72


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_an_image_that_does_not_decode(kind, kaggle, tmp_path):
    file = broken(images_of(kaggle)[5])
    source = kaggle if kind == "folder" else zipped(kaggle, tmp_path / "source.zip")
    fails(source, source, file.name, "1 of 84 images", "obtain it again", "SKIP_UNREADABLE=1")


def make_big_enough(source, copies):
    """More images, so that one unreadable image is less than 1 %."""
    for file in images_of(source):
        for copy in range(copies):
            shutil.copy(file, file.with_name(f"{file.stem}{copy}0.JPEG"))


def test_a_handful_of_unreadable_images_is_left_out_and_listed(kaggle):
    make_big_enough(kaggle, 2)
    whole = open_source(kaggle)
    file = broken(images_of(kaggle)[40])
    data = open_source(kaggle, skip_unreadable=True)
    assert data.unreadable == [file.relative_to(kaggle).as_posix()]
    assert len(data.labels) == len(data.images) == len(data.names) == len(data.boxes) == len(whole.labels) - 1
    assert len(data.is_grey) == len(data.digests) == len(data.labels)
    gone = whole.names.index(file.name)
    for name in ("images", "labels", "names", "boxes", "is_grey", "digests"):
        assert np.array_equal(getattr(data, name), np.delete(getattr(whole, name), gone, axis=0)), name
    assert data.fingerprint != whole.fingerprint


def test_unreadable_official_images_are_left_out_with_their_labels(official):
    make_big_enough(official / "train", 2)
    name = next(name for name, wnid in annotations(official) if wnid == (official / "wnids.txt").read_text().split()[1])
    broken(official / "val" / "images" / name)
    data = open_source(official, skip_unreadable=True)
    assert data.unreadable == [f"val/images/{name}"]
    assert Counter(data.official_labels.tolist()) == {0: 3, 1: 2, 2: 3, 3: 3}
    assert np.array_equal(np.round(data.official_images.mean(axis=(1, 2, 3)) / 40), data.official_labels)


def test_skipping_must_be_asked_for_each_time(kaggle):
    make_big_enough(kaggle, 2)
    broken(images_of(kaggle)[40])
    open_source(kaggle, skip_unreadable=True)
    with pytest.raises(InputError, match="SKIP_UNREADABLE"):
        open_source(kaggle)


def test_too_many_unreadable_images_are_an_error_even_when_skipping(kaggle):
    for file in images_of(kaggle)[:3]:
        broken(file)
    fails(kaggle, kaggle, "3 of 84 images", images_of(kaggle)[0].name, "obtain it again", skip_unreadable=True)


def test_an_unreadable_test_image_is_never_skipped(kaggle):
    make_big_enough(kaggle, 2)
    file = broken(next((kaggle / "test" / "test" / "images").iterdir()))
    fails(kaggle, kaggle, file.name, "obtain it again", skip_unreadable=True)
