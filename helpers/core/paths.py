"""Where things are kept. No other module knows a path of the project."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
DATA = ROOT / "data"
FIGURES = ROOT / "figures"
BUILD = ROOT / "build"
DOCS = ROOT / "docs"
INCOMPLETE = "incomplete"  # folder beside executed notebooks: copies that are running, were interrupted or failed

DEMO_WEIGHTS = DATA / "demo_mobilenetv2.weights.h5"
REPORTED_CURVES = DATA / "mobilenetv2_reported_curves.csv"
SUBMISSION_AGREEMENT = FIGURES / "full" / "report_submission_agreement.csv"
FIGURE_CURVES = DATA / "report_figure_curves.csv"
LOGGED_WEIGHTS = DATA / "mobilenetv2_logged_weights.csv"


def runs() -> Path:
    """Folder of all training runs: the variable TINYIMAGE_RUNS, else `runs` in the project."""
    return Path(os.environ.get("TINYIMAGE_RUNS") or ROOT / "runs")


def cache() -> Path:
    """Folder of decoded images and frozen features: TINYIMAGE_CACHE, else `data/cache` in the project."""
    return Path(os.environ.get("TINYIMAGE_CACHE") or DATA / "cache")


def find_settings_folders() -> None:
    """Where the user has no home to write to, let IPython and Matplotlib keep their settings in the cache, without warnings."""
    home = Path("~").expanduser()
    if not os.access(home, os.W_OK):
        os.environ.setdefault("IPYTHONDIR", str(cache() / "ipython"))
        os.environ.setdefault("MPLCONFIGDIR", str(cache() / "matplotlib"))


def checkpoints() -> str:
    """Absolute folder or fsspec URL where copies of checkpoints are kept for other machines; "" for nowhere."""
    name = os.environ.get("TINYIMAGE_CHECKPOINTS", "")
    return name if not name or "://" in name else str(Path(name).resolve())


def resolve(name: str | Path) -> Path:
    """A path as a user may give it: `~`, relative to the working folder, or else to the project."""
    path = Path(name).expanduser()
    return (path if path.is_absolute() or path.exists() else ROOT / path).resolve()


def from_root(name: str) -> str:
    """The same path relative to the project, so that a notebook anywhere finds it; words that name no file stay."""
    if not name or (name in ("imagenet", "none") and not Path(name).exists()):
        return name
    return Path(os.path.relpath(Path(name).expanduser().resolve(), ROOT)).as_posix()


def shown(path: Path) -> str:
    """The path as a reader should see it: relative to the project where it lies inside."""
    path = Path(path)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
