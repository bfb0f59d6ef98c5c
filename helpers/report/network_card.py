"""What a user of a trained network needs beside its weights; records keep it as `network.json`."""

from collections.abc import Sequence
from typing import Any

from helpers.analysis import calibration
from helpers.config.recipes import IMAGE_SIZE
from helpers.training.runs import Run


def network_card(run: Run, class_names: Sequence[str]) -> dict[str, Any]:
    """Plain values: classes, preprocessing, calibration and the confidence to abstain below, accuracy, origin.

    Args:
        run: a finished run.
        class_names: of the labels.
    """
    test = run.result()
    return {
        "model": run.model,
        "recipe": run.recipe,
        "seed": run.seed,
        "key": run.key,
        "title": run.title,
        "class_names": list(class_names),
        "input": f"the middle square of the image, {IMAGE_SIZE} x {IMAGE_SIZE} pixels (Lanczos), RGB, 0 to 255",
        "output": "logits; their softmax is averaged over the views, and its logarithm divided by the temperature",
        "views": list(run.settings.views_at_test),
        **calibration.answering_rule(run),
        "test": {name: test[name] for name in ("n", "accuracy", "accuracy_low", "accuracy_high")},
        "data": run.record["data"]["description"],
        "pretrained_weights": run.record["weights"]["origin"],
    }
