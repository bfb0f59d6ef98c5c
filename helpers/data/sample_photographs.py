"""Two photographs that anybody may show, for figures that the images of a data set cannot be in."""

import numpy as np
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from helpers.config.recipes import IMAGE_SIZE

CREDIT = "photographs: D. Büchele (china.jpg) and vultilion (flower.jpg), CC BY 2.0, as scikit-learn ships them"


def load(size: int = IMAGE_SIZE) -> dict[str, np.ndarray]:
    """The middle squares of the photographs, by what is on them: uint8 (size, size, 3), RGB.

    Args:
        size: pixels of a side; that of the data set where nothing else is asked for.
    """
    files = {"a temple in China": "china.jpg", "a flower": "flower.jpg"}
    return {name: _middle(load_sample_image(file), size) for name, file in files.items()}


def _middle(photograph: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(ImageOps.fit(Image.fromarray(photograph), (size, size), Image.Resampling.LANCZOS))
