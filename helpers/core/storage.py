"""Atomic writes, checksums, and locks between processes."""

import functools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from helpers.core import provenance
from helpers.core.environment import NO_LOCKS


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside a path; the file written there replaces the path when the block ends: an atomic write.

    Where the block fails, the temporary file is removed and the path is left as it was. The temporary name has the suffix of
    the path, since many libraries choose the format of a file by it.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        rename_durably(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text atomically."""
    with replacing(path) as partial:
        partial.write_text(text)


def write_json(path: Path, value: object) -> None:
    """Write plain data as JSON, atomically."""
    write_text(path, as_json(value))


def as_json(value: object) -> str:
    """Plain data as indented JSON."""
    return json.dumps(value, indent=1) + "\n"


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside a path; with what was written there it replaces the folder at that path when the block ends.

    Where the block fails, the new folder is removed and the one at the path is left as it was.
    """
    partial, old = (folder.with_name(f".{folder.name}{kind}.partial") for kind in ("", ".old"))

    def clean_up() -> None:
        if old.exists() and not folder.exists():  # interrupted between the two renames
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
        sync_folder(folder.parent)
    finally:
        clean_up()


def rename_durably(partial: Path, path: Path) -> None:
    """Rename a finished file once its content is on disk, so that no crash leaves the name without the content."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_partial(folder: Path) -> None:
    """Remove the partial files that killed processes left below a folder; call it where no process writes."""
    for path in list(folder.rglob(".*.partial*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def locked(lock: Path, holder: str = "", progress: Callable[[str], None] = print) -> Iterator[None]:
    """Hold a lock between processes; the system releases it when the process ends, however it ends.

    Args:
        lock: its file, which stays.
        holder: who may hold it and what for, as the start of the line that is shown before waiting; "" for no line.
        progress: gets that line.
    """
    file_lock = _take(lock)
    if not file_lock.is_locked:
        marker = file_lock.lock_file if isinstance(file_lock, SoftFileLock) else ""
        if holder:
            progress(f"{holder}; this one waits for it" + (f" (if none runs, remove {marker})" if marker else ""))
        file_lock.acquire()
    try:
        yield
    finally:
        file_lock.release()


def _take(lock: Path) -> BaseFileLock:
    """A lock between processes, held unless another process holds it (`is_locked`).

    On a mount without locks, a marker `<lock>.held` stands in, which names its holder. What a killed process left is taken over
    on the same machine; on another one it stays.
    """
    file_lock: BaseFileLock = FileLock(lock, fallback_to_soft=False)
    try:
        with suppress(Timeout):
            file_lock.acquire(blocking=False)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        file_lock = SoftFileLock(lock.with_name(f"{lock.name}.held"))
        with suppress(Timeout):
            file_lock.acquire(blocking=False)
    return file_lock


def write_checksum(file: Path, digest: str) -> None:
    """Write the SHA-256 that a file has, or is about to have, beside it."""
    write_text(checksum_file(file), f"{digest}  {file.name}\n")


def has_checksum(file: Path) -> bool:
    """Whether a checksum was written for a file."""
    return checksum_file(file).exists()


def read_checksum(file: Path) -> str:
    """The SHA-256 that was written for a file; "" where none was."""
    path = checksum_file(file)
    content = path.read_text("ascii", "replace") if path.exists() else ""
    return content.partition(" ")[0].strip()


def is_intact(file: Path) -> bool:
    """Whether a file exists and has the checksum that was written for it."""
    return file.exists() and read_checksum(file) == hash_once(file)


def checksum_file(file: Path) -> Path:
    """The path of a file's checksum."""
    return file.with_name(f"{file.name}.sha256")


def hash_once(file: Path) -> str:
    """SHA-256 of a file, computed once a process as long as its inode, size and time of change stay the same."""
    status = file.stat()
    return _hash(file, status.st_ino, status.st_size, status.st_mtime_ns)


@functools.cache
def _hash(file: Path, *status: int) -> str:
    return provenance.file_hash(file)
