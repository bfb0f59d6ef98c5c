"""The published notebooks as Markdown with figures and tables, in docs/series/, for readers of the repository's own page."""

import nbformat

from helpers.core import paths, storage
from helpers.report import articles, published

FOLDER = paths.DOCS / "series"


def update() -> None:
    """Write a page for each notebook that the repository has the outputs of."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        storage.write_text(FOLDER / f"{name}.md", text)


def pages() -> dict[str, str]:
    """The Markdown of each page, by the name of its notebook."""
    notebooks = published.load(paths.FIGURES / "full")
    return {name: as_markdown(name, notebook, list(notebooks)) for name, notebook in notebooks.items()}


def as_markdown(name: str, notebook: nbformat.NotebookNode, names: list[str]) -> str:
    """A published notebook as Markdown: code folded, figures by reference to `figures/full/`.

    Args:
        name: of the notebook.
        notebook: as `published.load` gives it.
        names: of all notebooks with a page; mentions of them become links.
    """
    page = articles.as_page(notebook, False, names, explorers="")
    text = "\n\n".join(part for cell in page.cells for part in _parts(cell)) + "\n"
    for other in names:
        text = text.replace(f"({other}.ipynb)", f"({other}.md)")
    heading, _, rest = text.replace('="figures/', '="../../figures/full/').partition("\n\n")
    return f"{heading}\n\n[The notebook](../../notebooks/{name}.ipynb). {rest}"


def _parts(cell: nbformat.NotebookNode) -> list[str]:
    if cell.cell_type != "code":
        return [cell.source]
    code = f"<details><summary>Code</summary>\n\n```python\n{cell.source}\n```\n\n</details>"
    return [code, *map(_shown, cell.outputs)]


def _shown(output: nbformat.NotebookNode) -> str:
    if output.output_type == "stream":
        return f"```text\n{output.text.rstrip()}\n```"
    data = output.data
    return data.get("text/html") or data.get("text/markdown") or f"```text\n{data['text/plain']}\n```"
