"""What the notebooks of a run showed, kept beside its figures: text and tables, figures by reference, no image data.

A file holds the outputs alone, by the ids of their cells. Prose and code are those of the notebook, which has no outputs; a page
of the HTML report puts the two together.
"""

import html
import json
import re
from pathlib import Path
from typing import Any

import nbformat

from helpers.core import paths, storage
from helpers.core.errors import InputError

FOLDER = "outputs"  # of a profile's figures

_EMBEDDED = re.compile(
    r"<figure[^>]*><img src=\"data:[^\"]*\" alt=\"([^\"]*)\" (style=\"[^\"]*\")?.*?<figcaption>(.*?)</figcaption></figure>",
    re.S,
)
_KEPT = ("text/html", "text/markdown", "text/plain")


def publish(executed: Path, names: list[str], figures: Path) -> None:
    """Write the outputs of executed notebooks to `<figures>/outputs/`.

    Args:
        executed: folder of the executed copies.
        names: of the notebooks; those that are not there are left out.
        figures: folder of the figures that they saved.

    Raises:
        InputError: a copy cannot be read.
    """
    folder = figures / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        file = executed / f"{name}.ipynb"
        if not file.exists():
            continue
        try:
            notebook = nbformat.read(file, 4)
        except Exception as error:  # nbformat raises many kinds
            raise _damaged(file) from error
        storage.write_json(folder / f"{name}.json", outputs(notebook, figures))


def outputs(notebook: nbformat.NotebookNode, figures: Path) -> dict[str, Any]:
    """What an executed notebook showed, without image data and without paths of the machine it ran on.

    A figure that was saved becomes a reference to its file; one with photographs of the data set, which is not, a sentence.

    Args:
        notebook: executed; the outputs of figures carry their names as metadata, as `Experiment.show` gives them.
        figures: folder of the saved figures.

    Returns:
        `profile`, `data` (the name of the source; "" for the demo) and `cells`: the outputs of each cell that has any, by its id.
    """
    parameters = notebook.metadata.get("papermill", {}).get("parameters", {})
    shown = {
        cell.id: [_compact_output(output, figures) for output in cell.get("outputs", [])] for cell in notebook.cells
    }
    return {
        "profile": parameters.get("profile", ""),
        "data": Path(parameters.get("data") or "").name,
        "cells": {cell_id: kept for cell_id, kept in shown.items() if kept},
    }


def load(figures: Path) -> dict[str, nbformat.NotebookNode]:
    """The published notebooks of a run, by name: those of the series with the outputs that were kept of them.

    Args:
        figures: folder of the figures.

    Returns:
        Notebooks whose metadata `published` has the run's `profile` and `data`.

    Raises:
        InputError: a file of outputs cannot be read.
    """
    files = sorted((figures / FOLDER).glob("*.json"))
    return {file.stem: _with_outputs(file) for file in files if _source(file).exists()}


def _source(file: Path) -> Path:
    return paths.NOTEBOOKS / f"{file.stem}.ipynb"


def _with_outputs(file: Path) -> nbformat.NotebookNode:
    try:
        kept = json.loads(file.read_text())
        cells, published = kept["cells"], {name: kept[name] for name in ("profile", "data")}
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(file) from error
    notebook = nbformat.read(_source(file), 4)
    notebook.metadata["published"] = published
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.from_dict(output) for output in cells.get(cell.id, [])]
    return notebook


def _damaged(file: Path) -> InputError:
    return InputError(f"{file} is damaged; call `make report NOTEBOOKS={file.name[:2]}` again.")


def _compact_output(output: nbformat.NotebookNode, figures: Path) -> nbformat.NotebookNode:
    if output.output_type == "stream":
        text = output.text.replace(f"{paths.ROOT}/", "")
        return nbformat.v4.new_output("stream", name=output.name, text=text)
    data = {kind: output.data[kind] for kind in _KEPT if kind in output.get("data", {})}
    if match := _EMBEDDED.search(data.get("text/html", "")):
        data = _figure(output.metadata.get("figure", ""), match, figures)
    data = {kind: text for kind, text in data.items() if "data:image" not in text}  # an image in any other form
    return nbformat.v4.new_output("display_data", data=data)


def _figure(name: str, embedded: re.Match[str], figures: Path) -> dict[str, str]:
    """What stands for a figure: a reference to its file, or a sentence that says what a run of one's own shows."""
    alt, style, caption = embedded.groups(default="")
    plain = html.unescape(alt)
    if name and (figures / f"{name}.png").exists():
        picture = f'<img src="../{name}.png" alt="{alt}" {style}/>'
        return {"text/html": f"<figure>{picture}<figcaption>{caption}</figcaption></figure>", "text/plain": plain}
    sentence = (
        f"Photographs of the data set are not published; a run of your own shows them here. {html.unescape(caption)}"
    )
    return {"text/html": f'<p class="not-published">{html.escape(sentence)}</p>', "text/plain": f"{sentence} {plain}"}
