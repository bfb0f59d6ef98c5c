"""Markdown pages with generated parts: a template fills what stands between markers, so no number is typed by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

TEMPLATES = Path(__file__).parent / "templates"


def render_blocks(template: Path, facts: Mapping[str, Any]) -> dict[str, str]:
    """The blocks of a template as Markdown, by name.

    Args:
        template: a Jinja file whose text stands in named blocks.
        facts: values of its variables; one that the template names and that is missing raises `jinja2.UndefinedError`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML
    )
    environment.filters |= {"percent": percent, "table": markdown_table}
    loaded = environment.get_template(template.name)
    return {name: "".join(block(loaded.new_context(dict(facts)))) for name, block in loaded.blocks.items()}


def fill(text: str, blocks: Mapping[str, str]) -> str:
    """The text of a page with each block between its two markers.

    Args:
        text: has the lines `<!-- name: begin -->` and `<!-- name: end -->` for every block, once each and in order.
        blocks: Markdown by name.

    Raises:
        ValueError: a pair of markers is missing.
    """
    for name, block in blocks.items():
        begin, end = (f"<!-- {name}: {place} -->\n" for place in ("begin", "end"))
        before, begin_marker, after_begin = text.partition(begin)
        _, end_marker, after = after_begin.partition(end)
        if not begin_marker or not end_marker:
            raise ValueError(f"the page needs the lines {begin.strip()} and {end.strip()}")
        text = f"{before}{begin}\n{block.strip()}\n\n{end}{after}"
    return text


def markdown_table(frame: pd.DataFrame) -> str:
    """A table as Markdown, one line a row, each value as `str` gives it."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (frame.columns, *frame.itertuples(index=False))]
    lines.insert(1, "|" + "---|" * len(frame.columns))
    return "\n".join(lines) + "\n"


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction as text: "45.6%"."""
    return f"{fraction:.{digits}%}"
