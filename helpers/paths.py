"""Where things are kept. No other module knows a path of the project."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
DATA = ROOT / "data"
FIGURES = ROOT / "figures"
BUILD = ROOT / "build"

DEMO_WEIGHTS = DATA / "demo_mobilenetv2.weights.h5"
REPORTED_CURVES = DATA / "mobilenetv2_reported_curves.csv"
LOGGED_WEIGHTS = DATA / "mobilenetv2_logged_weights.csv"


def runs() -> Path:
    """Folder of all training runs: the variable TINYIMAGE_RUNS, else `runs` in the project."""
    return Path(os.environ.get("TINYIMAGE_RUNS") or ROOT / "runs")


def cache() -> Path:
    """Folder of decoded images and frozen features: TINYIMAGE_CACHE, else `data/cache` in the project."""
    return Path(os.environ.get("TINYIMAGE_CACHE") or DATA / "cache")


def shown(path: Path) -> str:
    """The path as a reader should see it: relative to the project where it lies inside."""
    path = Path(path)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
