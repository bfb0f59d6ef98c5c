"""Files that are there whole or not at all, that can be told from damaged ones, and that one process at a time makes."""

import functools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from helpers.core import provenance


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside a path; what was written there takes the path's place at the end, on disk.

    Where the block fails, the temporary file is removed and the path is left as it was. The temporary name has the ending of
    the path, since many libraries choose the format of a file by it.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        settle(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text so that the file is there complete or not at all."""
    with replacing(path) as partial:
        partial.write_text(text)


def write_json(path: Path, value: object) -> None:
    """Write plain data so that the file is there complete or not at all."""
    write_text(path, as_json(value))


def as_json(value: object) -> str:
    """Plain data as the text of a file."""
    return json.dumps(value, indent=1) + "\n"


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside one; with what was written there it takes the place of that one, and of all in it, at the end.

    Where the block fails, what was written is removed and the folder is left as it was.
    """
    partial, old = (folder.with_name(f".{folder.name}{kind}.partial") for kind in ("", ".old"))

    def clean_up() -> None:
        if old.exists() and not folder.exists():  # ended between the two renames
            old.rename(folder)
        for path in (partial, old):
            shutil.rmtree(path, ignore_errors=True)

    clean_up()
    partial.mkdir(parents=True)
    try:
        yield partial
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
        settle_folder(folder.parent)
    finally:
        clean_up()


def settle(partial: Path, path: Path) -> None:
    """Rename a finished file once its content is on disk, so that no crash can leave the name without the content."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    settle_folder(path.parent)


def settle_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_partial(folder: Path) -> None:
    """Remove what a process that was killed left half-made below a folder; call it where nobody else writes."""
    for path in list(folder.rglob(".*.partial*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def locked(lock: Path, others: str, progress: Callable[[str], None] = print) -> Iterator[None]:
    """Hold a lock that other processes respect; the system takes it from a process that ends, however that ends.

    Args:
        lock: its file, which stays.
        others: what another process does that holds it, for the line that is shown before waiting.
        progress: gets that line.
    """
    held = FileLock(lock)
    try:
        held.acquire(blocking=False)
    except Timeout:
        progress(f"{others}; this one waits for it")
        held.acquire()
    try:
        yield
    finally:
        held.release()


def seal(file: Path, digest: str) -> None:
    """Note the SHA-256 that a file has, or will have in a moment, beside it."""
    with replacing(note_of(file)) as partial:
        partial.write_text(f"{digest}  {file.name}\n")


def is_sealed(file: Path) -> bool:
    """Whether a hash was noted for a file."""
    return note_of(file).exists()


def sealed_hash(file: Path) -> str:
    """The SHA-256 that was noted for a file; "" where none was."""
    note = note_of(file)
    words = note.read_text("ascii", "replace").split() if note.exists() else []
    return words[0] if words else ""


def is_sound(file: Path) -> bool:
    """Whether a file is there and is what was sealed."""
    return file.exists() and sealed_hash(file) == hash_once(file)


def note_of(file: Path) -> Path:
    """Where the hash of a file is noted."""
    return file.with_name(f"{file.name}.sha256")


def hash_once(file: Path) -> str:
    """SHA-256 of a file, read once a process as long as it looks the same (inode, size, time of change)."""
    facts = file.stat()
    return _hash(file, facts.st_ino, facts.st_size, facts.st_mtime_ns)


@functools.cache
def _hash(file: Path, *facts: int) -> str:
    return provenance.file_hash(file)
