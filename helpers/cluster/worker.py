"""The process of one run on a worker: takes a job from standard input, says on standard output what becomes of it."""

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path

from helpers.cluster import parcels
from helpers.cluster.jobs import Job
from helpers.config import recipes
from helpers.core import paths, provenance, storage
from helpers.core.errors import DivergenceError, InputError
from helpers.data import dataset
from helpers.models import runtime
from helpers.models.weights import BaseWeights
from helpers.training import checkpoints, fit
from helpers.training.plans import Plan


def main() -> None:
    """Carry out the job of the first line of input, or go on with it; end when the input ends."""
    job = Job(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answers = sys.stdout

    def say(**message: str) -> None:
        print(json.dumps(message), file=answers, flush=True)

    with redirect_stdout(sys.stderr):  # what libraries print is no answer
        say(**_outcome(job, lambda line: say(line=line)))


def _outcome(job: Job, progress: Callable[[str], None]) -> dict[str, str]:
    runtime.limit_threads(job.threads)
    os.environ["TINYIMAGE_CHECKPOINTS"] = job.checkpoints
    try:
        plan = _plan(job)
        checkpoints.remove_torn_notes()
        with suppress(DivergenceError):  # the folder says so
            fit.train(plan, progress)
    except InputError as error:
        return {"problem": str(error)}
    except Exception as error:  # of the system or of a library: the run may be tried again
        traceback.print_exc()
        return {"error": " ".join(f"{type(error).__name__}: {error}".split())}
    return {"folder": str(plan.folder)}


def _plan(job: Job) -> Plan:
    """The plan of a job on this machine, with its images and weights fetched where they are not here.

    Raises:
        InputError: they cannot be fetched, or it would not be the run that was asked for.
    """
    images = replace(dataset.open_decoded(job.images, lambda folder: _bring_images(job, folder)), is_demo=job.is_demo)
    plan = Plan(
        recipe=recipes.as_recipe(job.config["recipe"]),
        seed=job.config["seed"],
        profile=job.config["profile"],
        dataset=images,
        split=dataset.make_split(images, job.images_per_class),
        weights=_weights(job),
    )
    found = plan.config()
    other = [
        part for part, value in job.config.items() if provenance.digest(found.get(part)) != provenance.digest(value)
    ]
    if other:
        raise InputError(
            f"a worker would make another run, since its {', '.join(part for part in other if part != 'key')} differ; "
            "install the same version of the project there."
        )
    return plan


def _bring_images(job: Job, folder: Path) -> None:
    for name, sha256 in job.image_hashes.items():
        parcels.fetch(job.url, sha256, folder / name)


def _weights(job: Job) -> BaseWeights | None:
    if not (job.weights and job.weights["file"]):
        return job.weights and BaseWeights(**job.weights)
    sha256 = job.weights["sha256"]
    file = paths.cache() / f"{sha256}_{job.weights['file']}"  # Keras reads the kind of file off the end of its name
    with storage.locked(file.with_name(f"{file.name}.lock"), f"another process brings {file.name}"):
        if not storage.is_sound(file):
            file.unlink(missing_ok=True)
            parcels.fetch(job.url, sha256, file)
    return BaseWeights(**job.weights | {"file": file})


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
