import shutil

import numpy as np
import pytest
from PIL import Image
from sources import annotations, fails, keep_lines, sort_validation

from helpers.data.dataset import open_source
from helpers.data.splits import make_split


def test_kaggle_layout_is_read_whole(tiny):
    assert tiny.layout == "kaggle"
    assert tiny.num_classes == 6 and not tiny.is_demo and tiny.description == "TinyImage"
    assert tiny.images.shape == (72, 64, 64, 3) and tiny.images.dtype == np.uint8
    assert isinstance(tiny.images, np.memmap) and not tiny.images.flags.writeable
    assert np.array_equal(tiny.labels, np.repeat(np.arange(6), 12)) and tiny.labels.dtype == np.int64
    assert len(tiny.official_images) == len(tiny.official_labels) == 0
    assert tiny.unreadable == []


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
    lines = {line for file in kaggle_folder.rglob("*_boxes.txt") for line in file.read_text().splitlines()}
    assert {"\t".join([name, *map(str, box)]) for name, box in zip(tiny.names, tiny.boxes, strict=True)} == lines
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


def test_official_validation_images_of_unused_classes_are_not_needed(official):
    unused = (official / "wnids.txt").read_text().split()[4:]
    for name, wnid in annotations(official):
        if wnid in unused:
            (official / "val" / "images" / name).unlink()
    assert len(open_source(official).official_labels) == 12


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], ["empty", "wnids.txt"]),
        (["cat.jpg"], ["wnids.txt", "give the Kaggle archive"]),
        (["wnids.txt"], ["train/train/<wnid>/images", "train/<wnid>/images"]),
    ],
)
def test_a_folder_of_something_else(files, message, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in files:
        (folder / name).write_text("n01\n")
    fails(folder, folder, *message)


def test_classes_of_wnids_txt_and_folders_must_be_the_same(kaggle):
    lines = (kaggle / "wnids.txt").read_text()
    for changed, odd in ((f"{lines}n99999999\n", "n99999999"), (lines.split("\n", 1)[1], lines.split()[0])):
        (kaggle / "wnids.txt").write_text(changed)
        fails(kaggle, "wnids.txt", kaggle, odd, "make them name the same classes")


def test_test_images_without_a_sample(kaggle):
    (kaggle / "submission_sample.csv").unlink()
    fails(kaggle, kaggle, "submission_sample.csv", "order")


def test_an_official_validation_image_that_is_missing(official):
    name, _ = next(row for row in annotations(official) if row[1] == (official / "wnids.txt").read_text().split()[0])
    (official / "val" / "images" / name).unlink()
    fails(official, official, name, "val_annotations.txt", "obtain the data again")
