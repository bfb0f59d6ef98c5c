"""From the files of a source to memory-mapped uint8 arrays, decoded once.

The content of a file decides how it is decoded, whatever its name. Of an animation the first picture counts, of a
transparent picture its colours, and EXIF orientation is ignored: networks see pixels as they are stored.
"""

import io
import json
import warnings
from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

from helpers.config.recipes import IMAGE_SIZE
from helpers.core import provenance, storage
from helpers.core.errors import InputError
from helpers.data import archive, layouts
from helpers.data.archive import Files
from helpers.data.layouts import Contents

MOST_UNREADABLE = 0.01  # share of images that may be left out when the user says so
IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF")  # Pillow knows more, some of which start other programs
INDEX = "index.json"
PARTS = ("labelled", "official", "unlabelled")
FILES = (*(f"{part}.npy" for part in PARTS), "labelled.npz", INDEX)


def decode(files: Files, fingerprint: str, folder: Path, skip_unreadable: bool) -> None:
    """Fill a cache folder, which appears only when complete.

    Its files need not be on disk by then: what a crash tears later is told by its hash.
    """
    contents = layouts.contents(files)
    with storage.replacing_folder(folder) as partial:
        unreadable: dict[str, str] = {}
        grey = {}
        for part in PARTS:
            names = getattr(contents, part)
            grey[part] = _decode_part(files, names, partial / f"{part}.npy", unreadable)
        _check_unreadable(files, unreadable, contents, skip_unreadable)
        keep = np.array([name not in unreadable for name in contents.labelled])
        if unreadable:
            contents = _without(contents, partial, unreadable, keep)
        images = np.load(partial / "labelled.npy", mmap_mode="r")
        np.savez(
            partial / "labelled.npz",
            labels=np.array(contents.labels, np.int64),
            official_labels=np.array(contents.official_labels, np.int64),
            boxes=layouts.boxes(files, contents.labelled),
            is_grey=grey["labelled"][keep],
            digests=pixel_digests(images),
        )
        index = {
            "names": [name.rsplit("/", 1)[-1] for name in contents.labelled],
            "unlabelled_names": contents.unlabelled_names,
            "wnids": contents.wnids,
            "class_names": layouts.class_names(files, contents.wnids),
            "layout": contents.layout,
            "fingerprint": provenance.digest([fingerprint, sorted(unreadable)]) if unreadable else fingerprint,
            "unreadable": sorted(unreadable),
        }
        (partial / INDEX).write_text(json.dumps(index))
        for name in FILES:
            storage.write_checksum(partial / name, provenance.file_hash(partial / name))


def _decode_part(files: Files, names: list[str], target: Path, unreadable: dict[str, str]) -> np.ndarray:
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
            unreadable[name] = str(error)
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


def _check_unreadable(files: Files, unreadable: dict[str, str], contents: Contents, skip: bool) -> None:
    total = len(contents.labelled) + len(contents.official) + len(contents.unlabelled)
    if not unreadable or (
        skip and len(unreadable) <= MOST_UNREADABLE * total and not set(unreadable) & set(contents.unlabelled)
    ):
        return
    listed = "; ".join(sorted(unreadable)[:5])
    advice = "obtain it again" if skip else "obtain it again, or say SKIP_UNREADABLE=1 to leave them out"
    raise InputError(f"{len(unreadable)} of {total} images in {files.path} cannot be decoded ({listed}); {advice}.")


def _without(contents: Contents, folder: Path, unreadable: dict[str, str], keep: np.ndarray) -> Contents:
    """Leave bad images out of the arrays and the lists."""
    keep_official = np.array([name not in unreadable for name in contents.official], bool)
    for part, kept in (("labelled", keep), ("official", keep_official)):
        np.save(folder / f"{part}.npy", np.load(folder / f"{part}.npy")[kept])
    return replace(
        contents,
        labelled=[name for name in contents.labelled if name not in unreadable],
        labels=np.array(contents.labels)[keep].tolist(),
        official=[name for name in contents.official if name not in unreadable],
        official_labels=np.array(contents.official_labels, int)[keep_official].tolist(),
    )


def pixel_digests(images: Iterable[np.ndarray]) -> np.ndarray:
    """A hash of the pixels of each image, uint64 (n,), equal for equal pixels."""
    digests = (int.from_bytes(blake2b(image.tobytes(), digest_size=8).digest()) for image in images)
    return np.fromiter(digests, np.uint64)
