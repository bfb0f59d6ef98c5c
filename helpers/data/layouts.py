"""What each file of a source is for: images, labels, boxes and class names of the Kaggle and of the official layout.

Annotations of boxes that make no sense are ignored; names that disagree about which images there are, are refused.
"""

import csv
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath

import numpy as np

from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES
from helpers.core.errors import InputError
from helpers.data.archive import MOST_NAME_LENGTH, Files, listed, printable, reason

_WNID = re.compile(r"[a-z]\d{8}")
_SORTED_IMAGE = re.compile(r"val/(?P<wnid>[^/]+)/(images/)?(?P<image>[^/]+\.(jpe?g|png))", re.IGNORECASE)


@dataclass(frozen=True)
class Contents:
    """Names of the files of a source by what they are for.

    Attributes:
        layout: "kaggle" or "official".
        wnids: of each label.
        labelled, labels: training images, in the order of wnids.txt, then of their numbers.
        official, official_labels: labelled test images.
        unlabelled, unlabelled_names: test images and their names, in the order of submission_sample.csv.
    """

    layout: str
    wnids: list[str]
    labelled: list[str]
    labels: list[int]
    official: list[str]
    official_labels: list[int]
    unlabelled: list[str]
    unlabelled_names: list[str]


def contents(files: Files) -> Contents:
    """What is in a source.

    Raises:
        InputError: its files disagree with each other, or are of neither layout.
    """
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
    without_folder = set(wnids) - classes
    is_cut = layout == "official" and all(map(_WNID.fullmatch, without_folder))  # down to a few classes, as many do
    if not classes <= set(wnids) or len(set(wnids)) < len(wnids) or (without_folder and not is_cut):
        odd = sorted(classes.symmetric_difference(wnids))
        raise InputError(
            f"wnids.txt and the folders of {folder} in {files.path} disagree ({listed(odd) or 'a wnid repeats'}); "
            "make them name the same classes."
        )
    annotated = _annotated_test(files, wnids) if layout == "official" else []
    if left_out := sorted(without_folder | {wnid for _, wnid in annotated} - classes):
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        print(f"Classes without a folder in {folder} are left out: {listed(left_out)}{more}", flush=True)
    if layout == "official":
        wnids = [wnid for wnid in wnids if wnid in classes][:NUM_CLASSES]
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    labelled = [name for name in images if name.removeprefix(folder).split("/")[0] in label_of]
    # In the order of wnids.txt, then by the number in the file name.
    labelled.sort(key=lambda name: (label_of[name.split("/")[-3]], len(name), name))
    labels = [label_of[name.split("/")[-3]] for name in labelled]
    empty = sorted(set(label_of.values()) - set(labels))
    if empty:
        raise InputError(
            f"Class {printable(wnids[empty[0]])} in {files.path} has no images; add them or remove the class."
        )
    official = [name for name, wnid in annotated if wnid in label_of]
    if absent := sorted(name for name in official if not files.has(name)):
        raise InputError(
            f"{files.path} lacks {printable(absent[0])}, which val_annotations.txt names; obtain the data again."
        )
    official_labels = [label_of[wnid] for _, wnid in annotated if wnid in label_of]
    unlabelled, unlabelled_names = _unlabelled(files) if layout == "kaggle" else ([], [])
    return Contents(layout, wnids, labelled, labels, official, official_labels, unlabelled, unlabelled_names)


def _annotated_test(files: Files, wnids: list[str]) -> list[tuple[str, str]]:
    """Name and wnid of each labelled test image of the official layout, in the order of their numbers.

    Labels come from val_annotations.txt; or from the folders into which many scripts sort the images: val/<wnid>/ or
    val/<wnid>/images/.
    """
    present = {name.removeprefix("val/images/") for name in files.names if name.startswith("val/images/")}
    sorted_images = [match for match in map(_SORTED_IMAGE.fullmatch, files.names) if match]
    if sorted_images and not present:
        if not {match["wnid"] for match in sorted_images} & set(wnids):
            raise InputError(
                f"The images below val/ in {files.path} are in no folder of a class of wnids.txt; name the folders by wnid."
            )
        sorted_images.sort(key=lambda match: (len(match["image"]), match["image"]))
        return [(match[0], match["wnid"]) for match in sorted_images]
    if not files.has("val/val_annotations.txt"):
        if present:
            raise InputError(f"{files.path} has val/images but no val/val_annotations.txt with their labels; add it.")
        return []
    rows = [line.split("\t")[:2] for line in files.lines("val/val_annotations.txt") if line.strip()]
    for row in rows:
        if len(row) < 2 or not _WNID.fullmatch(row[1]):
            raise InputError(
                f"val_annotations.txt in {files.path} has the line {printable(' '.join(row))}, which names no image and "
                "class; obtain the data again."
            )
    counts = Counter(name for name, _ in rows)
    odd = sorted(present - set(counts)) or sorted(name for name, count in counts.items() if count > 1)
    if odd:
        raise InputError(
            f"val_annotations.txt in {files.path} names {printable(odd[0])} {counts[odd[0]]} times instead of once; obtain "
            "the data again."
        )
    return [(f"val/images/{name}", wnid) for name, wnid in rows]


def _unlabelled(files: Files) -> tuple[list[str], list[str]]:
    folder = "test/test/images/"
    images = [name for name in files.names if name.startswith(folder)]
    if not images:
        return [], []
    if not files.has("submission_sample.csv"):
        raise InputError(f"{files.path} has test images but no submission_sample.csv, which gives their order.")
    named = _sample(files)
    present = [PurePosixPath(name.removeprefix(folder)).with_suffix("").as_posix() for name in images]
    odd = sorted((Counter(named) - Counter(present)) + (Counter(present) - Counter(named)))
    if odd:
        raise InputError(
            f"submission_sample.csv and test/test/images in {files.path} disagree about {printable(odd[0])}, which is in "
            f"them {named.count(odd[0])} and {present.count(odd[0])} times; make them name the same images."
        )
    name_of = dict(zip(present, images, strict=True))
    return [name_of[name] for name in named], named


def _sample(files: Files) -> list[str]:
    """Column img_id of submission_sample.csv."""
    try:
        rows = csv.DictReader(files.lines("submission_sample.csv"))
        if "img_id" in (rows.fieldnames or ()):
            return [row["img_id"] or "" for row in rows]
    except csv.Error as error:
        raise InputError(
            f"submission_sample.csv in {files.path} is no table ({reason(error)}); obtain the data again."
        ) from error
    raise InputError(f"submission_sample.csv in {files.path} has no column img_id; obtain the data again.")


def boxes(files: Files, images: list[str]) -> np.ndarray:
    """Where the object is in each image of a class.

    Args:
        files: of the source.
        images: names of the labelled images, those of a class together.

    Returns:
        int64 (n, 4), x_min, y_min, x_max, y_max in pixels; -1 where none is given that lies in the image.
    """
    corners = np.full((len(images), 4), -1, np.int64)
    # A class at a time, and its images stand together: a table of all names would be the largest thing in memory.
    for folder, members in groupby(enumerate(images), lambda member: member[1].rsplit("/images/", 1)[0]):
        row_of = {name.rsplit("/images/", 1)[1]: row for row, name in members}
        name = f"{folder}/{PurePosixPath(folder).name}_boxes.txt"
        for line in files.lines(name) if files.has(name) else []:
            image, *numbers = line.split("\t")
            if image in row_of:
                corners[row_of[image]] = _box(numbers)
    return corners


def _box(fields: list[str]) -> tuple[int, ...]:
    with suppress(ValueError):  # not four, or not whole numbers
        left, top, right, bottom = (int(field) for field in fields)
        if 0 <= left <= right < IMAGE_SIZE and 0 <= top <= bottom < IMAGE_SIZE:
            return left, top, right, bottom
    return -1, -1, -1, -1


def class_names(files: Files, wnids: list[str]) -> list[str]:
    """First synonym of each class in words.txt, as plain text; the wnid where it has none."""
    synonyms = {}
    if files.has("words.txt"):
        synonyms = dict(line.split("\t", 1) for line in files.lines("words.txt") if "\t" in line)
    return [_plain(synonyms.get(wnid, "").split(",")[0]) or _plain(wnid) for wnid in wnids]


def _plain(text: str) -> str:
    """Without line breaks and control characters, and without the dollar signs that Matplotlib takes for formulas."""
    kept = "".join(letter if letter.isprintable() and letter != "$" else " " for letter in text)
    return " ".join(kept.split())[:MOST_NAME_LENGTH]
