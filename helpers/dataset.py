"""Find, verify, decode, cache and split a source of TinyImage.

A source is a zip or a folder, in the layout of the Kaggle competition or of the official Tiny ImageNet-200 archive. A
zip is read where it lies; nothing is unpacked. Images are decoded once, into memory-mapped uint8 arrays.
"""

import csv
import io
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import simplejpeg
from filelock import FileLock
from PIL import Image
from sklearn.model_selection import train_test_split

from helpers import paths, provenance
from helpers.config import IMAGE_SIZE, NUM_CLASSES, SPLIT_SEED, DemoData
from helpers.demo import write_demo
from helpers.errors import InputError

SPLITS = ("train", "validation", "test")
MOST_UNREADABLE = 0.01  # share of images that may be left out when the user says so

_INDEX = "index.json"
_CACHE_VERSION = 1  # raise it when what is kept changes


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
        if name == "test" and split.test_source == "official_val":
            return Rows(self.official_images, indices), self.official_labels[indices]
        return Rows(self.images, indices), self.labels[indices]


def open_demo(demo: DemoData) -> Dataset:
    """The demo data set, made first where it is not there yet."""
    return replace(open_source(demo_folder(demo)), is_demo=True)


def demo_folder(demo: DemoData) -> Path:
    """Folder of the demo data set in the Kaggle layout, made first where it is not there yet."""
    key = provenance.digest([vars(demo), provenance.code_hash("demo")])
    folder = paths.cache() / f"demo_{key}"
    paths.cache().mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        return write_demo(folder, demo)


def open_source(source: str | Path, skip_unreadable: bool = False) -> Dataset:
    """Open a zip or folder, decoding it first where that was not done before.

    Args:
        source: path of the zip or folder.
        skip_unreadable: leave out images that cannot be decoded (at most 1 %) instead of raising.

    Raises:
        InputError: the source cannot be used; the message says what is wrong with it, where, and what to do.
    """
    path = paths.resolve(source)
    cache = paths.cache()
    cache.mkdir(parents=True, exist_ok=True)
    pointer = cache / f"{_signature(path)}-{int(skip_unreadable)}.source"
    known = cache / pointer.read_text() if pointer.exists() else None
    if known and (known / _INDEX).exists():
        return _load(known)
    with _open_files(path) as files:
        fingerprint = files.fingerprint()
        folder = cache / f"images_{fingerprint}{'_skipped' if skip_unreadable else ''}_v{_CACHE_VERSION}"
        with FileLock(folder.with_suffix(".lock")):
            if not folder.exists():
                _decode(files, fingerprint, folder, skip_unreadable)
    partial = pointer.with_suffix(f".{os.getpid()}")
    partial.write_text(folder.name)
    partial.replace(pointer)
    return _load(folder)


def make_split(dataset: Dataset, images_per_class: int | None = None) -> Split:
    """Divide the labelled images, stratified and always in the same way.

    80 % are for training, as in the report. The rest is halved into validation and test; where the source has labelled
    test images of its own, those are the test set and all the rest is for validation. Copies of an image stay on one
    side, so class counts may differ by one.

    Args:
        dataset: what to divide.
        images_per_class: use only so many of each class (and of the official test images in proportion).

    Raises:
        InputError: a class has too few images.
    """
    indices = np.arange(len(dataset.labels))
    if images_per_class is not None:
        indices = _subset(dataset.labels, images_per_class)
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
    has_official = len(dataset.official_labels) > 0
    side = np.zeros(len(representatives), np.int64)
    everything = np.arange(len(labels))
    _, rest = train_test_split(everything, test_size=0.2, stratify=labels, random_state=SPLIT_SEED)
    side[rest] = 1
    if not has_official:
        _, test = train_test_split(rest, test_size=0.5, stratify=labels[rest], random_state=SPLIT_SEED)
        side[test] = 2
    parts = [np.sort(indices[side[group] == number]) for number in range(3)]
    if has_official:
        per_class = len(dataset.official_labels) if images_per_class is None else max(1, images_per_class // 10)
        parts[2] = _subset(dataset.official_labels, per_class)
    source = "official_val" if has_official else "split_off"
    return Split(*parts, source, provenance.digest([source, *(part.tolist() for part in parts)]))


def duplicate_pairs(dataset: Dataset) -> pd.DataFrame:
    """Labelled images with equal pixels, one row for each further copy.

    Returns:
        Columns `first`, `second` (indices), `first_class`, `second_class` (names).
    """
    frame = pd.DataFrame({"index": np.arange(len(dataset.labels)), "digest": dataset.digests})
    rows = [
        (indices[0], other)
        for indices in frame.groupby("digest", sort=False)["index"].apply(list)
        for other in indices[1:]
    ]
    names = np.array(dataset.class_names)[dataset.labels]
    pairs = pd.DataFrame(rows, columns=["first", "second"], dtype=np.int64)
    return pairs.assign(first_class=names[pairs["first"]], second_class=names[pairs["second"]])


# --- files of a source -------------------------------------------------------------------------------------------


class _Files:
    """Read-only view of the files of a source, by their names below its root, sorted."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self.path = path
        roots = [PurePosixPath(name).parent for name in names if PurePosixPath(name).name == "wnids.txt"]
        if not roots:
            raise InputError(
                f"{path} is not TinyImage: it has no wnids.txt; give the Kaggle archive or the official Tiny "
                "ImageNet-200 archive, as a zip or unpacked."
            )
        root = min(roots, key=lambda parent: len(parent.parts))
        self.prefix = "" if root == PurePosixPath() else f"{root}/"
        self.names = sorted(name.removeprefix(self.prefix) for name in names if name.startswith(self.prefix))

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def read(self, name: str) -> bytes:
        raise NotImplementedError

    def checksums(self) -> Iterator[int]:
        """CRC-32 of every file."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Hash of names and content; the same for a zip and for the folder it unpacks to."""
        return provenance.digest(list(zip(self.names, self.checksums(), strict=True)))

    def lines(self, name: str) -> list[str]:
        """A text file, with or without a byte order mark."""
        try:
            return self.read(name).decode("utf-8-sig", "replace").splitlines()
        except (zipfile.BadZipFile, zlib.error, OSError) as error:
            raise InputError(f"{name} in {self.path} cannot be read ({error}); obtain it again.") from error


class _ZipFiles(_Files):
    def __init__(self, path: Path) -> None:
        try:
            self.archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{path} is not a complete zip ({error}); obtain it again.") from error
        super().__init__(path, [name for name in self.archive.namelist() if not name.endswith("/")])

    def __exit__(self, *error: object) -> None:
        self.archive.close()

    def read(self, name: str) -> bytes:
        return self.archive.read(self.prefix + name)

    def checksums(self) -> Iterator[int]:
        return (self.archive.getinfo(self.prefix + name).CRC for name in self.names)


class _FolderFiles(_Files):
    def __init__(self, path: Path) -> None:
        names = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
        if not names:
            raise InputError(f"{path} is an empty folder; name the folder that has wnids.txt in it.")
        super().__init__(path, names)

    def read(self, name: str) -> bytes:
        return (self.path / (self.prefix + name)).read_bytes()

    def checksums(self) -> Iterator[int]:
        return (zlib.crc32(self.read(name)) for name in self.names)


def _signature(path: Path) -> str:
    """Changes when a source changes; found without reading it."""
    if not path.exists():
        raise InputError(f"There is no {path}; DATA must name a zip or a folder.")
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = ((file.stat(), file) for file in files)
    return provenance.digest([(str(file), stat.st_size, stat.st_mtime_ns) for stat, file in stats])


def _open_files(path: Path) -> _Files:
    return _FolderFiles(path) if path.is_dir() else _ZipFiles(path)


# --- layouts -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Contents:
    """Names of the files of a source by what they are for."""

    layout: str
    wnids: list[str]
    labelled: list[str]
    labels: list[int]
    official: list[str]
    official_labels: list[int]
    unlabelled: list[str]
    unlabelled_names: list[str]


def _contents(files: _Files) -> _Contents:
    wnids = [line.strip() for line in files.lines("wnids.txt") if line.strip()]
    folders = {"kaggle": "train/train/", "official": "train/"}
    for layout, folder in folders.items():  # noqa: B007 - used below
        images = [name for name in files.names if name.startswith(folder) and "/images/" in name]
        classes = {name.removeprefix(folder).split("/")[0] for name in files.names if name.startswith(folder)}
        if images and all(name.removeprefix(folder).count("/") == 2 for name in images):
            break
    else:
        raise InputError(
            f"{files.path} has a wnids.txt but images of neither layout: expected train/train/<wnid>/images (Kaggle) "
            "or train/<wnid>/images (official)."
        )
    if classes != set(wnids) or len(set(wnids)) < len(wnids):
        odd = sorted(classes.symmetric_difference(wnids))[:3]
        raise InputError(
            f"wnids.txt and the folders of {folder} in {files.path} disagree ({', '.join(odd) or 'a wnid repeats'}); "
            "make them name the same classes."
        )
    if layout == "official":
        wnids = wnids[:NUM_CLASSES]
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    labelled = [name for name in images if name.removeprefix(folder).split("/")[0] in label_of]
    # In the order of wnids.txt, then by the number in the file name.
    labelled.sort(key=lambda name: (label_of[name.split("/")[-3]], len(name), name))
    labels = [label_of[name.split("/")[-3]] for name in labelled]
    empty = sorted(set(label_of.values()) - set(labels))
    if empty:
        raise InputError(f"Class {wnids[empty[0]]} in {files.path} has no images; add them or remove the class.")
    official, official_labels = _official_test(files, label_of) if layout == "official" else ([], [])
    unlabelled, unlabelled_names = _unlabelled(files) if layout == "kaggle" else ([], [])
    return _Contents(layout, wnids, labelled, labels, official, official_labels, unlabelled, unlabelled_names)


def _official_test(files: _Files, label_of: dict[str, int]) -> tuple[list[str], list[int]]:
    """Labels come from val_annotations.txt: the order of the files says nothing."""
    if "val/val_annotations.txt" not in files.names:
        if any(name.startswith("val/images/") for name in files.names):
            raise InputError(f"{files.path} has val/images but no val/val_annotations.txt with their labels; add it.")
        return [], []
    rows = [line.split("\t") for line in files.lines("val/val_annotations.txt") if "\t" in line]
    chosen = [(f"val/images/{row[0]}", label_of[row[1]]) for row in rows if row[1] in label_of]
    missing = {name for name, _ in chosen}.difference(files.names)
    if missing:
        raise InputError(f"{files.path} lacks {min(missing)}, which val_annotations.txt names; obtain the data again.")
    return [name for name, _ in chosen], [label for _, label in chosen]


def _unlabelled(files: _Files) -> tuple[list[str], list[str]]:
    present = {PurePosixPath(n).stem: n for n in files.names if n.startswith("test/test/images/")}
    if not present:
        return [], []
    if "submission_sample.csv" not in files.names:
        raise InputError(f"{files.path} has test images but no submission_sample.csv, which gives their order.")
    rows = csv.DictReader(files.lines("submission_sample.csv"))
    if "img_id" not in (rows.fieldnames or ()):
        raise InputError(f"submission_sample.csv in {files.path} has no column img_id; obtain the data again.")
    names = [row["img_id"] for row in rows]
    if set(names) != set(present):
        odd = sorted(set(names).symmetric_difference(present))[0]
        raise InputError(f"submission_sample.csv and test/test/images in {files.path} disagree about {odd}.")
    return [present[name] for name in names], names


# --- decoding and the cache --------------------------------------------------------------------------------------


def _decode(files: _Files, fingerprint: str, folder: Path, skip_unreadable: bool) -> None:
    """Fill a cache folder, which appears only when complete."""
    contents = _contents(files)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        bad: dict[str, str] = {}
        grey = {}
        for part in ("labelled", "official", "unlabelled"):
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
            boxes=_boxes(files, contents),
            is_grey=grey["labelled"][keep],
            digests=_digests(images),
        )
        index = {
            "names": [PurePosixPath(name).name for name in contents.labelled],
            "unlabelled_names": contents.unlabelled_names,
            "wnids": contents.wnids,
            "class_names": _class_names(files, contents.wnids),
            "layout": contents.layout,
            "fingerprint": provenance.digest([fingerprint, sorted(bad)]) if bad else fingerprint,
            "unreadable": sorted(bad),
        }
        (partial / _INDEX).write_text(json.dumps(index))
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _decode_part(files: _Files, names: list[str], target: Path, bad: dict[str, str]) -> np.ndarray:
    """Decode into one array file; says of each image whether it is grey, and of bad ones why."""
    images = np.lib.format.open_memmap(target, "w+", np.uint8, (len(names), IMAGE_SIZE, IMAGE_SIZE, 3))
    is_grey = np.zeros(len(names), bool)
    for position, name in enumerate(names):
        try:
            images[position], is_grey[position] = _decode_image(files.read(name))
        except InputError as error:
            raise InputError(f"{name} in {files.path} {error}") from error
        except Exception as error:  # the decoders and zipfile raise many kinds for broken content
            bad[name] = str(error)
    images.flush()
    return is_grey


def _decode_image(content: bytes) -> tuple[np.ndarray, bool]:
    """Pixels, uint8 (64, 64, 3), and whether the file is grey.

    One thread: so small an image costs less to decode than two threads lose in waiting for the interpreter.
    """
    with suppress(ValueError):  # what is not a sound JPEG of the usual kinds is left to Pillow, which knows them all
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        if (height, width) == (IMAGE_SIZE, IMAGE_SIZE) and colours in ("YCbCr", "Gray"):
            return simplejpeg.decode_jpeg(content, "RGB"), colours == "Gray"
    with Image.open(io.BytesIO(content)) as image:
        if image.size != (IMAGE_SIZE, IMAGE_SIZE):
            raise InputError(f"is {image.size[0]} x {image.size[1]} pixels; TinyImage has {IMAGE_SIZE} x {IMAGE_SIZE}.")
        return np.asarray(image.convert("RGB")), image.mode == "L"


def _check_unreadable(files: _Files, bad: dict[str, str], contents: _Contents, skip: bool) -> None:
    total = len(contents.labelled) + len(contents.official) + len(contents.unlabelled)
    if not bad or (skip and len(bad) <= MOST_UNREADABLE * total and not set(bad) & set(contents.unlabelled)):
        return
    listed = "; ".join(sorted(bad)[:5])
    advice = "obtain it again" if skip else "obtain it again, or say SKIP_UNREADABLE=1 to leave them out"
    raise InputError(f"{len(bad)} of {total} images in {files.path} cannot be decoded ({listed}); {advice}.")


def _without(contents: _Contents, folder: Path, bad: dict[str, str], keep: np.ndarray) -> _Contents:
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


def _load(folder: Path) -> Dataset:
    index = json.loads((folder / _INDEX).read_text())
    arrays = np.load(folder / "labelled.npz")
    mapped = {part: np.load(folder / f"{part}.npy", mmap_mode="r") for part in ("labelled", "official", "unlabelled")}
    return Dataset(
        images=mapped["labelled"],
        official_images=mapped["official"],
        unlabelled_images=mapped["unlabelled"],
        **{name: arrays[name] for name in arrays.files},
        **index,
    )


def _boxes(files: _Files, contents: _Contents) -> np.ndarray:
    boxes = np.full((len(contents.labelled), 4), -1, np.int64)
    row_of = {PurePosixPath(name).name: row for row, name in enumerate(contents.labelled)}
    folders = {name.rsplit("/", 2)[0] for name in contents.labelled}
    for name in sorted(f"{folder}/{PurePosixPath(folder).name}_boxes.txt" for folder in folders):
        if name not in files.names:
            continue
        for line in files.lines(name):
            image, *numbers = line.split("\t")
            if image in row_of:
                with suppress(ValueError):  # a line without four whole numbers gives no box
                    boxes[row_of[image]] = [int(number) for number in numbers]
    return boxes


def _class_names(files: _Files, wnids: list[str]) -> list[str]:
    """First synonym of each class in words.txt; the wnid where it has none."""
    words = {}
    if "words.txt" in files.names:
        words = dict(line.split("\t", 1) for line in files.lines("words.txt") if "\t" in line)
    return [words.get(wnid, wnid).split(",")[0] for wnid in wnids]


def _digests(images: np.ndarray) -> np.ndarray:
    return np.array([int.from_bytes(blake2b(image.tobytes(), digest_size=8).digest()) for image in images], np.uint64)


def _subset(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Indices of so many images of each class, drawn with the seed of the split, sorted."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    rank = pd.Series(labels[order]).groupby(labels[order]).cumcount().to_numpy()
    return np.sort(order[rank < per_class])
