"""A published notebook as a page of the HTML report: code folded, tables tidy, figures and sources linked."""

import html
import re
from copy import deepcopy
from xml.etree import ElementTree

import nbformat

from helpers.report.pages import are_numbers

_MOST_LINES = 4  # of printed text that stands open on a page
_MISSING = {"NaN", "None", "<NA>", "NaT"}
_CODE_OR_LINK = re.compile(r"(`[^`]*`|\[[^\]]*\]\([^)]*\))")
_LINKS = (
    (re.compile(r"\bdoi[: ]\s?(10\.\d{4,}/[^\s,;]*[^\s,;.)])"), r"[doi:\1](https://doi.org/\1)"),
    (re.compile(r"\barXiv:(\d{4}\.\d{4,5})"), r"[arXiv:\1](https://arxiv.org/abs/\1)"),
    (re.compile(r"(?<![\w(<])(https?://[^\s<>)]*[^\s<>).,;])"), r"<\1>"),
)
_EXPLORERS = {  # by the name in the cell that shows one, where on the page `explore` its part lies
    "class_browser": "classes-of-the-demo",
    "augmentation_lab": "augmentation",
    "answer_browser": "answers-of-the-improved-networks",
}
_PICTURE = re.compile(r'<img src="\.\./([^"]+)"([^>]*>)')
_CITATION = re.compile(r"(?<!- )\[(\d{1,2})\](?!\()")


def as_page(
    notebook: nbformat.NotebookNode, has_newer: bool, names: list[str], explorers: str = "explore.html"
) -> nbformat.NotebookNode:
    """A published notebook for readers; it says below its title what it was made from.

    Args:
        notebook: as `published.load` gives it.
        has_newer: whether a later run of it has not finished.
        names: of all notebooks with a page; mentions of them become links.
        explorers: the page with the explorers that work in the browser; "" for none.
    """
    notebook = deepcopy(notebook)
    published = notebook.metadata["published"]
    made_from = "`" + published["data"].replace("`", "'") + "`" if published["data"] else "the demo data"
    note = " **A later run of this notebook has not finished; this page shows the one before.**" if has_newer else ""
    has_references = any("## References" in cell.source for cell in notebook.cells)
    notebook.cells = _with_folded_code(notebook.cells, explorers)
    for cell in notebook.cells:
        cell.source = _linked(cell.source, names, has_references) if cell.cell_type == "markdown" else cell.source
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = _linked(output.data["text/markdown"], names, has_references)
    heading, _, opening = notebook.cells[0].source.partition("\n")
    made = f"*Made from {made_from} with the profile `{published['profile']}`; the code below shows the parameters' defaults.*{note}"
    notebook.cells[0].source = f"{heading}\n\n{made}\n{opening}"
    return notebook


def opening(notebook: nbformat.NotebookNode, name: str) -> str:
    """A paragraph of a notebook's opening, by the word in bold with which it begins, as Markdown; "" for none."""
    match = re.search(rf"^\*\*{name}.*?(?=\n\n|\Z)", notebook.cells[0].source, re.DOTALL | re.MULTILINE)
    return " ".join(match.group().replace("**", "").split()) if match else ""


def title(notebook: nbformat.NotebookNode) -> str:
    """The title of a notebook."""
    return notebook.cells[0].source.partition("\n")[0].lstrip("# ")


def _with_folded_code(cells: list[nbformat.NotebookNode], explorers: str) -> list[nbformat.NotebookNode]:
    """The cells with neighbouring code cells joined where the first shows nothing, and code that opens with a click."""
    joined: list[nbformat.NotebookNode] = []
    for cell in cells:
        if cell.cell_type == "code":
            cell.metadata["tags"] = ["hide-input"]
            cell.outputs = [*map(_tidy, cell.outputs), *_explorer_link(cell.source, explorers)]
            if joined and joined[-1].cell_type == "code" and not joined[-1].outputs:
                cell.source = f"{joined.pop().source}\n\n{cell.source}"
        joined.append(cell)
    return joined


def _explorer_link(code: str, page: str) -> list[nbformat.NotebookNode]:
    """A link to what works in the browser, on that page, of the explorer that the code shows, as an output."""
    links = [
        f'<p><a href="{page}#{part}">Try it in the browser.</a></p>'
        for name, part in _EXPLORERS.items()
        if page and f'"{name}"' in code
    ]
    return [nbformat.v4.new_output("display_data", data={"text/html": link}) for link in links]


def _tidy(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An output with long printed text folded, tables tidy and figures found from the page."""
    if output.output_type == "stream":
        lines = output.text.rstrip("\n").splitlines()
        if len(lines) <= _MOST_LINES:
            return output
        log = f"<details class='log'><summary>Log, {len(lines)} lines</summary><pre>{html.escape(output.text)}</pre></details>"
        return nbformat.v4.new_output("display_data", data={"text/html": log, "text/plain": output.text})
    if "text/html" in output.get("data", {}):
        text = re.sub(r"<style scoped>.*?</style>", "", output.data["text/html"], flags=re.S)  # pandas' own
        text = _PICTURE.sub(r'<a href="figures/\1"><img src="figures/\1"\2</a>', text)
        output.data["text/html"] = re.sub(
            r"<table.*?</table>", lambda match: tidy_table(match.group()), text, flags=re.S
        )
    return output


def tidy_table(table: str) -> str:
    """The HTML of a table that scrolls inside itself, with plain heads, numbers to the right and nothing where nothing is.

    Args:
        table: as pandas or `WrappedTable` writes it.
    """
    try:
        root = ElementTree.fromstring(table)
    except ElementTree.ParseError:  # not one of ours
        return f'<div class="table-scroll">{table}</div>'
    is_frame = root.attrib.pop("border", None) is not None  # pandas' own; the widths of others stay
    rows = root.findall("tbody/tr")
    row_names = [row.findtext("th") for row in rows]
    heads = root.findall("thead/tr")
    if len(heads) == 1 and all(name is not None and (name.isdigit() or name == "...") for name in row_names):
        for row in heads + rows:
            del row[0]
    for head in root.iterfind("thead/tr/th"):
        head.text = (head.text or "").replace("_", " ")
    if is_frame:
        for row in heads:
            row.attrib.pop("style", None)
    for row in heads + rows:
        for cell in row:
            if is_frame:
                cell.attrib.pop("style", None)
            cell.text = "" if (cell.text or "").strip() in _MISSING else cell.text
    columns = list(zip(*(row.findall("td") for row in rows), strict=False))
    for place, cells in enumerate(columns):
        if are_numbers(cell.text or "" for cell in cells):
            for cell in cells:
                cell.set("class", "number")
            for head in (head for head in heads if len(head) >= len(columns)):
                head[place - len(columns)].set("class", "number")
    return (
        f'<div class="table-scroll">{ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)}</div>'
    )


def _linked(text: str, names: list[str], has_references: bool) -> str:
    """Markdown without markers, with links where notebooks, sources and the report's references are named."""
    text = re.sub(r"<!-- \w+: (begin|end) -->\n?", "", text)
    parts = _CODE_OR_LINK.split(text)
    for place in range(0, len(parts), 2):  # the others are code or links
        for pattern, link in _LINKS:
            parts[place] = pattern.sub(link, parts[place])
        for name in names:
            parts[place] = re.sub(rf"\b([Nn]otebook {name[:2]})\b", rf"[\1]({name}.ipynb)", parts[place])
        if has_references:
            parts[place] = _CITATION.sub(r"[\\[\1\\]](#references)", parts[place])
    return "".join(parts)
