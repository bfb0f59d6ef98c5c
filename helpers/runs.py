"""Run folders: what a training run leaves for everybody after it, written and read here.

A folder is complete when it has its `run.json`, which is written last. It holds:

    config.json       the resolved recipe, seed, profile, and every part of the run's key
    history.csv       one row an epoch
    predictions.npz   probabilities, labels and image indices of validation and test, and of unlabelled images
    model.keras       the network
    logs/             TensorBoard
    run.json          results and provenance

A run whose loss was no longer a number has a `failure.json` instead.
"""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from helpers import devices, provenance, storage
from helpers.errors import DivergenceError, InputError
from helpers.plans import Plan

LAST_FILE = "run.json"
_FAILURE = "failure.json"
RECORD_FILES = ("config.json", "history.csv", LAST_FILE)


@dataclass(frozen=True)
class Run:
    """A finished run, read from its folder or from its compact record.

    Attributes:
        folder: where it lies.
    """

    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """What was asked for: `recipe`, `seed`, `profile`, `key` and the parts of the key."""
        return json.loads((self.folder / "config.json").read_text())

    @cached_property
    def record(self) -> dict[str, Any]:
        """What came out: `results` by split, `parameters`, `train_seconds`, provenance."""
        return json.loads((self.folder / LAST_FILE).read_text())

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row an epoch, from 1: `epoch`, `phase`, `objective`, `accuracy`, `loss`, their `validation_` twins.

        `objective` is what the optimizer saw, with penalties and label smoothing; `loss` is the cross-entropy alone.
        """
        return pd.read_csv(self.folder / "history.csv")

    @cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        """`<split>_probabilities` float (n, n_classes), `<split>_labels`, `<split>_indices` int (n,); and
        `unlabelled_probabilities` where there were such images.
        """
        with np.load(self.folder / "predictions.npz") as arrays:
            return {name: arrays[name] for name in arrays.files}

    @property
    def model(self) -> str:
        """For example "deep_cnn"."""
        return self.config["recipe"]["model"]

    @property
    def recipe(self) -> str:
        """`as_reported`, `as_coded` or `improved`."""
        return self.config["recipe"]["name"]

    @property
    def seed(self) -> int:
        """Of initialisation, order and augmentation."""
        return self.config["seed"]

    @property
    def key(self) -> str:
        """Hash of everything that decides the result."""
        return self.config["key"]

    @property
    def label(self) -> str:
        """For legends: "deep_cnn improved"."""
        return f"{self.model} {self.recipe}"

    def result(self, split: str = "test") -> dict[str, float]:
        """`n`, `accuracy` with its interval, `top5_accuracy` and `loss` on a split."""
        return self.record["results"][split]

    def is_right(self, split: str = "test") -> np.ndarray:
        """Bool (n,): whether the most probable class of each image is the true one."""
        return self.predictions[f"{split}_probabilities"].argmax(axis=1) == self.predictions[f"{split}_labels"]

    def has_unlabelled(self) -> bool:
        """Whether unlabelled images were predicted: records do not keep these."""
        return "unlabelled_probabilities" in self.predictions

    def has_model(self) -> bool:
        """Whether the network itself is here: records do not have it."""
        return (self.folder / "model.keras").exists()

    def network(self) -> keras.Model:
        """The trained network, not compiled.

        Raises:
            InputError: the file is damaged, or brings code of its own, which is not run.
        """
        file = self.folder / "model.keras"
        try:
            return keras.models.load_model(file, compile=False, safe_mode=True)
        except Exception as error:  # Keras and HDF5 raise many kinds
            reason = str(error).split(". ")[0].splitlines()[0].rstrip(".")
            raise InputError(
                f"{file} is no network that this project saved ({reason}); remove its run folder and train it again."
            ) from error


@dataclass(frozen=True)
class Failure:
    """A run whose loss became infinite or undefined.

    Attributes:
        folder: where it lies.
    """

    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """What was asked for, as in `Run`."""
        return json.loads((self.folder / "config.json").read_text())

    @cached_property
    def reason(self) -> str:
        """For example "deep_cnn improved, seed 0: the loss was nan in epoch 2"."""
        return json.loads((self.folder / _FAILURE).read_text())["reason"]


def is_complete(folder: Path) -> bool:
    """Whether a run there has finished."""
    return (folder / LAST_FILE).exists()


def finished(folder: Path) -> list[Run]:
    """All complete runs or records directly below a folder, by name."""
    return [Run(path.parent) for path in sorted(folder.glob(f"*/{LAST_FILE}"))]


def failed(folder: Path) -> list[Failure]:
    """All failed runs directly below a folder, by name."""
    return [Failure(path.parent) for path in sorted(folder.glob(f"*/{_FAILURE}"))]


def finish(
    plan: Plan,
    folder: Path,
    model: keras.Model,
    history: pd.DataFrame,
    results: dict[str, dict[str, float]],
    predictions: dict[str, np.ndarray],
    started: str,
) -> None:
    """Write what a finished run leaves, `run.json` last.

    Args:
        plan: what was asked for.
        folder: of the run.
        model: the trained network.
        history: one row an epoch, with `seconds`.
        results: by split, as `evaluation.summarise` gives them.
        predictions: arrays as `Run.predictions` describes them.
        started: time in UTC.
    """
    np.savez(folder / "predictions.npz", **predictions)
    history.to_csv(folder / "history.csv", index=False)
    model.save(folder / "model.keras", include_optimizer=False)
    dataset, weights = plan.dataset, plan.weights
    write_json(
        folder / LAST_FILE,
        {
            "results": results,
            "test_source": plan.split.test_source,
            "parameters": model.count_params(),
            "epochs": len(history),
            "train_seconds": round(float(history["seconds"].sum()), 1),
            "training_images": len(plan.split.train),
            "data": {
                "description": dataset.description,
                "layout": dataset.layout,
                "fingerprint": dataset.fingerprint,
                "unreadable": dataset.unreadable,
            },
            "weights": {
                "origin": weights.origin if weights else "random initialisation",
                "sha256": weights.sha256 if weights else "",
            },
            "hardware": provenance.hardware(),
            "threads": devices.threads(),
            "versions": provenance.versions(),
            "code_version": provenance.code_version(),
            "started": started,
            "finished": provenance.utc_now(),
        },
    )


def fail(folder: Path, reason: str, history: pd.DataFrame) -> None:
    """Note that a run failed, and how it went until then; it is not tried again."""
    history.to_csv(folder / "history.csv", index=False)
    write_json(folder / _FAILURE, {"reason": reason, "finished": provenance.utc_now()})


def check_not_failed(folder: Path) -> None:
    """Raises DivergenceError where a run there has failed before."""
    if (folder / _FAILURE).exists():
        raise DivergenceError(json.loads((folder / _FAILURE).read_text())["reason"])


def write_json(path: Path, value: object) -> None:
    """Write plain data so that a file is there whole or not at all."""
    with storage.replacing(path) as partial:
        partial.write_text(json.dumps(value, indent=1) + "\n")


def write_record(run: Run, folder: Path) -> Run:
    """Copy what is small of a run: config, history, provenance, float16 probabilities of validation and test.

    Args:
        run: a finished run.
        folder: parent of all records.

    Returns:
        The record, readable as a run.
    """
    target = folder / f"{run.model}_{run.recipe}_{run.seed}"
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in RECORD_FILES:
        shutil.copy2(run.folder / name, partial / name)
    kept = {name: array for name, array in run.predictions.items() if not name.startswith("unlabelled")}
    half = {name: array.astype(np.float16) if array.dtype.kind == "f" else array for name, array in kept.items()}
    np.savez_compressed(partial / "predictions.npz", **half)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return Run(target)
