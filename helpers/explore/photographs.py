"""Read a photograph of one's own as the networks see it. Loads no TensorFlow."""

import glob
import importlib.util
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from helpers.config.recipes import IMAGE_SIZE
from helpers.core.errors import InputError

_FORMATS = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]

if importlib.util.find_spec("pillow_heif"):  # not among the dependencies: it brings a video decoder
    importlib.import_module("pillow_heif").register_heif_opener()
    _FORMATS.append("HEIF")

# Of ISO 14496-12: a file begins with a box of the type "ftyp", whose brand says what it is.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def read_photograph(content: bytes, name: str) -> np.ndarray:
    """The middle square of a photograph, upright, in the size of the data set.

    Args:
        content: of a JPEG, PNG, GIF, BMP, TIFF or WebP file; of an HEIC file where `pillow-heif` is installed.
        name: of the file, for the message.

    Returns:
        uint8 (64, 64, 3), RGB.

    Raises:
        InputError: it cannot be decoded.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
        photograph = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # decoders raise many kinds for broken content
        if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS and "HEIF" not in _FORMATS:
            raise InputError(
                f"{name} is an HEIC image; they are read once pillow-heif is there: .venv/bin/pip install pillow-heif."
            ) from error
        raise InputError(f"{name} cannot be read as an image; try a JPEG or PNG file.") from error
    if image.mode.startswith(("I", "F")):  # Pillow cuts their values off at 255, which is white
        raise InputError(f"{name} has more than eight bits for each pixel and channel; save it with eight.")
    return np.asarray(ImageOps.fit(photograph, (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS))


def find_photographs(pattern: str) -> list[Path]:
    """The files that a file name, a folder or a glob pattern names, by name; of a folder those directly in it.

    Raises:
        InputError: there are none.
    """
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    # Path.glob refuses absolute patterns.
    names = path.iterdir() if path.is_dir() else map(Path, glob.iglob(str(path), recursive=True))  # noqa: PTH207
    files = sorted(file for file in names if file.is_file() and not file.name.startswith("."))
    if not files:
        raise InputError(
            f"There is no file {pattern}; IMAGE names a file, a folder or a pattern such as 'photos/*.jpg'."
        )
    return files
