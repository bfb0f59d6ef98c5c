"""Checksums of a run folder: `SHA256SUMS` has one for each file that must not change, as `sha256sum -c` reads it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from helpers.core import provenance, storage
from helpers.core.errors import InputError

LAST_FILE = "run.json"
FAILURE_FILE = "failure.json"
_SUMS = "SHA256SUMS"
WEIGHTS = "weights.npz"  # of a record: half the size of model.keras
NETWORK_CARD = "network.json"  # of a record with weights: what a user of the network needs beside them
_FILES = ("config.json", "history.csv", "predictions.npz", "model.keras", WEIGHTS, NETWORK_CARD)


def is_complete(folder: Path) -> bool:
    """Whether a run there has finished and nothing of it is damaged."""
    return (folder / LAST_FILE).exists() and not damage(folder)


def damage(folder: Path) -> str:
    """What is wrong with the files of a run that has ended.

    Returns:
        For example "history.csv is not what was written"; "" where every file is what `SHA256SUMS` says.
    """
    sums = folder / _SUMS
    if not sums.exists():
        return f"{_SUMS} is missing"
    lines = [line.split("  ", 1) for line in sums.read_text("utf-8", "replace").splitlines() if "  " in line]
    expected = {name: sha256 for sha256, name in lines}
    for name in dict.fromkeys(["config.json", "history.csv", _last_file(folder) or LAST_FILE, *expected]):
        file = folder / name
        if name not in (*_FILES, LAST_FILE, FAILURE_FILE) or name not in expected:
            return f"{_SUMS} is not what was written"
        if not file.is_file():
            return f"{name} is missing"
        if storage.hash_once(file) != expected[name]:
            return f"{name} is not what was written"
    return ""


def clear_damaged(folder: Path, progress: Callable[[str], None] = print) -> None:
    """Remove what says that a damaged run has ended, so that it is trained again, and say so.

    Call it where no other process trains the run.

    Raises:
        InputError: the run has ended but has no checksums; it may be intact, and training it again may take hours.
    """
    if _last_file(folder) is None:
        return
    if not (folder / _SUMS).exists():
        raise InputError(
            f"{folder} has a run without checksums ({_SUMS}); if you trust it, call helpers.core.checksums.write_all with this "
            "folder once, else remove it, and it is trained again."
        )
    if reason := damage(folder):
        progress(f"{folder} is damaged ({reason}) and is trained again")
        for name in (LAST_FILE, FAILURE_FILE, _SUMS):
            (folder / name).unlink(missing_ok=True)
        storage.sync_folder(folder)


def write_all(folder: Path) -> None:
    """Write the checksums of a run as it lies there, which must be trusted.

    Raises:
        InputError: no run has ended there.
    """
    last = _last_file(folder)
    if last is None:
        raise InputError(
            f"{folder} has neither {LAST_FILE} nor {FAILURE_FILE}; name the folder of a run that has ended."
        )
    write(folder, last, (folder / last).read_text())


def write(folder: Path, last: str, content: str) -> None:
    """Write the checksums of a run's files.

    Args:
        folder: of the run.
        last: name of the file that says that the run has ended; it need not be there yet.
        content: of that file.
    """
    sums = {name: provenance.file_hash(folder / name) for name in _FILES if (folder / name).exists()}
    sums[last] = hashlib.sha256(content.encode()).hexdigest()
    storage.write_text(folder / _SUMS, "".join(f"{sha256}  {name}\n" for name, sha256 in sums.items()))


def _last_file(folder: Path) -> str | None:
    return next((name for name in (LAST_FILE, FAILURE_FILE) if (folder / name).exists()), None)
