"""Time and memory as the number of images grows: `make scaling`.

For each size a procedural data set is written, every step is measured in a process of its own, and everything is deleted,
also where something fails. `figures/full/scaling.csv` gets a row when a step is done, and steps that have one are not
measured again; then the figure and the page docs/scaling.md are made from it.

Peak memory is read from outside, in /proc, 50 times a second: a thread inside would stand still while the step holds the
interpreter. Anonymous pages are what a process has to have. Mapped pages of files, counted apart, are copies of what is on
disk: the system takes them back when memory runs short, so a cache larger than memory fits all the same.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from filelock import FileLock

from benchmarks import many_images, scaling_page
from benchmarks.steps import STEPS
from helpers.cli import main
from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES
from helpers.core import paths, provenance
from helpers.core.errors import InputError
from helpers.core.progress import duration

MOST_DISK = 20 * 10**9  # bytes, at any moment
_WRITE = "write"  # the data set itself; its memory is of no interest
_EXTRA_FILES = 1000  # lists of boxes and the like, beside the images
_FEATURES = 1280  # numbers, two bytes each, that MobileNetV2 makes of an image
_INTERVAL = 0.02  # seconds between two looks at memory


def run(
    images: Annotated[str, typer.Option(help="numbers of images, separated by commas")] = "10000,100000,1000000",
) -> None:
    """Measure what was not measured yet, then draw the figure and write the page."""
    measure(_sizes(images), NUM_CLASSES, scaling_page.TABLE)
    scaling_page.publish()
    print(
        f"Table, figure, page: {', '.join(map(paths.shown, (scaling_page.TABLE, scaling_page.FIGURE, scaling_page.PAGE)))}"
    )


def measure(sizes: list[int], num_classes: int, table: Path) -> None:
    """Add the rows that are missing.

    Args:
        sizes: numbers of images.
        num_classes: of the data sets.
        table: a CSV file; see `scaling_page`.

    Raises:
        InputError: no room for the data, or no /proc to read memory from.
    """
    if not Path("/proc/self/status").exists():
        raise InputError("Memory is measured through /proc, which this system does not have; call this on Linux.")
    where = {"code_version": provenance.code_version(), "hardware": provenance.hardware()}  # before the table changes
    missing_of = {
        size: [step for step in (_WRITE, *STEPS) if step not in scaling_page.steps_done(table, size)] for size in sizes
    }
    paths.cache().mkdir(parents=True, exist_ok=True)
    for size, missing in missing_of.items():  # before hours of work on the smaller ones
        if missing:
            check_room(size, num_classes, paths.cache())
    for size, missing in missing_of.items():
        if not missing:
            print(f"{size:,} images: measured before; remove {paths.shown(table)} to measure again", flush=True)
            continue
        with _own_folder() as folder:
            for row in _rows(size, num_classes, folder, missing):
                _append(table, {"images": size} | row | {"date": provenance.utc_now()} | where)


def _rows(size: int, num_classes: int, folder: Path, missing: list[str]) -> Iterator[dict[str, Any]]:
    """Makes a data set and yields a row for each step as it is done."""
    check_room(size, num_classes, folder)
    source, cache = folder / "source", folder / "cache"
    cache.mkdir()
    environment = os.environ | {"TINYIMAGE_CACHE": str(cache), "TINYIMAGE_MOST_FILES": str(size + _EXTRA_FILES)}
    kept: set[Path] = set()
    # What the others start from has to be there, also where it was measured before.
    for step in [name for name in (_WRITE, *STEPS) if name in (_WRITE, "decode") or name in missing]:
        if step == "decode":
            _put_out_of_memory(source)
        load = round(os.getloadavg()[0], 1)
        if step == _WRITE:
            found = {"seconds": _seconds_to_write(source, size, num_classes)} | _bytes([source])
        else:
            found = _measured(step, source, environment) | _bytes(set(cache.iterdir()) - kept)
        print(f"{size:,} images: {step} in {duration(found['seconds'])}", flush=True)
        if step in missing:
            yield {"step": step} | found | {"load": load}
        if step == "decode":
            kept = set(cache.iterdir())
        _remove(set(cache.iterdir()) - kept)


def check_room(size: int, num_classes: int, folder: Path) -> None:
    """Make sure that a data set and everything made of it fits.

    Raises:
        InputError: it would not.
    """
    per_image = many_images.BYTES + IMAGE_SIZE**2 * 3 + max(2 * _FEATURES, 4 * num_classes) + 100
    needed, free = size * per_image, shutil.disk_usage(folder).free
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


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder in the cache that is gone afterwards; what a killed process left there is removed first."""
    folder = paths.cache() / "scaling.partial"
    folder.parent.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        with FileLock(folder.with_suffix(".lock")):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _seconds_to_write(source: Path, size: int, num_classes: int) -> float:
    start = time.perf_counter()
    many_images.write(source, size, num_classes)
    return round(time.perf_counter() - start, 4)


def _put_out_of_memory(folder: Path) -> None:
    """What was just written lies in memory, as far as it fits: a source that is opened for the first time does not."""
    os.sync()
    for path in filter(Path.is_file, _all(folder)):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measured(step: str, source: Path, environment: dict[str, str]) -> dict[str, float]:
    """Seconds, and MiB before the clock starts and at most while it runs."""
    command = [sys.executable, "-m", "benchmarks.steps", step, str(source)]
    options = {"env": environment, "cwd": paths.ROOT, "stdout": subprocess.PIPE, "text": True}
    # In a session of its own, so that Ctrl-C comes to this process alone, which ends the other.
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        try:
            lines = iter(process.stdout.readline, "")
            if not any(line == "ready\n" for line in lines):
                raise InputError(f"The step {step} failed before it began, with status {process.wait()}; see above.")
            seen = [_memory(process.pid)]
            while process.poll() is None:
                seen.append(_memory(process.pid) or seen[-1])
                time.sleep(_INTERVAL)
            output = process.stdout.read()
        finally:
            process.kill()
    if process.returncode:
        raise InputError(f"The step {step} failed with status {process.returncode}; see above.")
    anonymous, mapped = zip(*seen, strict=True)
    return {
        "seconds": round(json.loads(output.splitlines()[-1])["seconds"], 4),
        "start_mib": round(anonymous[0], 1),
        "anonymous_mib": round(max(anonymous), 1),
        "mapped_mib": round(max(mapped), 1),
    }


def _memory(process: int) -> tuple[float, float] | None:
    """MiB of anonymous pages and of mapped pages of files; None where the process has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    kib = {
        name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines) if name.startswith("Rss")
    }
    return (kib["RssAnon"] / 1024, (kib["RssFile"] + kib["RssShmem"]) / 1024) if kib else None


def _bytes(made: Iterable[Path]) -> dict[str, int]:
    """How long files and all files below folders are, and what they take on disk."""
    content = disk = 0
    for path in made:
        for entry in _all(path):
            facts = entry.stat()
            content += facts.st_size if entry.is_file() else 0
            disk += facts.st_blocks * 512
    return {"content_bytes": content, "disk_bytes": disk}


def _all(path: Path) -> Iterator[Path]:
    yield path
    if path.is_dir():
        yield from path.rglob("*")


def _remove(made: Iterable[Path]) -> None:
    for path in made:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _append(table: Path, row: dict[str, Any]) -> None:
    """A line at a time, so that what was measured outlives what comes next."""
    table.parent.mkdir(parents=True, exist_ok=True)
    is_new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, scaling_page.COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


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
