"""Views of images over which a trained network averages its probabilities."""

import cv2
import numpy as np

from helpers.config.recipes import VIEWS_AT_TEST


def view(images: np.ndarray, name: str) -> np.ndarray:
    """A view of images; one that is zoomed out repeats the edge of the image.

    Args:
        images: uint8 (n, height, width, 3).
        name: in VIEWS_AT_TEST.

    Returns:
        uint8 of the same shape.
    """
    chosen = VIEWS_AT_TEST[name]
    if chosen.scale != 1:
        images = np.stack([_zoomed(image, chosen.scale) for image in images])
    return images[:, :, ::-1] if chosen.mirrored else images


def _zoomed(image: np.ndarray, scale: float) -> np.ndarray:
    height, width = image.shape[:2]
    to_image = np.array([[scale, 0, (1 - scale) * (width - 1) / 2], [0, scale, (1 - scale) * (height - 1) / 2]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    zoomed = cv2.warpAffine(
        image.astype(np.float32), to_image, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return np.rint(zoomed).astype(np.uint8)
