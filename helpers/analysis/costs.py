"""Cost of networks: parameters, multiply-adds per image, images per second."""

import time
from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from keras import layers

from helpers.core.tensorflow import tf
from helpers.models import architecture
from helpers.training.runs import Run

_TIMED_IMAGES = 200
_REPEATS = 3


def multiply_adds(model: keras.Model) -> int:
    """Multiply-add operations of convolutions and dense layers for one image; what the other layers do is small beside them.

    Args:
        model: of layers as this project's networks have them.
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D):
            # Every number of the kernel is used once at each place of the output.
            total += int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:3]))
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def training_bytes(model: keras.Model, batch_size: int) -> int:
    """Memory of a training step with Adam, in bytes of float32: outputs of all layers kept for the gradient, weights, gradients, two moments.

    Work space of the kernels, which depends on the device, is not in it.

    Args:
        model: the network.
        batch_size: images a step.
    """
    kept = sum(int(np.prod(layer.output.shape[1:])) for layer in model.layers)
    return 4 * (batch_size * kept + 4 * model.count_params())


def images_per_second(model: keras.Model) -> float:
    """Images that a network classifies in a second on this machine, the best of several rounds.

    The best, since other programs can only slow a round down.

    Args:
        model: from pixels to logits.
    """
    forward = tf.function(lambda pixels: model(pixels, training=False))
    images = tf.random.stateless_uniform((_TIMED_IMAGES, *model.input.shape[1:]), (0, 0), 0, 255)
    seconds = []
    for _ in range(_REPEATS + 1):
        begin = time.perf_counter()
        forward(images).numpy()
        seconds.append(time.perf_counter() - begin)
    return _TIMED_IMAGES / min(seconds[1:])  # the first round traces the graph


def measure(runs: Sequence[Run]) -> pd.DataFrame:
    """What the networks of runs cost; they are built anew, since neither number depends on what was learned.

    Test-time augmentation (horizontal flip) counts: such a recipe computes each prediction twice.

    Args:
        runs: one for each recipe; one whose network today's code no longer builds is left out.

    Returns:
        Columns `model`, `recipe`, `parameters`, `multiply_adds` (for one answer), `images_per_second`.
    """
    rows = []
    for run in runs:
        num_classes = run.probabilities().shape[1]
        recipe = run.settings
        network = architecture.build(recipe, num_classes)
        if network.count_params() != run.parameters:
            continue
        passes = 1 + recipe.flip_at_test
        rows.append(
            {
                "model": run.model,
                "recipe": run.recipe,
                "parameters": network.count_params(),
                "multiply_adds": passes * multiply_adds(network),
                "images_per_second": round(images_per_second(network) / passes, 1),
            }
        )
    return pd.DataFrame(rows, columns=["model", "recipe", "parameters", "multiply_adds", "images_per_second"])


def epoch_seconds_by_phase(history: pd.DataFrame) -> dict[int, float]:
    """Median seconds of an epoch of each phase, without the first of several, which also builds the graph.

    Args:
        history: columns `phase` and `seconds`, one row an epoch.
    """
    return {
        int(phase): float((epochs["seconds"].iloc[1:] if len(epochs) > 1 else epochs["seconds"]).median())
        for phase, epochs in history.groupby("phase")
    }
