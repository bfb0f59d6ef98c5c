"""Facts about the images themselves, before any network is trained. Arrays in, numbers out."""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from helpers.dataset import Dataset, Split

_CHUNK = 2000


def split_counts(dataset: Dataset, split: Split) -> pd.DataFrame:
    """How many images each split has, and each class in it.

    Returns:
        One row a split: `split`, `images`, `fewest_in_a_class`, `most_in_a_class`.
    """
    rows = []
    for name in ("train", "validation", "test"):
        _, labels = dataset.part(split, name)
        counts = np.bincount(labels, minlength=dataset.num_classes)
        rows.append((name, len(labels), int(counts.min()), int(counts.max())))
    unlabelled = len(dataset.unlabelled_names)
    if unlabelled:
        rows.append(("unlabelled", unlabelled, None, None))
    frame = pd.DataFrame(rows, columns=["split", "images", "fewest_in_a_class", "most_in_a_class"])
    return frame.astype({"fewest_in_a_class": "Int64", "most_in_a_class": "Int64"})


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


def mean_image(images: np.ndarray) -> np.ndarray:
    """Average of all images, float64 (height, width, 3), 0 to 1."""
    return sum(chunk.sum(0, dtype=np.float64) for chunk in _chunks(images)) / len(images) / 255


def brightness_and_contrast(images: np.ndarray) -> pd.DataFrame:
    """Mean and standard deviation of each image's grey values.

    Args:
        images: uint8 (n, height, width, 3).

    Returns:
        Columns `brightness`, `contrast`, 0 to 1, one row an image.
    """
    grey = [chunk.mean(axis=3, dtype=np.float32).reshape(len(chunk), -1) / 255 for chunk in _chunks(images)]
    return pd.DataFrame(
        {
            "brightness": np.concatenate([values.mean(1) for values in grey]),
            "contrast": np.concatenate([values.std(1) for values in grey]),
        }
    )


def box_statistics(dataset: Dataset, indices: np.ndarray) -> pd.DataFrame:
    """Size and place of the objects by their bounding boxes.

    Returns:
        Columns `area` (share of the image), `centre_x`, `centre_y` (0 to 1); images without a box are left out.
    """
    boxes = dataset.boxes[indices]
    boxes = boxes[boxes[:, 0] >= 0]
    size = dataset.images.shape[1]
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    centres = (boxes[:, 2:] + boxes[:, :2] + 1) / 2 / size
    return pd.DataFrame({"area": sides.prod(1) / size**2, "centre_x": centres[:, 0], "centre_y": centres[:, 1]})


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
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_thumbnails(dataset.images[split.train], side))
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


def _thumbnails(images: np.ndarray, side: int) -> np.ndarray:
    """Grey versions of side x side values with mean 0 and length 1, float32 (n, side * side)."""
    block = images.shape[1] // side
    small = [
        chunk.mean(3, dtype=np.float32)
        .reshape(len(chunk), side, block, side, block)
        .mean((2, 4))
        .reshape(len(chunk), -1)
        for chunk in _chunks(images)
    ]
    values = np.concatenate(small)
    values -= values.mean(1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


def _chunks(images: np.ndarray) -> list[np.ndarray]:
    return [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
