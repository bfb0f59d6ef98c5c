"""Ways of training: the project's, the report's, and simpler ones that bound what a faster way could bring.

Each function prepares a network and its batches and returns the work; see `measure.Way`. Images without content are as fast as
photographs, so only what measures accuracy or memory reads a source.
"""

import re
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import reported_way
from benchmarks.measure import Work, seconds
from helpers.analysis import costs
from helpers.config import profiles, report_facts
from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES, Recipe
from helpers.data import batches
from helpers.data.dataset import open_source
from helpers.data.splits import make_split
from helpers.models import architecture, inference
from helpers.models.weights import BaseWeights
from helpers.training import fit, metrics

_HEAD = replace(profiles.find_recipe("mobilenetv2", "improved"), input_size=96)
_HEAD_IMAGES = 20_000


def reported_steps(recipe: Recipe, n_steps: int) -> Work:
    """Steps of the same network as the report's code does them: every image through the whole network, Keras' own generator."""
    network = architecture.build(recipe, NUM_CLASSES)
    architecture.set_trainable(network, recipe.phases[0])
    n_images = n_steps * recipe.batch_size
    images = _noise((n_images, IMAGE_SIZE, IMAGE_SIZE, 3))
    stream = reported_way.generator(images, _labels(n_images), recipe, NUM_CLASSES)
    return costs.timed_fit(reported_way.compiled(network, recipe), stream, n_steps)


def waiting(recipe: Recipe, n_steps: int = 60) -> Work:
    """The share of a step, not seconds, that is spent waiting for its batch."""
    network = architecture.build(recipe, NUM_CLASSES)
    architecture.set_trainable(network, recipe.phases[0])
    network = fit.compiled(network, recipe.phases[0], n_steps)
    n_images = n_steps * recipe.batch_size
    images = _noise((n_images, IMAGE_SIZE, IMAGE_SIZE, 3))
    stream = iter(batches.training_batches(images, _labels(n_images), recipe, NUM_CLASSES, 0))
    network.train_on_batch(*next(stream))

    def share() -> float:
        waited = worked = 0.0
        for _ in range(n_steps):
            start = time.perf_counter()
            batch = next(stream)
            waited += time.perf_counter() - start
            worked += seconds(lambda batch=batch: network.train_on_batch(*batch))
        return waited / (waited + worked)

    return share


def memory(source: Path) -> Work:
    """GiB, not seconds, that decoding a source and an epoch on all of it take beyond TensorFlow itself."""
    before = _peak_memory()

    def peak() -> float:
        dataset = open_source(source)
        split = make_split(dataset)
        recipe = profiles.find_recipe("shallow_cnn", "as_reported")
        images, labels = dataset.part(split, "train")
        n_steps = batches.steps_per_epoch(recipe, len(labels))
        model = fit.compiled(architecture.build(recipe, dataset.num_classes), recipe.phases[0], n_steps)
        stream = batches.training_batches(images, labels, recipe, dataset.num_classes, 0)
        model.fit(stream, steps_per_epoch=n_steps, verbose=0, shuffle=False)
        fit.predict(model, dataset.part(split, "validation")[0])
        return (_peak_memory() - before) / 2**30

    return peak


def time_to_reported_accuracy(source: Path, weights: BaseWeights) -> dict[str, object]:
    """Values of a row: seconds from decoded data to a head on frozen features, beside those that the report logged."""
    reported = report_facts.REPORTED["mobilenetv2"]
    dataset = open_source(source)
    split = make_split(dataset)
    start = time.perf_counter()
    chosen = np.random.default_rng(0).permutation(split.train)[:_HEAD_IMAGES]
    phase = _HEAD.phases[0]
    model = architecture.build(replace(_HEAD, width=weights.width), dataset.num_classes)
    architecture.load_base_weights(model, weights.width, weights.file)
    trunk = architecture.trunk(model, phase.frozen_below)
    rows = inference.forward_pass(trunk, len(chosen))(dataset.images[chosen])
    n_steps = batches.steps_per_epoch(_HEAD, len(rows))
    head = architecture.tail(model, phase.frozen_below)
    head = fit.compiled(head, phase, phase.epochs * n_steps, _HEAD.label_smoothing)
    labels = dataset.labels[chosen]
    stream = batches.training_batches([rows], labels, _HEAD, dataset.num_classes, 0, from_pixels=False)
    head.fit(stream, epochs=phase.epochs, steps_per_epoch=n_steps, verbose=0, shuffle=False)
    ours = time.perf_counter() - start
    images, labels = dataset.part(split, "validation")  # test images are for frozen recipes alone
    accuracy = metrics.accuracy(fit.predict(model, images), labels)
    return {
        "name": f"to the report's {reported.accuracy:.1%} (validation accuracy reached: {accuracy:.1%})",
        "beside": "the report's log, on a GPU",
        "ours": ours,
        "peer": reported.seconds,
        "unit": "s",
        "ratio": reported.seconds / ours,
        "aim": "under 60 s",
        "reached": ours < 60 and accuracy >= reported.accuracy,
        "noticed": True,
    }


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _labels(n_images: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, NUM_CLASSES, n_images)


def _peak_memory() -> int:
    """The most memory that this process has had, in bytes.

    On Linux `getrusage` would begin with the peak of the process that started this one (getrusage(2)).
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024
