"""Run a frozen part of a network once over all images and keep what it gives, on disk."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from helpers.core import paths, provenance, storage
from helpers.data.augment import View
from helpers.data.dataset import Rows
from helpers.models import inference

_CHUNK = 256  # images between two notes of how far a computation is


def activations(
    network: keras.Model,
    inputs: np.ndarray | Rows | View,
    name: str,
    mirrored: bool = False,
    progress: Callable[[str], None] = print,
) -> np.ndarray:
    """What a network gives for every input, computed at most once.

    The computation may be interrupted at any moment; the next call resumes after the last chunk.

    Args:
        network: any model, run in inference mode.
        inputs: (n, ...), pixels or activations, an array or anything that gives arrays for slices.
        name: file name in the cache; it must tell apart everything that decides the result (network, weights, images).
        mirrored: turn images left to right first.
        progress: gets a line at the start of a computation.

    Returns:
        float16 (n, ...), memory-mapped, read-only.
    """
    file = _file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    with storage.locked(file.with_suffix(".lock")):
        if not storage.is_intact(file):
            if file.exists():
                progress(f"{file} is damaged and is computed again")
                file.unlink()
            progress(f"computing {network.name} once for {len(inputs)} images{', mirrored' if mirrored else ''}")
            _compute(network, inputs, file, mirrored)
    return np.load(file, mmap_mode="r")


def kept(name: str) -> np.ndarray | None:
    """What `activations` computed under that name before; None where it has to compute."""
    file = _file(name)
    return np.load(file, mmap_mode="r") if storage.is_intact(file) else None


def _file(name: str) -> Path:
    return paths.cache() / "activations" / f"{name}.npy"


def _compute(network: keras.Model, inputs: np.ndarray | Rows | View, file: Path, mirrored: bool) -> None:
    partial, note = file.with_suffix(".partial"), file.with_suffix(".json")
    shape = (len(inputs), *network.output_shape[1:])
    done = json.loads(note.read_text()) if note.exists() and partial.exists() else 0
    rows = np.lib.format.open_memmap(partial, "r+" if done else "w+", None if done else np.float16, shape)

    forward = inference.forward_pass(network, len(inputs) - done)
    for start in range(done, len(inputs), _CHUNK):
        chunk = np.asarray(inputs[start : start + _CHUNK])
        rows[start : start + _CHUNK] = forward(chunk[:, :, ::-1] if mirrored else chunk)
        rows.flush()
        storage.write_text(note, str(start + len(chunk)))
    del rows
    # The hash first: what is interrupted between the two lines resumes after the last chunk.
    storage.write_checksum(file, provenance.file_hash(partial))
    storage.rename_durably(partial, file)
    note.unlink(missing_ok=True)
