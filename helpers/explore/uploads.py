"""A photograph of one's own: read it as the networks see it, and ask them."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageOps

from helpers.config.labels import name_of
from helpers.config.recipes import IMAGE_SIZE, RECIPES
from helpers.core.errors import InputError
from helpers.data.decoding import IMAGE_FORMATS
from helpers.training import fit
from helpers.training.runs import Run

_FORMATS = (*IMAGE_FORMATS, "WEBP")

Network = Callable[[np.ndarray], np.ndarray]


def read_photograph(content: bytes, name: str) -> np.ndarray:
    """The middle square of a photograph, upright, in the size of the data set.

    Args:
        content: of a JPEG, PNG, GIF, BMP, TIFF or WebP file.
        name: of the file, for the message.

    Returns:
        uint8 (64, 64, 3), RGB.

    Raises:
        InputError: it cannot be decoded.
    """
    try:
        photograph = ImageOps.exif_transpose(Image.open(io.BytesIO(content), formats=_FORMATS)).convert("RGB")
    except Exception as error:  # decoders raise many kinds for broken content
        raise InputError(f"{name} cannot be read as an image; try a JPEG or PNG file.") from error
    return np.asarray(ImageOps.fit(photograph, (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.LANCZOS))


def network(run: Run) -> Network:
    """The network of a run, as it predicted in the run.

    Args:
        run: with its `model.keras`.

    Returns:
        From an image, uint8 (64, 64, 3), to probabilities, float32 (n_classes,).
    """
    model = run.network()
    flip = run.settings.flip_at_test
    return lambda image: np.exp(fit.predict(model, image[None], flip)[0])


def missing_networks(runs: Sequence[Run]) -> str:
    """A sentence that names the recipes whose network is not at hand, and why; "" where all are.

    Args:
        runs: finished ones, and records.
    """
    finished = {(run.model, run.recipe) for run in runs}
    at_hand = {(run.model, run.recipe) for run in runs if run.has_model()}
    names = [
        f"{name_of(*key)} ({'only its record is here' if key in finished else 'not run'})"
        for key in ((recipe.model, recipe.name) for recipe in RECIPES)
        if key not in at_hand
    ]
    return f"Networks that cannot be asked: {', '.join(names)}." if names else ""
