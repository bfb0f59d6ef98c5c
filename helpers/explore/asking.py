"""Ask the networks of runs and records about a photograph."""

from collections.abc import Callable, Sequence

import numpy as np

from helpers.config.labels import name_of
from helpers.config.recipes import RECIPES
from helpers.training import fit
from helpers.training.runs import Run

Network = Callable[[np.ndarray], np.ndarray]


def network(run: Run) -> Network:
    """The network of a run, as it predicted in the run.

    Args:
        run: with its network.

    Returns:
        From an image, uint8 (64, 64, 3), to probabilities, float32 (n_classes,).
    """
    model = run.network()
    flip = run.settings.flip_at_test
    return lambda image: np.exp(fit.predict(model, image[None], flip)[0])


def which_networks(runs: Sequence[Run]) -> str:
    """Sentences that name the recipes whose network is that of a record, and those without one; "" where all have a run folder.

    Args:
        runs: finished ones, and records.
    """
    finished = {(run.model, run.recipe) for run in runs}
    at_hand = {(run.model, run.recipe): run for run in reversed(runs) if run.has_model()}
    from_records = [run.title for run in reversed(at_hand.values()) if run.is_network_from_record()]
    missing = [
        f"{name_of(*key)} ({'its record has no network' if key in finished else 'not run'})"
        for key in ((recipe.model, recipe.name) for recipe in RECIPES)
        if key not in at_hand
    ]
    sentences = [
        f"Networks from committed records (kernels in half precision): {', '.join(from_records)}."
        if from_records
        else "",
        f"Networks that cannot be asked: {', '.join(missing)}." if missing else "",
    ]
    return " ".join(filter(None, sentences))
