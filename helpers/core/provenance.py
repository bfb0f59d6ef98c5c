"""What a number came from: hashes of files and settings, versions, the processor, time."""

import hashlib
import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from helpers.core import paths
from helpers.core.errors import InputError

_INSTRUCTION_SETS = ("avx2", "fma", "avx512", "avx_vnni", "amx")  # how the names of flags begin

_JSON = json.JSONEncoder(sort_keys=True, default=vars)


def digest(value: object) -> str:
    """Short hash of plain data (numbers, strings, lists, dicts), 16 hexadecimal digits."""
    return hashlib.sha256(_JSON.encode(value).encode()).hexdigest()[:16]


def digest_of_items(items: Iterable[object]) -> str:
    """The same as `digest` of a list of these items, which need not be in memory together."""
    sha256 = hashlib.sha256(b"[")
    for index, item in enumerate(items):
        sha256.update(f"{', ' if index else ''}{_JSON.encode(item)}".encode())
    sha256.update(b"]")
    return sha256.hexdigest()[:16]


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_packages() -> dict[str, str]:
    """Versions of TensorFlow and Keras, the packages whose version is part of a run's key."""
    return {name: version(name) for name in ("tensorflow", "keras")}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute a result: what decodes, splits, transforms, trains."""
    names = ("numpy", "opencv-python-headless", "pillow", "scikit-learn", "simplejpeg")
    return {"python": platform.python_version()} | key_packages() | {name: version(name) for name in names}


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
    return f"{cpu_model()}, {cores()} cores"


def wanted_threads() -> int:
    """What TINYIMAGE_THREADS says of the threads of a run; 0 where it says nothing.

    Raises:
        InputError: it is no whole number from 1.
    """
    wanted = os.environ.get("TINYIMAGE_THREADS", "")
    if wanted and not (wanted.isdecimal() and int(wanted)):
        raise InputError(f"THREADS is a whole number from 1, not {wanted!r}.")
    return int(wanted or 0)


def cores() -> int:
    """Processor cores that this process may use: as many as it is bound to, or what its container's quota allows."""
    bound_to = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(bound_to, core_quota() or bound_to)


def core_quota(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Cores' worth of time that the control groups of this process allow, rounded up; 0 where nothing limits it.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, `cpu.max`: microseconds in each period.

    Args:
        groups: where control groups are mounted.
        own: names the group of this process.
    """
    lines = own.read_text().splitlines() if own.exists() else []
    folder = groups / next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), "")
    limits = [path / "cpu.max" for path in (folder, *folder.parents) if path.is_relative_to(groups)]
    quotas = [file.read_text().split() for file in limits if file.exists()]
    return min((math.ceil(int(quota) / int(period)) for quota, period in quotas if quota != "max"), default=0)


def has_gpu() -> bool:
    """Whether NVIDIA's driver shows a GPU on this machine; TensorFlow may be unable to use it."""
    return any(Path("/proc/driver/nvidia/gpus").glob("*"))


def cpu_model() -> str:
    """Name of the processor as the system gives it, for example "AMD EPYC"."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def instruction_sets() -> list[str]:
    """Flags of the processor that decide its speed in networks (AVX2, FMA, AVX-512, AMX), sorted; empty where Linux does not tell."""
    return sorted(flag for flag in _cpuinfo("flags").split() if flag.startswith(_INSTRUCTION_SETS))


def _cpuinfo(name: str) -> str:
    """A value of the first processor in /proc/cpuinfo; "" where there is none."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == name), "")


def utc_now() -> str:
    """Time in UTC, to the second, in the ISO format."""
    return datetime.now(UTC).isoformat(timespec="seconds")
