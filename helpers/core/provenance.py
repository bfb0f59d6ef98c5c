"""What a number came from: hashes of code, files and settings, versions, machine."""

import ast
import functools
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from helpers.core import paths

_JSON = json.JSONEncoder(sort_keys=True, default=vars)


def digest(value: object) -> str:
    """Short hash of plain data (numbers, strings, lists, dicts), 16 hexadecimal digits."""
    return hashlib.sha256(_JSON.encode(value).encode()).hexdigest()[:16]


def digest_of_items(items: Iterable[object]) -> str:
    """The same as `digest` of a list of these items, which need not be in memory together."""
    found = hashlib.sha256(b"[")
    for index, item in enumerate(items):
        found.update(f"{', ' if index else ''}{_JSON.encode(item)}".encode())
    found.update(b"]")
    return found.hexdigest()[:16]


@functools.cache
def code_hash(*modules: str) -> str:
    """Hash of what modules of `helpers` compute: comments, docstrings and layout do not count.

    Args:
        modules: their names, for example "augment".
    """
    return digest([_meaning((paths.ROOT / "helpers" / f"{name}.py").read_text()) for name in modules])


def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packages() -> dict[str, str]:
    """Versions of the packages that decide a result: what decodes, divides, transforms, computes."""
    names = ("tensorflow", "keras", "numpy", "opencv-python-headless", "pillow", "scikit-learn", "simplejpeg")
    return {name: version(name) for name in names}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    return {"python": platform.python_version()} | packages()


def code_version() -> str:
    """The git commit, with "-dirty" where files differ from it; "unknown" outside a git checkout."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def hardware() -> str:
    """Processor and number of usable cores, for example "AMD EPYC, 2 cores"."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else model
    return f"{model}, {cores()} cores"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def utc_now() -> str:
    """Time in UTC, to the second, in the ISO format."""
    return datetime.now(UTC).isoformat(timespec="seconds")
