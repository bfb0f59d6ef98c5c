"""Files on their way between machines: offered and fetched, packed and landed, and checked by their hash on arrival."""

import hashlib
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch

from helpers.core import storage
from helpers.core.errors import InputError, first_line


@dataclass(frozen=True)
class Parcel:
    """The files of a folder in memory.

    Attributes:
        files: content by the name below the folder.
        sha256: of each of them, as they were packed.
    """

    files: dict[str, bytes]
    sha256: dict[str, str]


def pack(folder: Path, passed_over: str) -> Parcel:
    """All files of a folder.

    Args:
        folder: what to pack.
        passed_over: files whose name matches this pattern stay behind.
    """
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.match(passed_over))
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return Parcel(files, {name: _sha256(content) for name, content in files.items()})


def land(parcel: Parcel, folder: Path) -> None:
    """Put a parcel where a folder belongs; it appears whole or not at all, and takes the place of what was there.

    Raises:
        InputError: the content is not what was packed, or has a name that leads out of the folder.
    """
    folder = folder.resolve()
    wrong = [name for name, content in parcel.files.items() if parcel.sha256.get(name) != _sha256(content)]
    if wrong or not parcel.files:
        raise InputError(f"{folder.name} arrived damaged ({', '.join(wrong) or 'nothing in it'}); call again.")
    outside = [name for name in parcel.files if not (folder / name).resolve().is_relative_to(folder)]
    if outside:
        raise InputError(f"{folder.name} has a file {outside[0]!r}, which would lie outside of it; it is not kept.")
    with storage.replacing_folder(folder) as partial_folder:
        for name, content in parcel.files.items():
            file = partial_folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with storage.replacing(file) as whole:
                whole.write_bytes(content)


@contextmanager
def offered(files: dict[str, Path], address: str) -> Iterator[str]:
    """Offer files over HTTP to who knows the address, which cannot be guessed, as long as the block runs.

    Args:
        files: by their SHA-256.
        address: of this machine, as those who fetch reach it.

    Yields:
        The address below which each file has its SHA-256 as its name.
    """
    secret = secrets.token_urlsafe(16)
    pages = {f"/{secret}/{sha256}": file for sha256, file in files.items()}
    with ThreadingHTTPServer((address, 0), partial(_Offer, pages)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{address}:{server.server_port}/{secret}"
        finally:
            server.shutdown()


def fetch(url: str, sha256: str, target: Path) -> None:
    """Fetch one of the files that another machine offers; it appears only when complete and checked.

    Args:
        url: what `offered` gave there.
        sha256: of the file.
        target: where to put it.

    Raises:
        InputError: it cannot be reached, or is not what it should be.
    """
    try:
        pooch.retrieve(f"{url}/{sha256}", f"sha256:{sha256}", fname=target.name, path=target.parent)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{target.name} could not be fetched from the machine that called `make sweep` ({first_line(error)}); workers must "
            "be able to reach it."
        ) from error
    storage.seal(target, sha256)


class _Offer(BaseHTTPRequestHandler):
    def __init__(self, pages: dict[str, Path], *arguments: object) -> None:
        self.pages = pages
        super().__init__(*arguments)

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        file = self.pages.get(self.path)
        if file is None:
            self.send_error(404)
            return
        with file.open("rb") as content:
            self.send_response(200)
            self.send_header("Content-Length", str(file.stat().st_size))
            self.end_headers()
            shutil.copyfileobj(content, self.wfile)

    def log_message(self, *_: object) -> None:
        """Nothing: a line for each file would drown those of the runs."""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
