"""The embedded demo: a procedural data set in the layout of the Kaggle archive.

A class is one kind of object: an outline (star or polygon with a number of corners), a texture and two hues.
An image shows one such object under nuisance that carries no label: position, scale, rotation, light, a
background of waves, clutter, noise. It is a stand-in with which everything can be seen to work; numbers made
from it say nothing about photographs.
"""

import csv
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.config.demo_data import DemoData, Nuisance
from helpers.config.recipes import IMAGE_SIZE
from helpers.core import storage

_SMALL = (0.12, 0.28)  # radius of clutter
TEXTURES = ("plain", "striped", "checked", "dotted", "ringed")
HUE_NAMES = (
    "red",
    "orange",
    "yellow",
    "lime",
    "green",
    "jade",
    "cyan",
    "azure",
    "blue",
    "violet",
    "magenta",
    "rose",
)
CORNER_NAMES = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven"}


@dataclass(frozen=True)
class ObjectClass:
    """What the images of one class have in common.

    Attributes:
        corners: number of corners or lobes of the outline, 3 to 7.
        depth: how deep the lobes are cut, 0 to 0.5, as a share of the radius; unused by polygons.
        polygon: straight edges instead of lobes.
        texture: one of TEXTURES.
        frequency: periods of the texture over the object's diameter.
        hues: hue of the object and of its texture, in turns (0 to 1).
    """

    corners: int
    depth: float
    polygon: bool
    texture: str
    frequency: float
    hues: tuple[float, float]

    @property
    def name(self) -> str:
        """Words for the class, as `words.txt` has them: "lime and rose striped star with five points"."""
        first, second = (HUE_NAMES[round(hue * len(HUE_NAMES)) % len(HUE_NAMES)] for hue in self.hues)
        hue = first if self.texture == "plain" or first == second else f"{first} and {second}"
        outline = "polygon" if self.polygon else "star"
        ends = "corners" if self.polygon else "points"
        return f"{hue} {self.texture} {outline} with {CORNER_NAMES[self.corners]} {ends}"


def object_classes(num_classes: int, seed: int) -> list[ObjectClass]:
    """Draw classes; another seed gives other classes.

    Args:
        num_classes: how many.
        seed: any non-negative integer.
    """
    rng = np.random.default_rng([seed, num_classes])
    return [
        ObjectClass(
            corners=int(rng.integers(3, 8)),
            depth=float(rng.uniform(0.15, 0.5)),
            polygon=bool(rng.random() < 0.4),
            texture=TEXTURES[rng.integers(len(TEXTURES))],
            frequency=float(rng.uniform(1.5, 5.0)),
            hues=(float(rng.random()), float(rng.random())),
        )
        for _ in range(num_classes)
    ]


def demo_classes(num_classes: int, seed: int) -> list[ObjectClass]:
    """Classes whose two hues are spread evenly, so that a network can learn to tell them apart in few steps.

    Args:
        num_classes: how many; the hues form a grid of about its square root in each direction.
        seed: of everything but the hues.
    """
    steps = math.ceil(math.sqrt(num_classes))
    return [
        replace(kind, hues=(index % steps / steps, index // steps / steps))
        for index, kind in enumerate(object_classes(num_classes, seed))
    ]


def render(
    kind: ObjectClass, n_images: int, nuisance: Nuisance, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw images of one class.

    Args:
        kind: the class.
        n_images: how many.
        nuisance: what varies within the class, and how much.
        rng: source of all that varies.

    Returns:
        images: uint8 array, (n_images, 64, 64, 3), RGB.
        boxes: integer array, (n_images, 4): x_min, y_min, x_max, y_max of the object in pixels, inclusive.
    """
    ys, xs = np.mgrid[-1 : 1 : IMAGE_SIZE * 1j, -1 : 1 : IMAGE_SIZE * 1j].astype(np.float32)
    canvas = _background(n_images, rng, xs, ys)
    for _ in range(nuisance.clutter):
        other = object_classes(1, int(rng.integers(2**31)))[0]
        mask, paint = _draw(other, n_images, rng, xs, ys, _SMALL, 0.95, nuisance.hue_drift)
        canvas += mask * (paint - canvas)
    mask, paint = _draw(kind, n_images, rng, xs, ys, nuisance.scale, nuisance.reach, nuisance.hue_drift)
    canvas += mask * (paint - canvas)
    canvas *= _light(n_images, rng, xs, ys)
    noise = rng.normal(0, 1, canvas.shape).astype(np.float32)
    canvas += noise * rng.uniform(*nuisance.noise, (n_images, 1, 1, 1)).astype(np.float32)
    return (np.clip(canvas, 0, 1) * 255).astype(np.uint8), _boxes(mask[..., 0] > 0.5)


def write_demo(folder: Path, demo: DemoData) -> Path:
    """Write the demo data set in the layout of the Kaggle archive, or keep the one that is there.

    Some images repeat in a second class and some are grey, as in the real data set, so that every view of the
    data exploration has something to show.

    Args:
        folder: where to write; it appears only when complete.
        demo: numbers of classes and images, and seed.

    Returns:
        The folder.
    """
    if folder.exists():
        return folder
    kinds = demo_classes(demo.num_classes, demo.seed)
    wnids = [f"d{index:08d}" for index in range(demo.num_classes)]
    with storage.replacing_folder(folder) as partial:
        test: list[np.ndarray] = []
        previous = None
        for index, (wnid, kind) in enumerate(zip(wnids, kinds, strict=True)):
            rng = np.random.default_rng([demo.seed, index])
            images, boxes = render(kind, demo.images_per_class + demo.test_images_per_class, demo.nuisance, rng)
            images[: demo.grey_per_class] = images[: demo.grey_per_class].mean(-1, keepdims=True)
            train, unlabelled = np.split(images, [demo.images_per_class])
            if previous is not None and index < 2 * demo.duplicate_pairs and index % 2:
                train[-1] = previous
            previous = train[-1]
            _write_class(partial / "train" / "train" / wnid, wnid, train, boxes, demo.grey_per_class)
            test.extend(unlabelled)
        _write_test(partial, test, np.random.default_rng([demo.seed, 10**6]))
        (partial / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in wnids))
        (partial / "words.txt").write_text(
            "".join(f"{w}\t{name}\n" for w, name in zip(wnids, _names(kinds), strict=True))
        )
    return folder


def _names(kinds: list[ObjectClass]) -> list[str]:
    """A name for each class; the second of two alike is numbered."""
    seen: Counter[str] = Counter()
    names = []
    for kind in kinds:
        seen[kind.name] += 1
        names.append(kind.name if seen[kind.name] == 1 else f"{kind.name} ({seen[kind.name]})")
    return names


def _write_class(folder: Path, wnid: str, images: np.ndarray, boxes: np.ndarray, n_grey: int) -> None:
    (folder / "images").mkdir(parents=True)
    lines = []
    for index, (image, box) in enumerate(zip(images, boxes, strict=False)):
        name = f"{wnid}_{index}.JPEG"
        picture = Image.fromarray(image)
        (picture.convert("L") if index < n_grey else picture).save(folder / "images" / name, "JPEG", quality=92)
        lines.append("\t".join([name, *map(str, box)]) + "\n")
    (folder / f"{wnid}_boxes.txt").write_text("".join(lines))


def _write_test(folder: Path, images: list[np.ndarray], rng: np.random.Generator) -> None:
    (folder / "test" / "test" / "images").mkdir(parents=True)
    letters = list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    with (folder / "submission_sample.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["img_id", "label"])
        for index in rng.permutation(len(images)):
            name = "".join(rng.choice(letters, 18))
            Image.fromarray(images[index]).save(folder / "test" / "test" / "images" / f"{name}.jpg", quality=92)
            writer.writerow([name, 0])


def _background(n: int, rng: np.random.Generator, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Three coloured waves around a random grey, (n, 64, 64, 3) float32."""
    canvas = np.full((n, IMAGE_SIZE, IMAGE_SIZE, 3), 1, np.float32) * _uniform(rng, 0.2, 0.8, (n, 1, 1, 3))
    for _ in range(3):
        kx, ky = _uniform(rng, -6, 6, (n, 1, 1)), _uniform(rng, -6, 6, (n, 1, 1))
        wave = np.sin(kx * xs + ky * ys + _uniform(rng, 0, 6.3, (n, 1, 1)))
        canvas += wave[..., None] * _uniform(rng, -0.13, 0.13, (n, 1, 1, 3))
    return canvas


def _light(n: int, rng: np.random.Generator, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """A brightness for each image and a slope across it, (n, 64, 64, 1) float32."""
    slope = _uniform(rng, -0.25, 0.25, (n, 1, 1)) * xs + _uniform(rng, -0.25, 0.25, (n, 1, 1)) * ys
    return (_uniform(rng, 0.6, 1.25, (n, 1, 1)) * (1 + slope))[..., None]


def _draw(
    kind: ObjectClass,
    n: int,
    rng: np.random.Generator,
    xs: np.ndarray,
    ys: np.ndarray,
    scale: tuple[float, float],
    reach: float,
    hue_drift: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Mask (n, 64, 64, 1) in [0, 1] and colour (n, 64, 64, 3) of an object at random places."""
    size = _uniform(rng, *scale, (n, 1, 1))
    angle = _uniform(rng, 0, 2 * np.pi, (n, 1, 1))
    x, y = xs - _uniform(rng, -reach, reach, (n, 1, 1)), ys - _uniform(rng, -reach, reach, (n, 1, 1))
    u = (np.cos(angle) * x + np.sin(angle) * y) / size
    v = (np.cos(angle) * y - np.sin(angle) * x) / size * _uniform(rng, 0.85, 1.18, (n, 1, 1))
    radius, theta = np.hypot(u, v), np.arctan2(v, u)
    mask = 1 / (1 + np.exp(np.clip((radius - _outline(kind, theta)) * size * 40, -30, 30)))
    weight = _texture(kind, u, v, radius)[..., None]
    inks = [_colour(hue, hue_drift, n, rng) for hue in kind.hues]
    return mask[..., None], inks[0] * (1 - weight) + inks[1] * weight


def _outline(kind: ObjectClass, theta: np.ndarray) -> np.ndarray:
    """Distance from centre to edge in the direction theta; the largest is 1."""
    if kind.polygon:
        sector = 2 * np.pi / kind.corners
        return np.cos(sector / 2) / np.cos(np.mod(theta, sector) - sector / 2)
    return 1 - kind.depth + kind.depth * np.cos(kind.corners * theta)


def _texture(kind: ObjectClass, u: np.ndarray, v: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Share of the second ink at every pixel, in [0, 1]."""
    k = np.pi * kind.frequency
    wave = {
        "plain": lambda: np.full_like(u, -1),
        "striped": lambda: np.sin(k * u),
        "checked": lambda: np.sin(k * u) * np.sin(k * v) * 2,
        "dotted": lambda: np.cos(k * u) + np.cos(k * v) - 0.9,
        "ringed": lambda: np.sin(k * radius * 1.3),
    }[kind.texture]()
    return 1 / (1 + np.exp(-6 * wave))


def _colour(hue: float, drift: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """RGB inks around a hue, (n, 1, 1, 3): hue drifts by `drift` turns, saturation and value freely."""
    hues = np.mod(hue + rng.normal(0, drift, (n, 1)), 1)
    saturation, value = rng.uniform(0.3, 0.9, (n, 1)), rng.uniform(0.45, 1, (n, 1))
    # The usual conversion from hue, saturation, value (Smith 1978), for all three channels at once.
    sector = np.mod(np.array([[5, 3, 1]]) + hues * 6, 6)
    rgb = value - value * saturation * np.clip(np.minimum(sector, 4 - sector), 0, 1)
    return rgb.astype(np.float32)[:, None, None, :]


def _boxes(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.asarray(mask.any(2)), np.asarray(mask.any(1))
    last = IMAGE_SIZE - 1
    return np.stack(
        [
            columns.argmax(1),
            rows.argmax(1),
            last - columns[:, ::-1].argmax(1),
            last - rows[:, ::-1].argmax(1),
        ],
        axis=1,
    )


def _uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(low, high, shape).astype(np.float32)
