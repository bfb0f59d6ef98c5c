"""Text between markers in a page that is written by hand, so that no number in it is."""

import re


def filled(text: str, name: str, content: str) -> str:
    """The text of a page with what stands between two markers replaced.

    Args:
        text: has the lines `<!-- name: begin -->` and `<!-- name: end -->`, once each and in order.
        name: of the markers.
        content: what stands between them afterwards.

    Raises:
        ValueError: the markers are not there.
    """
    begin, end = (f"<!-- {name}: {place} -->\n" for place in ("begin", "end"))
    before, marker, tail = text.partition(begin)
    _, end_marker, after = tail.partition(end)
    if not marker or not end_marker:
        raise ValueError(f"the page needs the lines {begin.strip()} and {end.strip()}")
    return f"{before}{begin}\n{content.strip()}\n\n{end}{after}"


def names(text: str) -> list[str]:
    """Names of the markers in a page, in their order."""
    return re.findall(r"^<!-- (\w+): begin -->$", text, re.MULTILINE)
