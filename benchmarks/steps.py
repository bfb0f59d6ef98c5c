"""What is measured on a data set of any size, each step in a process of its own: `python -m benchmarks.steps STEP SOURCE`.

A step is prepared first, outside the clock; the line "ready" says that the clock starts, and a line of JSON how long it took.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from helpers.config import recipes
from helpers.config.profiles import find_recipe
from helpers.core import paths
from helpers.data import batches
from helpers.data.dataset import Dataset, open_source
from helpers.data.splits import make_split
from helpers.models import architecture, features
from helpers.models.weights import find_weights
from helpers.training import metrics

Work = Callable[[], object]

_CHUNK = 10_000  # rows of predictions made at a time


def decode(source: Path) -> Work:
    """Opens a source that was never opened before."""
    return lambda: open_source(source)


def reopen(source: Path) -> Work:
    """Opens a source whose images are in the cache."""
    return lambda: open_source(source)


def split(source: Path) -> Work:
    """Divides the images."""
    dataset = open_source(source)
    return lambda: make_split(dataset)


def batch(source: Path) -> Work:
    """Takes an epoch of augmented batches, as the improved shallow CNN gets them; nothing is trained."""
    dataset = open_source(source)
    parts = make_split(dataset)
    images, labels = dataset.part(parts, "train")
    recipe = find_recipe("shallow_cnn", "improved")
    steps = batches.steps_per_epoch(recipe, len(labels))
    stream = batches.training_batches(images, labels, recipe, dataset.num_classes, 0).take(steps)
    return lambda: [None for _ in stream]


def extract(source: Path) -> Work:
    """Computes what the demo's frozen MobileNetV2 makes of every image, and keeps it."""
    dataset = open_source(source)
    network = frozen_base(dataset)
    return lambda: features.activations(network, dataset.images, "scaling", progress=lambda line: None)


def evaluate(source: Path) -> Work:
    """Summarises predictions for every image, which lie in a file."""
    dataset = open_source(source)
    file = paths.cache() / "predictions.npy"
    shape = (len(dataset.labels), dataset.num_classes)
    predictions = np.lib.format.open_memmap(file, "w+", np.float32, shape)
    rng = np.random.default_rng(0)
    for start in range(0, len(predictions), _CHUNK):
        scores = rng.standard_normal(predictions[start : start + _CHUNK].shape, np.float32)
        predictions[start : start + _CHUNK] = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    predictions.flush()
    del predictions
    return lambda: metrics.summarise(np.load(file, mmap_mode="r"), dataset.labels)


def frozen_base(dataset: Dataset) -> keras.Model:
    """What `training` freezes of the improved MobileNetV2, for the demo's weights at the images' own size."""
    weights = find_weights("", is_demo=True)
    recipe = replace(find_recipe("mobilenetv2", "improved"), width=weights.width, input_size=recipes.IMAGE_SIZE)
    model = architecture.build(recipe, dataset.num_classes)
    architecture.load_base_weights(model, weights.width, weights.file)
    return architecture.trunk(model, recipe.phases[0].frozen_below)


STEPS = {step.__name__: step for step in (decode, reopen, split, batch, extract, evaluate)}


def main(name: str, source: Path) -> None:
    """Prepare a step, say so, time it, say that."""
    work = STEPS[name](source)
    print("ready", flush=True)
    start = time.perf_counter()
    work()
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
