"""A scheduler and two workers as processes of their own, each with folders of its own: nothing is shared but addresses."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from distributed import Client

from helpers import experiment
from helpers.cluster import sweep
from helpers.config import demo_data, recipes
from helpers.core import paths
from helpers.core.errors import InputError
from helpers.data import dataset
from helpers.models.weights import find_weights
from helpers.training import plans, runs


class Cluster:
    """Processes on the loopback interface, with a folder for each worker."""

    def __init__(self, folder):
        self.folder, self.processes = folder, {}
        self.start_scheduler("0")

    def start_scheduler(self, port):
        file = self.folder / f"scheduler_{port}.json"
        options = ["--host", "127.0.0.1", "--port", port, "--no-dashboard", "--scheduler-file", file]
        self._start("scheduler", "distributed.cli.dask_scheduler", options)
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.1)
        with Client(scheduler_file=str(file)) as client:
            self.address = client.scheduler.address

    def start_worker(self, name):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        own = {"TINYIMAGE_RUNS": str(folder / "runs"), "TINYIMAGE_CACHE": str(folder / "cache")}
        options = [self.address, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        self._start(name, "distributed.cli.dask_worker", [*options, "--local-directory", folder], own)

    def kill(self, name):
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_run(self, name):
        """End the process of the run alone; the worker lives."""
        subprocess.run(
            ["pkill", "-KILL", "-P", str(self.processes[name].pid), "-f", "helpers.cluster.worker"], check=True
        )

    def worker_with(self, pattern):
        """The worker in whose folder of runs a file appears."""
        deadline = time.monotonic() + 300  # of a slow machine that does other work as well
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
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | (environment or {}),
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
lab = open_lab(Path(sys.argv[1]), epochs=int(sys.argv[2]))
print(lab.train("shallow_cnn", "improved")[0].folder)
"""


def serial(folder, epochs=0):
    """The run of the improved shallow network made by one process with one thread, in a folder of its own."""
    own = {"TINYIMAGE_RUNS": str(folder / "serial"), "TINYIMAGE_THREADS": "1", "TINYIMAGE_CHECKPOINTS": ""}
    own["PYTHONPATH"] = os.pathsep.join(map(str, (paths.ROOT, paths.ROOT / "tests", paths.ROOT / "tests" / "cluster")))
    done = subprocess.run(
        [sys.executable, "-c", SERIAL, str(folder / "serial"), str(epochs)],
        cwd=paths.ROOT,
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return runs.Run(paths.Path(done.stdout.splitlines()[-1]))


def assert_equal(run, other):
    assert run.key == other.key
    assert run.history.drop(columns="seconds").equals(other.history.drop(columns="seconds"))
    for name, array in run.predictions.items():
        assert np.array_equal(array, other.predictions[name]), name


@pytest.fixture(scope="module")
def swept(cluster, tmp_path_factory):
    """Three seeds of two recipes, made by the cluster."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYIMAGE_CACHE", str(folder / "cache"))
        patch.setenv("TINYIMAGE_RUNS", str(folder / "runs"))
        lab = open_lab(folder, ("as_reported", "improved"))
        assert sweep.sweep(lab, 3, cluster.address) == {}
    return lab, folder


@pytest.fixture
def at_home(swept, monkeypatch):
    lab, folder = swept
    monkeypatch.setenv("TINYIMAGE_CACHE", str(folder / "cache"))
    monkeypatch.setenv("TINYIMAGE_RUNS", str(folder / "runs"))
    return lab


def test_three_seeds_come_back_as_if_made_at_home(cluster, at_home):
    wanted = at_home.plans(3)
    assert len(wanted) == 6
    assert all(runs.Run(plan.folder).has_model() for plan in wanted)
    table = pd.read_csv(at_home.output / "results.csv")
    assert len(table) == 2 * 6 and not table.duplicated(["model", "recipe", "seed", "split"]).any()
    assert len(pd.read_csv(at_home.output / "test_evaluations.csv")) == 6
    assert "| 3 |" in (at_home.output / "results.md").read_text()  # seeds of a row
    made = [len(list((cluster.folder / name / "runs" / "smoke").glob("*/run.json"))) for name in ("a", "b")]
    assert sum(made) == 6 and min(made) > 0


def test_runs_of_a_sweep_have_the_bits_of_serial_ones(at_home, tmp_path):
    expected = serial(tmp_path)
    [run] = [r for r in at_home.finished() if r.key == expected.key]
    assert run.record["threads"] == expected.record["threads"] == 1
    assert_equal(run, expected)


def test_a_second_sweep_finds_nothing_to_do(cluster, at_home, capfd):
    assert sweep.sweep(at_home, 3, cluster.address) == {}
    assert "0 of 6 runs are missing" in capfd.readouterr().out
    assert len(pd.read_csv(at_home.output / "test_evaluations.csv")) == 6


def test_a_damaged_cache_of_a_worker_is_fetched_again(cluster, at_home, tmp_path):
    for images in cluster.folder.glob("*/cache/images_*/labelled.npy"):
        content = bytearray(images.read_bytes())
        content[len(content) // 2] ^= 1
        images.write_bytes(content)
    lab = open_lab(tmp_path, models=("mobilenetv2",))
    assert sweep.sweep(lab, 1, cluster.address) == {}
    [run] = [run for run in lab.finished() if run.model == "mobilenetv2"]
    assert run.record["weights"]["sha256"] == lab.weights.sha256
    assert any("is damaged and is brought again" in file.read_text() for file in cluster.folder.glob("*.log"))


def test_what_fails_is_listed_with_its_reason_and_the_rest_is_made(cluster, tmp_path, monkeypatch):
    lab = open_lab(tmp_path)
    diverging = replace(lab.recipe("shallow_cnn", "improved"), phases=(recipes.Phase(3, "sgd", 1e30),))
    good = experiment.Experiment.plans

    def plans(lab, n_seeds):
        """A run whose loss is infinite, one that a worker with other code cannot make, one that is all right."""
        [plan] = good(lab, 1)
        return [replace(plan, recipe=diverging, seed=1), OtherCode(*vars(replace(plan, seed=2)).values()), plan]

    monkeypatch.setattr(experiment.Experiment, "plans", plans)
    problems = sweep.sweep(lab, 1, cluster.address)
    assert sorted(problems) == ["shallow_cnn improved, seed 1", "shallow_cnn improved, seed 2"]
    assert "the loss was nan" in problems["shallow_cnn improved, seed 1"]
    assert "a worker would make another run, since its code_hash differ" in problems["shallow_cnn improved, seed 2"]
    assert [run.seed for run in lab.finished()] == [0]
    lab = replace(lab, output=tmp_path / "again")
    monkeypatch.setattr(experiment.Experiment, "plans", lambda lab, n_seeds: plans(lab, 1)[::2])
    assert list(sweep.sweep(lab, 1, "tcp://nowhere:9")) == ["shallow_cnn improved, seed 1"]  # nothing goes out again


class OtherCode(plans.Plan):
    """A plan made by another version of the project."""

    def config(self):
        return super().config() | {"code_hash": "another", "key": f"another{self.seed}"}


def in_background(*arguments):
    """A sweep in a thread, and what it will return."""
    found = {}
    thread = threading.Thread(target=lambda: found.update(problems=sweep.sweep(*arguments)), daemon=True)
    thread.start()
    return thread, found


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """A folder that all workers reach."""
    monkeypatch.setenv("TINYIMAGE_CHECKPOINTS", (tmp_path / "checkpoints").as_uri())
    return tmp_path / "checkpoints"


def test_a_run_whose_worker_is_killed_goes_on_at_the_other(cluster, tmp_path, checkpoints, capfd):
    lab = open_lab(tmp_path, epochs=25)
    thread, found = in_background(lab, 1, cluster.address)
    victim = cluster.worker_with(f"smoke/{lab.plans(1)[0].folder.name}/checkpoint_000[2-9]*")
    cluster.kill(victim)
    thread.join(timeout=200)
    cluster.start_worker(victim)
    assert found == {"problems": {}}
    out = capfd.readouterr().out
    assert "epoch 1/25" in out and "going on after epoch" in out
    assert not list(checkpoints.rglob("*.npz"))
    assert_equal(lab.finished()[0], serial(tmp_path, epochs=25))


def test_a_run_whose_process_is_killed_goes_out_again(cluster, tmp_path, checkpoints, capfd):
    lab = replace(open_lab(tmp_path, epochs=25), seed=6)
    thread, found = in_background(lab, 1, cluster.address)
    cluster.kill_run(cluster.worker_with(f"smoke/{lab.plans(1)[0].folder.name}/checkpoint_000[2-9]*"))
    thread.join(timeout=200)
    assert found == {"problems": {}}
    assert "going on after epoch" in capfd.readouterr().out
    assert [run.seed for run in lab.finished()] == [6]


def test_runs_go_out_again_when_the_scheduler_is_restarted(cluster, tmp_path, checkpoints, capfd):
    lab = replace(open_lab(tmp_path, epochs=25), seed=3)
    thread, found = in_background(lab, 1, cluster.address)
    cluster.worker_with(f"smoke/{lab.plans(1)[0].folder.name}/checkpoint_000[2-9]*")
    for name in ("scheduler", "a", "b"):  # workers end when their scheduler is gone
        cluster.kill(name)
    cluster.start_scheduler(cluster.address.rpartition(":")[2])
    for name in ("a", "b"):
        cluster.start_worker(name)
    thread.join(timeout=200)
    assert found == {"problems": {}}
    out = capfd.readouterr().out
    assert "The scheduler is gone; " in out and "going on after epoch" in out
    assert [run.seed for run in lab.finished()] == [3]


def test_no_scheduler_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "PATIENCE", 1)
    with pytest.raises(InputError, match="No Dask scheduler answers at tcp://127.0.0.1:9 "):
        sweep.sweep(open_lab(tmp_path), 1, "tcp://127.0.0.1:9")
