"""Executed notebooks in the form that is kept beside the figures: text and tables, figures by reference, no image data."""

import html
import re
from pathlib import Path

import nbformat

from helpers.core import paths, storage
from helpers.core.errors import InputError

FOLDER = "notebooks"  # of a profile's figures

_EMBEDDED = re.compile(
    r"<figure[^>]*><img src=\"data:[^\"]*\" alt=\"([^\"]*)\" (style=\"[^\"]*\")?.*?<figcaption>(.*?)</figcaption></figure>",
    re.S,
)
_PATH = re.compile(r"(?:[\w.~-]*/){2,}(?=[\w.-])")  # of this machine, before a name
_KEPT = ("text/html", "text/markdown", "text/plain")


def publish(executed: Path, names: list[str], figures: Path) -> None:
    """Write the compact copies of executed notebooks to `<figures>/notebooks/`.

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
            raise InputError(f"{file} is damaged; call `make report NOTEBOOKS={name[:2]}` again.") from error
        with storage.replacing(folder / file.name) as partial:
            nbformat.write(compact(notebook, figures), partial)


def compact(notebook: nbformat.NotebookNode, figures: Path) -> nbformat.NotebookNode:
    """An executed notebook without image data, times and paths of the machine it ran on.

    A figure that was saved becomes a reference to its file; one with photographs of the data set, which is not, a sentence.

    Args:
        notebook: executed; the outputs of figures carry their names as metadata, as `Experiment.show` gives them.
        figures: folder of the saved figures.
    """
    given = notebook.metadata.get("papermill", {}).get("parameters", {})
    parameters = {"profile": given.get("profile", ""), "data": Path(given.get("data") or "").name}
    metadata = {name: notebook.metadata[name] for name in ("kernelspec", "language_info") if name in notebook.metadata}
    cells = [_compact_cell(cell, figures) for cell in notebook.cells]
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata | {"papermill": {"parameters": parameters}})


def _compact_cell(cell: nbformat.NotebookNode, figures: Path) -> nbformat.NotebookNode:
    tags = cell.metadata.get("tags", [])
    metadata = {"tags": tags} if tags else {}
    if cell.cell_type != "code":
        return nbformat.v4.new_markdown_cell(cell.source, id=cell.id, metadata=metadata)
    source = _PATH.sub("", cell.source) if "injected-parameters" in tags else cell.source
    outputs = [_compact_output(output, figures) for output in cell.outputs]
    return nbformat.v4.new_code_cell(
        source, id=cell.id, metadata=metadata, execution_count=cell.execution_count, outputs=outputs
    )


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
