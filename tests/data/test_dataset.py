import os
import shutil

import numpy as np
import pytest
from sources import fails, flip, images_of, zipped

from helpers.config.demo_data import DemoData
from helpers.core import paths
from helpers.data import dataset, decoding
from helpers.data.dataset import Rows, open_demo, open_source
from helpers.data.splits import make_split


@pytest.fixture
def count_decodings(monkeypatch):
    calls = []
    decode = dataset.decode
    monkeypatch.setattr(dataset, "decode", lambda *arguments: calls.append(1) or decode(*arguments))
    return calls


@pytest.mark.parametrize("enclosing", ["", "tiny-imagenet/", "a/b/"])
@pytest.mark.parametrize("layout", ["kaggle", "official"])
def test_zip_and_folder_are_the_same_data(layout, enclosing, request, tmp_path, monkeypatch):
    folder = request.getfixturevalue(layout)
    from_folder = open_source(folder)
    archive = zipped(folder, tmp_path / "source.zip", enclosing)
    monkeypatch.setenv("TINYIMAGE_CACHE", str(tmp_path / "another"))
    from_zip = open_source(archive)
    assert from_zip.fingerprint == from_folder.fingerprint
    for name, value in vars(from_folder).items():
        assert name == "folder" or np.array_equal(value, getattr(from_zip, name)), name
    assert make_split(from_zip).fingerprint == make_split(from_folder).fingerprint


def test_folder_with_an_enclosing_folder_is_the_same_data(kaggle_folder, tiny, tmp_path):
    shutil.copytree(kaggle_folder, tmp_path / "outer" / "inner")
    assert open_source(tmp_path / "outer").fingerprint == tiny.fingerprint


def test_fingerprint_notices_a_changed_image(kaggle, tiny):
    file = images_of(kaggle)[0]
    shutil.copy(images_of(kaggle)[1], file)
    assert open_source(kaggle).fingerprint != tiny.fingerprint


def test_fingerprint_notices_the_order_of_classes(kaggle, tiny):
    (kaggle / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in sorted(tiny.wnids)))
    data = open_source(kaggle)
    assert data.wnids == sorted(tiny.wnids)
    assert data.fingerprint != tiny.fingerprint


def test_source_is_only_read(kaggle):
    before = {file: file.stat().st_mtime_ns for file in kaggle.rglob("*")}
    open_source(kaggle)
    assert {file: file.stat().st_mtime_ns for file in kaggle.rglob("*")} == before


def test_demo_says_that_it_is_one_and_is_made_once(monkeypatch):
    small = DemoData(num_classes=2, images_per_class=12, test_images_per_class=1, duplicate_pairs=1)
    data = open_demo(small)
    assert data.is_demo and data.description == "demo data"
    assert data.images.shape == (24, 64, 64, 3)
    monkeypatch.setattr("helpers.data.demo.render", None)
    assert open_demo(small).fingerprint == data.fingerprint


def test_second_opening_does_not_decode(kaggle, count_decodings):
    first = open_source(kaggle)
    second = open_source(str(kaggle))
    assert len(count_decodings) == 1
    assert np.array_equal(first.images, second.images) and first.names == second.names


def test_the_same_content_elsewhere_is_not_decoded_again(kaggle, tmp_path, count_decodings):
    open_source(kaggle)
    open_source(zipped(kaggle, tmp_path / "source.zip"))
    assert len(count_decodings) == 1


def test_a_changed_source_is_decoded_again(kaggle, count_decodings):
    before = open_source(kaggle)
    images_of(kaggle)[0].unlink()
    after = open_source(kaggle)
    assert len(count_decodings) == 2
    assert (len(before.labels), len(after.labels)) == (72, 71)


def test_a_source_whose_cache_was_deleted_is_decoded_again(kaggle, count_decodings):
    open_source(kaggle)
    for folder in paths.cache().glob("images_*_v*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    assert len(open_source(kaggle).labels) == 72
    assert len(count_decodings) == 2


def cut(file):
    os.truncate(file, file.stat().st_size - 1)


@pytest.mark.parametrize("spoil", [flip, cut, os.unlink])
@pytest.mark.parametrize("name", decoding.FILES)
def test_damaged_decoded_images_are_named_and_made_again(name, spoil, kaggle, count_decodings, capsys):
    before = open_source(kaggle)
    before = {field: np.array(value) for field, value in vars(before).items()}
    (folder,) = (path for path in paths.cache().glob("images_*") if path.is_dir())
    spoil(folder / name)
    after = open_source(kaggle)
    assert capsys.readouterr().out == f"{folder} is damaged and is decoded again\n"
    assert len(count_decodings) == 2
    for field, value in before.items():
        assert np.array_equal(value, getattr(after, field)), field
    open_source(kaggle)
    assert capsys.readouterr().out == "" and len(count_decodings) == 2


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"../source", b"images_0123456789abcdef_v2"])
def test_a_damaged_pointer_to_decoded_images_does_no_harm(content, kaggle, count_decodings):
    open_source(kaggle)
    (pointer,) = paths.cache().glob("*.source")
    good = pointer.read_bytes()
    pointer.write_bytes(content)
    assert len(open_source(kaggle).labels) == 72
    assert pointer.read_bytes() == good and len(count_decodings) == 1


@pytest.mark.parametrize("spoil", [flip, cut, os.unlink])
def test_a_damaged_demo_is_named_and_drawn_again(spoil, capsys):
    small = DemoData(num_classes=2, images_per_class=12, test_images_per_class=1, duplicate_pairs=1)
    before = open_demo(small).fingerprint
    folder = dataset.demo_folder(small)
    assert capsys.readouterr().out == ""
    spoil(images_of(folder)[3])
    assert open_demo(small).fingerprint == before
    assert capsys.readouterr().out == f"{folder} differs from what was drawn, and is drawn again\n"


def test_part_gives_images_with_their_labels(tiny):
    split = make_split(tiny)
    images, labels = tiny.part(split, "validation")
    assert np.array_equal(images, tiny.images[split.validation])
    assert np.array_equal(labels, tiny.labels[split.validation])


def test_part_takes_an_official_test_from_the_official_images(official):
    data = open_source(official)
    split = make_split(data)
    images, labels = data.part(split, "test")
    assert np.array_equal(np.round(np.asarray(images).mean(axis=(1, 2, 3)) / 40), labels)
    assert len(labels) == 12


def test_rows_are_what_an_array_of_them_would_be():
    array, indices = np.arange(60).reshape(10, 3, 2), np.array([7, 2, 5])
    rows = Rows(array, indices)
    copied = array[indices]
    assert len(rows) == 3
    assert rows.shape == copied.shape
    assert rows.dtype == copied.dtype
    for key in (0, slice(1, None), np.array([2, 0]), np.array([True, False, True])):
        assert np.array_equal(rows[key], copied[key])
    assert np.array_equal(np.asarray(rows), copied)
    assert np.asarray(rows, np.float32).dtype == np.float32


def test_a_path_that_is_not_there(tmp_path):
    fails(tmp_path / "nowhere", tmp_path / "nowhere", "DATA must name a zip or a folder")
