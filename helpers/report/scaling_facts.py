"""How time and memory grow with the number of images, as docs/scaling.md says it: facts from the table of `make scaling`."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.config.recipes import IMAGE_SIZE
from helpers.core import paths
from helpers.core.errors import InputError

STEP_NAMES = {
    "decode": "decode into the cache",
    "reopen": "open what is decoded",
    "split": "split",
    "batch": "an epoch of batches",
    "extract": "frozen features",
    "evaluate": "evaluate predictions",
}

# https://huggingface.co/datasets/datacomp/imagenet-1k-random20.0 has the number of ImageNet-1k's training images.
_LARGER = {"ImageNet-1k": 1_281_167, "10^9 images": 10**9}
_LARGER_SIZE = 224  # pixels


def complete_sizes(table: Path) -> pd.DataFrame:
    """The rows of the table for numbers of images whose every step was measured.

    Raises:
        InputError: there are fewer than two such numbers, which say nothing of growth.
    """
    measured = pd.read_csv(table)
    n_steps = measured.groupby("images")["step"].nunique()
    complete = n_steps.index[n_steps == len(STEP_NAMES) + 1]  # and writing the data
    if len(complete) < 2:
        raise InputError(f"{paths.shown(table)} needs two numbers of images or more; measure others with IMAGES.")
    return measured[measured["images"].isin(complete)]


def source(measured: pd.DataFrame) -> str:
    """What was measured, where and when, for a figure's note."""
    days = sorted({date[:10] for date in measured["date"]})
    period = " to ".join(dict.fromkeys((days[0], days[-1])))
    return f"procedural images, {IMAGE_SIZE} px; {measured['hardware'].iloc[-1]}; {period}"


def facts(measured: pd.DataFrame) -> dict[str, Any]:
    """What the template names.

    Args:
        measured: of `complete_sizes`.
    """
    last = measured["images"].max()
    sizes = {column: _column(measured, "write", column)[last] / last for column in ("content_bytes", "disk_bytes")}
    return {
        "sizes": sorted(measured["images"].unique()),
        "source": source(measured),
        "versions": ", ".join(measured["code_version"].unique()),
        "loads": (measured["load"].min(), measured["load"].max()),
        "steps": [_step(measured, step, name) for step, name in STEP_NAMES.items()],
        "file_bytes": sizes["content_bytes"],
        "file_disk": sizes["disk_bytes"],
        "decoded_disk": _column(measured, "decode", "disk_bytes")[last] / last,
        "kept_bytes": _slope(_column(measured, "batch", "start_mib")),
        "larger": [_larger(measured, name, n_images) for name, n_images in _LARGER.items()],
        "larger_size": _LARGER_SIZE,
    }


def _step(measured: pd.DataFrame, step: str, name: str) -> dict[str, Any]:
    seconds, peaks = (_column(measured, step, column) for column in ("seconds", "anonymous_mib"))
    growth = math.log(seconds.iloc[-1] / seconds.iloc[-2]) / math.log(seconds.index[-1] / seconds.index[-2])
    return {
        "name": name,
        "seconds": [brief(value) for value in seconds],
        "growth": growth,
        "peaks": list(peaks),
        "bytes": _slope(peaks),
    }


def _larger(measured: pd.DataFrame, name: str, n_images: int) -> dict[str, Any]:
    """What a larger data set needs, in proportion to images and pixels, on one such machine."""
    last = measured["images"].max()
    pixels = (_LARGER_SIZE / IMAGE_SIZE) ** 2
    seconds = {step: n_images * pixels * _column(measured, step, "seconds")[last] / last for step in STEP_NAMES}
    return {
        "name": name,
        "images": n_images,
        "jpeg": _size(n_images * pixels * _column(measured, "write", "content_bytes")[last] / last),
        "decoded": _size(n_images * _LARGER_SIZE**2 * 3),
        "memory": _size(n_images * _slope(_column(measured, "batch", "start_mib"))),
        "peak": _size(n_images * _slope(_column(measured, "split", "anonymous_mib"))),
        "decode": _duration(seconds["decode"]),
        "open": _duration(seconds["reopen"]),
        "epoch": _duration(seconds["batch"]),
        "pairs": n_images * (n_images - 1) / 2,
    }


def _column(measured: pd.DataFrame, step: str, column: str) -> pd.Series:
    """Values of a step by number of images."""
    return measured[measured["step"] == step].set_index("images")[column].sort_index()


def _slope(mib: pd.Series) -> float:
    """Bytes for one more image, between the two largest numbers that were measured; not below 0."""
    return max(0.0, float(mib.iloc[-1] - mib.iloc[-2]) * 2**20 / (mib.index[-1] - mib.index[-2]))


def _size(n_bytes: float) -> str:
    power = min(5, int(math.log10(max(n_bytes, 1)) // 3))
    return f"{n_bytes / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB', 'PB')[power]}"


def _duration(seconds: float) -> str:
    for length, unit in ((3600 * 24, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.2g} s"


def brief(value: float) -> str:
    """A positive number in few digits: "1,234", "56", "0.078"."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
