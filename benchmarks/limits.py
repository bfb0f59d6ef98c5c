"""What bounds the training of a network from scratch: the size of memory pages, and the optimizer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from benchmarks.measure import Comparison, timed
from benchmarks.worker import LARGE, worker
from helpers import batches, config, models, training
from helpers.config import Phase


@contextmanager
def large_pages(n_steps: int = 50) -> Iterator[Comparison]:
    """Steps of the deep CNN as reported with large pages of memory and with small ones, in a process each.

    Args:
        n_steps: in each turn.
    """
    phase = config.find_recipe("deep_cnn", "as_reported").phases[0]
    settings = ("deep_cnn", phase, n_steps)
    with worker(LARGE, _steps, *settings) as ours, worker("", _steps, *settings) as peer:
        yield Comparison(
            f"{n_steps} steps of deep_cnn as_reported, large pages of memory against small", ours, peer, aim=1
        )


@contextmanager
def optimizer(model: str, n_steps: int = 50) -> Iterator[Comparison]:
    """Steps of a network as reported with plain gradient descent and with Adam, in a process each.

    Gradient descent does the least that a step can do once it has its gradients, so no faster Adam brings more.

    Args:
        model: name of the recipe's model.
        n_steps: in each turn.
    """
    adam = config.find_recipe(model, "as_reported").phases[0]
    descent = replace(adam, optimizer="sgd", momentum=0.0)
    with worker(LARGE, _steps, model, descent, n_steps) as ours, worker(LARGE, _steps, model, adam, n_steps) as peer:
        yield Comparison(f"{n_steps} steps of {model} as_reported, no optimizer to speak of against Adam", ours, peer)


def _steps(model: str, phase: Phase, n_steps: int) -> Callable[[], float]:
    """Steps on noise."""
    recipe = config.find_recipe(model, "as_reported")
    network = training.compiled(models.build(recipe, config.NUM_CLASSES), phase, n_steps)
    shape = (recipe.batch_size, config.IMAGE_SIZE, config.IMAGE_SIZE, 3)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, shape, np.uint8)
    labels = rng.integers(0, config.NUM_CLASSES, recipe.batch_size)
    stream = iter(batches.training_batches(images, labels, recipe, config.NUM_CLASSES, 0))

    def train() -> None:
        for _ in range(n_steps):
            network.train_on_batch(*next(stream))

    return timed(train)
