"""Kill the series again and again, and compare what it leaves with a series that nobody killed. Run by `make torture`.

Every other kill comes at a random moment; the others wait for a stage of the series, one after another, so that the short
ones are met as well. `figures/full/fault_counts.json` gets the counts, and the README from it.
"""

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import nbformat
import numpy as np
import pandas as pd
import typer
from processes import kill_tree
from reliability import keep as keep_counts

from helpers.core import paths
from helpers.training import runs

_MEAN_SECONDS = 25  # of work between two kills at random moments
_SECONDS_PER_STAGE = 120  # after which a kill comes whether or not its stage has

# What a running cell does, by words in it; the first that fits counts.
_CELLS = {"lab.train(": "training", "lab.table(": "experiment", "frozen_features(": "features", "lab.show(": "figure"}
_AIMS = ("features", "figure", "between notebooks", "experiment", "training")


def main(
    kills: Annotated[int, typer.Option(help="how often the whole process tree is killed")] = 20,
    profile: Annotated[str, typer.Option(help="smoke or demo")] = "demo",
    seed: Annotated[int, typer.Option(help="of the moments")] = 0,
    notebooks: Annotated[str, typer.Option(help="numbers, separated by commas; all if not given")] = "",
    keep: Annotated[Path | None, typer.Option(help="folder to work in and to leave behind")] = None,
) -> None:
    """Print how many kills were survived and how many runs came back equal; fail where one did not."""
    folder = keep or Path(tempfile.mkdtemp(prefix="torture_"))
    whole = _Series(folder / "whole", profile, notebooks)
    whole.finish()
    killed, met = _killed(folder, (profile, notebooks), kills, random.Random(seed))
    compared = [_differences(whole, other) for other in killed]
    for differences in compared:
        for name, found in differences.items():
            if found:
                print(f"differs: {name}: {found}")
    of_runs = [found for differences in compared for name, found in differences.items() if name != _TABLES]
    counts = {
        "profile": profile,
        "notebooks": notebooks or "all",
        "kills": len(met),
        "survived": len(met),  # a series that fails after a kill ends this program
        "met": dict(Counter(met).most_common()),
        "series": len(killed),
        "runs": len(of_runs),
        "equal": of_runs.count(""),
        "tables_equal": sum(not differences[_TABLES] for differences in compared),
    }
    keep_counts("torture", counts)
    print(json.dumps(counts))
    if not keep:
        shutil.rmtree(folder)
    raise SystemExit(any(found for differences in compared for found in differences.values()))


class _Series:
    """One series in folders of its own."""

    def __init__(self, folder: Path, profile: str, notebooks: str) -> None:
        self.folder, self.profile, self.notebooks = folder, profile, notebooks
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> subprocess.Popen:
        log = (self.folder / "log.txt").open("a")
        command = ["report", "--profile", self.profile, "--output", str(self.folder / "figures"), "--no-html"]
        command += ["--jobs", "1"]  # so that the last line is of the notebook that runs
        command += ["--notebooks", self.notebooks] if self.notebooks else []
        own = {"TINYIMAGE_RUNS": str(self.folder / "runs"), "TINYIMAGE_CACHE": str(self.folder / "cache")}
        return subprocess.Popen(
            [sys.executable, "-m", "helpers.cli", *command],
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

    def stage(self) -> str:
        """What it does, from its last line and the cell that runs."""
        lines = (self.folder / "log.txt").read_text().splitlines() or [""]
        if not lines[-1][:2].isdigit():
            return "before the first notebook"
        name = lines[-1].split(":")[0]
        try:
            cells = nbformat.read(
                self.folder / "runs" / self.profile / "notebooks" / paths.INCOMPLETE / f"{name}.ipynb", 4
            ).cells
        except (OSError, ValueError):  # not there yet, or being written
            return "between notebooks"
        running = [cell.source for cell in cells if cell.metadata.get("papermill", {}).get("status") == "running"]
        if not running or " done after " in lines[-1]:
            return "between notebooks"
        if ": computing " in lines[-1]:
            return "features"
        return next((stage for words, stage in _CELLS.items() if words in running[0]), "another cell")

    def runs(self) -> dict[str, runs.Run]:
        found = runs.finished(self.folder / "runs" / self.profile)
        return {f"{run.label}, seed {run.seed}": run for run in found}


def _killed(folder: Path, what: tuple[str, str], kills: int, rng: random.Random) -> tuple[list[_Series], list[str]]:
    """Series that were killed until all kills are used, and what each kill met."""
    found, met, aims = [], [], itertools.cycle(_AIMS)
    while len(met) < kills:
        series = _Series(folder / f"killed_{len(found)}", *what)
        found.append(series)
        while len(met) < kills:
            process = series.start()
            aim = next(aims) if len(met) % 2 else ""  # another one each time: some do not come in every notebook
            status = _wait(process, series, aim, rng)
            if status == 0:
                break  # it finished before the kill: the next kill meets a new series
            if status is not None:
                raise SystemExit(f"The series failed after a kill; see {series.folder / 'log.txt'}.")
            met.append(series.stage())
            kill_tree(process)
            print(f"kill {len(met)} of {kills}: {met[-1]}", flush=True)
        series.finish()
    return found, met


def _wait(process: subprocess.Popen, series: _Series, aim: str, rng: random.Random) -> int | None:
    """Until a stage is there, or for a random time; the status of a series that ends before that."""
    until = time.monotonic() + (_SECONDS_PER_STAGE if aim else 5 + rng.expovariate(1 / _MEAN_SECONDS))
    while time.monotonic() < until:
        try:
            return process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            if aim and series.stage() == aim:
                time.sleep(rng.uniform(0, 0.5))  # into it
                return process.poll()
    return None


_TABLES = "tables and figures"


def _differences(whole: _Series, killed: _Series) -> dict[str, str]:
    """For each run, what differs from that of the series that nobody killed; "" where every bit is the same."""
    expected, found = whole.runs(), killed.runs()
    differences = {
        name: _difference(run, found[name]) if name in found else "missing" for name, run in expected.items()
    }
    return differences | {_TABLES: _unequal_files(whole.folder / "figures", killed.folder / "figures")}


def _unequal_files(whole: Path, killed: Path) -> str:
    """Names of files that only one has; of those that must be equal (results, submissions, small experiments), also the unequal."""
    names = {str(file.relative_to(folder)) for folder in (whole, killed) for file in folder.rglob("*.*")}
    odd = [name for name in names if not (whole / name).exists() or not (killed / name).exists()]
    odd += [
        name for name in names - set(odd) if name.endswith(".csv") and _content(whole / name) != _content(killed / name)
    ]
    return ", ".join(sorted(odd))


def _content(table: Path) -> str:
    """Without what no two series share: when, and how long."""
    frame = pd.read_csv(table)
    return frame[[column for column in frame if "second" not in column and column != "utc"]].to_csv()


def _difference(run: runs.Run, other: runs.Run) -> str:
    if not run.history.drop(columns="seconds").equals(other.history.drop(columns="seconds")):
        return "history"
    unequal = [name for name, array in run.predictions.items() if not np.array_equal(array, other.predictions[name])]
    return ", ".join(unequal)


if __name__ == "__main__":
    typer.run(main)
