"""Read-only access to the files of a source of TinyImage, a zip or a folder, which may be damaged or malicious.

A zip is read in place: nothing is unpacked, and no name in it is ever used as a path. Every refusal is one sentence.
Tolerated: files beside those of the layout, names that differ only in case, byte order marks, any line ending, and links
from one file of a folder to another.
"""

import io
import os
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from helpers.core import paths, provenance
from helpers.core.errors import InputError

# What is larger is no TinyImage: a small file that unpacks to a giant one must fill neither memory nor disk. Who has a
# larger data set of the same kind says so with MOST_FILES=<number>, and all of these but the last two grow with it.
MOST_FILES = 200_000  # the official archive has 120,203
MOST_BYTES = 2 * 2**30  # of all files, unpacked; as photographs they have an eighth of that
MOST_TEXT_BYTES = 8 * 2**20  # the longest, the official words.txt, has 2.6 MiB
MOST_DIRECTORY_BYTES = 32 * 2**20  # a zip's list of its files takes some 120 bytes for each
MOST_IMAGE_BYTES = 2**20  # without any compression an image has 12 KiB
MOST_NAME_LENGTH = 80  # of a class in tables and figures
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # other methods unpack without a limit
_CHUNK = 2**20
_LOCAL_HEADER = 30  # bytes before the name of an entry


def find(source: str | Path) -> Path:
    """The path of a source.

    Raises:
        InputError: there is no such zip or folder.
    """
    try:
        path = paths.resolve(source)
        mode = path.stat().st_mode
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links
        raise InputError(f"There is no {source} that can be read; DATA must name a zip or a folder.") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise InputError(f"{source} is neither a file nor a folder; DATA must name a zip or a folder.")
    return path


def growth() -> float:
    """How many times as much as TinyImage a source may have: 1, or more where TINYIMAGE_MOST_FILES says so.

    Raises:
        InputError: it says something else than a number of files.
    """
    text = os.environ.get("TINYIMAGE_MOST_FILES", "")
    if text and not (text.isascii() and text.isdigit()):
        raise InputError(f"MOST_FILES must be a number of files, such as 1500000, not {printable(text)!r}.")
    return max(1.0, int(text or 0) / MOST_FILES)


def signature(path: Path) -> str:
    """Changes when a source changes; found without reading its files."""
    files = _walk(path) if path.is_dir() else [("", path.stat())]
    return provenance.digest_of_items((str(path), name, stats.st_size, stats.st_mtime_ns) for name, stats in files)


def open_files(path: Path) -> "Files":
    """The files of a zip or a folder, to be closed by `with`.

    Raises:
        InputError: it cannot be read, is too large, or is not TinyImage.
    """
    return _FolderFiles(path) if path.is_dir() else _ZipFiles(path)


class Files:
    """Read-only view of the files of a source.

    Attributes:
        path: of the source.
        names: below the folder that has wnids.txt, sorted; without hidden ones, which a desktop leaves in any folder.
    """

    def __init__(self, path: Path, sizes: dict[str, int]) -> None:
        """`sizes` has the bytes of every file by its name below the path."""
        self.path = path
        _check_amount(path, len(sizes), sum(sizes.values()))
        self._root = _root(path, sizes)
        if self._root:
            sizes = {name.removeprefix(self._root): n for name, n in sizes.items() if name.startswith(self._root)}
        self._sizes = sizes
        self.names = sorted(name for name in self._sizes if not any(part.startswith(".") for part in name.split("/")))

    def __enter__(self) -> "Files":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def read(self, name: str, most: int) -> bytes:
        """The content of a file.

        Args:
            name: one of `names`.
            most: bytes that it may have.

        Raises:
            InputError: it has more.
            Exception: of many kinds, where the content is damaged.
        """
        if self._sizes[name] > most:
            raise InputError(
                f"{name} in {self.path} has {self._sizes[name]:,} bytes, where TinyImage has at most {most:,}; obtain "
                "it again."
            )
        with self._open(self._root + name) as file:
            return file.read(most + 1)

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return name in self._sizes

    def lines(self, name: str) -> list[str]:
        """The lines of a text, with or without a byte order mark.

        Raises:
            InputError: it cannot be read.
        """
        try:
            return self.read(name, int(MOST_TEXT_BYTES * growth())).decode("utf-8-sig", "replace").splitlines()
        except InputError:
            raise
        except Exception as error:  # zipfile raises many kinds for broken content
            raise InputError(f"{name} in {self.path} cannot be read ({reason(error)}); obtain it again.") from error

    def fingerprint(self) -> str:
        """Hash of names and content; the same for a zip and for the folder it unpacks to."""
        return provenance.digest_of_items((name, self._checksum(self._root + name)) for name in self.names)

    def _open(self, name: str) -> IO[bytes]:
        raise NotImplementedError

    def _checksum(self, name: str) -> int:
        """CRC-32 of a file."""
        raise NotImplementedError


class _ZipFiles(Files):
    def __init__(self, path: Path) -> None:
        try:
            self._file = _Bounded(io.FileIO(path))
        except OSError as error:
            raise InputError(f"{path} cannot be read ({reason(error)}); make it readable.") from error
        try:
            self._archive = zipfile.ZipFile(self._file)
        except InputError as error:
            raise InputError(f"{path} {error}") from error
        except Exception as error:  # zipfile raises many kinds for broken content
            raise InputError(f"{path} is not a complete zip ({reason(error)}); obtain it again.") from error
        entries = self._archive.infolist()
        for entry in entries:
            _check_entry(path, entry)
        _check_overlaps(path, entries)
        super().__init__(path, {e.filename: e.file_size for e in entries if not e.filename.endswith("/")})

    def __exit__(self, *error: object) -> None:
        self._archive.close()
        self._file.close()

    def _open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)

    def _checksum(self, name: str) -> int:
        return self._archive.getinfo(name).CRC


class _Bounded(io.BufferedReader):
    """A file that refuses to be read in one piece where the piece is large: zipfile reads its list of files so."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_DIRECTORY_BYTES * growth():
            raise InputError(
                f"lists more files than TinyImage has ({size:,} bytes of names); obtain it again, or say how many it may have "
                "with MOST_FILES=<number>."
            )
        return super().read(size)


class _FolderFiles(Files):
    def __init__(self, path: Path) -> None:
        sizes = {name: stats.st_size for name, stats in _walk(path)}
        if not sizes:
            raise InputError(f"{path} is an empty folder; name the folder that has wnids.txt in it.")
        super().__init__(path, sizes)

    def _open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")

    def _checksum(self, name: str) -> int:
        checksum = 0
        try:
            with self._open(name) as file:
                while chunk := file.read(_CHUNK):
                    checksum = zlib.crc32(chunk, checksum)
        except OSError as error:
            raise InputError(f"{name} in {self.path} cannot be read ({reason(error)}); make it readable.") from error
        return checksum


def _walk(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Name below a folder and facts of every file in it, always in the same order."""
    folders, n_files, most = [path], 0, MOST_FILES * growth()
    while folders:
        folder = folders.pop()
        above = "" if folder == path else f"{folder.relative_to(path).as_posix()}/"
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            for entry in entries:
                name = above + entry.name
                _check_name(path, name)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                    continue
                if entry.is_symlink() and not _stays_inside(Path(entry.path), path):
                    raise InputError(
                        f"{printable(name)} in {path} is a link that leads to no file inside it; put the file itself there."
                    )
                if not entry.is_file():
                    raise InputError(f"{printable(name)} in {path} is neither a file nor a folder; remove it.")
                n_files += 1
                if n_files > most:
                    _refuse_amount(path)
                yield name, entry.stat()
        except OSError as error:
            where = printable(folder.relative_to(path).as_posix())
            raise InputError(f"{where} in {path} cannot be read ({reason(error)}); make it readable.") from error


def _stays_inside(link: Path, folder: Path) -> bool:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # it leads nowhere, or in a circle
        return False
    return target.is_relative_to(folder) and target.is_file()


def _check_amount(path: Path, n_files: int, n_bytes: int) -> None:
    if n_files > MOST_FILES * growth() or n_bytes > MOST_BYTES * growth():
        _refuse_amount(path)


def _refuse_amount(path: Path) -> NoReturn:
    raise InputError(
        f"{path} has more than TinyImage (at most {MOST_FILES * growth():,.0f} files of {MOST_BYTES * growth() / 2**30:.3g} "
        "GiB together); name an archive or a folder that has nothing else in it, or say how many files it may have with "
        "MOST_FILES=<number>."
    )


def _check_name(path: Path, name: str) -> None:
    """A name that cannot be shown in a line, or would lead elsewhere if somebody unpacked it, is no name of TinyImage."""
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or parts[0].endswith(":") or not {"", ".", ".."}.isdisjoint(parts):
        raise InputError(
            f"{path} has a file named {printable(name)}, which is no plain path of printable characters; rename or remove it."
        )


def _check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    name = printable(entry.filename)
    _check_name(path, entry.filename.removesuffix("/"))
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{name} in {path} is a link or a device; put the file itself into the archive.")
    if entry.flag_bits & 1:
        raise InputError(f"{name} in {path} is encrypted; make the archive again without a password.")
    if entry.compress_type not in _READABLE:
        raise InputError(
            f"{name} in {path} is compressed by method {entry.compress_type}, of which only 0 (stored) and 8 (deflate) "
            "are read; make the archive again."
        )


def _check_overlaps(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """One piece of an archive that serves as many files is a bomb."""
    counts = Counter(entry.filename for entry in entries)
    name, count = counts.most_common(1)[0] if counts else ("", 0)
    if count > 1:
        raise InputError(f"{path} has {count} files named {printable(name)}; make the archive again.")
    for first, second in pairwise(sorted(entries, key=lambda entry: entry.header_offset)):
        if first.header_offset + _LOCAL_HEADER + first.compress_size > second.header_offset:
            raise InputError(
                f"{printable(first.filename)} and {printable(second.filename)} in {path} overlap; obtain it again."
            )


def _root(path: Path, names: dict[str, int]) -> str:
    """The topmost folder that has wnids.txt, with its slash; "" where that is the source itself."""
    parents = [PurePosixPath(name).parent for name in names if name == "wnids.txt" or name.endswith("/wnids.txt")]
    if not parents:
        raise InputError(
            f"{path} is not TinyImage: it has no wnids.txt; give the Kaggle archive or the official Tiny ImageNet-200 "
            "archive, as a zip or unpacked."
        )
    depth = min(len(parent.parts) for parent in parents)
    top = sorted(parent.as_posix() for parent in parents if len(parent.parts) == depth)
    if len(top) > 1:
        raise InputError(f"{path} has a wnids.txt in {listed(top)}; name the one that is meant.")
    return "" if top == ["."] else f"{top[0]}/"


def printable(name: str) -> str:
    """A name of unknown origin as one short piece of a line; unprintable characters as their codes."""
    text = name if name.isprintable() else repr(name)[1:-1]
    return text if len(text) <= MOST_NAME_LENGTH else f"{text[:MOST_NAME_LENGTH]}..."


def listed(names: list[str]) -> str:
    return ", ".join(printable(name) for name in names[:3])


def reason(error: Exception) -> str:
    """The first sentence of an error, without its full stop."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(text.split(". ")[0].rstrip("."))
