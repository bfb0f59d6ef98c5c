"""Run folders as a finished training leaves them, written by hand: small, and without a network."""

import io

import numpy as np
import pandas as pd

from helpers.config.profiles import find_recipe
from helpers.core import checksums, provenance, storage
from helpers.training import metrics
from helpers.training.runs import Run

NUM_CLASSES = 5


def assert_same(run, other):
    """Two trainings gave the same bits, in whatever time."""
    assert run.key == other.key
    assert run.history.drop(columns="seconds").equals(other.history.drop(columns="seconds"))
    assert set(run.predictions) == set(other.predictions)
    for name, array in run.predictions.items():
        assert np.array_equal(array, other.predictions[name]), name


def write_run(
    parent,
    model,
    recipe,
    seed=0,
    *,
    right=30,
    n=100,
    validation=(0.1, 0.2, 0.3),
    training=(0.1, 0.2, 0.3),
    train_clean=0.4,
    seconds=10.0,
    started="2022-06-03T10:00:00+00:00",
    finished="2022-06-03T10:01:00+00:00",
    penalty=0.0,
    data="data0",
    split="split0",
    version="abc123",
    permuted=False,
    threads=2,
    **changes,
):
    """A run whose first `right` of `n` images are right on validation and test; `changes` go into `config.json`.

    With `permuted`, its seed permutes the labels after it has answered.
    """
    labels = np.arange(n) % NUM_CLASSES
    predicted = np.where(np.arange(n) < right, labels, (labels + 1) % NUM_CLASSES)
    probabilities = np.full((n, NUM_CLASSES), 0.1, np.float32)
    probabilities[np.arange(n), predicted] = 0.6
    if permuted:
        labels = np.random.default_rng(seed).permutation(labels)
    summary = metrics.summarise(np.log(probabilities), labels)
    key = provenance.digest([model, recipe, seed, data, split, version, changes])
    folder = parent / f"{model}_{recipe}_{seed}_{key[:10]}"
    folder.mkdir(parents=True)
    config = {
        "packages": {"tensorflow": "2.0", "keras": "3.0"},
        "recipe": find_recipe(model, recipe).as_dict(),
        "seed": seed,
        "key": key,
        "profile": "full",
        "data_fingerprint": data,
        "split_fingerprint": split,
    }
    storage.write_json(folder / "config.json", config | changes)
    history = pd.DataFrame({"epoch": np.arange(len(validation)) + 1, "phase": 1, "seconds": seconds})
    for side, values in (("", training), ("validation_", validation)):
        losses = 2 - np.array(values)
        history = history.assign(
            **{f"{side}accuracy": values, f"{side}loss": losses, f"{side}objective": losses + penalty}
        )
    history.to_csv(folder / "history.csv", index=False)
    arrays = {
        f"{part}_{name}": array for part in ("validation", "test") for name, array in _arrays(probabilities, labels)
    }
    np.savez(folder / "predictions.npz", **arrays, unlabelled_probabilities=probabilities[::-1])
    record = {
        "results": {
            "validation": summary,
            "test": summary,
            "train_clean": summary | {"accuracy": train_clean},
        },
        "test_source": "split_off",
        "parameters": 1234567,
        "epochs": len(validation),
        "train_seconds": seconds * len(validation),
        "training_images": 800,
        "data": {"description": "demo data", "layout": "kaggle", "fingerprint": data, "unreadable": []},
        "weights": {"origin": "a file" if model == "mobilenetv2" else "random initialisation", "sha256": ""},
        "hardware": "a CPU, 2 cores",
        "threads": threads,
        "code_version": version,
        "started": started,
        "finished": finished,
    }
    storage.write_json(folder / "run.json", record)
    checksums.write_all(folder)
    return Run(folder)


def _arrays(probabilities, labels):
    return ("probabilities", probabilities), ("labels", labels), ("indices", np.arange(len(labels)))


def encoded(image, format="PNG", **options):
    """A PIL image as the content of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()
