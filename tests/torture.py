"""Kill the series again and again, and compare what it leaves with a series that nobody killed. Run by `make torture`."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from helpers import paths, runs

_MEAN_SECONDS = 25  # of work between two kills


def main(
    kills: Annotated[int, typer.Option(help="how often the whole process tree is killed")] = 20,
    profile: Annotated[str, typer.Option(help="smoke or demo")] = "demo",
    seed: Annotated[int, typer.Option(help="of the moments")] = 0,
    keep: Annotated[Path | None, typer.Option(help="folder to work in and to leave behind")] = None,
) -> None:
    """Print how many kills were survived and how many runs came back equal; fail where one did not."""
    folder = keep or Path(tempfile.mkdtemp(prefix="torture_"))
    whole = _Series(folder / "whole", profile)
    whole.finish()
    killed, moments = _killed(folder, profile, kills, random.Random(seed))
    compared = [_differences(whole, other) for other in killed]
    n_equal = sum(not found for differences in compared for found in differences.values())
    n_runs = sum(len(differences) for differences in compared)
    for differences in compared:
        for name, found in differences.items():
            if found:
                print(f"differs: {name}: {found}")
    print(pd.Series(moments, name="kills").value_counts().to_string())
    counts = {"kills": len(moments), "series": len(killed), "runs": n_runs, "equal": n_equal, "profile": profile}
    print(json.dumps(counts))
    if not keep:
        shutil.rmtree(folder)
    raise SystemExit(n_equal < n_runs)


class _Series:
    """One series in folders of its own."""

    def __init__(self, folder: Path, profile: str) -> None:
        self.folder, self.profile = folder, profile
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> subprocess.Popen:
        log = (self.folder / "log.txt").open("a")
        command = ["report", "--profile", self.profile, "--output", str(self.folder / "figures"), "--no-html"]
        own = {"TINYIMAGE_RUNS": str(self.folder / "runs"), "TINYIMAGE_CACHE": str(self.folder / "cache")}
        return subprocess.Popen(
            [sys.executable, "-m", "helpers.series", *command],
            cwd=paths.ROOT,
            env=os.environ | own,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def finish(self) -> None:
        status = self.start().wait()
        if status:
            raise SystemExit(f"The series failed with status {status}; see {self.folder / 'log.txt'}.")

    def last_line(self) -> str:
        lines = (self.folder / "log.txt").read_text().splitlines()
        return lines[-1] if lines else ""

    def runs(self) -> dict[str, runs.Run]:
        found = runs.finished(self.folder / "runs" / self.profile)
        return {f"{run.label}, seed {run.seed}": run for run in found}


def _killed(folder: Path, profile: str, kills: int, rng: random.Random) -> tuple[list[_Series], list[str]]:
    """Series that were killed at random moments until all kills are used, and what each kill met."""
    found, moments = [], []
    while len(moments) < kills:
        series = _Series(folder / f"killed_{len(found)}", profile)
        found.append(series)
        while len(moments) < kills:
            process = series.start()
            try:
                if process.wait(timeout=5 + rng.expovariate(1 / _MEAN_SECONDS)) == 0:
                    break  # it finished before the kill: the next kill meets a new series
                raise SystemExit(f"The series failed after a kill; see {series.folder / 'log.txt'}.")
            except subprocess.TimeoutExpired:
                moments.append(_moment(series.last_line()))
                _kill_tree(process)
        series.finish()
    return found, moments


def _moment(line: str) -> str:
    """What a series was doing, from its last line: the notebook, and whether it trained."""
    notebook = line.split(":")[0] if line[:2].isdigit() else "before the first notebook"
    return f"{notebook}, {'training' if 'epoch' in line else 'elsewhere'}"


def _kill_tree(process: subprocess.Popen) -> None:
    """Kernels have sessions of their own, so the tree is followed by parents."""
    tree = [process.pid]
    for pid in tree:
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
        tree += [int(child) for child in listed.stdout.split()]
    for pid in tree:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def _differences(whole: _Series, killed: _Series) -> dict[str, str]:
    """For each run, what differs from that of the series that nobody killed; "" where every bit is the same."""
    expected, found = whole.runs(), killed.runs()
    return {name: _difference(run, found[name]) if name in found else "missing" for name, run in expected.items()}


def _difference(run: runs.Run, other: runs.Run) -> str:
    if not run.history.drop(columns="seconds").equals(other.history.drop(columns="seconds")):
        return "history"
    unequal = [name for name, array in run.predictions.items() if not np.array_equal(array, other.predictions[name])]
    return ", ".join(unequal)


if __name__ == "__main__":
    typer.run(main)
