"""Time two ways of doing one thing in turns; only their ratio means anything on a machine that others use too."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from helpers.core import provenance


@dataclass(frozen=True)
class Comparison:
    """One thing, done in two ways.

    Attributes:
        name: what is done.
        ours: does it as the project does; returns the seconds that it took.
        peer: the same as the report's code does it.
        aim: the ratio to reach; None where the row only says what bounds another.
        repeats: turns that count; one before them warms up.
    """

    name: str
    ours: Callable[[], float]
    peer: Callable[[], float]
    aim: float | None = None
    repeats: int = 3


def compare(comparison: Comparison) -> dict[str, object]:
    """Time both ways in turns.

    Returns:
        A row of the table: `name`, `ours` and `peer` (median seconds), `unit`, `ratio` (median), `lowest`, `highest`,
        `aim`, `reached`, `repeats`, and where it was measured.
    """
    turns = [(comparison.ours(), comparison.peer()) for _ in range(comparison.repeats + 1)][1:]
    ratios = [peer / ours for ours, peer in turns]
    ratio = statistics.median(ratios)
    return row(
        comparison.name,
        ours=statistics.median(ours for ours, _ in turns),
        peer=statistics.median(peer for _, peer in turns),
        unit="s",
        ratio=ratio,
        lowest=min(ratios),
        highest=max(ratios),
        aim="" if comparison.aim is None else f"at least {comparison.aim:g} x",
        reached=None if comparison.aim is None else ratio >= comparison.aim,
        repeats=comparison.repeats,
    )


def row(name: str, **values: object) -> dict[str, object]:
    """A row of the table, with the machine and the code that it was measured with."""
    return {"name": name, **values, "hardware": provenance.hardware(), "code_version": provenance.code_version()}


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """The work as one that returns its seconds."""
    return partial(seconds, work)


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of a call; what it returns is let go of after that."""
    start = time.perf_counter()
    made = work()
    took = time.perf_counter() - start
    del made
    return took
