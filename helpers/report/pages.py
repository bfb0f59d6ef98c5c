"""Tables as Markdown, for README, results and docs."""

import re
from collections.abc import Iterable

import pandas as pd

_NUMBER = re.compile(r"[-+]?[\d.,]+(e[-+]?\d+)?( ?%)?( (min|h|s|x|GiB))?( / [\d.,]+)?")


def markdown_table(frame: pd.DataFrame) -> str:
    """A table as Markdown, one line a row, each value as `str` gives it; columns of numbers are aligned to the right."""
    rows = [list(map(str, row)) for row in (frame.columns, *frame.itertuples(index=False))]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    alignment = ["---:" if are_numbers(texts) else "---" for texts in zip(*rows[1:], strict=True)]
    lines.insert(1, "|" + "".join(f"{sign}|" for sign in alignment or ["---"] * len(frame.columns)))
    return "\n".join(lines) + "\n"


def are_numbers(texts: Iterable[str]) -> bool:
    """Whether the cells of a column are numbers, with or without a unit; blank cells do not count."""
    filled = [text.strip() for text in texts if text.strip()]
    return bool(filled) and all(_NUMBER.fullmatch(text) for text in filled)
