"""Explorers that work in a page itself: pictures and counts made ahead, which a few lines of JavaScript choose from."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from helpers.config.demo_data import DEMO
from helpers.config.labels import MODEL_NAMES
from helpers.config.profiles import find_recipe
from helpers.config.recipes import AUGMENTATIONS
from helpers.core import paths
from helpers.core.tensorflow import tf
from helpers.data import augment, demo, sample_photographs
from helpers.report import selection
from helpers.training.runs import Run

VIEWS = 8  # of a photograph under one augmentation
N_ANSWERS = 5
_CLASSES = range(0, DEMO.num_classes, 5)  # as many as make a page that loads at once
_PER_CLASS, _COLUMNS = 16, 8
_RECORDS = paths.FIGURES / "full" / "records"


def write(folder: Path) -> dict[str, Any]:
    """Write the pictures of all explorers.

    Args:
        folder: for them, new; a page names them from beside it.

    Returns:
        What the page `explore.md` is filled with.
    """
    folder.mkdir(parents=True)
    photographs = list(sample_photographs.load().items())
    for number, (_, photograph) in enumerate(photographs):
        _write_views(folder, number, photograph)
    named = answers()
    return {
        "folder": folder.name,
        "classes": _write_classes(folder),
        "answers": named,
        "answers_json": json.dumps(named, separators=(",", ":")).replace("<", "\\u003c"),
        "by_name": sorted(enumerate(named["classes"]), key=lambda of_label: of_label[1]),
        "rows": N_ANSWERS,
        "photographs": [name for name, _ in photographs],
        "credit": sample_photographs.CREDIT,
        "views": VIEWS,
    }


def answers(records: Path = _RECORDS) -> dict[str, Any]:
    """How often the first seed of each improved network names which class, on test.

    Returns:
        `classes` (names by label), `n` (images of each class) and `networks`: `name` and `named`, for each class the answers given
        most often, as pairs of label and count.
    """
    runs = [Run(records / f"{model}_improved_0") for model in selection.FAMILIES]
    card = json.loads((records / "mobilenetv2_improved_0" / "network.json").read_text())
    labels = runs[0].labels()
    return {
        "classes": card["class_names"],
        "n": np.bincount(labels).tolist(),
        "networks": [
            {
                "name": MODEL_NAMES[run.model],
                "named": [
                    Counter(run.predicted()[run.labels() == own].tolist()).most_common(N_ANSWERS)
                    for own in range(labels.max() + 1)
                ],
            }
            for run in runs
        ],
    }


def _write_classes(folder: Path) -> dict[int, str]:
    """Images of some classes of the demo, one picture a class; returns the names of the classes by number."""
    kinds = demo.demo_classes(DEMO.num_classes, DEMO.seed)
    for index in _CLASSES:
        n, rng = DEMO.images_per_class + DEMO.test_images_per_class, np.random.default_rng([DEMO.seed, index])
        images, _ = demo.render(kinds[index], n, DEMO.nuisance, rng)
        rows = images[-_PER_CLASS:].reshape(-1, _COLUMNS, *images.shape[1:])
        _save(np.concatenate(np.concatenate(rows, axis=1), axis=1), folder / f"class_{index}.webp", 65)
    return {index: kinds[index].name for index in _CLASSES}


def _write_views(folder: Path, number: int, photograph: np.ndarray) -> None:
    """A photograph as training sees it, each view a picture; without augmentation there is one."""
    improved = find_recipe("deep_cnn", "improved").augmentation
    copies = np.repeat(photograph[None], VIEWS, axis=0)
    for name, ranges, n in (("report", "report", VIEWS), ("improved", improved, VIEWS), ("none", "none", 1)):
        views = augment.augment(copies[:n], AUGMENTATIONS[ranges], tf.constant([0, number])).numpy()
        for place, view in enumerate(views, 1):
            _save(np.clip(view, 0, 255).round().astype(np.uint8), folder / f"view_{number}_{name}_{place}.webp", 90)


def _save(image: np.ndarray, file: Path, quality: int) -> None:
    Image.fromarray(image).save(file, quality=quality, method=6)
