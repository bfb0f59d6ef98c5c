"""Epochs of training, the wait for input, memory, and the time to the report's accuracy."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf

from benchmarks.measure import Comparison, row, seconds
from benchmarks.reported_way import generator
from helpers import batches, config, evaluation, features, models, paths, training
from helpers.config import Recipe
from helpers.dataset import Dataset, Split, make_split, open_source
from helpers.weights import BaseWeights

_IMAGES = 2000  # in an epoch that is timed
_WAIT_STEPS = 60
_TARGET = replace(config.find_recipe("mobilenetv2", "improved"), input_size=96)
_TARGET_IMAGES = 20_000


def comparisons(dataset: Dataset, split: Split, weights: BaseWeights) -> list[Comparison]:
    """An epoch of each kind of network, fed by the project's batches and by the report's generator.

    Args:
        dataset: its first training images are used.
        split: its split.
        weights: of MobileNetV2.
    """
    chosen = np.random.default_rng(0).permutation(split.train)[:_IMAGES]
    images, labels = dataset.images[chosen], dataset.labels[chosen]
    found = []
    for name in ("shallow_cnn", "deep_cnn"):
        recipe = config.find_recipe(name, "as_reported")
        ours, peer = (_fresh(recipe, weights, dataset.num_classes) for _ in range(2))
        found.append(
            Comparison(
                f"epoch of {name} as_reported, {len(chosen):,} images, {recipe.batch_size} a batch",
                _epoch(ours, batches.training_batches(images, labels, recipe, dataset.num_classes, 0), recipe, labels),
                _epoch(peer, generator(images, labels, recipe, dataset.num_classes), recipe, labels),
                aim=1.5,
            )
        )
    return [*found, _frozen_epoch(images, labels, dataset.num_classes, weights)]


def waiting(dataset: Dataset, split: Split, weights: BaseWeights) -> list[dict[str, object]]:
    """Rows with the share of a training step that is spent waiting for its batch."""
    rows = []
    for recipe in (config.find_recipe(name, "as_reported") for name in ("shallow_cnn", "deep_cnn", "mobilenetv2")):
        model = _fresh(recipe, weights, dataset.num_classes)
        images, labels = dataset.images[split.train[:_IMAGES]], dataset.labels[split.train[:_IMAGES]]
        stream = iter(batches.training_batches(images, labels, recipe, dataset.num_classes, 0))
        name = f"waiting for input, {recipe.model} as_reported"
        rows.append(row(name, ours=_share_waiting(model, stream), unit="of a step", aim="under 0.05"))
    return rows


def time_to_reported_accuracy(dataset: Dataset, split: Split, weights: BaseWeights) -> dict[str, object]:
    """A row with the seconds from decoded data to a head on frozen features, beside those of the report's training."""
    reported = config.REPORTED["mobilenetv2"]
    start = time.perf_counter()
    chosen = np.random.default_rng(0).permutation(split.train)[:_TARGET_IMAGES]
    labels, phase = dataset.labels[chosen], _TARGET.phases[0]
    model = _fresh(_TARGET, weights, dataset.num_classes)
    head, stream = _head(model, dataset.images[chosen], labels, _TARGET, dataset.num_classes)
    steps = batches.steps_per_epoch(len(labels), _TARGET.batch_size)
    head.fit(stream, epochs=phase.epochs, steps_per_epoch=steps, verbose=0, shuffle=False)
    took = time.perf_counter() - start
    images, labels = dataset.part(split, "validation")  # test images are for frozen recipes alone
    accuracy = evaluation.accuracy(training.predict(model, images), labels)
    name = f"to the report's {reported.accuracy:.1%}: a head on features of {len(chosen):,} images reached {accuracy:.1%} on validation"
    return row(name, ours=took, peer=reported.seconds, unit="s", ratio=reported.seconds / took, aim="ours under 120 s")


def memory(source: Path) -> dict[str, object]:
    """A row with the memory that opening a source and training on all of it take beyond TensorFlow itself."""
    command = [sys.executable, "-c", "from benchmarks import epochs; epochs.print_memory()"]
    environment = os.environ | {"PROBED": str(source)}
    probe = subprocess.run(command, env=environment, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    gigabytes = float(probe.stdout.split()[-1])
    return row(
        "memory beyond TensorFlow, shallow_cnn as_reported on all images", ours=gigabytes, unit="GiB", aim="under 2"
    )


def print_memory() -> None:
    """Peak memory of some steps on all training images of a source, less what the process had before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dataset = open_source(os.environ["PROBED"])
    split = make_split(dataset)
    recipe = config.find_recipe("shallow_cnn", "as_reported")
    images, labels = dataset.part(split, "train")
    model = training.compiled(models.build(recipe, dataset.num_classes), recipe.phases[0], _WAIT_STEPS)
    stream = batches.training_batches(images, labels, recipe, dataset.num_classes, 0)
    model.fit(stream, steps_per_epoch=_WAIT_STEPS, verbose=0, shuffle=False)
    training.predict(model, dataset.part(split, "validation")[0])
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)


def _fresh(recipe: Recipe, weights: BaseWeights, num_classes: int) -> keras.Model:
    """A compiled network before its first step; a MobileNetV2 with its pretrained base."""
    is_pretrained = recipe.network.startswith("mobilenetv2")
    model = models.build(replace(recipe, width=weights.width if is_pretrained else recipe.width), num_classes)
    if is_pretrained and weights.file:
        models.load_base_weights(model, weights.width, weights.file)
    models.set_trainable(model, recipe.phases[0])
    return training.compiled(model, recipe.phases[0], 1, recipe.label_smoothing)


def _epoch(model: keras.Model, stream: object, recipe: Recipe, labels: np.ndarray) -> Callable[[], object]:
    steps = batches.steps_per_epoch(len(labels), recipe.batch_size)
    return lambda: model.fit(stream, steps_per_epoch=steps, verbose=0, shuffle=False)


def _share_waiting(model: keras.Model, stream: Iterator) -> float:
    model.train_on_batch(*next(stream))
    waited, worked = 0.0, 0.0
    for _ in range(_WAIT_STEPS):
        start = time.perf_counter()
        batch = next(stream)
        waited += time.perf_counter() - start
        worked += seconds(partial(model.train_on_batch, *batch))
    return waited / (waited + worked)


def _frozen_epoch(images: np.ndarray, labels: np.ndarray, num_classes: int, weights: BaseWeights) -> Comparison:
    """The report's code sends every image through the frozen base in every epoch."""
    coded = config.find_recipe("mobilenetv2", "as_coded")
    peer = _fresh(coded, weights, num_classes)
    recipe = replace(_TARGET, input_size=config.IMAGE_SIZE)
    head, stream = _head(_fresh(recipe, weights, num_classes), images, labels, recipe, num_classes)
    return Comparison(
        f"epoch of a frozen MobileNetV2, {len(labels):,} images, features computed before",
        _epoch(head, stream, recipe, labels),
        _epoch(peer, generator(images, labels, coded, num_classes), coded, labels),
        aim=20,
    )


def _head(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, recipe: Recipe, num_classes: int
) -> tuple[keras.Model, tf.data.Dataset]:
    """The part of a network above its frozen base, and batches of features for it."""
    phase = recipe.phases[0]
    base = models.trunk(model, phase.frozen_below)
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, {"TINYIMAGE_CACHE": folder}):
        found = np.array(features.activations(base, images, "benchmark", progress=lambda line: None))
    steps = phase.epochs * batches.steps_per_epoch(len(labels), recipe.batch_size)
    head = training.compiled(models.tail(model, phase.frozen_below), phase, steps, recipe.label_smoothing)
    return head, batches.training_batches([found], labels, recipe, num_classes, 0, from_pixels=False)
