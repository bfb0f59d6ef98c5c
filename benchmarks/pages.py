"""Training steps of one network in two processes: with large pages of memory, as the Makefile asks for, and with small ones.

The size of pages is settled when a process starts, so each way has a process of its own, which trains when it is told to.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.measure import Comparison
from helpers import batches, config, models, paths, training

TUNABLE = "GLIBC_TUNABLES"
LARGE = "glibc.malloc.hugetlb=1"
_STEPS = 50  # in each turn


@contextmanager
def comparison() -> Iterator[Comparison]:
    """The steps of the deep CNN as reported; both processes end with the block."""
    recipe = config.find_recipe("deep_cnn", "as_reported")
    with _trainer(LARGE) as ours, _trainer("") as peer:
        name = f"{_STEPS} steps of {recipe.model} {recipe.name}, large pages of memory against small"
        yield Comparison(name, lambda: _turn(ours), lambda: _turn(peer), aim=1)


@contextmanager
def _trainer(tunable: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "from benchmarks import pages; pages.train_when_told()"]
    process = subprocess.Popen(
        command,
        env=os.environ | {TUNABLE: tunable},
        cwd=paths.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _turn(trainer: subprocess.Popen[str]) -> None:
    """One turn of a trainer.

    Raises:
        RuntimeError: it has ended.
    """
    print("go", file=trainer.stdin)
    if trainer.stdout.readline() != "done\n":
        raise RuntimeError(f"The process that trains ended with status {trainer.wait()}; see above.")


def train_when_told() -> None:
    """Train for `_STEPS` steps, on noise, for each line of standard input."""
    recipe = config.find_recipe("deep_cnn", "as_reported")
    model = training.compiled(models.build(recipe, config.NUM_CLASSES), recipe.phases[0], _STEPS)
    shape = (recipe.batch_size, config.IMAGE_SIZE, config.IMAGE_SIZE, 3)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, shape, np.uint8)
    labels = rng.integers(0, config.NUM_CLASSES, recipe.batch_size)
    stream = iter(batches.training_batches(images, labels, recipe, config.NUM_CLASSES, 0))
    for _ in sys.stdin:
        for _ in range(_STEPS):
            model.train_on_batch(*next(stream))
        print("done", flush=True)
