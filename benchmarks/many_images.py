"""A procedural data set of any size in the layout of the Kaggle archive, to measure how the program grows with it.

Drawing an image takes over a millisecond, which is half an hour for a million. So each class has some hundred pictures
of the demo's generator, and an image is one of them, shifted around its edges, brighter or darker, under noise of its own:
no two files are alike, and decoding has as much to do as with drawn ones. What the images show is of no account here.
"""

from pathlib import Path

import numpy as np
import simplejpeg

from helpers.config.demo_data import DEMO
from helpers.config.recipes import IMAGE_SIZE
from helpers.data.demo import object_classes, render

BYTES = 4096  # what an image takes on disk: it has some 2,500 bytes, and file systems give whole blocks
_PICTURES = 100  # drawn for each class
_QUALITY = 92  # as the demo's
_NOISE = 8  # grey levels


def write(folder: Path, n_images: int, num_classes: int, seed: int = 0) -> None:
    """Write labelled images, as many of each class as of any other, or one more.

    Args:
        folder: must not exist.
        n_images: of all classes together.
        num_classes: how many.
        seed: another seed gives other images.
    """
    wnids = [f"d{index:08d}" for index in range(num_classes)]
    for index, (wnid, kind) in enumerate(zip(wnids, object_classes(num_classes, seed), strict=True)):
        rng = np.random.default_rng([seed, index])
        n_own = n_images // num_classes + (index < n_images % num_classes)
        pictures, _ = render(kind, min(_PICTURES, n_own), DEMO.nuisance, rng)
        _write_class(folder / "train" / "train" / wnid, wnid, pictures, n_own, rng)
    (folder / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in wnids))


def _write_class(folder: Path, wnid: str, pictures: np.ndarray, n_images: int, rng: np.random.Generator) -> None:
    (folder / "images").mkdir(parents=True)
    names = [f"{wnid}_{index}.JPEG" for index in range(n_images)]
    for index, name in enumerate(names):
        pixels = _varied(pictures[index % len(pictures)], rng)
        (folder / "images" / name).write_bytes(simplejpeg.encode_jpeg(pixels, _QUALITY, "RGB", "420"))
    last = IMAGE_SIZE - 1  # an object that was shifted around an edge has no box but the whole image
    (folder / f"{wnid}_boxes.txt").write_text("".join(f"{name}\t0\t0\t{last}\t{last}\n" for name in names))


def _varied(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    shift = rng.integers(0, IMAGE_SIZE, 2)
    noise = rng.integers(-_NOISE, _NOISE + 1, picture.shape, np.int16)
    bright = np.roll(picture, shift, (0, 1)) * np.float32(rng.uniform(0.8, 1.1))
    return np.clip(bright + noise, 0, 255).astype(np.uint8)
