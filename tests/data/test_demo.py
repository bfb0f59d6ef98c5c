from collections import Counter

import numpy as np
import pytest
from PIL import Image

from helpers.config.demo_data import DEMO, PRETRAINING, DemoData, Nuisance
from helpers.data.demo import TEXTURES, object_classes, render, write_demo

SMALL = DemoData(num_classes=4, images_per_class=5, test_images_per_class=2, duplicate_pairs=2, seed=3)


def contents(folder):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_demo(tmp_path_factory.mktemp("demo") / "demo", SMALL)


def test_same_seed_gives_the_same_files(small, tmp_path):
    assert contents(write_demo(tmp_path / "again", SMALL)) == contents(small)


def test_another_seed_gives_other_classes_and_images():
    assert object_classes(20, 1) == object_classes(20, 1)
    assert not set(object_classes(20, 1)) & set(object_classes(20, 2))
    kind = object_classes(1, 1)[0]
    one, other = (render(kind, 3, Nuisance(), np.random.default_rng(seed))[0] for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_images_of_a_class_differ_from_each_other():
    images, _ = render(object_classes(1, 1)[0], 10, Nuisance(), np.random.default_rng(0))
    assert len({image.tobytes() for image in images}) == 10


def test_layout_is_that_of_the_kaggle_archive(small):
    wnids = (small / "wnids.txt").read_text().split()
    assert len(wnids) == 4
    for wnid in wnids:
        folder = small / "train" / "train" / wnid
        assert {file.name for file in (folder / "images").iterdir()} == {f"{wnid}_{i}.JPEG" for i in range(5)}
        assert (folder / f"{wnid}_boxes.txt").exists()
    sample = (small / "submission_sample.csv").read_text().splitlines()
    assert sample[0] == "img_id,label"
    names = [line.split(",")[0] for line in sample[1:]]
    assert sorted(names) == sorted(file.stem for file in (small / "test" / "test" / "images").iterdir())
    assert names != sorted(names)
    words = dict(line.split("\t") for line in (small / "words.txt").read_text().splitlines())
    assert set(words) == set(wnids)


def test_a_demo_that_is_there_is_kept(small):
    before = (small / "wnids.txt").stat().st_mtime_ns
    assert write_demo(small, SMALL) == small
    assert (small / "wnids.txt").stat().st_mtime_ns == before


def test_images_are_64_pixels_and_the_first_of_each_class_is_grey(small):
    for file in small.rglob("*.JPEG"):
        with Image.open(file) as image:
            assert image.size == (64, 64)
            assert image.mode == ("L" if file.stem.endswith("_0") else "RGB")


def test_boxes_lie_within_the_image_and_around_the_object():
    for kind in object_classes(10, 5):
        images, boxes = render(kind, 20, Nuisance(), np.random.default_rng(0))
        assert images.shape == (20, 64, 64, 3) and images.dtype == np.uint8
        assert boxes.min() >= 0 and boxes.max() <= 63
        assert (boxes[:, 2] > boxes[:, 0]).all() and (boxes[:, 3] > boxes[:, 1]).all()


def test_boxes_written_are_one_line_an_image(small):
    for file in small.rglob("*_boxes.txt"):
        lines = [line.split("\t") for line in file.read_text().splitlines()]
        assert [line[0] for line in lines] == [f"{file.parent.name}_{i}.JPEG" for i in range(5)]
        assert all(0 <= int(number) <= 63 for line in lines for number in line[1:])


def test_copies_stand_in_two_classes_each(small):
    pixels = {file: np.asarray(Image.open(file)).tobytes() for file in sorted(small.rglob("*.JPEG"))}
    copied = [digest for digest, count in Counter(pixels.values()).items() if count > 1]
    assert len(copied) == SMALL.duplicate_pairs
    for digest in copied:
        first, second = [file for file in pixels if pixels[file] == digest]
        assert first.parent != second.parent


def test_pretraining_classes_are_not_the_demo_s():
    shown = object_classes(DEMO.num_classes, DEMO.seed)
    pretrained = object_classes(PRETRAINING.num_classes, PRETRAINING.class_seed)
    assert PRETRAINING.class_seed != DEMO.seed
    assert not set(shown) & set(pretrained)
    assert not {kind.hues for kind in shown} & {kind.hues for kind in pretrained}


def test_classes_of_the_demo_are_different_and_use_every_texture():
    kinds = object_classes(DEMO.num_classes, DEMO.seed)
    assert len(set(kinds)) == 100
    assert {kind.texture for kind in kinds} == set(TEXTURES)
    assert {kind.polygon for kind in kinds} == {True, False}


def test_names_say_hue_texture_and_outline():
    kind = object_classes(1, 0)[0]
    assert kind.texture in kind.name
    assert ("polygon" if kind.polygon else "star") in kind.name
