import os
import re
import shutil
import subprocess

import pytest

from helpers.core import paths

# Stands in for the Python of .venv: writes its arguments and the folders it was given, one a line.
PRINT_COMMAND = """#!/bin/sh
printf '%s\\n' "$@" "runs=$TINYIMAGE_RUNS" "cache=$TINYIMAGE_CACHE" "weights hash=$TINYIMAGE_WEIGHTS_SHA256"
[ "${0##*/}" = python ] || echo "log level=$TF_CPP_MIN_LOG_LEVEL"
"""
ODD_VALUES = ["it's data", 'a "quoted" name', "$HOME", "$(shell touch pwned)", "`touch pwned`", "a  b, (c); #d", "x\\"]


@pytest.fixture
def checkout(tmp_path):
    """A copy of the Makefile beside an environment that is current and prints what it is called with."""
    folder = tmp_path / "a checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(paths.ROOT / "Makefile", folder)
    (folder / "requirements.lock").write_text("")
    os.utime(folder / "requirements.lock", (0, 0))
    (folder / ".venv" / ".ready").write_text("")
    for command in ("python", "tensorboard", "jupyter"):
        (folder / ".venv" / "bin" / command).write_text(PRINT_COMMAND)
        (folder / ".venv" / "bin" / command).chmod(0o755)
    return folder


def make(checkout, *arguments):
    known = ("MAKEFLAGS", "MAKELEVEL", "PYTHON", "TINYIMAGE_RUNS", "TINYIMAGE_CACHE")
    environment = {name: value for name, value in os.environ.items() if name not in known}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("target", ["report", "sweep", "bench"])
def test_any_path_arrives_as_it_was_written(target, value, checkout):
    ended = make(checkout, target, f"DATA={value}", f"WEIGHTS={value}")
    lines = ended.stdout.splitlines()
    assert lines[lines.index("--data") + 1] == value, ended
    assert lines[lines.index("--weights") + 1] == value
    assert not (checkout / "pwned").exists()


@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("target", ["report", "tensorboard"])
def test_folders_of_any_name_are_the_ones_that_were_named(target, value, checkout):
    lines = make(checkout, target, f"RUNS=/{value}", f"CACHE={value}", f"WEIGHTS_SHA256={value}").stdout.splitlines()
    assert f"runs=/{value}" in lines
    assert f"cache={checkout}/{value}" in lines
    assert f"weights hash={value}" in lines


def test_tensorboard_is_silent_about_gpus_that_are_not_there(checkout):
    assert "log level=3" in make(checkout, "tensorboard").stdout.splitlines()


def test_options_that_are_not_given_are_left_to_the_command_line(checkout):
    ended = make(checkout, "report")
    assert ended.stdout.splitlines() == ["-m", "helpers.cli", "report", "runs=", "cache=", "weights hash="], ended


def test_the_seconds_of_a_fuzz_are_not_those_of_the_shell(checkout):
    assert "--seconds" not in make(checkout, "fuzz", "SHELL=/bin/bash").stdout
    assert "--seconds\n600\n" in make(checkout, "fuzz", "SHELL=/bin/bash", "SECONDS=600").stdout


@pytest.mark.parametrize("option", ["NOTEBOOK=01", "profile=smoke", "DATAS=x y"])
def test_an_unknown_option_is_refused_and_nothing_starts(option, checkout):
    ended = make(checkout, "report", option)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert f"There is no option {option.split('=')[0]};" in ended.stderr


def test_a_current_environment_is_used_without_a_word(checkout):
    ended = make(checkout, "setup", "PYTHON=/nonexistent")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_changed_lock_file_calls_the_named_python(checkout):
    os.utime(checkout / ".venv" / ".ready", (1, 1))
    os.utime(checkout / "requirements.lock")
    python = checkout / "my python"
    python.write_text(PRINT_COMMAND)
    python.chmod(0o755)
    ended = make(checkout, "setup", f"PYTHON={python}")
    assert ended.stdout.startswith("-I\nhelpers/core/environment.py\n"), ended


def test_help_names_every_target_and_option(checkout):
    text = (paths.ROOT / "Makefile").read_text()
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]
    listed = make(checkout, "help").stdout
    assert [target for target in phony if f"make {target} " not in listed] == []
    assert [name for name in ("DATA", "PROFILE", "RUNS", "SEEDS", "TRACEBACK") if f"{name}=" not in listed] == []


# By GNU make's NEWS, what came after 3.81, which macOS has: 3.82, 4.0, 4.3 and 4.4 in this order.
NEWER_THAN_3_81 = (
    r"\.(ONESHELL|SHELLFLAGS|RECIPEPREFIX)\b", r"^\s*(private|undefine)\b", r"^\s*define\b.*=",
    r"^[^\t#]*(!|::|:::)=", r"\$\((file|guile) ", r"^-?load\b", r"--output-sync",
    r"&:", r"\.EXTRA_PREREQS\b",
    r"\$\((let|intcmp) ", r"\.(WAIT|NOTINTERMEDIATE)\b",
)  # fmt: skip


@pytest.mark.parametrize("construct", NEWER_THAN_3_81)
def test_the_makefile_needs_no_newer_make_than_that_of_macos(construct):
    assert not re.search(construct, (paths.ROOT / "Makefile").read_text(), re.MULTILINE)


def test_no_variable_has_several_lines_which_make_3_81_cannot_export():
    assert not re.search(r"^(export |override )?define\b", (paths.ROOT / "Makefile").read_text(), re.MULTILINE)


def test_no_command_of_the_shell_is_substituted_over_several_lines_which_make_3_81_garbles():
    recipes = (paths.ROOT / "Makefile").read_text().replace("$$(", "<")
    assert not re.search(r"<[^)\n]*\\\n", recipes)


def test_bytecode_is_written_whatever_the_shell_says(checkout, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (checkout / ".venv" / "bin" / "python").write_text('#!/bin/sh\necho "${PYTHONDONTWRITEBYTECODE-unset}"\n')
    assert make(checkout, "report").stdout.splitlines() == ["unset"]
