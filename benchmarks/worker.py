"""A process of its own for one way of a comparison, because the size of memory pages is settled when a process starts."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from unittest.mock import patch

TUNABLE = "GLIBC_TUNABLES"
LARGE = "glibc.malloc.hugetlb=1"  # as the Makefile asks for


@contextmanager
def worker(
    tunable: str, prepare: Callable[..., Callable[[], float]], *arguments: object
) -> Iterator[Callable[[], float]]:
    """A process that prepares some work once and does it whenever it is told to; it ends with the block.

    Args:
        tunable: of the C library: `LARGE` pages of memory, or nothing for small ones.
        prepare: a function of a module; returns the work, which returns its seconds.
        arguments: of `prepare`.

    Yields:
        A function that has the work done once and returns its seconds; it raises RuntimeError if the process has ended.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, prepare, *arguments), daemon=True)
    with patch.dict(os.environ, {TUNABLE: tunable}):
        process.start()
    theirs.close()

    def work() -> float:
        try:
            ours.send("go")
            return ours.recv()
        except (EOFError, OSError) as error:
            process.join()
            raise RuntimeError(f"The process that works ended with status {process.exitcode}; see above.") from error

    try:
        yield work
    finally:
        process.kill()
        process.join()
        ours.close()


def _serve(told: Connection, prepare: Callable[..., Callable[[], float]], *arguments: object) -> None:
    work = prepare(*arguments)
    while told.recv():
        told.send(work())
