"""Two photographs that anybody may show, for figures that the images of a data set cannot be in."""

import numpy as np
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from helpers.config.recipes import IMAGE_SIZE

CREDIT = "photographs: D. Büchele (china.jpg) and vultilion (flower.jpg), CC BY 2.0, as scikit-learn ships them"


def load() -> dict[str, np.ndarray]:
    """The middle squares of the photographs, by what is on them, in the size of the data set: uint8 (64, 64, 3), RGB."""
    files = {"a temple in China": "china.jpg", "a flower": "flower.jpg"}
    return {name: _middle(load_sample_image(file)) for name, file in files.items()}


def _middle(photograph: np.ndarray) -> np.ndarray:
    return np.asarray(ImageOps.fit(Image.fromarray(photograph), (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS))
