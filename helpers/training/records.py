"""Compact records of finished runs, small enough to be committed."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from helpers.core import checksums, storage
from helpers.core.checksums import LAST_FILE, NETWORK_CARD, WEIGHTS
from helpers.models import conversion
from helpers.training.runs import Run


def write_record(run: Run, folder: Path, card: dict[str, Any] | None = None) -> Run:
    """Copy what is small of a run: config, history, provenance, float16 probabilities of validation and test.

    Args:
        run: a finished run.
        folder: parent of all records.
        card: what a user of its network needs to know; the record then has the network's weights too.

    Returns:
        The record, readable as a run. One of this run is left as it is, unless it lacks the network or has another card.
    """
    target = folder / f"{run.model}_{run.recipe}_{run.seed}"
    if _is_record_of(target, run, card):
        return Run(target)
    kept = {name: array for name, array in run.predictions.items() if not name.startswith("unlabelled")}
    half = {name: _in_half(array) if array.dtype.kind == "f" else array for name, array in kept.items()}
    with storage.replacing_folder(target) as partial:
        for name in ("config.json", "history.csv", LAST_FILE):
            shutil.copy2(run.folder / name, partial / name)
        with storage.replacing(partial / "predictions.npz") as file:
            np.savez_compressed(file, allow_pickle=False, **half)
        if card is not None:
            conversion.save_weights(run.network(), partial / WEIGHTS)
            storage.write_json(partial / NETWORK_CARD, card)
        checksums.write_all(partial)
    return Run(target)


def _is_record_of(record: Path, run: Run, card: dict[str, Any] | None) -> bool:
    """Whether a sound record has everything that is to be kept of a run."""
    if not checksums.is_complete(record) or Run(record).record != run.record:
        return False
    file = record / NETWORK_CARD
    return card is None or (file.exists() and json.loads(file.read_text()) == card)


def _in_half(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities (n, n_classes) in half precision, with the same most probable classes: ties that rounding makes are broken."""
    half, answers = probabilities.astype(np.float16), probabilities.argmax(axis=1)
    for row in np.flatnonzero(half.argmax(axis=1) != answers):
        half[row, answers[row]] = np.nextafter(half[row].max(), np.float16(2))
    return half
