"""A run as it goes out to a worker, and its time there: in a process of its own, so that nothing but the job decides it.

Keras draws the seeds of its layers from Python's global generator, which the threads of a Dask worker use too.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import distributed

from helpers.cluster import parcels
from helpers.cluster.parcels import Parcel
from helpers.core import paths

_NOT_SENT = "checkpoint*"  # of a run folder


@dataclass(frozen=True)
class Job:
    """A run, in plain values.

    Attributes:
        config: of the plan, with its key and the parts of the key.
        images_per_class: of the profile, which decides the split.
        images: name of the folder of decoded images.
        image_hashes: SHA-256 of its files by name.
        is_demo: the images are the demo's.
        weights: of `BaseWeights`, with the name of the file in place of its path; None where the network needs none.
        threads: that TensorFlow divides an operation among.
        url: where images and weights are offered; see `parcels.offered`.
        checkpoints: see `paths.checkpoints`.
    """

    config: dict[str, Any]
    images_per_class: int | None
    images: str
    image_hashes: dict[str, str]
    is_demo: bool
    weights: dict[str, Any] | None
    threads: int
    url: str
    checkpoints: str


def carry_out(job: Job) -> Parcel | str:
    """Make a run on a worker, or go on with one that was cut off there. Its lines are shown where the sweep was called.

    Returns:
        Its folder, also where its loss became infinite; or why it could not be made.

    Raises:
        RuntimeError: an error of the system or of a library ended it, or its process.
    """
    ended = {}
    for message in _messages(job):
        if "line" in message:
            distributed.print(message["line"])
        else:
            ended = message
    if "error" in ended:
        raise RuntimeError(ended["error"])
    return parcels.pack(Path(ended["folder"]), _NOT_SENT) if "folder" in ended else ended["problem"]


def _messages(job: Job) -> Iterator[dict[str, str]]:
    """What `helpers.cluster.worker` says: lines on its way, then the folder of the run or a problem."""
    with subprocess.Popen(
        [sys.executable, "-m", "helpers.cluster.worker"],
        cwd=paths.ROOT,
        stdin=subprocess.PIPE,  # stays open: the process ends when this one is gone
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdin.write(json.dumps(asdict(job)) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        raise RuntimeError(f"the process of the run ended with status {process.returncode}; see the log of the worker")
