"""Time two ways of doing one thing in turns; only their ratio means anything on a machine that others use too.

Each way has a process of its own, because memory pages, oneDNN and threads are settled when a process starts.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing.connection import Connection
from unittest.mock import patch

from helpers.core import provenance

Work = Callable[[], float]  # does something once and returns its seconds

LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # as the Makefile asks for
SMALL_PAGES = {"GLIBC_TUNABLES": ""}


@dataclass(frozen=True)
class Way:
    """How something is done.

    Attributes:
        prepare: a function of a module; makes ready what the clock does not count and returns the work.
        arguments: of `prepare`.
        environment: variables of the process.
    """

    prepare: Callable[..., Work]
    arguments: tuple[object, ...] = ()
    environment: dict[str, str] = field(default_factory=lambda: LARGE_PAGES)


@dataclass(frozen=True)
class Comparison:
    """One thing, done in two ways.

    Attributes:
        name: what is done.
        ours: does it as the project does.
        peer: does it another way.
        beside: what the peer is, in a few words.
        aim: the ratio to reach; None where the row only says what bounds another.
        repeats: turns that count; one before them warms up, unless there is only one.
        noticed: whether users wait for it; else it explains where their time goes.
    """

    name: str
    ours: Way
    peer: Way
    beside: str = "the report's way"
    aim: float | None = None
    repeats: int = 3
    noticed: bool = False


def compare(comparison: Comparison) -> dict[str, object]:
    """Time both ways in turns.

    Returns:
        A row of the table: `name`, `beside`, `ours` and `peer` (median seconds), `unit`, `ratio` (median), `lowest`, `highest`,
        `aim`, `reached`, `repeats`, `noticed`, and where it was measured.
    """
    with working(comparison.ours) as ours, working(comparison.peer) as peer:
        if comparison.repeats > 1:
            ours(), peer()
        turns = [(ours(), peer()) for _ in range(comparison.repeats)]
    ratios = [peer / ours for ours, peer in turns]
    ratio, aim = statistics.median(ratios), comparison.aim
    return row(
        comparison.name,
        beside=comparison.beside,
        ours=statistics.median(ours for ours, _ in turns),
        peer=statistics.median(peer for _, peer in turns),
        unit="s",
        ratio=ratio,
        lowest=min(ratios),
        highest=max(ratios),
        aim="" if aim is None else f"at least {aim:g} x",
        reached=None if aim is None else ratio >= aim,
        repeats=comparison.repeats,
        noticed=comparison.noticed,
    )


def measured(way: Way) -> float:
    """What one turn of some work gives."""
    with working(way) as work:
        return work()


def row(name: str, **values: object) -> dict[str, object]:
    """A row of the table, with the machine and the code that it was measured with."""
    return {"name": name, **values, **_where()}


@cache
def _where() -> dict[str, str]:
    """The machine and the code, asked once: the table that is written row by row changes the checkout."""
    sets = provenance.instruction_sets()
    widest = "AVX-512" if any(flag.startswith("avx512") for flag in sets) else "AVX2" if "avx2" in sets else "no AVX2"
    return {"hardware": f"{provenance.hardware()}, {widest}", "code_version": provenance.code_version()}


def timed(work: Callable[[], object]) -> Work:
    """The work as one that returns its seconds."""
    return partial(seconds, work)


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of a call; its result is freed after the clock has stopped."""
    start = time.perf_counter()
    result = work()
    elapsed = time.perf_counter() - start
    del result
    return elapsed


@contextmanager
def working(way: Way) -> Iterator[Work]:
    """A process that has prepared some work and does it whenever it is told to; it ends with the block.

    Yields:
        A function that has the work done once and returns its seconds; it raises RuntimeError if the process has ended.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(there, way), daemon=True)
    with patch.dict(os.environ, way.environment):
        process.start()
    there.close()

    def work() -> float:
        try:
            here.send("go")
            return here.recv()
        except (EOFError, OSError) as error:
            process.join()
            raise RuntimeError(f"The process that works ended with status {process.exitcode}; see above.") from error

    try:
        yield work
    finally:
        process.kill()
        process.join()
        here.close()


def _serve(told: Connection, way: Way) -> None:
    work = way.prepare(*way.arguments)
    while told.recv():
        told.send(work())
