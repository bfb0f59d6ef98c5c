"""Ways of computing a trained network's outputs."""

from unittest.mock import patch

import numpy as np

from benchmarks.measure import Work, timed
from helpers.config import profiles
from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES
from helpers.models import architecture, inference
from helpers.training import fit

LAST_FROZEN = "block_12_add"
_FORWARD = {"LiteRT": inference.with_litert, "Keras": inference.with_keras}


def frozen_features(library: str, n_images: int) -> Work:
    """MobileNetV2 up to block 12 over images; converting it does not count.

    Args:
        library: "LiteRT" or "Keras".
        n_images: in each turn.
    """
    recipe = profiles.find_recipe("mobilenetv2", "improved")
    trunk = architecture.trunk(architecture.build(recipe, NUM_CLASSES), LAST_FROZEN)
    forward, images = _FORWARD[library](trunk), _images(n_images)
    return timed(lambda: forward(images))


def evaluation(library: str, n_images: int) -> Work:
    """Probabilities of the improved MobileNetV2, averaged over images and mirror images; converting it counts.

    Args:
        library: "LiteRT" or "Keras".
        n_images: in each turn.
    """
    model, images = (
        architecture.build(profiles.find_recipe("mobilenetv2", "improved"), NUM_CLASSES),
        _images(n_images),
    )

    def evaluate() -> np.ndarray:
        with patch.object(inference, "forward_pass", lambda network, n_images: _FORWARD[library](network)):
            return fit.predict(model, images, ("image", "mirror image"))

    return timed(evaluate)


def _images(n_images: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n_images, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
