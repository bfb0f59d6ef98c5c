"""How time and memory grow with the number of images: the table of `make scaling`, its figure, the numbers of its page.

No number that was measured is typed by hand: docs/scaling.md has them between markers, written from the table.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from helpers import plots
from helpers.analysis import costs
from helpers.config.demo_data import PRETRAINING
from helpers.config.profiles import find_recipe
from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES
from helpers.core import markers, paths, storage
from helpers.core.errors import InputError
from helpers.models import architecture
from helpers.plots.scaling_benchmark import STEP_NAMES, brief
from helpers.report.pages import markdown_table

TABLE = paths.FIGURES / "full" / "scaling.csv"
FIGURE = TABLE.with_suffix(".png")
PAGE = paths.DOCS / "scaling.md"

# Of the table, one row for each number of images and step. MiB: before the clock starts, and the peaks while it runs, of
# anonymous pages and of mapped pages of files. Bytes: of what the step leaves, and what that takes on disk. `load` is the
# system's load average as the step began: more than 0 means that others used the machine.
COLUMNS = (
    "images",
    "step",
    "seconds",
    "start_mib",
    "anonymous_mib",
    "mapped_mib",
    "content_bytes",
    "disk_bytes",
    "load",
    "date",
    "code_version",
    "hardware",
)
_NUMBERS_IN_FEATURES = 1280
_BYTES_PER_SECOND = 10e9 / 8  # of a network of 10 Gbit/s
_MACHINES = (1, 10, 100, 1000)


@dataclass(frozen=True)
class Target:
    """A data set that nothing here was measured on.

    Attributes:
        name: in tables.
        images: how many.
        classes: how many.
        side: of an image in pixels.
    """

    name: str
    images: int
    classes: int = 1000
    side: int = 224

    @property
    def pixels(self) -> float:
        """How many times the pixels of an image that was measured."""
        return (self.side / IMAGE_SIZE) ** 2


# https://huggingface.co/datasets/datacomp/imagenet-1k-random20.0 has the number of ImageNet-1k's training images.
TARGETS = (Target("ImageNet-1k", 1_281_167), Target("10^9 images", 10**9))


def steps_done(table: Path, size: int) -> set[str]:
    """The steps that a table has for a number of images; none where there is no table."""
    if not table.exists():
        return set()
    measured = pd.read_csv(table)
    return set(measured.loc[measured["images"] == size, "step"])


def complete_sizes() -> pd.DataFrame:
    """The rows of the table for numbers of images whose every step was measured.

    Raises:
        InputError: there are fewer than two such numbers, which say nothing of growth.
    """
    measured = pd.read_csv(TABLE)
    steps = measured.groupby("images")["step"].nunique()
    complete = steps.index[steps == len(STEP_NAMES) + 1]  # and writing the data
    if len(complete) < 2:
        raise InputError(f"{paths.shown(TABLE)} needs two numbers of images or more; measure others with IMAGES.")
    return measured[measured["images"].isin(complete)]


def publish() -> None:
    """Draw the figure and write the page from the table.

    Raises:
        InputError: see `complete_sizes`.
    """
    measured = complete_sizes()
    plots.scaling(measured, _source(measured)).save(TABLE.parent, TABLE.stem)
    text = rendered(PAGE.read_text(), measured)
    with storage.replacing(PAGE) as partial:
        partial.write_text(text)


def rendered(text: str, measured: pd.DataFrame) -> str:
    """The text of the page with its numbers as the table has them.

    Args:
        text: has the lines `<!-- name: begin -->` and `<!-- name: end -->` for every name in BLOCKS.
        measured: the table, two numbers of images or more.

    Raises:
        ValueError: a pair of markers is not there.
    """
    for name, block in BLOCKS.items():
        text = markers.filled(text, name, block(measured))
    return text


def _source(measured: pd.DataFrame) -> str:
    return f"procedural images, {IMAGE_SIZE} px; {measured['hardware'].iloc[-1]}; {_days(measured)}"


def _days(measured: pd.DataFrame) -> str:
    """The first and the last day of the measurement, or the one there was."""
    days = sorted({date[:10] for date in measured["date"]})
    return " to ".join(dict.fromkeys((days[0], days[-1])))


# --- what was measured -------------------------------------------------------------------------------------------


def _provenance(measured: pd.DataFrame) -> str:
    versions = ", ".join(measured["code_version"].unique())
    return (
        f"Measured on {measured['hardware'].iloc[-1]}, {_days(measured)}, code version "
        f"{versions}. The system's load as steps began was {measured['load'].min():.1f} to {measured['load'].max():.1f}: "
        "what goes beyond 0 is other work, which makes times longer than they are on an idle machine."
    )


def _steps(measured: pd.DataFrame) -> str:
    sizes = _sizes(measured)
    rows = []
    for step, name in STEP_NAMES.items():
        seconds, peaks = (_column(measured, step, column) for column in ("seconds", "anonymous_mib"))
        first, last = sizes[-2:]
        exponent = math.log(seconds[last] / seconds[first]) / math.log(last / first)
        rows.append(
            {"Step": name}
            | {f"s, {size:,}": f"{brief(seconds[size])}" for size in sizes}
            | {"grows as": f"n^{exponent:.2f}"}
            | {f"MiB, {size:,}": f"{peaks[size]:,.0f}" for size in sizes}
            | {"bytes an image": f"{_slope(peaks):,.0f}"}
        )
    return markdown_table(pd.DataFrame(rows))


def _figure(measured: pd.DataFrame) -> str:
    plot = plots.scaling(measured, _source(measured))
    return f"![{plot.alt}](../{paths.shown(FIGURE)})\n\n*{plot.caption}*"


def _left(measured: pd.DataFrame) -> str:
    content, disk = (_column(measured, "write", column) for column in ("content_bytes", "disk_bytes"))
    kept, last = _column(measured, "batch", "start_mib"), _sizes(measured)[-1]
    cache = _column(measured, "decode", "disk_bytes")
    return (
        f"- A file of the source has {content[last] / last:,.0f} bytes on average and takes {disk[last] / last:,.0f} on disk; "
        f"decoded, an image takes {cache[last] / last:,.0f}.\n"
        f"- An open and divided data set keeps {_slope(kept):,.0f} bytes an image in memory: names, labels, boxes, digests, "
        "indices. At the peak of opening or dividing it is what the last column says.\n"
    )


# --- what it would cost ------------------------------------------------------------------------------------------


def _bytes_needed(measured: pd.DataFrame) -> str:
    last = _sizes(measured)[-1]
    jpeg = _column(measured, "write", "content_bytes")[last] / last
    kept = _slope(_column(measured, "batch", "start_mib"))
    dividing = _slope(_column(measured, "split", "anonymous_mib"))

    def reading_hours(target: Target) -> str:
        return _duration(target.images * _per_image(measured, "reopen") * target.pixels)

    rows: dict[str, Callable[[Target], str]] = {
        "files": lambda target: f"{target.images:,}",
        "JPEG, at the measured bytes a pixel": lambda target: _size(target.images * jpeg * target.pixels),
        "decoded, one uint8 array": lambda target: _size(target.images * target.side**2 * 3),
        "frozen features, float16": lambda target: _size(target.images * _NUMBERS_IN_FEATURES * 2),
        "memory of a process that has it open and divided": lambda target: _size(target.images * kept),
        "memory at the peak of dividing it": lambda target: _size(target.images * dividing),
        "listing and hashing at every opening": reading_hours,
        "probabilities in memory, float32": lambda target: _size(target.images * target.classes * 4),
        "pairs of images": lambda target: f"{target.images * (target.images - 1) / 2:.1e}",
    }
    return _targets_table(rows)


def _hours_needed(measured: pd.DataFrame) -> str:
    wider = _multiply_adds(1.0, TARGETS[0].side) / _multiply_adds(PRETRAINING.width, IMAGE_SIZE)
    factors: dict[str, Callable[[Target], float]] = {
        "decode": lambda target: target.pixels,
        "batch": lambda target: target.pixels,
        "extract": lambda target: wider,
        "evaluate": lambda target: target.classes / NUM_CLASSES,
    }
    last = _sizes(measured)[-1]
    jpeg = _column(measured, "write", "content_bytes")[last] / last
    rows = []
    for target in TARGETS:
        work = {STEP_NAMES[step]: _per_image(measured, step) * factor(target) for step, factor in factors.items()}
        work["bring the JPEGs over 10 Gbit/s a machine"] = jpeg * target.pixels / _BYTES_PER_SECOND
        work["bring decoded pixels instead"] = target.side**2 * 3 / _BYTES_PER_SECOND
        rows += [
            {"Data": target.name, "Work": name}
            | {f"N = {machines:,}": _duration(target.images * seconds / machines) for machines in _MACHINES}
            for name, seconds in work.items()
        ]
    words = (
        f"MobileNetV2 at width 1 and {TARGETS[0].side} px has {wider:,.0f} times the multiply-adds of the one that was "
        f"measured (width {PRETRAINING.width:g}, {IMAGE_SIZE} px), counted by `helpers.analysis.costs`; decoding and batches have "
        f"{TARGETS[0].pixels:g} times the pixels, evaluation {TARGETS[0].classes // NUM_CLASSES} times the classes."
    )
    return f"{markdown_table(pd.DataFrame(rows))}\n{words}"


@functools.cache
def _multiply_adds(width: float, side: int) -> int:
    recipe = replace(find_recipe("mobilenetv2", "improved"), width=width, input_size=side)
    return costs.multiply_adds(architecture.build(recipe))


def _targets_table(rows: dict[str, Callable[[Target], str]]) -> str:
    table = [{"": name} | {f"{t.name}, {t.side} px": value(t) for t in TARGETS} for name, value in rows.items()]
    return markdown_table(pd.DataFrame(table))


BLOCKS: dict[str, Callable[[pd.DataFrame], str]] = {
    "machine": _provenance,
    "steps": _steps,
    "figure": _figure,
    "left": _left,
    "bytes": _bytes_needed,
    "hours": _hours_needed,
}


# --- numbers and words -------------------------------------------------------------------------------------------


def _sizes(measured: pd.DataFrame) -> list[int]:
    return sorted(measured["images"].unique().tolist())


def _column(measured: pd.DataFrame, step: str, column: str) -> pd.Series:
    """Values of a step by number of images."""
    return measured[measured["step"] == step].set_index("images")[column].sort_index()


def _per_image(measured: pd.DataFrame, step: str) -> float:
    """Seconds an image, with its share of what does not grow, at the largest number that was measured."""
    seconds = _column(measured, step, "seconds")
    return float(seconds.iloc[-1] / seconds.index[-1])


def _slope(mib: pd.Series) -> float:
    """Bytes for one more image, between the two largest numbers that were measured; not below 0."""
    return max(0.0, float(mib.iloc[-1] - mib.iloc[-2]) * 2**20 / (mib.index[-1] - mib.index[-2]))


def _size(n_bytes: float) -> str:
    power = min(5, int(math.log10(max(n_bytes, 1)) // 3))
    return f"{n_bytes / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB', 'PB')[power]}"


def _duration(seconds: float) -> str:
    for length, unit in ((3600 * 24 * 365, "years"), (3600 * 24, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.2g} s"
