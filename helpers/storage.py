"""Files that are there whole or not at all, and that can be told from damaged ones."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers import provenance


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside a path; what was written there takes the path's place at the end, on disk.

    Where the block fails, the temporary file is removed and the path is left as it was.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        settle(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def settle(partial: Path, path: Path) -> None:
    """Rename a finished file once its content is on disk, so that no crash can leave the name without the content."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


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
    return file.exists() and sealed_hash(file) == provenance.file_hash(file)


def note_of(file: Path) -> Path:
    """Where the hash of a file is noted."""
    return file.with_name(f"{file.name}.sha256")
