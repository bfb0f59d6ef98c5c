"""Decode, cache and split a source of TinyImage.

A source is a zip or a folder, in the layout of the Kaggle competition or of the official Tiny ImageNet-200 archive.
Images are decoded once, into memory-mapped uint8 arrays. What a file holds decides how it is decoded, whatever its name;
of an animation the first picture counts, of a transparent picture its colours, and no picture is turned as its EXIF data
ask: networks see pixels as they are stored.
"""

import io
import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import simplejpeg
from PIL import Image
from sklearn.model_selection import train_test_split

from helpers.config.demo_data import DemoData
from helpers.config.recipes import IMAGE_SIZE, SPLIT_SEED
from helpers.config.results_versions import versions_of
from helpers.core import keys, paths, provenance, storage
from helpers.core.errors import InputError
from helpers.data import archive
from helpers.data.archive import Contents, Files
from helpers.data.demo import write_demo

SPLITS = ("train", "validation", "test")
MOST_UNREADABLE = 0.01  # share of images that may be left out when the user says so

IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF")  # Pillow knows more, some of which start other programs
_INDEX = "index.json"
_PARTS = ("labelled", "official", "unlabelled")
_FILES = (*(f"{part}.npy" for part in _PARTS), "labelled.npz", _INDEX)
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
        if folder.exists() and _fingerprint(folder) != (note.read_text("ascii", "replace") if note.exists() else ""):
            print(f"{folder} is not as it was made, and is made again", flush=True)
            shutil.rmtree(folder)
        if not folder.exists():
            write_demo(folder, demo)
            with storage.replacing(note) as partial:
                partial.write_text(_fingerprint(folder))
    return folder


def _fingerprint(folder: Path) -> str | None:
    try:
        with archive.open_files(folder) as files:
            return files.fingerprint()
    except InputError:
        return None


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
        with storage.replacing(pointer) as partial:
            partial.write_text(folder.name)
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
    return {name: storage.sealed_hash(dataset.folder / name) for name in _FILES}


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
                    print(f"{folder} is damaged and is made again", flush=True)
                    shutil.rmtree(folder)
                _decode(files, fingerprint, folder, skip_unreadable)
    return folder


def make_split(dataset: Dataset, images_per_class: int | None = None) -> Split:
    """Divide the labelled images, stratified and always in the same way.

    80 % are for training, as in the report. The rest is halved into validation and test; where the source has labelled
    test images of its own, those are the test set and all the rest is for validation, but for copies of test images, which
    are left out. Copies of an image stay on one side, so class counts may differ by one.

    Args:
        dataset: what to divide.
        images_per_class: use only so many of each class (and of the official test images in proportion).

    Raises:
        InputError: a class has too few images, or `check_split` finds something.
    """
    _check_labels(dataset.labels, dataset)
    has_official = len(dataset.official_labels) > 0
    indices = np.arange(len(dataset.labels))
    if images_per_class is not None:
        indices = subset(dataset.labels, images_per_class, SPLIT_SEED)
    if has_official:
        per_class = len(dataset.official_labels) if images_per_class is None else max(1, images_per_class // 10)
        official = subset(dataset.official_labels, per_class, SPLIT_SEED)
        indices = indices[~np.isin(dataset.digests[indices], _digests(dataset.official_images[official]))]
    # One image stands for all its copies and takes them along.
    _, first, group = np.unique(dataset.digests[indices], return_index=True, return_inverse=True)
    order = np.argsort(first)
    representatives, group = first[order], np.argsort(order)[group]
    labels = dataset.labels[indices[representatives]]
    fewest = np.bincount(labels, minlength=dataset.num_classes).min()
    if fewest < 10:
        raise InputError(
            f"A class has only {fewest} different images in use; a split needs 10 of each: use more images."
        )
    side = np.zeros(len(representatives), np.int64)
    everything = np.arange(len(labels))
    _, rest = train_test_split(everything, test_size=0.2, stratify=labels, random_state=SPLIT_SEED)
    side[rest] = 1
    if not has_official:
        _, test = train_test_split(rest, test_size=0.5, stratify=labels[rest], random_state=SPLIT_SEED)
        side[test] = 2
    parts = [np.sort(indices[side[group] == number]) for number in range(3)]
    if has_official:
        parts[2] = official
    source = "official_val" if has_official else "split_off"
    split = Split(*parts, source, provenance.digest([source, *(part.tolist() for part in parts)]))
    check_split(dataset, split)
    return split


def check_split(dataset: Dataset, split: Split) -> None:
    """Make sure that a split of a data set can be believed.

    Raises:
        InputError: a label is out of range, a class is missing from a split, or an image is in two of them.
    """
    digests = {}
    for name in SPLITS:
        images, labels = dataset.part(split, name)
        _check_labels(labels, dataset)
        missing = np.setdiff1d(np.arange(dataset.num_classes), labels)
        if len(missing):
            raise InputError(
                f"The {name} images have none of class {dataset.wnids[missing[0]]} ({len(missing)} of "
                f"{dataset.num_classes} classes are missing); use more images."
            )
        is_official = name == "test" and not split.is_test_split_off
        digests[name] = _digests(images) if is_official else dataset.digests[getattr(split, name)]
    for first, second in combinations(SPLITS, 2):
        shared = np.intersect1d(digests[first], digests[second])
        if len(shared):
            where = getattr(split, first)[np.flatnonzero(digests[first] == shared[0])[0]]
            raise InputError(
                f"{len(shared)} images are in {first} and in {second}, the first of them labelled image {where}; what is "
                f"measured on {second} would flatter: split the data with make_split."
            )


def _check_labels(labels: np.ndarray, dataset: Dataset) -> None:
    odd = labels[(labels < 0) | (labels >= dataset.num_classes)]
    if len(odd):
        raise InputError(
            f"{len(odd)} labels are not between 0 and {dataset.num_classes - 1}, the first of them {odd[0]}; obtain the "
            "data again."
        )


def duplicate_pairs(dataset: Dataset) -> pd.DataFrame:
    """Labelled images with equal pixels, one row for each further copy.

    Returns:
        Columns `first`, `second` (indices), `first_class`, `second_class` (names), `in_two_classes` (bool).
    """
    frame = pd.DataFrame({"index": np.arange(len(dataset.labels)), "digest": dataset.digests})
    rows = [
        (indices[0], other)
        for indices in frame.groupby("digest", sort=False)["index"].apply(list)
        for other in indices[1:]
    ]
    names = np.array(dataset.class_names)[dataset.labels]
    pairs = pd.DataFrame(rows, columns=["first", "second"], dtype=np.int64)
    classes = dataset.labels[pairs["first"]], dataset.labels[pairs["second"]]  # two classes may have one name
    return pairs.assign(
        first_class=names[pairs["first"]], second_class=names[pairs["second"]], in_two_classes=classes[0] != classes[1]
    )


def certainly_wrong_labels(dataset: Dataset) -> int:
    """How many labels count as wrong at least, an image having one: of equal images, all without their most frequent label."""
    copies = pd.DataFrame({"digest": dataset.digests, "label": dataset.labels}).value_counts().groupby("digest")
    return int((copies.sum() - copies.max()).sum())


def subset(labels: np.ndarray, per_class: int, seed: int | Sequence[int]) -> np.ndarray:
    """Indices of so many images of each class, drawn at random, int64, sorted.

    Args:
        labels: integer (n,).
        per_class: images of each class; of a class with fewer, all.
        seed: of the draw.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = pd.Series(labels[order]).groupby(labels[order]).cumcount().to_numpy()
    return np.sort(order[rank < per_class])


# --- decoding and the cache --------------------------------------------------------------------------------------


def _decode(files: Files, fingerprint: str, folder: Path, skip_unreadable: bool) -> None:
    """Fill a cache folder, which appears only when complete.

    Its files need not be on disk by then: what a crash tears later is told by its hash.
    """
    contents = archive.contents(files)
    with storage.replacing_folder(folder) as partial:
        bad: dict[str, str] = {}
        grey = {}
        for part in _PARTS:
            names = getattr(contents, part)
            grey[part] = _decode_part(files, names, partial / f"{part}.npy", bad)
        _check_unreadable(files, bad, contents, skip_unreadable)
        keep = np.array([name not in bad for name in contents.labelled])
        if bad:
            contents = _without(contents, partial, bad, keep)
        images = np.load(partial / "labelled.npy", mmap_mode="r")
        np.savez(
            partial / "labelled.npz",
            labels=np.array(contents.labels, np.int64),
            official_labels=np.array(contents.official_labels, np.int64),
            boxes=archive.boxes(files, contents.labelled),
            is_grey=grey["labelled"][keep],
            digests=_digests(images),
        )
        index = {
            "names": [name.rsplit("/", 1)[-1] for name in contents.labelled],
            "unlabelled_names": contents.unlabelled_names,
            "wnids": contents.wnids,
            "class_names": archive.class_names(files, contents.wnids),
            "layout": contents.layout,
            "fingerprint": provenance.digest([fingerprint, sorted(bad)]) if bad else fingerprint,
            "unreadable": sorted(bad),
        }
        (partial / _INDEX).write_text(json.dumps(index))
        for name in _FILES:
            storage.seal(partial / name, provenance.file_hash(partial / name))


def _decode_part(files: Files, names: list[str], target: Path, bad: dict[str, str]) -> np.ndarray:
    """Decode into one array file; says of each image whether it is grey, and of bad ones why."""
    images = np.lib.format.open_memmap(target, "w+", np.uint8, (len(names), IMAGE_SIZE, IMAGE_SIZE, 3))
    is_grey = np.zeros(len(names), bool)
    for position, name in enumerate(names):
        try:
            content = files.read(name, archive.MOST_IMAGE_BYTES)
            images[position], is_grey[position] = _decode_image(content, f"{name} in {files.path}")
        except InputError:
            raise
        except Exception as error:  # the decoders and zipfile raise many kinds for broken content
            bad[name] = str(error)
    images.flush()
    return is_grey


def _decode_image(content: bytes, name: str) -> tuple[np.ndarray, bool]:
    """Pixels, uint8 (64, 64, 3), and whether the file is grey.

    One thread: so small an image costs less to decode than two threads lose in waiting for the interpreter.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
    except ValueError:  # no JPEG
        height = width = colours = None
    if (height, width) == (IMAGE_SIZE, IMAGE_SIZE) and colours in ("YCbCr", "Gray"):
        return simplejpeg.decode_jpeg(content, "RGB"), colours == "Gray"  # raises where a bit is wrong and it shows
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
        if image.size != (IMAGE_SIZE, IMAGE_SIZE):
            raise InputError(
                f"{name} is {image.size[0]} x {image.size[1]} pixels, where TinyImage has {IMAGE_SIZE} x {IMAGE_SIZE}; "
                "obtain it again."
            )
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"more than 8 bits a channel ({image.mode})")  # Pillow would cut them off at 255
        return np.asarray(image.convert("RGB")), image.mode == "L"


def _check_unreadable(files: Files, bad: dict[str, str], contents: Contents, skip: bool) -> None:
    total = len(contents.labelled) + len(contents.official) + len(contents.unlabelled)
    if not bad or (skip and len(bad) <= MOST_UNREADABLE * total and not set(bad) & set(contents.unlabelled)):
        return
    listed = "; ".join(sorted(bad)[:5])
    advice = "obtain it again" if skip else "obtain it again, or say SKIP_UNREADABLE=1 to leave them out"
    raise InputError(f"{len(bad)} of {total} images in {files.path} cannot be decoded ({listed}); {advice}.")


def _without(contents: Contents, folder: Path, bad: dict[str, str], keep: np.ndarray) -> Contents:
    """Leave bad images out of the arrays and the lists."""
    keep_official = np.array([name not in bad for name in contents.official], bool)
    for part, kept in (("labelled", keep), ("official", keep_official)):
        np.save(folder / f"{part}.npy", np.load(folder / f"{part}.npy")[kept])
    return replace(
        contents,
        labelled=[name for name in contents.labelled if name not in bad],
        labels=np.array(contents.labels)[keep].tolist(),
        official=[name for name in contents.official if name not in bad],
        official_labels=np.array(contents.official_labels, int)[keep_official].tolist(),
    )


def _is_sound(folder: Path) -> bool:
    """Whether all files of a cache folder are what was written.

    TinyImage's have 676 MB, whose hashes take 0.4 s: little beside what a process does with the images, which needs them
    once.
    """
    return all(storage.is_sound(folder / name) for name in _FILES)


def _load(folder: Path) -> Dataset:
    index = json.loads((folder / _INDEX).read_text())
    arrays = np.load(folder / "labelled.npz")
    mapped = {part: np.load(folder / f"{part}.npy", mmap_mode="r") for part in _PARTS}
    return Dataset(
        images=mapped["labelled"],
        official_images=mapped["official"],
        unlabelled_images=mapped["unlabelled"],
        **{name: arrays[name] for name in arrays.files},
        **index,
        folder=folder,
    )


def _digests(images: np.ndarray) -> np.ndarray:
    digests = (int.from_bytes(blake2b(image.tobytes(), digest_size=8).digest()) for image in images)
    return np.fromiter(digests, np.uint64, len(images))
