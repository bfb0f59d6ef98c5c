"""The notebooks of the series, found by their numbers. What a notebook needs, its own metadata says.

A notebook is a file `NN_name.ipynb`. Its metadata may have a key `tinyimage` with

    needs_weights: whether it opens MobileNetV2's weights (default true)
    after: numbers of the notebooks before it whose results it reads; it can run beside the others (default: all before it)

Both defaults are safe, so that adding a notebook takes a file and nothing else.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.config import choices
from helpers.core import paths
from helpers.core.errors import InputError


@dataclass(frozen=True)
class Notebook:
    """A notebook of the series.

    Attributes:
        file: the source, without outputs.
    """

    file: Path

    @property
    def name(self) -> str:
        """For example "02_shallow_cnn"."""
        return self.file.stem

    @property
    def number(self) -> str:
        """For example "02"."""
        return self.name[:2]

    @property
    def needs_weights(self) -> bool:
        """Whether it opens MobileNetV2's weights."""
        return self._settings.get("needs_weights", True)

    def waits_for(self, other: "Notebook") -> bool:
        """Whether it reads results of another notebook, so that it cannot run beside it."""
        return other.number < self.number and other.number in self._settings.get("after", [other.number])

    @property
    def n_cells(self) -> int:
        """Code cells that run: its own, and the one that papermill adds with the values of the parameters."""
        return 1 + sum(cell["cell_type"] == "code" for cell in self._content["cells"])

    @property
    def heading(self) -> str:
        """Of its first section; "" where it has none."""
        prose = ("".join(cell["source"]) for cell in self._content["cells"] if cell["cell_type"] == "markdown")
        return next((heading for text in prose for heading in headings(text)), "")

    @property
    def _settings(self) -> dict[str, Any]:
        return self._content["metadata"].get("tinyimage", {})

    @cached_property
    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self.file.read_text())
            return {"metadata": content["metadata"], "cells": content["cells"]}
        except (ValueError, KeyError) as error:
            raise InputError(f"{self.file} is not a notebook; restore it or remove it.") from error


def headings(markdown: str) -> list[str]:
    """The headings of a text, in order."""
    return [line.lstrip("#").strip() for line in markdown.splitlines() if line.startswith("#")]


def find_notebooks(folder: Path = paths.NOTEBOOKS) -> list[Notebook]:
    """The notebooks in a folder, in the order of their numbers."""
    return [Notebook(file) for file in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]


def choose(numbers: str) -> list[Notebook]:
    """Notebooks of the series by their numbers.

    Args:
        numbers: such as "04" or "2,3"; "" for all.

    Raises:
        InputError: a number has no notebook.
    """
    chosen = [f"{number:0>2}" for number in choices.split_names(numbers)]
    series = find_notebooks()
    known = sorted({notebook.number for notebook in series})
    for number in chosen:
        if number not in known:
            raise InputError(
                f"There is no notebook {number!r}; NOTEBOOKS takes numbers from {known[0]} to {known[-1]}."
            )
    return [notebook for notebook in series if not chosen or notebook.number in chosen]


def startable(waiting: list[Notebook], running: list[Notebook]) -> list[Notebook]:
    """Those that wait for none of the others, in their order."""
    return [notebook for notebook in waiting if not any(notebook.waits_for(other) for other in [*waiting, *running])]


def executed_folder(profile: str) -> Path:
    """Where the complete executed copies of a profile's notebooks are kept."""
    return paths.runs() / profile / "notebooks"


def incomplete_copies(executed: Path) -> list[Path]:
    """Executed copies of notebooks that are running, were interrupted or failed, by name."""
    return sorted((executed / paths.INCOMPLETE).glob("[0-9][0-9]_*.ipynb"))


def cell_seconds(copy: Path) -> list[float]:
    """Seconds of each code cell of an executed copy, in order; empty where there is no readable copy."""
    try:
        cells = json.loads(copy.read_text())["cells"]
        return [cell["metadata"]["papermill"]["duration"] or 0.0 for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def newest_profile() -> str:
    """The profile whose notebooks were published last.

    Raises:
        InputError: none has run to its end.
    """
    published = sorted(paths.FIGURES.glob("*/outputs/*.json"), key=lambda file: file.stat().st_mtime)
    if not published:
        raise InputError("No notebook has been run yet; call `make report` first.")
    return published[-1].parent.parent.name
