"""Cost of networks: parameters, multiply-adds per image, images per second, seconds of training."""

import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import pandas as pd
from keras import layers

from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES, Phase, Recipe
from helpers.data import batches
from helpers.models import architecture, inference, runtime
from helpers.training import fit
from helpers.training.runs import Run

_MEASURED = ["model", "recipe", "parameters", "multiply_adds", "images_per_second"]
_TIMED = ["train_seconds", "timed_steps", "threads", "hardware"]
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


def images_per_second(model: keras.Model, n_images: int) -> float:
    """Images that a network classifies in a second on this machine, the best of several rounds.

    The best, since other programs can only slow a round down.

    Args:
        model: from pixels to logits.
        n_images: that a run predicts with it; decides whether that is done by Keras or by LiteRT, see `inference.forward_pass`.
    """
    forward = inference.forward_pass(model, n_images)
    images = np.random.default_rng(0).integers(0, 256, (_TIMED_IMAGES, *model.input.shape[1:]), np.uint8)
    seconds = []
    for _ in range(_REPEATS + 1):
        begin = time.perf_counter()
        forward(images)
        seconds.append(time.perf_counter() - begin)
    return _TIMED_IMAGES / min(seconds[1:])  # the first round traces the graph


def training_steps(recipe: Recipe, phase: Phase, n_steps: int, steps_per_call: int = 1) -> Callable[[], float]:
    """Steps of training with 100 classes, from augmented pixels or from the activations that a phase has frozen.

    Images without content are as fast as photographs, so they are noise.

    Args:
        recipe: network, batch size, augmentation.
        phase: what learns, and how.
        n_steps: in each call of what is returned.
        steps_per_call: how many of them TensorFlow does in one call of a function.

    Returns:
        A function that trains for so many steps and returns their seconds; its first call also traces the graph.
    """
    network = architecture.build(recipe, NUM_CLASSES)
    architecture.set_trainable(network, phase)
    learner = architecture.tail(network, phase.frozen_below)
    learner = fit.compiled(learner, phase, n_steps, recipe.label_smoothing, steps_per_call)
    n_images, shape = n_steps * recipe.batch_size, learner.input_shape[1:]
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (n_images, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    inputs = [random.random((n_images, *shape), np.float32).astype(np.float16)] if phase.frozen_below else pixels
    labels = random.integers(0, NUM_CLASSES, n_images)
    stream = batches.training_batches(inputs, labels, recipe, NUM_CLASSES, 0, from_pixels=not phase.frozen_below)
    return timed_fit(learner, stream, n_steps)


def timed_fit(model: keras.Model, stream: object, n_steps: int) -> Callable[[], float]:
    """A function that fits a compiled model for so many steps of a stream of batches and returns their seconds."""

    def train() -> float:
        clock = _Clock()
        model.fit(stream, steps_per_epoch=n_steps, verbose=0, shuffle=False, callbacks=[clock])
        return clock.seconds

    return train


class _Clock(keras.callbacks.Callback):
    """Times the steps of a `fit`.

    Time after the last step does not count: tf.data frees a stream when the thread that tunes it wakes, whose periods of sleep
    double, so that `fit` of 30 s may end after 41 s.
    """

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.seconds = time.perf_counter() - self.start


def training_seconds(recipe: Recipe, n_images: int, n_steps: int) -> float:
    """Seconds that a training takes on this machine, by a few timed steps of each phase; evaluation is not in them.

    Args:
        recipe: what is trained.
        n_images: its training images.
        n_steps: that are timed in each phase.
    """
    total = 0.0
    for phase in recipe.phases:
        keras.utils.clear_session()
        train = training_steps(recipe, phase, n_steps, fit.steps_per_call(n_steps))
        train()
        total += phase.epochs * batches.steps_per_epoch(recipe, n_images) * train() / n_steps
    return total


def measure(runs: Sequence[Run], timed_steps: int = 0) -> pd.DataFrame:
    """What the networks of runs cost; they are built anew, since no number depends on what was learned.

    Test-time augmentation counts: such a recipe computes each prediction once for each view.

    Args:
        runs: one for each recipe; one whose network today's code no longer builds is left out.
        timed_steps: steps of each phase by which the time of a training is measured; 0 to leave it out.

    Returns:
        Columns `model`, `recipe`, `parameters`, `multiply_adds` (for one answer), `images_per_second`; with `timed_steps` also
        `train_seconds` (of `training_seconds`), `timed_steps`, `threads` and `hardware`.
    """
    rows = []
    for run in filter(Run.has_known_network, runs):
        num_classes = run.probabilities().shape[1]
        recipe = run.settings
        network = architecture.build(recipe, num_classes)
        if network.count_params() != run.parameters:
            continue
        passes = len(recipe.views_at_test)
        predicted = passes * sum(run.result(split)["n"] for split in ("validation", "test"))
        row = {
            "model": run.model,
            "recipe": run.recipe,
            "parameters": network.count_params(),
            "multiply_adds": passes * multiply_adds(network),
            "images_per_second": round(images_per_second(network, predicted) / passes, 1),
        }
        if timed_steps:
            row["train_seconds"] = round(training_seconds(recipe, run.training_images, timed_steps), 1)
            row |= {"timed_steps": timed_steps, "threads": runtime.threads(), "hardware": runtime.hardware()}
        rows.append(row)
    return pd.DataFrame(rows, columns=[*_MEASURED, *(_TIMED if timed_steps else [])])


def epoch_seconds_by_phase(history: pd.DataFrame) -> dict[int, float]:
    """Median seconds of an epoch of each phase, without the first of several, which also builds the graph.

    Args:
        history: columns `phase` and `seconds`, one row an epoch.
    """
    return {
        int(phase): float((epochs["seconds"].iloc[1:] if len(epochs) > 1 else epochs["seconds"]).median())
        for phase, epochs in history.groupby("phase")
    }


def slower_second_phase(history: pd.DataFrame) -> float:
    """Seconds of an epoch of the second phase over those of the first; see `epoch_seconds_by_phase`."""
    seconds = epoch_seconds_by_phase(history)
    return seconds[2] / seconds[1]
