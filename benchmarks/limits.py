"""What a training from scratch gains by large pages of memory, and what a free optimizer or fewer calls could bring it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np

from benchmarks import reported_way
from benchmarks.fitting import timed_fit
from benchmarks.measure import Comparison, timed
from benchmarks.worker import LARGE, worker
from helpers.config import profiles, recipes
from helpers.config.recipes import Phase, Recipe
from helpers.data import batches
from helpers.models import architecture
from helpers.training import fit


@contextmanager
def large_pages(n_steps: int = 50) -> Iterator[Comparison]:
    """Steps of the deep CNN as reported with large pages of memory and with small ones, in a process each.

    Args:
        n_steps: in each turn.
    """
    phase = profiles.find_recipe("deep_cnn", "as_reported").phases[0]
    settings = ("deep_cnn", phase, n_steps)
    with worker(LARGE, _steps, *settings) as ours, worker("", _steps, *settings) as peer:
        yield Comparison(
            f"{n_steps} steps of deep_cnn as_reported, large pages of memory against small", ours, peer, aim=1
        )


@contextmanager
def optimizer(model: str, n_steps: int = 50) -> Iterator[Comparison]:
    """Steps of a network with plain gradient descent, and the report's way, in a process each.

    Gradient descent does the least that a step can do once it has its gradients, so no faster Adam brings more.

    Args:
        model: name of the recipe's model.
        n_steps: in each turn.
    """
    descent = replace(profiles.find_recipe(model, "as_reported").phases[0], optimizer="sgd", momentum=0.0)
    with worker(LARGE, _steps, model, descent, n_steps) as ours, worker("", _reported_steps, model, n_steps) as peer:
        yield Comparison(f"{n_steps} steps of {model} with hardly an optimizer, against the report's way", ours, peer)


@contextmanager
def steps_per_execution(n_steps: int = 50) -> Iterator[Comparison]:
    """Steps of the shallow CNN as reported, ten by a call of TensorFlow and one by one, in a process each.

    Args:
        n_steps: in each turn; a multiple of ten.
    """
    with worker(LARGE, _fitted, 10, n_steps) as ours, worker(LARGE, _fitted, 1, n_steps) as peer:
        yield Comparison(f"{n_steps} steps of shallow_cnn as_reported, ten by a call against one by one", ours, peer)


def _fitted(steps_per_execution: int, n_steps: int) -> Callable[[], float]:
    recipe = profiles.find_recipe("shallow_cnn", "as_reported")
    network = fit.compiled(architecture.build(recipe, recipes.NUM_CLASSES), recipe.phases[0], n_steps)
    network.steps_per_execution = steps_per_execution  # `fit` reads it when it makes its training function
    return timed_fit(network, batches.training_batches(*_noise(recipe), recipe, recipes.NUM_CLASSES, 0), n_steps)


def _steps(model: str, phase: Phase, n_steps: int) -> Callable[[], float]:
    recipe = profiles.find_recipe(model, "as_reported")
    network = fit.compiled(architecture.build(recipe, recipes.NUM_CLASSES), phase, n_steps)
    return _training(network, iter(batches.training_batches(*_noise(recipe), recipe, recipes.NUM_CLASSES, 0)), n_steps)


def _reported_steps(model: str, n_steps: int) -> Callable[[], float]:
    recipe = profiles.find_recipe(model, "as_reported")
    network = reported_way.compiled(architecture.build(recipe, recipes.NUM_CLASSES), recipe)
    return _training(network, reported_way.generator(*_noise(recipe), recipe, recipes.NUM_CLASSES), n_steps)


def _noise(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """A batch of images without content, and labels."""
    rng = np.random.default_rng(0)
    shape = (recipe.batch_size, recipes.IMAGE_SIZE, recipes.IMAGE_SIZE, 3)
    return rng.integers(0, 256, shape, np.uint8), rng.integers(0, recipes.NUM_CLASSES, recipe.batch_size)


def _training(network: keras.Model, stream: Iterator, n_steps: int) -> Callable[[], float]:
    def train() -> None:
        for _ in range(n_steps):
            network.train_on_batch(*next(stream))

    return timed(train)
