"""The decoded images of a source with their labels, opened from the cache.

A source is a zip or a folder, in the layout of the Kaggle competition or of the official Tiny ImageNet-200 archive.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from helpers.config.demo_data import DemoData
from helpers.config.results_versions import versions_of
from helpers.core import keys, paths, provenance, storage
from helpers.core.errors import InputError
from helpers.data import archive
from helpers.data.decoding import FILES, INDEX, PARTS, decode
from helpers.data.demo import write_demo

_CACHE_VERSION = 2  # raise it when what is kept changes


@dataclass(frozen=True)
class Split:
    """Which images are for what.

    Attributes:
        train, validation, test: sorted int64 indices into the labelled images; `test` into the official test
            images where the source brings some.
        test_source: "split_off" or "official_val".
        fingerprint: hash of all of it.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    test_source: str
    fingerprint: str

    @property
    def is_test_split_off(self) -> bool:
        """Whether the test images were split off from the labelled ones, which the source brings no other test set for."""
        return self.test_source == "split_off"


class Rows:
    """Some rows of an array, read where they lie when they are asked for: all of them need not fit into memory.

    It has the length, the shape, the dtype and the indexing of the array that `np.asarray` would make of it.
    """

    def __init__(self, array: np.ndarray, indices: np.ndarray) -> None:
        """`array` may be a mapped file; `indices` are integers (n,), best sorted."""
        self._array, self._indices = array, indices
        self.shape, self.dtype = (len(indices), *array.shape[1:]), array.dtype

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._array[index] for index in self._indices)

    def __getitem__(self, key: int | slice | np.ndarray) -> np.ndarray:
        return self._array[self._indices[key]]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._array[self._indices], dtype)


@dataclass(frozen=True)
class Dataset:
    """A decoded source.

    Attributes:
        images: uint8 (n, 64, 64, 3), RGB, memory-mapped.
        labels: int64 (n,), line number in wnids.txt from 0.
        names: file name of each labelled image.
        boxes: int64 (n, 4), x_min, y_min, x_max, y_max of the object; -1 where none is given.
        is_grey: bool (n,), the file has one channel.
        digests: uint64 (n,), equal for equal pixels.
        official_images, official_labels: labelled test images of the source; empty where it has none.
        unlabelled_images: uint8 (m, 64, 64, 3), in the order of `unlabelled_names`.
        unlabelled_names: as in the first column of submission_sample.csv, in its order.
        wnids, class_names: of each label.
        layout: "kaggle" or "official".
        is_demo: made by `demo`.
        fingerprint: hash of the content of the source and of what was left out.
        unreadable: names of images that were left out.
        folder: where the decoded images are kept.
    """

    images: np.ndarray
    labels: np.ndarray
    names: list[str]
    boxes: np.ndarray
    is_grey: np.ndarray
    digests: np.ndarray
    official_images: np.ndarray
    official_labels: np.ndarray
    unlabelled_images: np.ndarray
    unlabelled_names: list[str]
    wnids: list[str]
    class_names: list[str]
    layout: str
    fingerprint: str
    unreadable: list[str]
    folder: Path
    is_demo: bool = False

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.wnids)

    @property
    def description(self) -> str:
        """The data in two words, for captions: "demo data" or "TinyImage"."""
        return "demo data" if self.is_demo else "TinyImage"

    def part(self, split: Split, name: str) -> tuple[Rows, np.ndarray]:
        """Images and labels of one split.

        Args:
            split: what `make_split` gave for this data set.
            name: "train", "validation" or "test".

        Returns:
            Rows of uint8 (n, 64, 64, 3), and int64 (n,).
        """
        indices = getattr(split, name)
        if name == "test" and not split.is_test_split_off:
            return Rows(self.official_images, indices), self.official_labels[indices]
        return Rows(self.images, indices), self.labels[indices]


def open_demo(demo: DemoData) -> Dataset:
    """The demo data set, made first where it is not there yet."""
    return replace(open_source(demo_folder(demo)), is_demo=True)


def demo_folder(demo: DemoData) -> Path:
    """Folder of the demo data set in the Kaggle layout, made first where it is not there as it was made."""
    key = provenance.digest([keys.plain(demo), versions_of("demo")])
    folder = paths.cache() / f"demo_{key}"
    note = folder.with_suffix(".fingerprint")
    paths.cache().mkdir(parents=True, exist_ok=True)
    with storage.locked(folder.with_suffix(".lock"), "another process draws the demo data"):
        if folder.exists() and not _is_as_drawn(folder, note):
            print(f"{folder} differs from what was drawn, and is drawn again", flush=True)
            shutil.rmtree(folder)
        if not folder.exists():
            write_demo(folder, demo)
            storage.write_text(note, _fingerprint(folder))
    return folder


def _is_as_drawn(folder: Path, note: Path) -> bool:
    with suppress(InputError):
        return note.exists() and _fingerprint(folder) == note.read_text("ascii", "replace")
    return False


def _fingerprint(folder: Path) -> str:
    with archive.open_files(folder) as files:
        return files.fingerprint()


def open_source(source: str | Path, skip_unreadable: bool = False) -> Dataset:
    """Open a zip or folder, decoding it first where that was not done before.

    Args:
        source: path of the zip or folder.
        skip_unreadable: leave out images that cannot be decoded (at most 1 %) instead of raising.

    Raises:
        InputError: the source cannot be used; the message says what is wrong with it, where, and what to do.
    """
    path = archive.find(source)
    cache = paths.cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        pointer = cache / f"{archive.signature(path)}-{int(skip_unreadable)}.source"
        known = _pointed_at(pointer)
        if known and _is_sound(known):
            return _load(known)
        folder = _decoded(path, skip_unreadable)
        storage.write_text(pointer, folder.name)
        return _load(folder)
    except OSError as error:  # what is wrong with the source itself is an InputError by now
        raise InputError(f"{cache} cannot keep decoded images ({error}); name another folder with CACHE.") from error


def open_decoded(name: str) -> Dataset:
    """Open images that were decoded elsewhere and brought into the cache.

    Args:
        name: of their folder in the cache.

    Raises:
        InputError: they are missing or damaged.
    """
    folder = paths.cache() / name
    if not _is_sound(folder):
        raise InputError(f"{folder} is missing or damaged; call again.")
    return _load(folder)


def file_hashes(dataset: Dataset) -> dict[str, str]:
    """SHA-256 of the files in the folder of a data set, by their names."""
    return {name: storage.read_checksum(dataset.folder / name) for name in FILES}


def _pointed_at(pointer: Path) -> Path | None:
    """The folder of decoded images that a note names, where there are both."""
    name = pointer.read_text("utf-8", "replace") if pointer.exists() else ""
    return next((folder for folder in pointer.parent.glob(f"images_*_v{_CACHE_VERSION}") if folder.name == name), None)


def _decoded(path: Path, skip_unreadable: bool) -> Path:
    """Folder of the decoded images of a source, filled first where it is missing or damaged."""
    with archive.open_files(path) as files:
        fingerprint = files.fingerprint()
        name = f"images_{fingerprint}{'_skipped' if skip_unreadable else ''}_v{_CACHE_VERSION}"
        folder = paths.cache() / name
        if _is_sound(folder):  # another user's, perhaps, whose lock is not ours to take
            return folder
        with storage.locked(folder.with_suffix(".lock"), f"another process decodes {path.name}"):
            if not _is_sound(folder):
                if folder.exists():
                    print(f"{folder} is damaged and is decoded again", flush=True)
                    shutil.rmtree(folder)
                decode(files, fingerprint, folder, skip_unreadable)
    return folder


def _is_sound(folder: Path) -> bool:
    """Whether all files of a cache folder are what was written.

    TinyImage's have 676 MB, whose hashes take 0.4 s: little beside what a process does with the images, which needs them
    once.
    """
    return all(storage.is_intact(folder / name) for name in FILES)


def _load(folder: Path) -> Dataset:
    index = json.loads((folder / INDEX).read_text())
    arrays = np.load(folder / "labelled.npz")
    mapped = {part: np.load(folder / f"{part}.npy", mmap_mode="r") for part in PARTS}
    return Dataset(
        images=mapped["labelled"],
        official_images=mapped["official"],
        unlabelled_images=mapped["unlabelled"],
        **{name: arrays[name] for name in arrays.files},
        **index,
        folder=folder,
    )
