import subprocess
import sys
import time
from collections import namedtuple

import pytest
from processes import start

from helpers.core import environment, paths

Version = namedtuple("Version", "major minor micro releaselevel serial")

# A set-up that takes a second and installs nothing: `name` and `log` are its arguments.
SLOW_SET_UP = """
import sys, time
from pathlib import Path
from helpers.core import environment

root = Path(sys.argv[1])
environment.ROOT, environment.LOCK_FILE = root, root / "requirements.lock"
environment.ENVIRONMENT, environment.READY = root / ".venv", root / ".venv" / ".ready"

def install(lock):
    with (root / "log").open("a") as log:
        log.write("begin\\n")
        log.flush()
        time.sleep(1)
        (root / ".venv").mkdir(exist_ok=True)
        log.write("end\\n")

environment.install = install
environment.main()
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "requirements.lock").write_text("")
    return tmp_path


def start_set_up(checkout, **environment):
    return start("-c", SLOW_SET_UP, checkout, **environment)


def test_of_two_set_ups_at_once_one_waits_and_nothing_is_installed_twice(checkout):
    outputs = [process.communicate(timeout=60)[0] for process in [start_set_up(checkout), start_set_up(checkout)]]
    assert (checkout / "log").read_text() == "begin\nend\n"
    assert sorted(output.count("this one waits for it") for output in outputs) == [0, 1], outputs


def test_a_killed_set_up_leaves_no_lock_and_is_repeated(checkout):
    first = start_set_up(checkout)
    while not (checkout / "log").exists():
        assert first.poll() is None
        time.sleep(0.05)
    first.kill()
    first.communicate()
    output, _ = start_set_up(checkout).communicate(timeout=60)
    assert (checkout / "log").read_text() == "begin\nbegin\nend\n", output


def test_a_checkout_on_a_mount_without_locks_is_set_up(checkout, no_locks):
    set_up = start_set_up(checkout, **no_locks(checkout))
    assert set_up.communicate(timeout=60)[0].splitlines()[0].startswith("Files cannot be locked in this folder:")
    assert (checkout / ".venv" / ".ready").exists()


def test_a_lock_file_with_the_same_packages_installs_nothing(checkout):
    start_set_up(checkout).communicate(timeout=60)
    (checkout / "requirements.lock").touch()
    assert start_set_up(checkout).communicate(timeout=60)[0] == ""
    (checkout / "requirements.lock").write_text("# another package\n")
    assert "Setting up .venv" in start_set_up(checkout).communicate(timeout=60)[0]


def test_a_folder_that_cannot_be_written_to_ends_in_a_sentence(checkout):
    (checkout / ".venv.lock").mkdir()
    output, _ = start_set_up(checkout).communicate(timeout=60)
    assert output.startswith("Error: .venv could not be made in ") and output.count("\n") == 1
    assert "RUNS=" in output and "CACHE=" in output


@pytest.mark.parametrize("minor", [9, 10, 14])
def test_other_pythons_are_refused(minor, monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", Version(3, minor, 0, "final", 0))
    assert f"TensorFlow has no package for 3.{minor}" in environment.unsupported()


def test_intel_macs_are_refused_and_apple_silicon_is_not(monkeypatch):
    monkeypatch.setattr(environment.sys, "platform", "darwin")
    monkeypatch.setattr(environment.platform, "machine", lambda: "x86_64")
    assert "no package for Intel Macs" in environment.unsupported()
    monkeypatch.setattr(environment.platform, "machine", lambda: "arm64")
    assert environment.unsupported() == ""


def test_a_debian_python_without_ensurepip_is_told_the_package(monkeypatch):
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    minor = sys.version_info.minor
    assert f"sudo apt install python3.{minor}-venv" in environment.unsupported()


def test_pip_installs_everything_where_uv_fails(checkout, monkeypatch):
    commands = []

    def run(command, **options):
        commands.append([str(part) for part in command])
        if "uv" in command[0]:
            raise FileNotFoundError(command[0])

    monkeypatch.setattr(environment, "ENVIRONMENT", checkout / ".venv")
    monkeypatch.setattr(environment.subprocess, "run", run)
    environment.install(0)
    assert [command[1:3] for command in commands[-3:]] == [["-m", "venv"], ["-m", "pip"], ["-m", "pip"]]
    assert commands[-2][-3:] == ["--require-hashes", "-r", str(paths.ROOT / "requirements.lock")]


def test_uv_is_installed_with_its_hash():
    first, *hashes = environment.locked_entry("uv").splitlines()
    assert first.startswith("uv==") and hashes
    assert all(line.lstrip().startswith("--hash=sha256:") for line in hashes)


def test_uv_takes_the_lock_with_its_hashes(tmp_path):
    """Without a network uv stops at the first package to fetch; a setting in pyproject.toml that it refuses stops it before."""
    uv = [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--offline", "--cache-dir", tmp_path / "cache"]
    lock = ["--target", tmp_path / "target", "--require-hashes", "-r", paths.ROOT / "requirements.lock"]
    answer = subprocess.run([*uv, *lock], cwd=paths.ROOT, capture_output=True, text=True)
    assert "the network was disabled" in answer.stderr, answer.stderr
