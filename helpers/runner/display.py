"""The progress of the notebooks that run: one bar each on a terminal, lines with the notebook's name elsewhere."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from helpers.core.progress import duration
from helpers.runner.notebooks import Notebook, cell_seconds

_LEAST_SECONDS = 5  # of finished cells, before their pace corrects an estimate


@dataclass
class NotebookProgress:
    """How far one notebook is.

    Attributes:
        notebook: which one.
        place: of the series, for example "notebook 2/5".
        earlier_seconds: of each code cell in its last complete run; empty where there was none.
        cell: the code cell that runs, or comes first, from 1.
        heading: of its section.
    """

    notebook: Notebook
    place: str
    earlier_seconds: list[float]
    cell: int = 1
    heading: str = ""
    started: float = field(default_factory=time.perf_counter)

    def describe(self) -> str:
        """For example "notebook 2/5, cell 14/41: Worse than chance?"."""
        cell = f"{self.place}, cell {self.cell}/{self.notebook.n_cells}"
        return f"{cell}: {self.heading}" if self.heading else cell

    def seconds_left(self) -> float | None:
        """Seconds until the notebook ends, by its last complete run and the pace of this one; None without such a run."""
        if not self.earlier_seconds:
            return None
        done = sum(self.earlier_seconds[: self.cell - 1])
        elapsed = time.perf_counter() - self.started
        pace = elapsed / done if done > _LEAST_SECONDS else 1.0
        return max(0.0, sum(self.earlier_seconds) * pace - elapsed)


class _TimeLeft(ProgressColumn):
    """The estimate of a notebook's `NotebookProgress`, as of now."""

    def render(self, task: Task) -> Text:
        left = task.fields["progress"].seconds_left()
        return Text("" if left is None else f"{duration(left)} left")


class Display:
    """What a running series shows.

    Args:
        n_notebooks: notebooks of the series.
        executed: folder of the executed copies of earlier runs, from which the time left is estimated.
        console: where bars are drawn if it is a terminal.
    """

    def __init__(self, n_notebooks: int, executed: Path, console: Console | None = None) -> None:
        self.n_notebooks, self.executed = n_notebooks, executed
        self.progress: dict[Notebook, NotebookProgress] = {}
        self.tasks: dict[Notebook, TaskID] = {}
        whole = Column(no_wrap=True)
        # Where a terminal is narrow, the description is what is cut.
        rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self.bars = Progress(
            BarColumn(12, table_column=whole),
            TimeElapsedColumn(table_column=whole),
            _TimeLeft(table_column=whole),
            TextColumn("{task.description}", markup=False, table_column=rest),
            console=console or Console(stderr=True),
            transient=True,
            expand=True,
        )
        self.is_live = self.bars.console.is_terminal

    def __enter__(self) -> "Display":
        if self.is_live:
            self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_live:
            self.bars.stop()

    def start(self, notebook: Notebook) -> None:
        """A notebook starts."""
        place = f"notebook {len(self.progress) + 1}/{self.n_notebooks}"
        earlier_seconds = cell_seconds(self.executed / notebook.file.name)
        progress = NotebookProgress(notebook, place, earlier_seconds, heading=notebook.heading)
        self.progress[notebook] = progress
        if self.is_live:
            self.tasks[notebook] = self.bars.add_task(progress.describe(), total=notebook.n_cells, progress=progress)
            return
        left = progress.seconds_left()
        estimate = f"; about {duration(left)} by its last run" if left is not None else ""
        self._print(notebook, f"started, {progress.describe()}{estimate}")

    def show(self, notebook: Notebook, event: dict[str, Any]) -> None:
        """An event of a running notebook; see `execute.run_notebook`."""
        progress = self.progress[notebook]
        is_new_section = "cell" in event and event["heading"] != progress.heading
        if "cell" in event:
            progress.cell, progress.heading = event["cell"], event["heading"]
        if self.is_live:
            line = f" | {event['line']}" if event.get("line") else ""
            self.bars.update(self.tasks[notebook], description=progress.describe() + line, completed=progress.cell - 1)
        elif is_new_section:
            self._print(notebook, progress.describe().removeprefix(f"{progress.place}, "))
        elif "line" in event:
            self._print(notebook, event["line"])

    def end(self, notebook: Notebook, failed: bool) -> None:
        """A notebook has ended."""
        if self.is_live:
            self.bars.remove_task(self.tasks.pop(notebook))
        took = duration(time.perf_counter() - self.progress[notebook].started)
        self._print(notebook, f"{'failed' if failed else 'done'} after {took}")

    def _print(self, notebook: Notebook, text: str) -> None:
        line = f"{notebook.name}: {text}"
        if self.is_live:
            self.bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, flush=True)
