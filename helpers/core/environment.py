"""The environment `.venv`: made by `make setup` with the packages of requirements.lock.

Runs before anything is installed, with whatever `python3` is: standard library only, and no syntax after Python 3.6.
"""

import errno
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK_FILE = ROOT / "requirements.lock"
ENVIRONMENT = ROOT / ".venv"
READY = ENVIRONMENT / ".ready"  # holds the hash of the lock file that was installed; make compares the two files' times
PYTHON = ENVIRONMENT / "bin" / "python"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)  # how network mounts answer that have none
_PIP = (str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
_PROJECT = ("--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def main() -> None:
    """Install the environment unless it is current; one process at a time, the others wait for it."""
    problem = unsupported()
    if problem:
        sys.exit(problem)
    try:
        lock = wait_for_turn(ROOT / ".venv.lock")
        if is_current():
            READY.touch()
        else:
            print("Setting up .venv (once; about 3.5 GB)", flush=True)
            install(lock)
            READY.write_text(lock_hash())
    except OSError as error:
        sys.exit(
            f"Error: .venv could not be made in {ROOT} ({error.strerror}); set the project up in a folder that you may "
            "write to. RUNS= and CACHE= name other folders for runs and decoded data."
        )
    except subprocess.CalledProcessError:
        sys.exit("Error: the packages could not be installed (the reason stands above); call make again.")
    except KeyboardInterrupt:
        sys.exit("Error: stopped by Ctrl-C; the next call sets .venv up again.")


def unsupported() -> str:
    """Why this Python or machine cannot run the project, as one sentence; "" where it can."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return (
            "Error: this project needs Python 3.11, 3.12 or 3.13 (TensorFlow has no package for "
            f"{version}); name one: make PYTHON=python3.12 report"
        )
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return (
            "Error: TensorFlow has no package for Intel Macs since 2.17; on Apple silicon, name a Python that is built "
            "for arm64: make PYTHON=<command> report"
        )
    if importlib.util.find_spec("ensurepip") is None:
        return (
            "Error: this Python cannot make virtual environments; on Debian and Ubuntu, call "
            f"`sudo apt install python{version}-venv`, then make again."
        )
    return ""


def wait_for_turn(path: Path) -> int:
    """An open, locked file; the lock ends with the last process that has it open. On a mount without locks only open."""
    lock = os.open(str(path), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another make sets up .venv; this one waits for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        print("Files cannot be locked in this folder: call no second make before .venv is set up", flush=True)
    return lock


def lock_hash() -> str:
    """SHA-256 of requirements.lock."""
    return hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()


def is_current() -> bool:
    """Whether the packages of requirements.lock, as it is now, are installed."""
    return READY.exists() and READY.read_text() == lock_hash()


def install(lock: int) -> None:
    """Make the environment anew: with uv, or where uv does not work with pip, which takes minutes.

    Args:
        lock: file that every process started here keeps open.
    """

    def run(*command: str) -> None:
        subprocess.run(command, check=True, pass_fds=[lock])

    def create() -> None:
        shutil.rmtree(str(ENVIRONMENT), ignore_errors=True)
        run(sys.executable, "-m", "venv", str(ENVIRONMENT))

    create()
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirement:
            requirement.write(locked_entry("uv"))
            requirement.flush()
            run(*_PIP, "--require-hashes", "-r", requirement.name)
        uv = (str(ENVIRONMENT / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON))
        run(*uv, "--require-hashes", "-r", str(LOCK_FILE))
        run(*uv, *_PROJECT)
    except (OSError, subprocess.CalledProcessError):
        print("uv could not install the packages; pip does, which takes some minutes", flush=True)
        create()
        run(*_PIP, "--require-hashes", "-r", str(LOCK_FILE))
        run(*_PIP, *_PROJECT)


def locked_entry(name: str) -> str:
    """The lines of requirements.lock that name a package, with its hashes."""
    [entry] = re.findall(rf"^{re.escape(name)}==.*\n(?:\s+--hash.*\n?)+", LOCK_FILE.read_text(), re.M)
    return entry


if __name__ == "__main__":
    main()
