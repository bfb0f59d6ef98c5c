"""The process of one run on a worker: a job on standard input, lines of progress on standard output.

It ends with status 0 once the run folder is complete, and with status 2, its last line a sentence, where the run cannot be
trained. Anything else is an error of the system or of a library, after which the run may be tried again.
"""

import json
import os
import sys
import threading
from contextlib import redirect_stdout, suppress
from dataclasses import replace

from helpers.cluster.worker import Job
from helpers.config.profiles import find_profile
from helpers.config.recipes import as_recipe
from helpers.core import paths, provenance
from helpers.core.errors import DivergenceError, InputError
from helpers.data import dataset
from helpers.data.splits import make_split
from helpers.models import runtime
from helpers.models.weights import BaseWeights
from helpers.training import fit
from helpers.training.plans import Plan


def main() -> None:
    """Train the run of the job; end at once when the input ends, since the worker is gone then."""
    job = Job(**json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_worker, daemon=True).start()
    output = sys.stdout

    def progress(line: str) -> None:
        print(line, file=output, flush=True)

    with redirect_stdout(sys.stderr):  # what libraries print belongs in the worker's log
        runtime.limit_threads(job.threads)
        os.environ["TINYIMAGE_CHECKPOINTS"] = job.checkpoints
        try:
            plan = _plan(job)
            with suppress(DivergenceError):  # recorded in the run folder
                fit.train(plan, progress)
        except InputError as error:
            progress(str(error))
            raise SystemExit(2) from None


def _plan(job: Job) -> Plan:
    """The plan of a job, with the images and weights of this machine.

    Raises:
        InputError: it would be another run than the one asked for.
    """
    images = replace(dataset.open_decoded(job.images), is_demo=job.is_demo)
    profile = find_profile(job.config["profile"])
    plan = Plan(
        recipe=as_recipe(job.config["recipe"]),
        seed=job.config["seed"],
        profile=profile.name,
        dataset=images,
        split=make_split(images, profile.images_per_class),
        weights=_weights(job),
    )
    config = plan.config()
    parts = sorted(
        part for part, value in job.config.items() if provenance.digest(config.get(part)) != provenance.digest(value)
    )
    if parts:
        raise InputError(
            f"a worker would train another run, since its {', '.join(part for part in parts if part != 'key')} differ; "
            "install the same version of the project there."
        )
    return plan


def _weights(job: Job) -> BaseWeights | None:
    if job.weights is None:
        return None
    file = job.weights["file"]
    return BaseWeights(**job.weights | {"file": file and paths.cache() / file})


def _end_with_worker() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not through the buffer, whose lock would stop the interpreter from ending
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
