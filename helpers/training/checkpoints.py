"""Checkpoints, from which an interrupted run is resumed.

The name of a checkpoint holds the hash of its content: one rename puts both in place, and a copy that a network has damaged is
noticed. Where TINYIMAGE_CHECKPOINTS names a folder that other machines reach, a copy of the newest checkpoint is kept there, so
that a run whose machine is lost is resumed on another one.
"""

import uuid
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np

from helpers.core import paths, provenance, storage
from helpers.core.errors import InputError, first_line

_PATTERN = "checkpoint_*.npz"


def save(folder: Path, epoch: int, state: dict[str, np.ndarray]) -> None:
    """Write a checkpoint, and remove the older ones once it is on disk.

    Args:
        folder: of the run.
        epoch: epochs completed.
        state: arrays by name.
    """
    partial = folder / "checkpoint.partial"
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **state)
    target = folder / f"checkpoint_{epoch:04d}_{provenance.file_hash(partial)}.npz"
    storage.rename_durably(partial, target)
    for file in folder.glob(_PATTERN):
        if file != target:
            file.unlink()
    if shared := _Shared.of(folder):
        shared.keep(target)


def load(folder: Path, progress: Callable[[str], None]) -> dict[str, np.ndarray]:
    """The newest intact checkpoint; damaged ones are named and removed.

    Returns:
        Arrays by name; empty where there is none.
    """
    _remove_damaged(folder, progress)  # first, or a damaged one would pass for newer than an intact copy
    if shared := _Shared.of(folder):
        shared.bring_newer()
        _remove_damaged(folder, progress)
    newest = max(folder.glob(_PATTERN), default=None)
    if newest is None:
        return {}
    with np.load(newest) as arrays:
        return {name: arrays[name] for name in arrays.files}


def clear(folder: Path) -> None:
    """Remove all checkpoints of a run that has ended."""
    for file in folder.glob(_PATTERN):
        file.unlink()
    if shared := _Shared.of(folder):
        shared.clear()


def check_shared() -> None:
    """Make sure that files can be written where copies of checkpoints are kept, if TINYIMAGE_CHECKPOINTS names a place.

    Raises:
        InputError: they cannot.
    """
    if not (url := paths.checkpoints()):
        return
    try:
        files, root = fsspec.url_to_fs(url)
        files.makedirs(root, exist_ok=True)
        probe = f"{root.rstrip('/')}/.probe_{uuid.uuid4().hex}"
        files.pipe_file(probe, b"")
        files.rm_file(probe)
    except (ImportError, ValueError, OSError) as error:
        raise InputError(f"CHECKPOINTS={url} cannot be used: {first_line(error)}.") from error


def _remove_damaged(folder: Path, progress: Callable[[str], None]) -> None:
    for file in folder.glob(_PATTERN):
        if file.stem.split("_")[-1] != provenance.file_hash(file):
            progress(f"{file} is damaged and is not used")
            file.unlink()


class _Shared:
    """The copies of one run's checkpoints in a place that every machine reaches, through fsspec."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.files, root = fsspec.url_to_fs(url)
        self.root = f"{root.rstrip('/')}/{folder.name}"

    @classmethod
    def of(cls, folder: Path) -> "_Shared | None":
        url = paths.checkpoints()
        return cls(url, folder) if url else None

    def keep(self, file: Path) -> None:
        self.files.makedirs(self.root, exist_ok=True)
        self.files.put_file(str(file), f"{self.root}/{file.name}")
        for name in self._names():
            if name != file.name:
                self.files.rm_file(f"{self.root}/{name}")

    def bring_newer(self) -> None:
        """Copy the checkpoints of later epochs than this machine has; several where saving the last one was interrupted."""
        here = max((_epoch(file.name) for file in self.folder.glob(_PATTERN)), default=0)
        for name in self._names():
            if _epoch(name) > here:
                self.files.get_file(f"{self.root}/{name}", str(self.folder / name))

    def clear(self) -> None:
        if self.files.exists(self.root):
            self.files.rm(self.root, recursive=True)

    def _names(self) -> list[str]:
        self.files.invalidate_cache()
        return sorted(path.rsplit("/", 1)[-1] for path in self.files.glob(f"{self.root}/{_PATTERN}"))


def _epoch(name: str) -> int:
    return int(name.split("_")[1])
