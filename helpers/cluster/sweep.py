"""Runs on other processes and machines, by Dask: those that are missing go out, and come back as if made at home.

A run is described by data (recipe, seed, hashes of images and weights), so any worker that has this project can make it. Images
and weights go to each worker once, from this machine over HTTP; a finished run comes back with the hashes of its files.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlparse

import distributed
from distributed import CancelledError, Client, Future, LocalCluster

from helpers.cluster import parcels
from helpers.cluster.jobs import Job, carry_out
from helpers.cluster.parcels import Parcel
from helpers.core import paths, provenance, storage
from helpers.core.errors import DivergenceError, InputError
from helpers.data import dataset
from helpers.experiment import Experiment
from helpers.models import runtime
from helpers.training import checkpoints, runs
from helpers.training.plans import Plan

PATIENCE = 60  # seconds to wait for a scheduler
RETRIES = 2  # of a run whose process ended, as by a full disk or for lack of memory; it goes on from its checkpoint


def sweep(lab: Experiment, n_seeds: int, scheduler: str = "", threads: int = 1) -> dict[str, str]:
    """Make the runs that are missing, each on one worker, and keep what comes back.

    Args:
        lab: data, weights, profile; which models and recipes.
        n_seeds: runs of each recipe, with consecutive seeds.
        scheduler: address of a Dask scheduler, such as "tcp://host:8786"; "" for workers on this machine, as many as its
            cores allow.
        threads: of each run.

    Returns:
        Why runs have no result, by their names; empty where all have one.

    Raises:
        InputError: no scheduler answers, or checkpoints cannot be kept where they should be.
    """
    checkpoints.check_shared()
    wanted = lab.plans(n_seeds)
    problems = {plan.name: problem for plan in wanted if (problem := _failure(plan))}
    missing = {
        plan.config()["key"]: plan for plan in wanted if not runs.is_complete(plan.folder) and plan.name not in problems
    }
    print(f"{len(missing)} of {len(wanted)} runs are missing", flush=True)
    try:
        while missing:
            with _cluster(scheduler, threads) as address, _client(address) as client, _offered(lab, client) as url:
                print(f"Dashboard: {client.dashboard_link}", flush=True)
                for key, outcome in _outcomes(client, missing, lab, threads, url):
                    plan = missing.pop(key)
                    problem = outcome if isinstance(outcome, str) else _landed(plan, outcome, lab)
                    if problem:
                        problems[plan.name] = problem
                        print(f"{plan.name}: no result: {problem}", flush=True)
            if missing:
                print(f"The scheduler is gone; {len(missing)} runs go out again to the next one", flush=True)
    finally:
        lab.write_tables()
    return problems


def _landed(plan: Plan, parcel: Parcel, lab: Experiment) -> str:
    """Put a run that came back where it belongs.

    Returns:
        Why it has no result; "" where it has one.
    """
    with _locked(plan):
        if not runs.is_complete(plan.folder):
            try:
                parcels.land(parcel, plan.folder)
            except InputError as error:
                return str(error)
    if problem := _failure(plan):
        return problem
    if not runs.is_complete(plan.folder):
        return "it came back damaged; remove its folder at the worker and call again"
    lab.keep(runs.Run(plan.folder))
    return ""


def _failure(plan: Plan) -> str:
    """Why a run was given up before; "" where it was not."""
    with _locked(plan):
        try:
            runs.check_not_failed(plan.folder)
        except DivergenceError as error:
            return str(error)
    return ""


def _locked(plan: Plan) -> AbstractContextManager[None]:
    plan.folder.parent.mkdir(parents=True, exist_ok=True)
    return storage.locked(plan.folder.with_suffix(".lock"), f"{plan.name}: another process trains it")


@contextmanager
def _cluster(scheduler: str, threads: int) -> Iterator[str]:
    """The address of a scheduler: the one named, or that of a cluster on this machine that lives as long as the block."""
    if scheduler:
        yield scheduler
        return
    # A run uses all GPUs there are; without one, the cores are divided among runs.
    n_workers = 1 if runtime.n_gpus() else max(1, provenance.cores() // threads)
    with LocalCluster(n_workers=n_workers, threads_per_worker=1, host="127.0.0.1") as cluster:
        yield cluster.scheduler_address


def _client(address: str) -> Client:
    try:
        return Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address} ({error}); start one with `dask scheduler`. Runs that have come back "
            "are kept, and the next call goes on from there."
        ) from error


@contextmanager
def _offered(lab: Experiment, client: Client) -> Iterator[str]:
    """Offer images and weights to the workers of a scheduler."""
    hashes = dataset.file_hashes(lab.dataset)
    files = {sha256: lab.dataset.folder / name for name, sha256 in hashes.items()}
    if lab.weights and lab.weights.file:
        files[lab.weights.sha256] = lab.weights.file
    with parcels.offered(files, _own_address(client)) as url:
        yield url


def _own_address(client: Client) -> str:
    """The address by which workers reach this machine; one on another machine has to, where there is any."""
    workers = [urlparse(address).hostname for address in client.scheduler_info(n_workers=-1)["workers"]]
    hosts = [*workers, urlparse(client.scheduler.address).hostname]
    return next((own for own in map(distributed.utils.get_ip, hosts) if own != "127.0.0.1"), "127.0.0.1")


def _outcomes(
    client: Client, missing: dict[str, Plan], lab: Experiment, threads: int, url: str
) -> Iterator[tuple[str, Parcel | str]]:
    """What comes back, by the key of the plan, until all has or the scheduler is gone."""
    hashes = dataset.file_hashes(lab.dataset)
    futures: dict[Future, str] = {}
    for key, plan in missing.items():
        job = _job(plan, lab, hashes, threads, url)
        futures[client.submit(carry_out, job, key=f"{plan.name} {key}", pure=False, retries=RETRIES)] = key
    for future in distributed.as_completed(futures):
        try:
            outcome = _reason(future.exception()) if future.status == "error" else future.result()
        except (CancelledError, OSError):  # the connection is lost
            return
        yield futures[future], outcome
        future.release()  # what has come back need not stay in the memory of its worker


def _reason(error: BaseException) -> str:
    """One line that is never empty: some errors have a name and no words."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _job(plan: Plan, lab: Experiment, hashes: dict[str, str], threads: int, url: str) -> Job:
    weights = plan.weights and vars(plan.weights) | {"file": plan.weights.file and plan.weights.file.name}
    return Job(
        config=plan.config(),
        images_per_class=lab.profile.images_per_class,
        images=plan.dataset.folder.name,
        image_hashes=hashes,
        is_demo=plan.dataset.is_demo,
        weights=weights,
        threads=threads,
        url=url,
        checkpoints=paths.checkpoints(),
    )
