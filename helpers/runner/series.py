"""Notebooks in the order of their numbers, side by side where one does not wait for the other, each in a process of its own."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.core.progress import duration
from helpers.runner.display import Display
from helpers.runner.notebooks import Notebook, cell_seconds, startable

_SECONDS_TO_END = 20  # that an interrupted notebook gets to end its kernel
# Of NumPy, SciPy and scikit-learn, whose threads wait by spinning: on two cores, logistic regressions of two notebooks side by
# side take six times as long with two threads each, and a single one gains less than a fifth. TensorFlow and LiteRT have their own.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run_series(chosen: list[Notebook], executed: Path, parameters: dict[str, str | int], jobs: int) -> None:
    """Run notebooks; see `execute.run_notebook` for one of them.

    Args:
        chosen: in the order of the series.
        executed: folder of the executed copies.
        parameters: values for the parameters cell of each notebook.
        jobs: how many notebooks run at the same time.

    Raises:
        InputError: a notebook failed; those beside it are interrupted.
    """
    with Display(len(chosen), executed) as display:
        _Series(chosen, executed, parameters, jobs, display).run()


def describe_series(chosen: list[Notebook], executed: Path, profile: str, jobs: int) -> str:
    """What a run of notebooks is about to do, and how long it takes by the last complete run of each."""
    numbers = ", ".join(notebook.number for notebook in chosen)
    jobs = min(jobs, len(startable(chosen, [])))
    side_by_side = f", up to {jobs} side by side" if jobs > 1 else ""
    seconds = [sum(cell_seconds(executed / notebook.file.name)) for notebook in chosen]
    estimate = "how long it takes is not known yet: these notebooks have not all run here before"
    if all(seconds):
        estimate = f"about {duration(max(*seconds, sum(seconds) / jobs))} if it trains as much as last time"
    return f"Running notebooks {numbers} with the profile {profile}{side_by_side}; {estimate}"


class _Series:
    """Notebooks that run, at most `jobs` at a time."""

    def __init__(
        self, chosen: list[Notebook], executed: Path, parameters: dict[str, str | int], jobs: int, display: Display
    ) -> None:
        self.waiting, self.executed, self.parameters = list(chosen), executed, parameters
        self.jobs, self.display = jobs, display
        self.running: dict[Notebook, subprocess.Popen] = {}
        self.events: queue.SimpleQueue[tuple[Notebook, dict[str, Any] | None]] = queue.SimpleQueue()
        self.problems: dict[Notebook, str] = {}

    def run(self) -> None:
        try:
            while self.waiting or self.running:
                for notebook in startable(self.waiting, list(self.running))[: self.jobs - len(self.running)]:
                    self._start(notebook)
                notebook, event = self.events.get()
                if event is None:
                    self._end(notebook)
                elif "error" in event:
                    self.problems[notebook] = event["error"]
                else:
                    self.display.show(notebook, event)
        finally:
            _interrupt(list(self.running.values()))

    def _start(self, notebook: Notebook) -> None:
        self.waiting.remove(notebook)
        self.display.start(notebook)
        # A session of its own: Ctrl-C reaches this process alone, which interrupts its notebooks once.
        process = subprocess.Popen(
            [sys.executable, "-m", "helpers.runner.execute", *[arg for arg in sys.argv if arg == "--traceback"]],
            cwd=paths.ROOT,
            env=_ONE_THREAD | os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.running[notebook] = process
        task = {"notebook": str(notebook.file), "folder": str(self.executed), "parameters": self.parameters}
        threading.Thread(target=self._read, args=(notebook, process, json.dumps(task)), daemon=True).start()

    def _read(self, notebook: Notebook, process: subprocess.Popen, task: str) -> None:
        """Hand a process its task and pass on its events, then None."""
        assert process.stdin and process.stdout  # pipes, as asked for
        try:
            process.stdin.write(task)
            process.stdin.close()
        except BrokenPipeError:  # it ended at once; its status says how
            pass
        for line in process.stdout:
            self.events.put((notebook, _as_event(line)))
        process.wait()
        self.events.put((notebook, None))

    def _end(self, notebook: Notebook) -> None:
        status = self.running.pop(notebook).returncode
        self.display.end(notebook, failed=status != 0)
        if status:
            raise InputError(
                self.problems.get(notebook, f"{notebook.name} ended with status {status}; see its last lines.")
            )


def _as_event(line: str) -> dict[str, Any]:
    """An event of a notebook's process; what anything else in that process printed becomes a line."""
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"line": line.rstrip("\n")}


def _interrupt(processes: list[subprocess.Popen]) -> None:
    """End notebooks as Ctrl-C does; kernels that do not end in time are killed with their process."""
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            process.wait(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
