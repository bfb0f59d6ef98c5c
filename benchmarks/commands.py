"""Ways of running the project's commands, each in a clone of its own, as a newcomer would."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import sklearn

from benchmarks.measure import Work, timed
from helpers.core import paths
from helpers.core.tensorflow import ONEDNN_VARIABLE

# What this project's Makefile exports and what loading its TensorFlow sets: an earlier commit did without some of it. And what
# keeps Python from writing bytecode, so that each process of a new environment compiles TensorFlow again: hardly a user has it.
_NOT_INHERITED = re.compile(
    r"(TINYIMAGE_\w+|MAKE\w*|MFLAGS|DATA|WEIGHTS|PROFILE|GLIBC_TUNABLES|PYTHONDONTWRITEBYTECODE)$|" + ONEDNN_VARIABLE
)


def set_up(installer: str) -> Work:
    """Installs the lock into a new environment from an empty cache.

    Args:
        installer: "uv", as `make setup` does, or "pip".
    """

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            _clone("HEAD", Path(folder, "clone"))
            caches = {"UV_CACHE_DIR": f"{folder}/uv", "PIP_CACHE_DIR": f"{folder}/pip"}
            if installer == "uv":
                commands = [["make", "setup"]]
            else:
                install = [".venv/bin/pip", "install", "--quiet", "--require-hashes", "-r", "requirements.lock"]
                commands = [[sys.executable, "-m", "venv", ".venv"], install]
            for command in commands:
                _run(command, Path(folder, "clone"), caches)

    return timed(work)


def report(commit: str, workspace: Path) -> Work:
    """The first `make report` of a commit on the demo data, its environment installed before.

    Args:
        commit: anything that git resolves; "HEAD" is the code at hand.
        workspace: where the clone is made.
    """
    clone = workspace / commit
    _clone(commit, clone)
    _run(["make", "setup"], clone)
    return timed(lambda: _run(["make", "report"], clone))


def predict() -> Work:
    """`make predict` of a photograph, with the network that comes with the repository, converted before."""
    command = ["make", "predict", f"IMAGE={Path(sklearn.__file__).parent / 'datasets' / 'images' / 'flower.jpg'}"]
    _run(command, paths.ROOT)
    return timed(lambda: _run(command, paths.ROOT))


def _clone(commit: str, folder: Path) -> None:
    _run(["git", "clone", "--quiet", str(paths.ROOT), str(folder)], paths.ROOT)
    _run(["git", "checkout", "--quiet", commit], folder)


def _run(command: list[str], folder: Path, variables: dict[str, str] | None = None) -> None:
    """Run a command as from a user's shell: what `make bench` was called with is no option of it."""
    inherited = {name: value for name, value in os.environ.items() if not _NOT_INHERITED.match(name)}
    subprocess.run(command, cwd=folder, env=inherited | (variables or {}), stdout=subprocess.DEVNULL, check=True)
