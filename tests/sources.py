"""Sources of TinyImage for tests: changed, zipped, refused; and data sets without images."""

import zipfile

import numpy as np
import pytest

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.data.dataset import Dataset, open_source


def zipped(folder, target, enclosing=""):
    with zipfile.ZipFile(target, "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, enclosing + file.relative_to(folder).as_posix())
    return target


def images_of(folder):
    return sorted(folder.rglob("*.JPEG"))


def broken(file):
    file.write_bytes(b"no picture")
    return file


def flip(file):
    """Change one bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


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
    cache = paths.cache()
    assert not [entry.name for entry in cache.glob("*") if entry.is_dir() or entry.suffix == ".source"]


def fake_dataset(labels, digests=None, official_labels=()):
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
