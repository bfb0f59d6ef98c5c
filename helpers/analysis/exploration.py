"""Facts about the images themselves, before any network is trained. Arrays in, numbers out."""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from helpers.config.profiles import find_recipe
from helpers.config.recipes import AUGMENTATIONS, Augmentation
from helpers.core.tensorflow import tf
from helpers.data import augment
from helpers.data.dataset import Dataset, Rows, Split
from helpers.data.splits import SPLITS

# A shear "by 30 %" moves a row sideways by 0.3 of its distance from the middle: this angle, in degrees.
SHEAR_OF_30_PERCENT = math.degrees(math.atan(0.3))

_CHUNK = 2000


def split_counts(dataset: Dataset, split: Split) -> pd.DataFrame:
    """How many images each split has, and each class in it.

    Returns:
        One row a split: `split`, `images`, `fewest_in_a_class`, `most_in_a_class`.
    """
    rows: list[tuple[str, int, int | None, int | None]] = []
    for name in SPLITS:
        _, labels = dataset.part(split, name)
        counts = np.bincount(labels, minlength=dataset.num_classes)
        rows.append((name, len(labels), int(counts.min()), int(counts.max())))
    unlabelled = len(dataset.unlabelled_names)
    if unlabelled:
        rows.append(("unlabelled", unlabelled, None, None))
    frame = pd.DataFrame(rows, columns=["split", "images", "fewest_in_a_class", "most_in_a_class"])
    return frame.astype({"fewest_in_a_class": "Int64", "most_in_a_class": "Int64"})


def class_table(dataset: Dataset, columns: int = 5) -> pd.DataFrame:
    """Label number and name of every class, set in columns.

    Args:
        dataset: its `class_names` are the first synonyms in words.txt.
        columns: of the table.

    Returns:
        Text such as "0 goldfish", read down the columns; "" where the last column ends early.
    """
    entries = [f"{label} {name}" for label, name in enumerate(dataset.class_names)]
    rows = -(-len(entries) // columns)
    entries += [""] * (rows * columns - len(entries))
    cells = np.array(entries, object).reshape(columns, rows).T
    return pd.DataFrame(cells, index=[""] * rows, columns=[""] * columns)


def examples(dataset: Dataset, split: Split) -> np.ndarray:
    """The first training image of each class, one in colour where there is one.

    Returns:
        int64 (n_classes,), indices into the labelled images, in the order of the labels.
    """
    colour_first = split.train[np.argsort(dataset.is_grey[split.train], kind="stable")]
    return colour_first[np.unique(dataset.labels[colour_first], return_index=True)[1]]


def sides(dataset: Dataset, split: Split) -> np.ndarray:
    """Which split each labelled image is in.

    Returns:
        Text (n,): "train", "validation", "test", or "unused" where the profile takes a part of the images.
    """
    parts = np.full(len(dataset.labels), "unused", dtype=object)
    for name in SPLITS:
        if name != "test" or split.is_test_split_off:
            parts[getattr(split, name)] = name
    return parts


def channel_statistics(images: np.ndarray) -> pd.DataFrame:
    """Mean and standard deviation of each channel over all pixels of all images.

    Args:
        images: uint8 (n, height, width, 3).

    Returns:
        Index red, green, blue; columns `mean`, `std`, on the scale 0 to 1.
    """
    total, squares, count = np.zeros(3), np.zeros(3), 0
    for chunk in _chunks(images):
        flat = chunk.reshape(-1, 3).astype(np.float64) / 255
        total += flat.sum(0)
        squares += (flat**2).sum(0)
        count += len(flat)
    mean = total / count
    return pd.DataFrame(
        {"mean": mean, "std": np.sqrt(squares / count - mean**2)},
        index=pd.Index(["red", "green", "blue"], name="channel"),
    )


def channel_densities(images: np.ndarray, n_bins: int = 64) -> pd.DataFrame:
    """How often pixel values occur in each channel, over all pixels of all images.

    Args:
        images: uint8 (n, height, width, 3).
        n_bins: of equal width, a divisor of 256.

    Returns:
        Index: the middles of the bins, 0 to 1; columns red, green, blue, which integrate to 1.
    """
    counts = np.zeros((3, 256), np.int64)
    for chunk in _chunks(images):
        counts += [np.bincount(chunk[..., channel].ravel(), minlength=256) for channel in range(3)]
    binned = counts.reshape(3, n_bins, -1).sum(2)
    middles = (np.arange(n_bins) + 0.5) / n_bins
    return pd.DataFrame(
        (n_bins * binned / binned.sum(1, keepdims=True)).T, index=middles, columns=["red", "green", "blue"]
    )


def mean_image(images: np.ndarray) -> np.ndarray:
    """Average of all images, float64 (height, width, 3), 0 to 1."""
    return sum(chunk.sum(0, dtype=np.float64) for chunk in _chunks(images)) / len(images) / 255


def mirror_differences(mean: np.ndarray) -> dict[str, float]:
    """How much a mean image differs from itself mirrored, and from itself upside down.

    Args:
        mean: float (height, width, 3), 0 to 1.

    Returns:
        `left_right` and `upside_down`: mean absolute difference of a pixel, 0 to 1.
    """
    return {
        "left_right": float(np.abs(mean - mean[:, ::-1]).mean()),
        "upside_down": float(np.abs(mean - mean[::-1]).mean()),
    }


def brightness_and_contrast(images: np.ndarray | Rows) -> pd.DataFrame:
    """Mean and standard deviation of each image's grey values.

    Args:
        images: uint8 (n, height, width, 3).

    Returns:
        Columns `brightness`, `contrast`, 0 to 1, one row an image.
    """
    rows = []
    for chunk in _chunks(images):
        grey = _grey(chunk).reshape(len(chunk), -1)
        rows.append(pd.DataFrame({"brightness": grey.mean(1), "contrast": grey.std(1)}))
    return pd.concat(rows, ignore_index=True)


def image_properties(dataset: Dataset, split: Split) -> pd.DataFrame:
    """Properties of test images that may make them easier or harder to recognise.

    Args:
        dataset: the data.
        split: its split.

    Returns:
        One row an image: `area` (of the object's box, a share of the image; nan where no box is known), `brightness` and
        `contrast` (of the grey values, 0 to 1), `sharpness` (standard deviation of the Laplacian of the grey values,
        Pertuz et al. 2013, doi:10.1016/j.patcog.2012.11.011).
    """
    images, _ = dataset.part(split, "test")
    sharpness = np.concatenate([_sharpness(chunk) for chunk in _chunks(images)])
    boxes = dataset.boxes[split.test] if split.is_test_split_off else np.full((len(images), 4), -1)
    area = np.where(boxes[:, 0] >= 0, _areas(boxes, dataset), np.nan)
    return brightness_and_contrast(images).assign(area=area, sharpness=sharpness)


def box_statistics(dataset: Dataset, indices: np.ndarray) -> pd.DataFrame:
    """Size and place of the objects by their bounding boxes.

    Returns:
        Columns `area` (share of the image), `centre_x`, `centre_y` (0 to 1); images without a box are left out.
    """
    boxes = dataset.boxes[indices]
    boxes = boxes[boxes[:, 0] >= 0]
    centres = (boxes[:, 2:] + boxes[:, :2] + 1) / 2 / dataset.images.shape[1]
    return pd.DataFrame({"area": _areas(boxes, dataset), "centre_x": centres[:, 0], "centre_y": centres[:, 1]})


def coverage(dataset: Dataset, indices: np.ndarray) -> np.ndarray:
    """Share of boxes that cover each pixel, float64 (height, width)."""
    size = dataset.images.shape[1]
    boxes = dataset.boxes[indices]
    boxes = np.clip(boxes[boxes[:, 0] >= 0], 0, size - 1)
    # Corners of every box in a table whose double running sum counts covers.
    table = np.zeros((size + 1, size + 1))
    for rows, columns, sign in ((1, 0, 1), (3, 0, -1), (1, 2, -1), (3, 2, 1)):
        np.add.at(table, (boxes[:, rows] + (rows == 3), boxes[:, columns] + (columns == 2)), sign)
    return table.cumsum(0).cumsum(1)[:size, :size] / max(1, len(boxes))


def nearest_in_training(dataset: Dataset, split: Split, part: str = "test", side: int = 16) -> pd.DataFrame:
    """For each image of a split, the training image most like it, by the correlation of small grey versions.

    Args:
        dataset: the data.
        split: its split.
        part: "validation" or "test".
        side: images are averaged down to side x side grey values first.

    Returns:
        Columns `position` (in the split), `nearest` (index into the labelled images), `correlation` (-1 to 1),
        most alike first.
    """
    images, _ = dataset.part(split, part)
    training, _ = dataset.part(split, "train")
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_thumbnails(training, side))
    distance, nearest = search.kneighbors(_thumbnails(images, side))
    frame = pd.DataFrame(
        {
            "position": np.arange(len(images)),
            "nearest": split.train[nearest[:, 0]],
            # Between vectors of length 1 with mean 0, squared distance and correlation say the same.
            "correlation": 1 - distance[:, 0] ** 2 / 2,
        }
    )
    return frame.sort_values("correlation", ascending=False, ignore_index=True, kind="stable")


def augmentation_rows(image: np.ndarray, seed: int, draws: int = 4) -> dict[str, np.ndarray]:
    """One image under each of the report's transforms alone, at its limits, and under whole augmentations at random.

    Args:
        image: uint8 (height, width, 3).
        seed: of the random draws.
        draws: random variants in a row.

    Returns:
        By words for the row, float32 (1 + variants, height, width, 3), 0 to 255: the image itself, then its variants.
    """
    copies = np.repeat(image[None], draws, axis=0)
    rows = {
        name: augment.transform(np.repeat(image[None], len(next(iter(values.values()))), axis=0), _tensors(values))
        for name, values in _limits(AUGMENTATIONS["report"], image.shape[0]).items()
    }
    improved = find_recipe("deep_cnn", "improved").augmentation
    for title, name in (("report, at random", "report"), ("improved, at random", improved)):
        rows[title] = augment.augment(copies, AUGMENTATIONS[name], tf.constant([seed, 0]))
    return {name: np.concatenate([image[None], np.asarray(variants)]) for name, variants in rows.items()}


def augmentation_changes(images: np.ndarray) -> pd.DataFrame:
    """How far each of the report's transforms, alone and at its limits, changes an image.

    Args:
        images: uint8 (n, height, width, 3); a few hundred are enough.

    Returns:
        Columns `transform`, `mean_change` (mean absolute difference of a pixel value, 0 to 255, over images and limits),
        `sharpness` (as in `image_properties`, mean over images and limits, as a share of that of the images as they are).
    """
    rows, before = [], _sharpness(images.astype(np.float32)).mean()
    for name, values in _limits(AUGMENTATIONS["report"], images.shape[1]).items():
        ends = [dict(zip(values, end, strict=True)) for end in zip(*values.values(), strict=True)]
        changed = [
            augment.transform(images, _tensors({k: [v] * len(images) for k, v in end.items()})).numpy() for end in ends
        ]
        change = np.mean([np.abs(variant - images).mean() for variant in changed])
        sharpness = np.mean([_sharpness(variant).mean() for variant in changed]) / before
        rows.append((name, float(change), float(sharpness)))
    return pd.DataFrame(rows, columns=["transform", "mean_change", "sharpness"])


def interpolated(image: np.ndarray, side: int = 24) -> tuple[dict[str, np.ndarray], list[float]]:
    """What interpolation does to an image.

    Args:
        image: uint8 (height, width, 3).
        side: of the crops from its middle, in pixels.

    Returns:
        Crops by what was done to the whole image, float32 (side, side, 3), 0 to 255; and the sharpness of the whole images (see
        `image_properties`) as a share of that of the first, which is as it is stored.
    """
    turn = AUGMENTATIONS["report"].rotation_degrees
    changes: dict[str, dict[str, list[float]]] = {
        "as stored": {},
        "moved by one pixel": {"tx": [-1.0], "ty": [-1.0]},
        "moved by a quarter pixel": {"tx": [-0.25], "ty": [-0.25]},
        f"turned by {turn:g} degrees": {"theta": [turn]},
    }
    images = np.concatenate([augment.transform(image[None], _tensors(values)).numpy() for values in changes.values()])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    sharpness = _sharpness(images)
    crops = images[:, top : top + side, left : left + side]
    return dict(zip(changes, crops, strict=True)), (sharpness / sharpness[0]).tolist()


def mixed(first: np.ndarray, second: np.ndarray, seed: int, draws: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """What CutMix makes of an image when it pastes from another one.

    Args:
        first: uint8 (size, size, 3).
        second: uint8 (size, size, 3), pasted from.
        seed: of the rectangles.
        draws: how many.

    Returns:
        float32 (draws, size, size, 3), 0 to 255, and the targets, float32 (draws, 2): the shares of first and second.
    """
    batch = tf.constant(np.stack([first, second] * draws), tf.float32)
    images, targets = augment.cutmix(batch, tf.one_hot([0, 1] * draws, 2), tf.constant([seed, 0]))
    return images[::2].numpy(), targets[::2].numpy()


def nearest_others(vectors: np.ndarray) -> np.ndarray:
    """For each image the nearest other one, by the angle between their vectors.

    Args:
        vectors: numbers (n, ...), pixels or features; flattened.

    Returns:
        int64 (n,), positions among the n.
    """
    flat = np.asarray(vectors, np.float32).reshape(len(vectors), -1)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute", metric="cosine").fit(flat)
    return search.kneighbors(return_distance=False)[:, 0]


def embedding_map(features: np.ndarray, seed: int) -> np.ndarray:
    """Places in the plane such that images with like features lie together (t-SNE, van der Maaten & Hinton 2008).

    Args:
        features: float (n, d), n above 30.
        seed: of the layout.

    Returns:
        float32 (n, 2).
    """
    reduced = PCA(min(50, *features.shape), random_state=seed).fit_transform(np.asarray(features, np.float32))
    return TSNE(init="pca", perplexity=min(30, len(features) / 4), random_state=seed).fit_transform(reduced)


def _sharpness(images: np.ndarray) -> np.ndarray:
    """Standard deviation of the Laplacian of the grey values, (n,), of images 0 to 255, uint8 or float32."""
    return np.array([cv2.Laplacian(grey, cv2.CV_32F).std() for grey in _grey(images)])


def _grey(images: np.ndarray) -> np.ndarray:
    """Grey values, the mean of the channels, float32 (n, height, width), 0 to 1, of images 0 to 255."""
    return images.mean(axis=3, dtype=np.float32) / 255


def _limits(augmentation: Augmentation, size: int) -> dict[str, dict[str, list[float]]]:
    """Parameters for `augment.transform` that hold each transform alone at its limits, by words for it."""
    a, far, near = augmentation, 1 + augmentation.zoom, 1 - augmentation.zoom
    pixels = a.shift * size
    return {
        f"rotation, {a.rotation_degrees:g} degrees": {"theta": [-a.rotation_degrees, a.rotation_degrees]},
        f"shift, {100 * a.shift:g} %": {"tx": [-pixels, pixels, 0, 0], "ty": [0, 0, -pixels, pixels]},
        f"zoom, {100 * a.zoom:g} %": {"zx": [near, far, near, far], "zy": [near, far, far, near]},
        f"shear, {a.shear_degrees:g} degrees": {"shear": [-a.shear_degrees, a.shear_degrees]},
        f"shear, 30 % ({SHEAR_OF_30_PERCENT:.1f} degrees)": {"shear": [-SHEAR_OF_30_PERCENT, SHEAR_OF_30_PERCENT]},
        "flip, horizontal": {"flip_horizontal": [1]},
        "flip, vertical": {"flip_vertical": [1]},
    }


def _tensors(values: dict[str, list[float]]) -> dict[str, tf.Tensor]:
    return {name: tf.constant(numbers, tf.float32) for name, numbers in values.items()}


def _areas(boxes: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Share of an image that each box covers."""
    return (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1) / dataset.images.shape[1] ** 2


def _thumbnails(images: np.ndarray | Rows, side: int) -> np.ndarray:
    """Grey versions of side x side values with mean 0 and length 1, float32 (n, side * side)."""
    block = images.shape[1] // side
    small = [
        _grey(chunk).reshape(len(chunk), side, block, side, block).mean((2, 4)).reshape(len(chunk), -1)
        for chunk in _chunks(images)
    ]
    values = np.concatenate(small)
    values -= values.mean(1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


def _chunks(images: np.ndarray | Rows) -> Iterator[np.ndarray]:
    """Some images at a time, so that those of a mapped file need not be in memory together."""
    return (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
