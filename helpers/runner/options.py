"""The options of a command, checked before anything slow is imported: a wrong one is refused within a second."""

import os
from dataclasses import dataclass
from pathlib import Path

from helpers.config import choices, profiles
from helpers.core import paths, provenance
from helpers.core.errors import InputError
from helpers.data import archive

_NO_FILE = ("", "imagenet", "none")  # values of WEIGHTS that name no file
_KERNEL_BYTES = 3 * 2**30  # what a notebook's kernel may need at its peak


@dataclass(frozen=True)
class Options:
    """What a run of the series or a sweep is asked for, checked.

    Attributes:
        profile: name of the profile.
        data, weights, output: as they are handed to notebooks: relative to the project, so that they name the same files from anywhere.
        seed: the first seed.
        folder: of figures and tables.
    """

    profile: str
    data: str
    weights: str
    output: str
    seed: int

    @property
    def folder(self) -> Path:
        """Folder of figures and tables."""
        return paths.resolve(self.output) if self.output else paths.FIGURES / self.profile

    @property
    def parameters(self) -> dict[str, str | int]:
        """Values for the parameters cell of a notebook."""
        return {name: getattr(self, name) for name in ("profile", "data", "weights", "output", "seed")}


def check_options(
    data: str, weights: str, profile: str, models: str, recipes: str, seed: str, output: str, skip_unreadable: bool
) -> Options:
    """Check options as the command line gives them, and hand what narrows a run to the processes that this one starts.

    Raises:
        InputError: one of them cannot be used; the message names it as it was given.
    """
    profile = profile or ("quick" if data else "demo")
    profiles.find_profile(profile)
    choices.check_names(choices.split_names(models), choices.split_names(recipes))
    first_seed = whole_number("SEED", seed or "0", least=0)
    if threads := os.environ.get("TINYIMAGE_THREADS"):
        whole_number("THREADS", threads, least=1)
    if data:
        archive.find(data)
    if weights not in _NO_FILE and not paths.resolve(weights).is_file():
        raise InputError(f"There is no weights file {weights}; WEIGHTS must name one, or be `imagenet` or `none`.")
    os.environ["TINYIMAGE_MODELS"], os.environ["TINYIMAGE_RECIPES"] = models, recipes
    os.environ["TINYIMAGE_SKIP_UNREADABLE"] = "1" if skip_unreadable else ""
    options = Options(
        profile, paths.from_root(data), paths.from_root(weights), paths.from_root(output), seed=first_seed
    )
    if not data and options.folder == paths.FIGURES / "full":
        raise InputError(
            "figures/full holds the results on real data; with PROFILE=full name your copy: DATA=<zip or folder>."
        )
    return options


def whole_number(option: str, text: str, least: int) -> int:
    """The value of an option that takes a whole number.

    Raises:
        InputError: it is none, or less than the least allowed.
    """
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise InputError(f"{option} is a whole number from {least}, not {text!r}.")
    return int(text)


def default_jobs(profile: str) -> int:
    """Notebooks that run side by side where JOBS does not say: one for each usable core, as far as memory allows.

    With the profile `full` it is one: the seconds of its runs are results.
    """
    if profile == "full":
        return 1
    return max(1, min(provenance.cores(), _memory() // _KERNEL_BYTES))


def _memory() -> int:
    """Bytes of memory that this process may use: of the machine, or of its container where that has less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else ""
    return min(machine, int(text)) if text.isdecimal() else machine
