"""A scheduler and two workers as processes of their own, each with folders of its own: nothing is shared but addresses."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pandas as pd
import pytest
from distributed import Client
from fake_runs import assert_same
from sources import flip

from helpers import experiment
from helpers.cluster import sweep, worker
from helpers.config import demo_data, recipes
from helpers.core import paths, provenance
from helpers.core.errors import InputError
from helpers.data import dataset
from helpers.models.weights import find_weights
from helpers.training import runs


class Cluster:
    """Processes on the loopback interface, with a folder for each worker."""

    def __init__(self, folder):
        self.folder, self.processes = folder, {}
        self.start_scheduler("0")

    def start_scheduler(self, port):
        file = self.folder / f"scheduler_{port}.json"
        options = ["--host", "127.0.0.1", "--port", port, "--no-dashboard", "--scheduler-file", file]
        self._start("scheduler", "distributed.cli.dask_scheduler", options)
        deadline = time.monotonic() + 200
        while not file.exists():
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.1)
        with Client(scheduler_file=str(file)) as client:
            self.address = client.scheduler.address

    def start_worker(self, name, *options):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        environment = {"TINYIMAGE_RUNS": str(folder / "runs"), "TINYIMAGE_CACHE": str(folder / "cache")}
        options = [self.address, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard", *options]
        self._start(name, "distributed.cli.dask_worker", [*options, "--local-directory", folder], environment)

    def kill(self, name):
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_run(self, name):
        """End the process of the run alone; the worker lives."""
        subprocess.run(
            ["pkill", "-KILL", "-P", str(self.processes[name].pid), "-f", "helpers.cluster.run_process"], check=True
        )

    def worker_with(self, pattern):
        """The worker in whose folder of runs a file appears."""
        deadline = time.monotonic() + 600  # of a slow machine that does other work as well
        while time.monotonic() < deadline:
            for name in self.processes:
                if list((self.folder / name / "runs").glob(pattern)):
                    return name
            time.sleep(0.05)
        raise AssertionError(f"no worker ever had {pattern}")

    def _start(self, name, module, options, environment=None):
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, options)],
            cwd=paths.ROOT,
            env=os.environ | {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "20s"} | (environment or {}),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    for name in ("a", "b"):
        cluster.start_worker(name)
    yield cluster
    for name in list(cluster.processes):
        cluster.kill(name)


RESUMED = re.compile("resuming after epoch")
SMALL = demo_data.DemoData(num_classes=8, images_per_class=12, test_images_per_class=1, duplicate_pairs=1)


def open_lab(folder, recipes=("improved",), models=("shallow_cnn",), epochs=0):
    """An experiment at `smoke` on a smaller demo; with so many epochs of the improved shallow network."""
    lab = experiment.open_experiment("smoke", str(dataset.demo_folder(SMALL)), None, str(folder / "figures"), 0)
    changed = {("shallow_cnn", "improved"): (epochs,)} if epochs else {}
    return replace(
        lab,
        dataset=replace(lab.dataset, is_demo=True),
        weights=find_weights("", is_demo=True) if "mobilenetv2" in models else None,
        models=models,
        recipes=recipes,
        profile=replace(lab.profile, epochs=lab.profile.epochs | changed),
    )


SERIAL = """
import sys
from pathlib import Path
from test_sweep import open_lab
for epochs in (0, 25):
    lab = open_lab(Path(sys.argv[1]), epochs=epochs)
    print(lab.train("shallow_cnn", "improved")[0].folder)
"""


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """Runs of the improved shallow network with 1 epoch and with 25, trained by one process with one thread."""
    folder = tmp_path_factory.mktemp("serial")
    environment = {"TINYIMAGE_RUNS": str(folder / "runs"), "TINYIMAGE_CACHE": str(folder / "cache")}
    environment |= {"TINYIMAGE_THREADS": "1", "TINYIMAGE_CHECKPOINTS": ""}
    environment["PYTHONPATH"] = os.pathsep.join(
        map(str, (paths.ROOT, paths.ROOT / "tests", paths.ROOT / "tests" / "cluster"))
    )
    completed = subprocess.run(
        [sys.executable, "-c", SERIAL, str(folder)],
        cwd=paths.ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    folders = [line for line in completed.stdout.splitlines() if line.startswith(str(folder))]
    return {epochs: runs.Run(paths.Path(name)) for epochs, name in zip((1, 25), folders, strict=True)}


def run_sweep(lab, seeds, address):
    """What `make sweep` does."""
    try:
        return sweep.sweep(lab.plans(seeds), lab.keep, address)
    finally:
        lab.write_tables()


def diverging(plan):
    """The plan with a learning rate that makes the loss infinite."""
    return replace(plan, recipe=replace(plan.recipe, phases=(recipes.Phase(3, "sgd", 1e30),)))


@pytest.fixture(scope="module")
def swept(cluster, tmp_path_factory):
    """Two seeds of a recipe and a run that fails, trained by the cluster: the experiment, its folder, the problems."""
    folder = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYIMAGE_CACHE", str(folder / "cache"))
        patch.setenv("TINYIMAGE_RUNS", str(folder / "runs"))
        lab = open_lab(folder)
        plans = lab.plans(2)
        problems = sweep.sweep([diverging(replace(plans[0], seed=2)), *plans], lab.keep, cluster.address)
        lab.write_tables()
    return lab, folder, problems


@pytest.fixture
def swept_lab(swept, monkeypatch):
    lab, folder, _ = swept
    monkeypatch.setenv("TINYIMAGE_CACHE", str(folder / "cache"))
    monkeypatch.setenv("TINYIMAGE_RUNS", str(folder / "runs"))
    return lab


def test_runs_come_back_with_their_networks_and_rows(cluster, swept_lab):
    assert all(runs.Run(plan.folder).has_model() for plan in swept_lab.plans(2))
    table = pd.read_csv(swept_lab.output / "results.csv")
    assert len(table) == 2 * 2 and not table.duplicated(["model", "recipe", "seed", "split"]).any()
    assert len(pd.read_csv(swept_lab.output / "test_evaluations.csv")) == 2
    n_ended = [len(list((cluster.folder / name / "runs" / "smoke").glob("*/SHA256SUMS"))) for name in ("a", "b")]
    assert sum(n_ended) == 3 and min(n_ended) > 0


def test_runs_of_a_sweep_have_the_bits_of_serial_ones(swept_lab, serial):
    [run] = [run for run in swept_lab.finished() if run.key == serial[1].key]
    assert run.threads == serial[1].threads == 1
    assert_same(run, serial[1])


def test_a_second_sweep_trains_nothing(cluster, swept_lab, capfd):
    assert run_sweep(swept_lab, 2, cluster.address) == {}
    assert "0 of 2 runs are missing" in capfd.readouterr().out
    assert len(pd.read_csv(swept_lab.output / "test_evaluations.csv")) == 2


def test_failing_runs_are_listed_and_the_others_are_trained(swept, swept_lab):
    plans, problems = swept_lab.plans(2), swept[2]
    [(name, reason)] = problems.items()
    assert name == "shallow_cnn improved, seed 2" and "the loss was nan" in reason
    assert [run.seed for run in swept_lab.finished()] == [0, 1]
    assert (
        sweep.sweep([diverging(replace(plans[0], seed=2))], swept_lab.keep, "tcp://nowhere:9") == problems
    )  # not tried again


def test_damaged_images_of_a_worker_are_sent_again(cluster, swept_lab, tmp_path, capfd):
    for images in cluster.folder.glob("*/cache/images_*/labelled.npy"):
        flip(images)
    lab = open_lab(tmp_path, models=("mobilenetv2",))
    assert run_sweep(lab, 1, cluster.address) == {}
    [run] = [run for run in lab.finished() if run.model == "mobilenetv2"]
    assert run.weights_sha256 == lab.weights.sha256
    assert "labelled.npy is missing or damaged at tcp://127.0.0.1:" in capfd.readouterr().out


def test_a_worker_that_would_train_another_run_refuses(cluster, tmp_path, monkeypatch):
    lab = open_lab(tmp_path)
    versions = provenance.key_packages() | {"keras": "0"}
    monkeypatch.setattr(provenance, "key_packages", lambda: versions)
    [problem] = sweep.sweep(lab.plans(1), lab.keep, cluster.address).values()
    assert "a worker would train another run, since its packages differ; install the same version" in problem


def test_a_file_that_arrives_damaged_is_not_accepted(tmp_path):
    worker.append("images/labelled.npy", "sweep", b"")
    worker.append("images/labelled.npy", "sweep", b"pixels")
    with pytest.raises(InputError, match="labelled.npy arrived damaged"):
        worker.accept("images/labelled.npy", "sweep", "0" * 64)
    assert list((paths.cache() / "images").iterdir()) == []


def test_a_run_folder_that_arrives_damaged_is_not_kept(swept_lab, tmp_path, monkeypatch):
    plan = swept_lab.plans(1)[0]
    files = {file.name: file.read_bytes() for file in plan.folder.iterdir() if file.is_file()}
    monkeypatch.setenv("TINYIMAGE_RUNS", str(tmp_path))
    assert "history.csv is not what was written" in sweep._keep(plan, files | {"history.csv": b"epoch"})
    assert not plan.folder.exists()


def in_background(lab, address):
    """A sweep of one seed in a thread, and what it will return or raise."""
    result = {}

    def target():
        try:
            result["problems"] = run_sweep(lab, 1, address)
        except InputError as error:
            result["error"] = str(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread, result


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """A folder that all workers reach."""
    monkeypatch.setenv("TINYIMAGE_CHECKPOINTS", (tmp_path / "checkpoints").as_uri())
    return tmp_path / "checkpoints"


def checkpoint(lab, epoch):
    """Pattern of a checkpoint of the first run below a folder of runs."""
    return f"smoke/{lab.plans(1)[0].folder.name}/checkpoint_{epoch}*"


def test_a_run_resumes_after_its_process_is_killed_and_then_its_worker(cluster, tmp_path, checkpoints, capfd, serial):
    lab = open_lab(tmp_path, epochs=25)
    thread, result = in_background(lab, cluster.address)
    cluster.kill_run(cluster.worker_with(checkpoint(lab, "000[2-9]")))
    victim = cluster.worker_with(checkpoint(lab, "001[2-9]"))
    cluster.kill(victim)
    thread.join(timeout=600)
    cluster.start_worker(victim)
    assert result == {"problems": {}}
    assert len(RESUMED.findall(capfd.readouterr().out)) == 2
    assert not list(checkpoints.rglob("*.npz"))
    assert_same(lab.finished()[0], serial[25])


def test_a_worker_that_comes_back_after_it_was_presumed_dead_gives_no_second_row(cluster, tmp_path, checkpoints):
    lab = replace(open_lab(tmp_path, epochs=25), seed=7)
    thread, result = in_background(lab, cluster.address)
    name = cluster.worker_with(checkpoint(lab, "000[2-9]"))
    group = cluster.processes[name].pid
    os.killpg(group, signal.SIGSTOP)
    time.sleep(30)
    os.killpg(group, signal.SIGCONT)
    thread.join(timeout=600)
    cluster.kill(name)
    cluster.start_worker(name)
    assert result == {"problems": {}}
    assert len(list((paths.runs() / "smoke").glob("*/run.json"))) == 1
    assert len(pd.read_csv(lab.output / "test_evaluations.csv")) == 1


def test_the_same_command_resumes_after_the_scheduler_is_gone(cluster, tmp_path, checkpoints, capfd, monkeypatch):
    lab = replace(open_lab(tmp_path, epochs=25), seed=3)
    monkeypatch.setattr(sweep, "CONNECT_SECONDS", 2)
    thread, result = in_background(lab, cluster.address)
    cluster.worker_with(checkpoint(lab, "000[2-9]"))
    for name in ("scheduler", "a", "b"):  # workers end when their scheduler is gone
        cluster.kill(name)
    thread.join(timeout=200)
    assert "The connection to the scheduler at" in result["error"] and "the same command resumes" in result["error"]
    cluster.start_scheduler(cluster.address.rpartition(":")[2])
    monkeypatch.setattr(sweep, "CONNECT_SECONDS", 60)
    thread, result = in_background(lab, cluster.address)
    wait_for_line(capfd, "No worker is connected to tcp://")
    for name in ("a", "b"):
        cluster.start_worker(name)
    thread.join(timeout=600)
    assert result == {"problems": {}}
    assert RESUMED.search(capfd.readouterr().out)
    assert [run.seed for run in lab.finished()] == [3]


def wait_for_line(capfd, text):
    deadline, output = time.monotonic() + 200, ""
    while text not in output:
        assert time.monotonic() < deadline, output
        time.sleep(0.2)
        output += capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "preload", "message"),
    [
        (
            "older_python",
            "import platform; platform.python_version = lambda: '3.10.1'",
            "runs Python 3.10, and this command 3.1",
        ),
        (
            "without_project",
            "import sys; sys.modules['helpers.cluster.worker'] = None",
            "does not have this version of the project",
        ),
    ],
)
def test_a_worker_of_another_version_is_one_sentence(cluster, name, preload, message, tmp_path):
    cluster.start_worker(name, "--preload", preload)
    try:
        with Client(cluster.address) as client:
            deadline = time.monotonic() + 200
            while name not in {worker["name"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()}:
                assert time.monotonic() < deadline, f"{name} does not connect"
                time.sleep(0.2)
        with pytest.raises(InputError, match=message):
            run_sweep(replace(open_lab(tmp_path), seed=9), 3, cluster.address)  # a run for each worker
    finally:
        cluster.kill(name)


def test_no_scheduler_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match="No Dask scheduler answers at tcp://127.0.0.1:9 "):
        run_sweep(open_lab(tmp_path), 1, "tcp://127.0.0.1:9")
