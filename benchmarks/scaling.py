"""Time and memory as the number of images grows: `make scaling`.

For each size a procedural data set is written, every step is measured in a process of its own, and everything is deleted, also
where something fails. `figures/full/scaling.csv` gets a row when a step is done, and steps that have one are not measured
again; then the figure is drawn and docs/scaling.md gets its numbers.

Memory is read from outside, 50 times a second: a thread inside would stand still while the step holds the interpreter.
Anonymous pages are what a process has to have. Mapped pages of files, counted apart, are copies of what is on disk: the system
takes them back when memory runs short, so a cache larger than memory fits all the same.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import psutil
import typer
from filelock import FileLock

from benchmarks import many_images
from benchmarks.measure import row, seconds
from benchmarks.steps import STEPS
from helpers import plots
from helpers.cli import main
from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES
from helpers.core import paths, provenance
from helpers.core.errors import InputError
from helpers.core.progress import duration
from helpers.report import generated, scaling_facts

MOST_DISK = 20 * 10**9  # bytes, at any moment
_WRITE = "write"  # the data set itself; its memory is of no interest
_EXTRA_FILES = 1000  # lists of boxes and the like, beside the images
_BYTES_MADE = IMAGE_SIZE**2 * 3 + 2 * 1280 + 100  # an image: decoded, its features, its name
_INTERVAL = 0.02  # seconds between two looks at memory


def run(
    images: Annotated[str, typer.Option(help="numbers of images, separated by commas")] = "10000,100000,1000000",
) -> None:
    """Measure what was not measured yet, then draw the figure and write the page."""
    table = paths.FIGURES / "full" / "scaling.csv"
    measure(_sizes(images), NUM_CLASSES, table)
    measured = scaling_facts.complete_sizes(table)
    plots.scaling(measured, scaling_facts.source(measured)).save(table.parent, table.stem)
    generated.update()
    print(f"Table, figure, page: {paths.shown(table)}, {paths.shown(table.with_suffix('.png'))}, docs/scaling.md")


def measure(sizes: list[int], num_classes: int, table: Path) -> None:
    """Add the rows that are missing.

    Args:
        sizes: numbers of images.
        num_classes: of the data sets.
        table: a CSV file with a row for each size and step: seconds, MiB of anonymous memory as the clock starts and at most,
            MiB of mapped files at most, bytes of what the step leaves and what they take on disk, and the system's load.

    Raises:
        InputError: no room for the data, or no way to tell pages of files from others.
    """
    if not sys.platform.startswith("linux"):
        raise InputError("Memory is measured as Linux counts it; call this on Linux.")
    missing_of = {size: [step for step in (_WRITE, *STEPS) if step not in _steps_done(table, size)] for size in sizes}
    paths.cache().mkdir(parents=True, exist_ok=True)
    for size in (size for size, missing in missing_of.items() if missing):  # before hours of work on the smaller ones
        check_room(size, paths.cache())
    for size, missing in missing_of.items():
        if not missing:
            print(f"{size:,} images: measured before; remove {paths.shown(table)} to measure again", flush=True)
            continue
        with _own_folder() as folder:
            for measured in _rows(size, num_classes, folder, missing):
                facts = row(measured.pop("step"), **measured, date=provenance.utc_now())
                _append(table, {"images": size, "step": facts.pop("name")} | facts)


def check_room(size: int, folder: Path) -> None:
    """Make sure that a data set and everything made of it fits.

    Raises:
        InputError: it would not.
    """
    needed, free = size * (many_images.BYTES + _BYTES_MADE), shutil.disk_usage(folder).free
    if needed > min(free, MOST_DISK):
        raise InputError(
            f"{size:,} images would take {needed / 1e9:.1f} GB in {folder}, where {free / 1e9:.1f} GB are free and at most "
            f"{MOST_DISK / 1e9:g} GB are used; name another folder with CACHE, or fewer images with IMAGES."
        )
    files = os.statvfs(folder)
    if files.f_files and files.f_favail < size + _EXTRA_FILES:
        raise InputError(
            f"{size:,} images are more files than {folder} has room for ({files.f_favail:,}); name another folder with "
            "CACHE, or fewer images with IMAGES."
        )


def _rows(size: int, num_classes: int, folder: Path, missing: list[str]) -> Iterator[dict[str, Any]]:
    """Makes a data set and yields a row for each step as it is done."""
    source, cache = folder / "source", folder / "cache"
    cache.mkdir()
    environment = os.environ | {"TINYIMAGE_CACHE": str(cache), "TINYIMAGE_MOST_FILES": str(size + _EXTRA_FILES)}
    kept: set[Path] = set()
    # What the others start from has to be there, also where it was measured before.
    for step in [name for name in (_WRITE, *STEPS) if name in (_WRITE, "decode", *missing)]:
        load = round(os.getloadavg()[0], 1)
        if step == _WRITE:
            written = seconds(lambda: many_images.write(source, size, num_classes))
            measured = {"seconds": round(written, 4)} | _bytes({source})
            _drop_from_memory(source)
        else:
            measured = _measured(step, source, environment) | _bytes(set(cache.iterdir()) - kept)
        print(f"{size:,} images: {step} in {duration(measured['seconds'])}", flush=True)
        if step in missing:
            yield {"step": step} | measured | {"load": load}
        if step == "decode":
            kept = set(cache.iterdir())
        for path in set(cache.iterdir()) - kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder in the cache that is gone afterwards; what a killed process left there is removed first."""
    folder = paths.cache() / "scaling.partial"
    with FileLock(folder.with_suffix(".lock")):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _drop_from_memory(folder: Path) -> None:
    """A source that is opened for the first time comes from the disk; what was just written lies in memory."""
    os.sync()
    for path in filter(Path.is_file, folder.rglob("*")):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measured(step: str, source: Path, environment: dict[str, str]) -> dict[str, float]:
    """Seconds, and MiB before the clock starts and at most while it runs."""
    command = [sys.executable, "-m", "benchmarks.steps", step, str(source)]
    options = {"env": environment, "cwd": paths.ROOT, "stdout": subprocess.PIPE, "text": True}
    # In a session of its own, so that Ctrl-C comes to this process alone, which ends the other.
    with psutil.Popen(command, start_new_session=True, **options) as process:
        try:
            is_ready = any(line == "ready\n" for line in iter(process.stdout.readline, ""))
            memory = [_memory(process)] if is_ready else []
            while process.poll() is None:
                memory.append(_memory(process))
                time.sleep(_INTERVAL)
            output = process.stdout.read()
        finally:
            if process.poll() is None:
                process.kill()
    if process.returncode:
        raise InputError(f"The step {step} failed with status {process.returncode}; see above.")
    anonymous, mapped = zip(*memory, strict=True)
    return {
        "seconds": round(json.loads(output.splitlines()[-1])["seconds"], 4),
        "start_mib": round(anonymous[0], 1),
        "anonymous_mib": round(max(anonymous), 1),
        "mapped_mib": round(max(mapped), 1),
    }


def _memory(process: psutil.Process) -> tuple[float, float]:
    """MiB of anonymous pages, and of pages of files and shared memory; 0 of a process that has just ended."""
    try:
        usage = process.memory_info()
    except psutil.NoSuchProcess:
        return 0.0, 0.0
    return (usage.rss - usage.shared) / 2**20, usage.shared / 2**20


def _bytes(made: set[Path]) -> dict[str, int]:
    """How long files and all files below folders are, and what they take on disk."""
    entries = [entry for path in made for entry in (path, *path.rglob("*"))]
    return {
        "content_bytes": sum(entry.stat().st_size for entry in entries if entry.is_file()),
        "disk_bytes": sum(entry.stat().st_blocks * 512 for entry in entries),
    }


def _steps_done(table: Path, size: int) -> set[str]:
    """The steps that a table has for a number of images; none where there is no table."""
    return set(pd.read_csv(table).query("images == @size")["step"]) if table.exists() else set()


def _append(table: Path, measured: dict[str, Any]) -> None:
    """Add a row at once, so that it outlives whatever comes next."""
    table.parent.mkdir(parents=True, exist_ok=True)
    earlier = [pd.read_csv(table)] if table.exists() else []
    pd.concat([*earlier, pd.DataFrame([measured])]).to_csv(table, index=False)


def _sizes(text: str) -> list[int]:
    try:
        sizes = sorted({int(part) for part in text.split(",")})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 10 * NUM_CLASSES:
        raise InputError(f"IMAGES must be numbers from {10 * NUM_CLASSES:,} on, separated by commas, not {text!r}.")
    return sizes


if __name__ == "__main__":
    main(lambda: typer.run(run))
