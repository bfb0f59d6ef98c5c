"""Training steps of one network with large pages of memory and with small ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.measure import Comparison, timed
from benchmarks.worker import LARGE, worker
from helpers import batches, config, models, training


@contextmanager
def comparison(n_steps: int = 50) -> Iterator[Comparison]:
    """Steps of the deep CNN as reported, in a process for each size of pages.

    Args:
        n_steps: in each turn.
    """
    with worker(LARGE, _steps, n_steps) as ours, worker("", _steps, n_steps) as peer:
        yield Comparison(
            f"{n_steps} steps of deep_cnn as_reported, large pages of memory against small", ours, peer, aim=1
        )


def _steps(n_steps: int) -> Callable[[], float]:
    """Steps on noise."""
    recipe = config.find_recipe("deep_cnn", "as_reported")
    model = training.compiled(models.build(recipe, config.NUM_CLASSES), recipe.phases[0], n_steps)
    shape = (recipe.batch_size, config.IMAGE_SIZE, config.IMAGE_SIZE, 3)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, shape, np.uint8)
    labels = rng.integers(0, config.NUM_CLASSES, recipe.batch_size)
    stream = iter(batches.training_batches(images, labels, recipe, config.NUM_CLASSES, 0))

    def train() -> None:
        for _ in range(n_steps):
            model.train_on_batch(*next(stream))

    return timed(train)
