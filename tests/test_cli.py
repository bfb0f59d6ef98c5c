import errno
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from helpers import cli
from helpers.core import paths, provenance
from helpers.models import runtime


@dataclass
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call(monkeypatch, capsys):
    """The command line as a user calls it, without the seconds of a new process; test_interruption.py has real ones."""

    def run(*arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["series", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Ended(ended.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profile", "huge"], ["'huge'", "smoke, demo, quick, full"]),
        (["--models", "vgg16"], ["'vgg16'", "mobilenetv2"]),
        (["--recipes", "best"], ["'best'", "improved"]),
        (["--notebooks", "7"], ["'07'", "01 to 06"]),
        (["--data", "no/such.zip"], ["no/such.zip", "DATA must name"]),
        (["--data", "/nonexistent"], ["There is no /nonexistent ", "DATA must name"]),
        (["--weights", "no/such.h5"], ["no/such.h5", "WEIGHTS must name"]),
        (["--seed", "abc"], ["SEED is a whole number from 0, not 'abc'"]),
        (["--seed", "-1"], ["SEED is a whole number from 0, not '-1'"]),
        (["--jobs", "0"], ["JOBS is a whole number from 1, not '0'"]),
        (["--profile", "full"], ["figures/full", "DATA=<zip or folder>"]),
        (["--notebook", "01"], ["--notebook", "make help"]),
    ],
)
def test_bad_input_is_one_sentence_and_a_status(arguments, words, call):
    done = call("report", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words)


def test_traceback_is_shown_when_asked_for(call):
    done = call("report", "--profile", "huge", "--traceback")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_real_data_without_imagenet_weights_says_what_to_do(kaggle_folder, tmp_path, call):
    # Nothing answers at the proxy's address, so the weights cannot be fetched.
    nowhere = "http://127.0.0.1:9"
    done = call(
        "report", "--data", kaggle_folder, KERAS_HOME=str(tmp_path), HOME=str(tmp_path),
        http_proxy=nowhere, https_proxy=nowhere,
    )  # fmt: skip
    assert done.returncode == 2
    assert "WEIGHTS=<file>" in done.stderr
    assert "WEIGHTS=none" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x"),
            "/x; make room or name other folders with RUNS=, CACHE=",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/x"),
            "/x; make it accessible or name folders that you may write",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x; make it accessible or name folders"),
        (TimeoutError(), "TimeoutError; the next call"),
    ],
    ids=["full", "read-only", "forbidden", "slow"],
)
def test_a_resource_error_is_one_sentence_that_says_what_to_do(error, hint, capsys):
    def command():
        raise error

    with pytest.raises(SystemExit):
        cli.main(command)
    message = capsys.readouterr().err
    assert hint in message and message.endswith("the next call resumes from there.\n") and message.count("\n") == 1


@pytest.mark.parametrize("is_seen", [True, False])
def test_one_line_says_whether_a_gpu_is_used(is_seen, monkeypatch, capsys):
    monkeypatch.setattr(provenance, "has_gpu", lambda: True)
    monkeypatch.setattr(runtime, "n_gpus", lambda: int(is_seen))
    cli._describe_gpus()
    line = capsys.readouterr().out
    assert (
        line.startswith("Training on 1 GPU\n")
        if is_seen
        else "is not used" in line and "tensorflow[and-cuda]==2." in line
    )


def test_a_user_without_a_home_gets_no_warnings_of_libraries(tmp_path):
    code = (
        "from helpers import cli\n"
        "def command():\n"
        "    import matplotlib.pyplot, IPython.paths\n"
        "    print(IPython.paths.get_ipython_dir(), matplotlib.get_configdir(), sep='\\n')\n"
        "cli.main(command)"
    )
    forbidden = tmp_path / "file"  # also root cannot make a folder in a file
    forbidden.write_text("")
    known = ("IPYTHONDIR", "MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in known}
    environment |= {"HOME": str(forbidden / "home"), "TINYIMAGE_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=paths.ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stderr == ""
    assert done.stdout.split() == [str(tmp_path / "cache" / name) for name in ("ipython", "matplotlib")]


def test_html_without_a_run_says_what_to_do(call, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "FIGURES", tmp_path)
    done = call("html")
    assert done.returncode == 2
    assert "make report" in done.stderr


def test_a_wrong_option_is_refused_before_anything_slow_is_imported():
    code = (
        "import sys\nfrom helpers import cli\nsys.argv = ['series', 'report', '--profile', 'huge']\n"
        "try:\n    cli.main()\nexcept SystemExit as ended:\n    status = ended.code\n"
        "print(status, *{'tensorflow', 'keras', 'papermill', 'nbformat', 'pandas', 'matplotlib', 'dask'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"


def test_threads_that_are_no_number_are_refused(call):
    done = call("report", TINYIMAGE_THREADS="many")
    assert done.stderr == "Error: THREADS is a whole number from 1, not 'many'.\n"
