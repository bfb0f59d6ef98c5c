"""What a Dask worker does in a sweep: check and receive files, and train each run in a process of its own.

Keras draws the seeds of its layers from Python's global generator, which the threads of a Dask worker share; and a run whose
process is killed must not end its worker. This module loads no TensorFlow: the worker needs none, `run_process` does.
"""

import json
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import distributed

from helpers.core import paths, provenance, storage
from helpers.core.errors import InputError


@dataclass(frozen=True)
class Job:
    """A run as it is sent to a worker.

    Attributes:
        config: of the plan, in plain values; the run is refused where the worker's would differ.
        folder: of the run, below the folder of runs.
        images: name of the folder of decoded images in the cache.
        is_demo: the images are the demo's.
        weights: attributes of `BaseWeights`, the name of its file in the cache in place of the path; None for no weights.
        file_hashes: SHA-256 of images and weights by their names below the cache.
        threads: that TensorFlow divides an operation among.
        checkpoints: see `paths.checkpoints`.
    """

    config: dict[str, Any]
    folder: str
    images: str
    is_demo: bool
    weights: dict[str, Any] | None
    file_hashes: dict[str, str]
    threads: int
    checkpoints: str


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        worker: address of the worker.
        files: content of the files of the run folder, by their names below it.
        problem: why the run cannot be trained; "" where it was.
        missing_files: names of the files that the worker needs before it can start.
    """

    worker: str
    files: dict[str, bytes] = field(default_factory=dict)
    problem: str = ""
    missing_files: tuple[str, ...] = ()


def python_version() -> str:
    """Major and minor version of Python, such as "3.12"."""
    return platform.python_version().rpartition(".")[0]


def missing_files(file_hashes: dict[str, str]) -> tuple[str, ...]:
    """Names of the files that the cache of this machine lacks or has with another content.

    Args:
        file_hashes: SHA-256 by name below the cache.
    """
    cache = paths.cache()
    return tuple(
        name
        for name, sha256 in file_hashes.items()
        if not storage.is_intact(cache / name) or storage.read_checksum(cache / name) != sha256
    )


def append(name: str, sweep_id: str, content: bytes) -> None:
    """Add a part of a file to what this machine has received of it.

    Args:
        name: of the file below the cache.
        sweep_id: tells the files of sweeps apart that send to one machine at the same time.
        content: the next bytes; the first part of a file is empty, and starts it anew.
    """
    partial = _partial(name, sweep_id)
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab" if content else "wb") as file:
        file.write(content)


def accept(name: str, sweep_id: str, sha256: str) -> None:
    """Put a received file into its place in the cache, checksum verified.

    Raises:
        InputError: its content is not what was sent.
    """
    partial, target = _partial(name, sweep_id), paths.cache() / name
    if provenance.file_hash(partial) != sha256:
        partial.unlink()
        raise InputError(f"{name} arrived damaged")
    storage.rename_durably(partial, target)
    storage.write_checksum(target, sha256)


def train(job: Job) -> Outcome:
    """Train a run, or resume one that was interrupted on this machine. Its progress is shown where the sweep was started.

    Returns:
        The run folder, also of a run whose loss became infinite; or what keeps the run from being trained.

    Raises:
        RuntimeError: the process of the run ended before the run did.
    """
    dask_worker = distributed.get_worker()
    address = dask_worker.address
    if names := missing_files(job.file_hashes):
        return Outcome(address, missing_files=names)
    line = ""
    with subprocess.Popen(
        [sys.executable, "-m", "helpers.cluster.run_process"],
        cwd=paths.ROOT,
        stdin=subprocess.PIPE,  # stays open: the process ends when the worker does
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout  # pipes, as asked for
        process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        process.stdin.flush()
        for output in process.stdout:
            line = output.decode().rstrip("\n")
            if line:
                # `distributed.print` would show it here too: twice on the terminal of a local cluster.
                dask_worker.log_event("print", {"args": (line,), "flush": True})
    if process.returncode == 2:
        return Outcome(address, problem=line)
    if process.returncode:
        raise RuntimeError(
            f"its process ended with status {process.returncode} at {address}; see the log of the worker"
        )
    folder = paths.runs() / job.folder
    files = [path for path in folder.rglob("*") if path.is_file() and not path.match("checkpoint*")]
    return Outcome(address, files={path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)})


def _partial(name: str, sweep_id: str) -> Path:
    target = paths.cache() / name
    return target.with_name(f".{target.stem}.{sweep_id}.partial{target.suffix}")
