import base64
import hashlib
import io
import os
import shutil
import zipfile
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from helpers.config.demo_data import DemoData
from helpers.core import paths
from helpers.core.errors import InputError
from helpers.data import dataset, decoding, layouts, splits
from helpers.data.dataset import Dataset, Rows, open_demo, open_source
from helpers.data.duplicates import certainly_wrong_labels, duplicate_pairs
from helpers.data.splits import check_split, make_split


def zipped(folder, target, enclosing=""):
    with zipfile.ZipFile(target, "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, enclosing + file.relative_to(folder).as_posix())
    return target


@pytest.fixture
def kaggle(kaggle_folder, tmp_path):
    return shutil.copytree(kaggle_folder, tmp_path / "source")


@pytest.fixture
def official(official_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "NUM_CLASSES", 4)
    return shutil.copytree(official_folder, tmp_path / "source")


@pytest.fixture
def count_decodings(monkeypatch):
    calls = []
    decode = dataset.decode
    monkeypatch.setattr(dataset, "decode", lambda *arguments: calls.append(1) or decode(*arguments))
    return calls


def images_of(folder):
    return sorted(folder.rglob("*.JPEG"))


def broken(file):
    file.write_bytes(b"no picture")
    return file


def make_big_enough(source, copies):
    """More images, so that one unreadable image is less than 1 %."""
    for file in images_of(source):
        for copy in range(copies):
            shutil.copy(file, file.with_name(f"{file.stem}{copy}0.JPEG"))


def annotations(source):
    """File name and wnid of each official validation image."""
    return [line.split("\t")[:2] for line in (source / "val" / "val_annotations.txt").read_text().splitlines()]


def sort_validation(source, below=""):
    """Move official validation images into a folder for each class."""
    for name, wnid in annotations(source):
        folder = source / "val" / wnid / below
        folder.mkdir(parents=True, exist_ok=True)
        (source / "val" / "images" / name).rename(folder / name)
    (source / "val" / "images").rmdir()


def keep_lines(file, is_kept):
    file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if is_kept(line.strip())))


def fails(path, *words, **options):
    """Opening raises an InputError that has all these words, and leaves nothing half made."""
    with pytest.raises(InputError) as caught:
        open_source(path, **options)
    message = str(caught.value)
    for word in words:
        assert str(word) in message, message
    cache = dataset.paths.cache()
    assert not [entry.name for entry in cache.glob("*") if entry.is_dir() or entry.suffix == ".source"]


# --- reading -----------------------------------------------------------------------------------------------------


def test_kaggle_layout_is_read_whole(tiny):
    assert tiny.layout == "kaggle"
    assert tiny.num_classes == 6 and not tiny.is_demo and tiny.description == "TinyImage"
    assert tiny.images.shape == (72, 64, 64, 3) and tiny.images.dtype == np.uint8
    assert isinstance(tiny.images, np.memmap) and not tiny.images.flags.writeable
    assert np.array_equal(tiny.labels, np.repeat(np.arange(6), 12)) and tiny.labels.dtype == np.int64
    assert len(tiny.official_images) == len(tiny.official_labels) == 0
    assert tiny.unreadable == []


def test_pixels_are_those_of_the_files(tiny, kaggle_folder):
    for index in (0, 13, 71):
        name = tiny.names[index]
        file = kaggle_folder / "train" / "train" / tiny.wnids[tiny.labels[index]] / "images" / name
        with Image.open(file) as image:
            assert np.array_equal(tiny.images[index], np.asarray(image.convert("RGB")))


def test_labels_follow_wnids_txt(tiny, kaggle_folder):
    wnids = (kaggle_folder / "wnids.txt").read_text().split()
    assert wnids != sorted(wnids)
    assert tiny.wnids == wnids
    assert [name.split("_")[0] for name in tiny.names] == [wnids[label] for label in tiny.labels]


def test_images_of_a_class_are_in_the_order_of_their_numbers(tiny):
    numbers = [int(name.split("_")[1].removesuffix(".JPEG")) for name in tiny.names[:12]]
    assert numbers == list(range(12))


def test_class_names_are_the_first_words(kaggle):
    wnids = (kaggle / "wnids.txt").read_text().split()
    (kaggle / "words.txt").write_text(f"{wnids[0]}\tgoldfish, Carassius auratus\n{wnids[1]}\tking snake\n")
    assert open_source(kaggle).class_names == ["goldfish", "king snake", *wnids[2:]]


def test_boxes_stand_beside_their_images(tiny, kaggle_folder):
    wnid = tiny.wnids[0]
    lines = (kaggle_folder / "train" / "train" / wnid / f"{wnid}_boxes.txt").read_text().splitlines()
    expected = {line.split("\t")[0]: [int(number) for number in line.split("\t")[1:]] for line in lines}
    assert {name: list(box) for name, box in zip(tiny.names[:12], tiny.boxes[:12], strict=True)} == expected
    assert (tiny.boxes >= 0).all() and tiny.boxes.dtype == np.int64


def test_missing_and_odd_boxes_are_minus_one(kaggle):
    files = sorted(kaggle.rglob("*_boxes.txt"))
    files[0].unlink()
    lines = files[1].read_text().splitlines()
    files[1].write_text("\n".join([lines[0].replace("\t", " "), lines[1], f"{lines[2]}x", *lines[3:]]))
    data = open_source(kaggle)
    without = {name for name, box in zip(data.names, data.boxes, strict=True) if (box == -1).all()}
    odd = {f"{files[1].parent.name}_{number}.JPEG" for number in (0, 2)}
    assert without == odd | {f"{files[0].parent.name}_{number}.JPEG" for number in range(12)}


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


def test_unlabelled_images_are_in_the_order_of_the_sample(tiny, kaggle_folder):
    names = [line.split(",")[0] for line in (kaggle_folder / "submission_sample.csv").read_text().splitlines()[1:]]
    assert names != sorted(names)
    assert tiny.unlabelled_names == names
    with Image.open(kaggle_folder / "test" / "test" / "images" / f"{names[3]}.jpg") as image:
        assert np.array_equal(tiny.unlabelled_images[3], np.asarray(image))


def test_official_layout_serves_its_first_classes(official, tiny):
    data = open_source(official)
    assert data.layout == "official"
    assert data.wnids == tiny.wnids[:4] and data.num_classes == 4
    assert len(data.unlabelled_images) == 0 and data.unlabelled_names == []


def test_official_validation_labels_come_from_val_annotations(official):
    data = open_source(official)
    assert len(data.official_labels) == 12 and set(data.official_labels) == {0, 1, 2, 3}
    assert not np.array_equal(data.official_labels, np.sort(data.official_labels))
    assert np.array_equal(np.round(data.official_images.mean(axis=(1, 2, 3)) / 40), data.official_labels)


def test_official_layout_without_val_has_no_official_test(official):
    shutil.rmtree(official / "val")
    assert len(open_source(official).official_labels) == 0


@pytest.mark.parametrize("below", ["", "images"])
@pytest.mark.parametrize("has_annotations", [False, True])
def test_official_validation_images_sorted_into_folders_keep_labels_and_order(official, below, has_annotations):
    unsorted = open_source(official)
    sort_validation(official, below)
    if not has_annotations:
        (official / "val" / "val_annotations.txt").unlink()
    data = open_source(official)
    assert data.fingerprint != unsorted.fingerprint
    assert np.array_equal(data.official_images, unsorted.official_images)
    assert np.array_equal(data.official_labels, unsorted.official_labels)
    assert make_split(data).test_source == "official_val"


def test_official_validation_images_in_folders_of_no_class(official):
    sort_validation(official)
    for number, folder in enumerate(sorted(path for path in (official / "val").iterdir() if path.is_dir())):
        folder.rename(folder.with_name(f"class {number}"))
    fails(official, official, "no folder of a class of wnids.txt", "name the folders by wnid")


@pytest.mark.parametrize("also_cut", ["", "wnids.txt", "val"])
def test_official_layout_cut_to_fewer_classes_serves_those_and_names_what_is_left_out(official, also_cut, capsys):
    whole = open_source(official)
    gone = whole.wnids[1]
    shutil.rmtree(official / "train" / gone)
    if also_cut == "wnids.txt":  # the annotations still name the class
        keep_lines(official / "wnids.txt", lambda line: line != gone)
    if also_cut == "val":
        for name, wnid in annotations(official):
            if wnid == gone:
                (official / "val" / "images" / name).unlink()
        keep_lines(official / "val" / "val_annotations.txt", lambda line: gone not in line)
    data = open_source(official)
    assert capsys.readouterr().out == f"Classes without a folder in train/ are left out: {gone}\n"
    assert data.wnids[:3] == [whole.wnids[0], *whole.wnids[2:4]] and data.num_classes == 4
    kept = whole.labels != 1
    assert np.array_equal(data.images[data.labels < 3], whole.images[kept])
    greys = np.round(data.official_images.mean(axis=(1, 2, 3)) / 40)
    assert np.array_equal(greys, data.official_labels + (data.official_labels > 0))


def test_both_layouts_give_equal_images_and_labels(official, tiny):
    data = open_source(official)
    first_classes = tiny.labels < 4
    assert np.array_equal(data.labels, tiny.labels[first_classes])
    assert np.array_equal(data.images, tiny.images[first_classes])
    assert np.array_equal(data.boxes, tiny.boxes[first_classes])
    assert data.names == [name for name, chosen in zip(tiny.names, first_classes, strict=True) if chosen]


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


# --- the cache ---------------------------------------------------------------------------------------------------


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
    for folder in dataset.paths.cache().glob("images_*_v*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    assert len(open_source(kaggle).labels) == 72
    assert len(count_decodings) == 2


def test_a_pointer_cut_off_while_being_written_does_no_harm(kaggle):
    open_source(kaggle)
    for pointer in dataset.paths.cache().glob("*.source"):
        pointer.write_text("")
    assert len(open_source(kaggle).labels) == 72


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    file.write_bytes(content)


def cut(file):
    os.truncate(file, file.stat().st_size - 1)


@pytest.mark.parametrize("spoil", [flip, cut, os.unlink])
@pytest.mark.parametrize("name", decoding.FILES)
def test_damaged_decoded_images_are_named_and_made_again(name, spoil, kaggle, count_decodings, capsys):
    before = open_source(kaggle)
    before = {field: np.array(value) for field, value in vars(before).items()}
    (folder,) = (path for path in dataset.paths.cache().glob("images_*") if path.is_dir())
    spoil(folder / name)
    after = open_source(kaggle)
    assert capsys.readouterr().out == f"{folder} is damaged and is made again\n"
    assert len(count_decodings) == 2
    for field, value in before.items():
        assert np.array_equal(value, getattr(after, field)), field
    open_source(kaggle)
    assert capsys.readouterr().out == "" and len(count_decodings) == 2


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"../source", b"images_0123456789abcdef_v2"])
def test_a_damaged_pointer_to_decoded_images_does_no_harm(content, kaggle, count_decodings):
    open_source(kaggle)
    (pointer,) = dataset.paths.cache().glob("*.source")
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
    assert capsys.readouterr().out == f"{folder} is not as it was made, and is made again\n"


def test_an_interrupted_decoding_leaves_nothing_and_is_done_again(kaggle, monkeypatch):
    def interrupt(images):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "pixel_digests", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_source(kaggle)
    assert not [path for path in dataset.paths.cache().iterdir() if path.is_dir()]
    assert len(open_source(kaggle).labels) == 72


# --- what is wrong with a source ---------------------------------------------------------------------------------


def test_no_such_path(tmp_path):
    fails(tmp_path / "nowhere", tmp_path / "nowhere", "DATA must name a zip or a folder")


def test_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    fails(tmp_path / "empty", tmp_path / "empty", "empty", "wnids.txt")


def test_folder_of_something_else(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("x")
    fails(tmp_path / "photos", tmp_path / "photos", "wnids.txt", "give the Kaggle archive")


def test_wnids_without_images(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "wnids.txt").write_text("n01\n")
    fails(tmp_path / "data", tmp_path / "data", "train/train/<wnid>/images", "train/<wnid>/images")


def test_class_without_images(kaggle):
    wnid = (kaggle / "wnids.txt").read_text().split()[2]
    shutil.rmtree(kaggle / "train" / "train" / wnid / "images")
    fails(kaggle, kaggle, wnid, "no images", "add them or remove the class")


def test_a_class_that_wnids_txt_has_and_the_folders_have_not(kaggle):
    with (kaggle / "wnids.txt").open("a") as file:
        file.write("n99999999\n")
    fails(kaggle, "wnids.txt", kaggle, "n99999999", "make them name the same classes")


def test_a_class_that_the_folders_have_and_wnids_txt_has_not(kaggle):
    wnids = (kaggle / "wnids.txt").read_text().split()
    (kaggle / "wnids.txt").write_text("\n".join(wnids[1:]))
    fails(kaggle, "wnids.txt", kaggle, wnids[0], "make them name the same classes")


def test_a_class_that_stands_in_wnids_txt_twice(kaggle):
    wnids = (kaggle / "wnids.txt").read_text().split()
    (kaggle / "wnids.txt").write_text("\n".join([*wnids, wnids[0]]))
    fails(kaggle, "wnids.txt", kaggle, "repeats")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_an_image_that_does_not_decode(kind, kaggle, tmp_path):
    file = broken(images_of(kaggle)[5])
    source = kaggle if kind == "folder" else zipped(kaggle, tmp_path / "source.zip")
    fails(source, source, file.name, "1 of 84 images", "obtain it again", "SKIP_UNREADABLE=1")


def test_an_image_that_is_cut_off(kaggle):
    file = images_of(kaggle)[5]
    file.write_bytes(file.read_bytes()[:-300])
    fails(kaggle, kaggle, file.name, "SKIP_UNREADABLE=1")


@pytest.mark.parametrize("skip", [True, False])
def test_an_image_of_another_size(skip, kaggle):
    file = images_of(kaggle)[3]
    Image.new("RGB", (32, 48)).save(file)
    fails(kaggle, kaggle, file.name, "32 x 48", "64 x 64", skip_unreadable=skip)


@pytest.mark.parametrize("kept", [0.3, 0.98])
def test_a_truncated_zip(kept, kaggle, tmp_path):
    archive = zipped(kaggle, tmp_path / "source.zip")
    os.truncate(archive, int(archive.stat().st_size * kept))
    fails(archive, archive, "not a complete zip", "obtain it again")


def test_a_file_that_is_no_zip(tmp_path):
    (tmp_path / "source.tar.gz").write_bytes(b"\x1f\x8b" + bytes(100))
    fails(tmp_path / "source.tar.gz", "source.tar.gz", "not a complete zip")


def test_a_zip_with_a_damaged_image(kaggle, tmp_path):
    archive = zipped(kaggle, tmp_path / "source.zip")
    damage(archive, "_5.JPEG")
    fails(archive, archive, "_5.JPEG", "obtain it again")


def test_a_zip_with_a_damaged_list_of_classes(kaggle, tmp_path):
    archive = zipped(kaggle, tmp_path / "source.zip")
    damage(archive, "wnids.txt")
    fails(archive, archive, "obtain it again")


def damage(archive, ending):
    with zipfile.ZipFile(archive) as opened:
        entry = next(entry for entry in opened.infolist() if entry.filename.endswith(ending))
    content = bytearray(archive.read_bytes())
    middle = entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2
    content[middle] ^= 0xFF
    archive.write_bytes(content)


def test_a_test_image_that_the_sample_does_not_name(kaggle):
    file = next((kaggle / "test" / "test" / "images").iterdir())
    shutil.copy(file, file.with_name("odd.jpg"))
    fails(kaggle, kaggle, "submission_sample.csv", "test/test/images", "odd")


def test_a_test_image_that_is_missing(kaggle):
    file = next((kaggle / "test" / "test" / "images").iterdir())
    file.unlink()
    fails(kaggle, kaggle, "submission_sample.csv", file.stem)


def test_test_images_without_a_sample(kaggle):
    (kaggle / "submission_sample.csv").unlink()
    fails(kaggle, kaggle, "submission_sample.csv", "order")


def test_a_sample_without_its_column(kaggle):
    file = kaggle / "submission_sample.csv"
    file.write_text(file.read_text().replace("img_id", "name"))
    fails(kaggle, kaggle, "submission_sample.csv", "img_id")


def test_a_sample_with_a_byte_order_mark(kaggle, tiny):
    file = kaggle / "submission_sample.csv"
    file.write_text(file.read_text(), encoding="utf-8-sig")
    assert open_source(kaggle).unlabelled_names == tiny.unlabelled_names


def test_an_official_validation_image_that_is_missing(official):
    row = (official / "val" / "val_annotations.txt").read_text().splitlines()
    wnids = (official / "wnids.txt").read_text().split()
    name = next(line.split("\t")[0] for line in row if line.split("\t")[1] == wnids[0])
    (official / "val" / "images" / name).unlink()
    fails(official, official, name, "val_annotations.txt", "obtain the data again")


def test_official_validation_images_of_unused_classes_are_not_needed(official):
    rows = [line.split("\t") for line in (official / "val" / "val_annotations.txt").read_text().splitlines()]
    wnids = (official / "wnids.txt").read_text().split()
    for row in rows:
        if row[1] in wnids[4:]:
            (official / "val" / "images" / row[0]).unlink()
    assert len(open_source(official).official_labels) == 12


# --- skipping unreadable images ----------------------------------------------------------------------------------


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
    name = next(
        line.split("\t")[0]
        for line in (official / "val" / "val_annotations.txt").read_text().splitlines()
        if line.split("\t")[1] == (official / "wnids.txt").read_text().split()[1]
    )
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


# --- splits ------------------------------------------------------------------------------------------------------


def made_up(labels, digests=None, official_labels=()):
    labels = np.asarray(labels, np.int64)
    nothing = np.zeros((0, 64, 64, 3), np.uint8)
    wnids = [f"n{index}" for index in range(labels.max() + 1)]
    return Dataset(
        images=nothing,
        labels=labels,
        names=[],
        boxes=np.zeros((0, 4), np.int64),
        is_grey=np.zeros(0, bool),
        digests=np.arange(len(labels), dtype=np.uint64) if digests is None else np.asarray(digests, np.uint64),
        official_images=np.broadcast_to(np.uint8(1), (len(official_labels), 64, 64, 3)),
        official_labels=np.asarray(official_labels, np.int64),
        unlabelled_images=nothing,
        unlabelled_names=[],
        wnids=wnids,
        class_names=wnids,
        layout="kaggle",
        fingerprint="made up",
        unreadable=[],
        folder=paths.ROOT,
    )


@st.composite
def data_sets(draw):
    per_class = draw(st.lists(st.integers(14, 40), min_size=2, max_size=8))
    labels = np.random.default_rng(draw(st.integers(0, 99))).permutation(
        np.repeat(np.arange(len(per_class)), per_class)
    )
    digests = np.arange(len(labels))
    for first, second in draw(st.lists(st.tuples(st.integers(0, 27), st.integers(0, 27)), max_size=3)):
        digests[second] = digests[first]
    official = np.repeat(np.arange(len(per_class)), 5) if draw(st.booleans()) else ()
    return made_up(labels, digests, official)


@given(data_sets())
def test_split_covers_everything_and_never_overlaps(data):
    split = make_split(data)
    parts = [split.train, split.validation] + ([split.test] if split.test_source == "split_off" else [])
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(data.labels)))
    assert all(np.array_equal(part, np.sort(part)) for part in parts)
    if len(data.official_labels):
        assert split.test_source == "official_val"
        assert np.array_equal(split.test, np.arange(len(data.official_labels)))


@given(data_sets())
def test_copies_stay_on_one_side(data):
    split = make_split(data)
    parts = [split.train, split.validation] + ([split.test] if split.test_source == "split_off" else [])
    sides = [set(data.digests[part].tolist()) for part in parts]
    assert sum(len(side) for side in sides) == len(set().union(*sides))


@given(data_sets())
def test_split_is_stratified(data):
    split = make_split(data)
    counts = np.bincount(data.labels)
    copies = len(data.digests) - len(set(data.digests.tolist()))
    shares = {"train": 0.8, "validation": 0.2 if len(data.official_labels) else 0.1}
    if not len(data.official_labels):
        shares["test"] = 0.1
    for name, share in shares.items():
        found = np.bincount(data.labels[getattr(split, name)], minlength=data.num_classes)
        assert np.abs(found - share * counts).max() <= 2 + copies, name


@given(st.lists(st.integers(10, 60), min_size=1, max_size=12), st.booleans())
def test_ten_images_of_each_class_are_always_enough(per_class, has_official):
    labels = np.repeat(np.arange(len(per_class)), per_class)
    split = make_split(made_up(labels, official_labels=labels if has_official else ()))
    for part in (split.train, split.validation):
        assert set(labels[part]) == set(range(len(per_class)))


@given(data_sets())
def test_split_is_stable(data):
    first, second = make_split(data), make_split(data)
    assert first.fingerprint == second.fingerprint
    for name in splits.SPLITS:
        assert np.array_equal(getattr(first, name), getattr(second, name))


@given(data_sets(), st.integers(10, 13))
def test_subset_has_so_many_images_of_each_class(data, images_per_class):
    data = replace(data, digests=np.arange(len(data.labels), dtype=np.uint64))
    split = make_split(data, images_per_class)
    labelled = [split.train, split.validation] + ([split.test] if split.test_source == "split_off" else [])
    used = np.concatenate(labelled)
    assert len(set(used.tolist())) == len(used)
    assert set(np.bincount(data.labels[used], minlength=data.num_classes)) == {images_per_class}
    if split.test_source == "official_val":
        assert set(np.bincount(data.official_labels[split.test], minlength=data.num_classes)) == {1}
    assert split.fingerprint != make_split(data).fingerprint


def test_split_of_the_whole_size_is_the_report_s():
    split = make_split(made_up(np.repeat(np.arange(100), 500)))
    assert (len(split.train), len(split.validation), len(split.test)) == (40_000, 5_000, 5_000)
    labels = np.repeat(np.arange(100), 500)
    assert set(np.bincount(labels[split.train])) == {400}
    assert set(np.bincount(labels[split.validation])) == set(np.bincount(labels[split.test])) == {50}


def test_split_with_an_official_test_keeps_all_the_rest_for_validation():
    split = make_split(made_up(np.repeat(np.arange(100), 500), official_labels=np.repeat(np.arange(100), 50)))
    assert (len(split.train), len(split.validation), len(split.test)) == (40_000, 10_000, 5_000)
    without = make_split(made_up(np.repeat(np.arange(100), 500)))
    assert np.array_equal(split.train, without.train)


def test_a_split_needs_ten_images_of_each_class():
    make_split(made_up(np.repeat(np.arange(3), 10)))
    with pytest.raises(InputError, match=r"only 9 .*use more images"):
        make_split(made_up([0] * 20 + [1] * 9))
    with pytest.raises(InputError, match="only 5 different"):
        make_split(made_up([0] * 20 + [1] * 20), 5)


def test_training_images_that_stand_in_the_official_test_are_left_out():
    labels = np.repeat(np.arange(3), 20)
    data = made_up(labels, official_labels=np.repeat(np.arange(3), 5))
    copies = data.digests.copy()
    copies[[4, 30]] = decoding.pixel_digests(data.official_images[:1])[0]
    split = make_split(replace(data, digests=copies))
    assert not {4, 30} & {*split.train.tolist(), *split.validation.tolist()}
    assert len(split.train) + len(split.validation) == 58 and len(split.test) == 15


@pytest.mark.parametrize("label", [-1, 3, 255])
def test_a_label_out_of_range_is_found(label):
    labels = np.repeat(np.arange(3), 20)
    data, split = made_up(labels), make_split(made_up(labels))
    labels[split.train[5]] = label
    data = replace(data, labels=labels)
    with pytest.raises(InputError, match=rf"^1 labels are not between 0 and 2, the first of them {label};.*again\.$"):
        make_split(data)
    with pytest.raises(InputError, match="not between 0 and 2"):
        check_split(data, split)


@pytest.mark.parametrize("name", splits.SPLITS)
def test_a_class_that_is_missing_from_a_split_is_found(name):
    data = made_up(np.repeat(np.arange(3), 20))
    split = make_split(data)
    check_split(data, split)
    indices = getattr(split, name)
    poor = replace(split, **{name: indices[data.labels[indices] != 1]})
    with pytest.raises(InputError, match=rf"^The {name} images have none of class n1 .*use more images\.$"):
        check_split(data, poor)


@pytest.mark.parametrize(("first", "second"), [("train", "validation"), ("train", "test"), ("validation", "test")])
def test_an_image_in_two_splits_is_found(first, second):
    data = made_up(np.repeat(np.arange(3), 20))
    split = make_split(data)
    copy = getattr(split, first)[2]
    digests = data.digests.copy()
    digests[getattr(split, second)[1]] = digests[copy]
    with pytest.raises(InputError, match=rf"^1 images are in {first} and in {second}, .* image {copy};.*make_split\.$"):
        check_split(replace(data, digests=digests), split)


def test_a_training_image_in_the_official_test_is_found(official):
    data = open_source(official)
    split = make_split(data)
    check_split(data, split)
    digests = data.digests.copy()
    digests[split.train[0]] = decoding.pixel_digests(data.official_images)[split.test[0]]
    with pytest.raises(InputError, match="1 images are in train and in test"):
        check_split(replace(data, digests=digests), split)


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


def test_copies_are_listed_with_both_classes(tiny):
    pairs = duplicate_pairs(tiny)
    assert len(pairs) == 1
    row = pairs.iloc[0]
    assert np.array_equal(tiny.images[row["first"]], tiny.images[row["second"]])
    assert row["first_class"] == tiny.class_names[tiny.labels[row["first"]]]
    assert row["second_class"] == tiny.class_names[tiny.labels[row["second"]]]
    assert row["first_class"] != row["second_class"] and row["in_two_classes"]
    assert certainly_wrong_labels(tiny) == 1


def test_without_copies_the_list_is_empty_with_its_columns():
    pairs = duplicate_pairs(made_up([0] * 10 + [1] * 10))
    assert len(pairs) == 0
    assert list(pairs.columns) == ["first", "second", "first_class", "second_class", "in_two_classes"]


def test_of_equal_images_all_but_those_of_their_most_frequent_label_are_wrong():
    alike = made_up([0, 1, 1, 0, 0, 1, 0, 1], digests=[5, 5, 5, 6, 6, 7, 8, 8])
    assert certainly_wrong_labels(alike) == 2  # one of the first three, and one of the last two
    assert duplicate_pairs(alike)["in_two_classes"].tolist() == [True, True, False, True]


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
