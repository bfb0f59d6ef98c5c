"""Run folders: what a training run leaves for everybody after it, written and read here.

A folder is complete when it has its `run.json`, which is written last, and every file is what `SHA256SUMS` says
(`sha256sum -c SHA256SUMS` checks it too). It holds:

    config.json       the resolved recipe, seed, profile, and every part of the run's key
    history.csv       one row an epoch
    predictions.npz   probabilities, labels and image indices of validation and test, and of unlabelled images
    model.keras       the network
    logs/             TensorBoard
    SHA256SUMS        hashes of the files above, but for the logs, and of the one below
    run.json          results and provenance

A run whose loss was no longer a number has a `failure.json` instead, and neither predictions nor network. A damaged folder
is named, left out of tables, and trained again by the next call that needs its run. Reading a folder takes each hash once a
process.
"""

import functools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from helpers.config.families import FAMILIES
from helpers.config.labels import name_of
from helpers.config.recipes import Recipe, as_recipe
from helpers.core import checksums, provenance, storage
from helpers.core.checksums import FAILURE_FILE, LAST_FILE, WEIGHTS
from helpers.core.errors import DivergenceError, InputError, first_line
from helpers.models import architecture, conversion, runtime
from helpers.training.metrics import Result
from helpers.training.plans import Plan

# The oldest Keras that reads a `model.keras` written here. 3.15.0 gives the same answers; 3.14.0, 3.13.2, 3.12.0 and 3.11.3
# refuse the settings of layers that they do not know.
OLDEST_KERAS = "3.15.0"


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
        """The content of `run.json`: results by split and provenance. Read it through the properties below."""
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

    @cached_property
    def settings(self) -> Recipe:
        """The recipe that was trained, resolved for its profile and weights."""
        return as_recipe(self.config["recipe"])

    @property
    def title(self) -> str:
        """The display name: "Deep CNN, improved"."""
        return name_of(self.model, self.recipe)

    @property
    def label(self) -> str:
        """The short name of files and lines of progress: "deep_cnn improved"."""
        return f"{self.model} {self.recipe}"

    @property
    def parameters(self) -> int:
        """Parameters of the network."""
        return self.record["parameters"]

    @property
    def epochs(self) -> int:
        """Epochs that were trained."""
        return self.record["epochs"]

    @property
    def train_seconds(self) -> float:
        """Seconds of all epochs; evaluation and the computation of frozen features are not among them."""
        return self.record["train_seconds"]

    @property
    def training_images(self) -> int:
        """How many images the run was trained on."""
        return self.record["training_images"]

    @property
    def test_source(self) -> str:
        """Where the test images come from: `split_off` or `official_val`."""
        return self.record["test_source"]

    @property
    def data_description(self) -> str:
        """The data's name: "TinyImage" or "demo data"."""
        return self.record["data"]["description"]

    @property
    def weights_origin(self) -> str:
        """Where the pretrained weights come from; "random initialisation" without."""
        return self.record["weights"]["origin"]

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the file of pretrained weights; "" without."""
        return self.record["weights"]["sha256"]

    @property
    def hardware(self) -> str:
        """What it was trained on: "AMD EPYC, 2 cores"."""
        return self.record["hardware"]

    @property
    def threads(self) -> int:
        """Threads that TensorFlow divided an operation among."""
        return self.record["threads"]

    @property
    def code_version(self) -> str:
        """The git commit of the code, with "-dirty" where files differed from it."""
        return self.record["code_version"]

    @property
    def finished(self) -> str:
        """When it ended: UTC in the ISO format."""
        return self.record["finished"]

    def result(self, split: str = "test") -> Result:
        """`n`, `accuracy` with its interval, `top5_accuracy` and `loss` on a split."""
        return self.record["results"][split]

    def probabilities(self, split: str = "test") -> np.ndarray:
        """Float (n, n_classes): predicted probabilities on `validation`, `test` or `unlabelled`; rows sum to 1."""
        return self.predictions[f"{split}_probabilities"]

    def predicted(self, split: str = "test") -> np.ndarray:
        """Int (n,): the most probable class of each image."""
        return self.probabilities(split).argmax(axis=1)

    def labels(self, split: str = "test") -> np.ndarray:
        """Int (n,): the true class of each image of `validation` or `test`."""
        return self.predictions[f"{split}_labels"]

    def indices(self, split: str = "test") -> np.ndarray:
        """Int (n,): position of each image of `validation` or `test` in the data set."""
        return self.predictions[f"{split}_indices"]

    def is_right(self, split: str = "test") -> np.ndarray:
        """Bool (n,): whether the most probable class of each image is the true one."""
        return self.predicted(split) == self.labels(split)

    def has_unlabelled(self) -> bool:
        """Whether unlabelled images were predicted: records do not keep these."""
        return "unlabelled_probabilities" in self.predictions

    def has_model(self) -> bool:
        """Whether the network itself is here: of the records, those of the improved recipes have it."""
        is_here = (self.folder / "model.keras").exists() or self.is_network_from_record()
        return is_here and self.has_known_network()

    def has_known_network(self) -> bool:
        """Whether the architecture still exists; an older version of the code may have trained another."""
        return any(self.config["recipe"]["network"] in family.networks for family in FAMILIES.values())

    def is_network_from_record(self) -> bool:
        """Whether the network is that of a compact record, whose kernels are rounded to half precision."""
        return not (self.folder / "model.keras").exists() and (self.folder / WEIGHTS).exists()

    @property
    def network_file(self) -> Path:
        """The file of the network, or of its weights; there is one where `has_model` says so."""
        return self.folder / (WEIGHTS if self.is_network_from_record() else "model.keras")

    def network(self) -> keras.Model:
        """The trained network, not compiled; built from its recipe where a record has its weights alone.

        Raises:
            InputError: the file is damaged, or brings code of its own, which is not run.
        """
        file = self.network_file
        try:
            if file.name == WEIGHTS:
                model = architecture.build(self.settings, self.probabilities("validation").shape[1])
                conversion.load_weights(model, file)
                return model
            return keras.models.load_model(file, compile=False, safe_mode=True)
        except Exception as error:  # Keras and HDF5 raise many kinds
            reason = first_line(error).split(". ")[0].rstrip(".")
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
        return json.loads((self.folder / FAILURE_FILE).read_text())["reason"]


def finished(folder: Path) -> list[Run]:
    """All complete runs or records directly below a folder, by name; damaged ones are named once and left out."""
    return [Run(path) for path in _intact_folders(folder, LAST_FILE)]


def failed(folder: Path) -> list[Failure]:
    """All failed runs directly below a folder, by name; damaged ones are named once and left out."""
    return [Failure(path) for path in _intact_folders(folder, FAILURE_FILE)]


def finish(
    plan: Plan,
    folder: Path,
    model: keras.Model,
    history: pd.DataFrame,
    results: dict[str, Result],
    predictions: dict[str, np.ndarray],
    starts: list[dict[str, Any]],
) -> None:
    """Write what a finished run leaves, `run.json` last.

    Args:
        plan: what was asked for.
        folder: of the run.
        model: the trained network.
        history: one row an epoch, with `seconds`.
        results: by split, as `metrics.summarise` gives them.
        predictions: arrays as `Run.predictions` describes them.
        starts: the first start and each resume, as `runtime.start_record` gives them.
    """
    storage.clear_partial(folder)
    with storage.replacing(folder / "predictions.npz") as partial:
        np.savez(partial, allow_pickle=False, **predictions)
    with storage.replacing(folder / "model.keras") as partial:
        # Without the optimizer's class, which only this project knows, whoever has Keras can load the file.
        keras.Model(model.input, model.output, name=model.name).save(partial)
    dataset, weights = plan.dataset, plan.weights
    _end(
        folder,
        history,
        LAST_FILE,
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
            "hardware": runtime.hardware(),
            "threads": runtime.threads(),
            "versions": provenance.versions(),
            "code_version": provenance.code_version(),
            "started": starts[0]["utc"],
            "resumed": len(starts) - 1,
            "starts": starts,
            "finished": provenance.utc_now(),
        },
    )


def fail(folder: Path, reason: str, history: pd.DataFrame) -> None:
    """Note that a run failed, and how it went until then; it is not tried again."""
    _end(folder, history, FAILURE_FILE, {"reason": reason, "finished": provenance.utc_now()})


def check_not_failed(folder: Path) -> None:
    """Make sure that a run may be trained there; a damaged one that was is removed first.

    Raises:
        DivergenceError: it has failed before.
        InputError: see `checksums.clear_damaged`.
    """
    checksums.clear_damaged(folder)
    if (folder / FAILURE_FILE).exists():
        raise DivergenceError(json.loads((folder / FAILURE_FILE).read_text())["reason"])


def locked(plan: Plan, progress: Callable[[str], None] = print) -> AbstractContextManager[None]:
    """Hold the lock of a run: one process at a time trains it or puts its folder in place; see `storage.locked`."""
    plan.folder.parent.mkdir(parents=True, exist_ok=True)
    return storage.locked(plan.folder.with_suffix(".lock"), f"{plan.name}: another process trains it", progress)


def _end(folder: Path, history: pd.DataFrame, last: str, content: object) -> None:
    """Write the history, then the hashes of all files, then the file that says that a run has ended."""
    with storage.replacing(folder / "history.csv") as partial:
        history.to_csv(partial, index=False)
    text = storage.as_json(content)
    checksums.write(folder, last, text)
    storage.write_text(folder / last, text)


def _intact_folders(folder: Path, last: str) -> list[Path]:
    """Folders whose run has ended with this last file, by name; damaged ones are named and left out."""
    reasons = {path.parent: checksums.damage(path.parent) for path in sorted(folder.glob(f"[!.]*/{last}"))}
    for path, reason in reasons.items():
        if reason:
            _name_damage(path, reason)
    return [path for path, reason in reasons.items() if not reason]


@functools.cache
def _name_damage(folder: Path, reason: str) -> None:
    """Once a process: a notebook reads its runs many times."""
    print(f"{folder} is damaged ({reason}) and is left out", flush=True)
