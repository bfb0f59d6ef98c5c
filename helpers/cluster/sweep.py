"""Train the runs that are missing on the workers of a Dask cluster, one process a run.

A run is described by data (recipe, seed, split, hashes of images and weights), so any worker that has this project can train
it. Images and weights are sent to each machine once, over Dask's own connections; a worker that lacks one, or finds it damaged,
hands its job back and gets the file. A finished run comes back as the files of its folder, with their checksums.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import distributed
from distributed import CancelledError, Client, Future, LocalCluster

from helpers.cluster import worker
from helpers.cluster.worker import Job, Outcome
from helpers.core import checksums, paths, provenance, storage
from helpers.core.errors import DivergenceError, InputError
from helpers.data import dataset
from helpers.models import runtime
from helpers.training import checkpoints, runs
from helpers.training.plans import Plan
from helpers.training.runs import Run

CONNECT_SECONDS = 60  # to wait for a scheduler
POLL_SECONDS = 5  # between looks at the workers
RETRIES = 2  # of a run whose process ended, as by a full disk or for lack of memory; it resumes from its checkpoint
_PART_BYTES = 2**24  # of a file in one message


def sweep(
    plans: list[Plan], on_finished: Callable[[Run], None], scheduler: str = "", threads: int = 1
) -> dict[str, str]:
    """Train the runs that are missing, each on one worker, and keep their folders.

    Args:
        plans: all on the same data set.
        on_finished: called with each run that comes back.
        scheduler: address of a Dask scheduler, such as "tcp://host:8786"; "" for workers on this machine, as many as its
            cores allow.
        threads: of each run.

    Returns:
        Why runs have no result, by their names; empty where all have one.

    Raises:
        InputError: no scheduler answers, the scheduler is lost, a worker cannot take part, or checkpoints cannot be kept
            where they should be.
    """
    checkpoints.check_shared()
    problems = {plan.name: problem for plan in plans if (problem := _failure(plan))}
    missing = [plan for plan in plans if plan.name not in problems and not checksums.is_complete(plan.folder)]
    print(f"{len(missing)} of {len(plans)} runs are missing", flush=True)
    if not missing:
        return problems
    with _cluster(scheduler, threads) as address, _connect(address) as client:
        print(f"Dashboard: {client.dashboard_link}", flush=True)
        for plan, outcome in _Submission(client, missing, threads).outcomes():
            problem = outcome if isinstance(outcome, str) else _keep(plan, outcome.files)
            if problem:
                problems[plan.name] = problem
                print(f"{plan.name}: no result: {problem}", flush=True)
            else:
                on_finished(Run(plan.folder))
    return problems


class _Submission:
    """Plans that a cluster trains, and the workers that do it."""

    def __init__(self, client: Client, plans: list[Plan], threads: int) -> None:
        self.client, self.plans, self.threads = client, plans, threads
        self.sweep_id = uuid.uuid4().hex
        self.known_workers: set[str] | None = None
        self.files: dict[str, tuple[Path, str]] = {}  # path here and SHA-256, by the name below a worker's cache

    def outcomes(self) -> Iterator[tuple[Plan, Outcome | str]]:
        """Each plan with its run folder, or with the reason why it has none, in the order in which they end.

        Raises:
            InputError: the scheduler is lost, or a worker cannot take part.
        """
        try:
            yield from self._outcomes()
        except (CancelledError, OSError) as error:
            raise InputError(
                f"The connection to the scheduler at {self.client.scheduler.address} is lost; finished runs are kept, "
                "and the same command resumes."
            ) from error

    def _outcomes(self) -> Iterator[tuple[Plan, Outcome | str]]:
        self._check_workers()  # first, since a worker without the project ends at its first job
        pending = {self._submit(plan): plan for plan in self.plans}
        failed_sends: Counter[str] = Counter()
        while pending:
            n_workers = self._check_workers()
            try:
                done, _ = distributed.wait(list(pending), POLL_SECONDS, "FIRST_COMPLETED")
            except TimeoutError:
                continue
            for future in done:
                plan = pending.pop(future)
                outcome = _one_line(future.exception()) if future.status == "error" else future.result()
                if isinstance(outcome, Outcome) and outcome.missing_files:
                    reason = self._send(outcome.worker)
                    failed_sends[plan.name] += bool(reason)
                    if failed_sends[plan.name] <= RETRIES:
                        pending[self._submit(plan)] = plan
                        continue
                    outcome = reason
                print(f"{plan.name}: ended; {len(pending)} runs to go on {n_workers} workers", flush=True)
                yield plan, getattr(outcome, "problem", "") or outcome

    def _submit(self, plan: Plan) -> Future:
        config = plan.config()
        key = f"{plan.name} {config['key']} {uuid.uuid4().hex}"
        return self.client.submit(worker.train, self._job(plan, config), key=key, pure=False, retries=RETRIES)

    def _job(self, plan: Plan, config: dict) -> Job:
        images = plan.dataset.folder
        files = {
            f"{images.name}/{name}": (images / name, sha256)
            for name, sha256 in dataset.file_hashes(plan.dataset).items()
        }
        weights: dict[str, Any] | None = None
        if plan.weights:
            weights = vars(plan.weights) | {"file": None}
        if weights and plan.weights and plan.weights.file:
            name = f"{plan.weights.sha256}_{plan.weights.file.name}"  # Keras takes the format from the name's ending
            files[name] = (plan.weights.file, plan.weights.sha256)
            weights["file"] = name
        self.files |= files
        return Job(
            config=config,
            folder=plan.folder.relative_to(paths.runs()).as_posix(),
            images=images.name,
            is_demo=plan.dataset.is_demo,
            weights=weights,
            file_hashes={name: sha256 for name, (_, sha256) in files.items()},
            threads=self.threads,
            checkpoints=paths.checkpoints(),
        )

    def _check_workers(self) -> int:
        """How many workers are connected.

        Raises:
            InputError: one that is new has another Python, or not this version of the project.
        """
        addresses = set(self.client.scheduler_info(n_workers=-1)["workers"])
        new = sorted(addresses - (self.known_workers or set()))
        if new:
            versions = self.client.run(worker.python_version, workers=new, on_error="return")
            for address, version in versions.items():
                if isinstance(version, OSError):  # it has gone already
                    addresses.discard(address)
                elif isinstance(version, Exception):
                    raise InputError(
                        f"The worker at {address} does not have this version of the project ({_one_line(version)}); "
                        "install it there, or stop that worker, and call again."
                    )
                elif version != worker.python_version():
                    raise InputError(
                        f"The worker at {address} runs Python {version}, and this command {worker.python_version()}; "
                        "start that worker with the same Python, or stop it, and call again."
                    )
        if not addresses and self.known_workers != addresses:
            print(f"No worker is connected to {self.client.scheduler.address}; waiting for one", flush=True)
        self.known_workers = addresses
        return len(addresses)

    def _send(self, address: str) -> str:
        """Send images and weights to a worker that lacks them.

        Returns:
            Why the worker did not get them; "" where it did.
        """
        hashes = {name: sha256 for name, (_, sha256) in self.files.items()}
        try:
            [names] = self.client.run(worker.missing_files, hashes, workers=[address]).values()
            for name in names:
                file, sha256 = self.files[name]
                print(f"{name} is missing or damaged at {address} and is sent", flush=True)
                with file.open("rb") as content:
                    part = b""  # which starts the file anew
                    while True:
                        self.client.run(worker.append, name, self.sweep_id, part, workers=[address])
                        if not (part := content.read(_PART_BYTES)):
                            break
                self.client.run(worker.accept, name, self.sweep_id, sha256, workers=[address])
        except (OSError, ValueError) as error:
            return f"{address} did not get its files: {_one_line(error)}"
        return ""


def _keep(plan: Plan, files: dict[str, bytes]) -> str:
    """Put the files of a run where it belongs, checksums verified; the folder is there complete or not at all.

    Returns:
        Why the run has no result; "" where it has one.
    """
    with runs.locked(plan):
        if not checksums.is_complete(plan.folder):
            try:
                with storage.replacing_folder(plan.folder) as folder:
                    for name, content in files.items():
                        (folder / name).parent.mkdir(parents=True, exist_ok=True)
                        (folder / name).write_bytes(content)
                    if damage := checksums.damage(folder):
                        raise InputError(
                            f"its folder arrived damaged ({damage}); remove it at the worker and call again"
                        )
            except InputError as error:
                return str(error)
    return _failure(plan)


def _failure(plan: Plan) -> str:
    """Why a run failed before; "" where it did not."""
    with runs.locked(plan):
        try:
            runs.check_not_failed(plan.folder)
        except DivergenceError as error:
            return str(error)
    return ""


@contextmanager
def _cluster(scheduler: str, threads: int) -> Iterator[str]:
    """The address of a scheduler: the one named, or that of a cluster on this machine that ends with the block."""
    if scheduler:
        yield scheduler
        return
    # A run uses all GPUs there are; without one, the cores are divided among runs.
    n_workers = 1 if runtime.n_gpus() else max(1, provenance.cores() // threads)
    with LocalCluster(n_workers=n_workers, threads_per_worker=1, host="127.0.0.1") as cluster:
        yield cluster.scheduler_address


def _connect(address: str) -> Client:
    try:
        return Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address} ({error}); start one with `dask scheduler`, and call again."
        ) from error


def _one_line(error: BaseException) -> str:
    """Kind and message of an error in one line, which is never empty."""
    return " ".join(f"{type(error).__name__}: {error}".split())
