"""What a run that was cut off goes on from.

The name of a checkpoint holds the hash of its content, so that one rename puts both in place at the same moment.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers import provenance, storage

_PATTERN = "checkpoint_*.npz"


def save(folder: Path, epoch: int, state: dict[str, np.ndarray]) -> None:
    """Keep a state, and remove the older ones once it is on disk.

    Args:
        folder: of the run.
        epoch: epochs behind.
        state: arrays by name.
    """
    partial = folder / "checkpoint.partial"
    with partial.open("wb") as file:
        np.savez(file, **state)
    target = folder / f"checkpoint_{epoch:04d}_{provenance.file_hash(partial)}.npz"
    storage.settle(partial, target)
    for file in folder.glob(_PATTERN):
        if file != target:
            file.unlink()


def load(folder: Path, progress: Callable[[str], None]) -> dict[str, np.ndarray]:
    """The newest state that is what was written; damaged ones are named and removed.

    Returns:
        Arrays by name; empty where there is none.
    """
    for file in sorted(folder.glob(_PATTERN), reverse=True):
        if file.stem.split("_")[-1] == provenance.file_hash(file):
            with np.load(file) as arrays:
                return {name: arrays[name] for name in arrays.files}
        progress(f"{file} is damaged and is not used")
        file.unlink()
    return {}


def clear(folder: Path) -> None:
    """Remove all states of a run that has ended."""
    for file in folder.glob(_PATTERN):
        file.unlink()
