"""Tables as Markdown, for README, results and docs."""

import pandas as pd


def markdown_table(frame: pd.DataFrame) -> str:
    """A table as Markdown, one line a row, each value as `str` gives it."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (frame.columns, *frame.itertuples(index=False))]
    lines.insert(1, "|" + "---|" * len(frame.columns))
    return "\n".join(lines) + "\n"
