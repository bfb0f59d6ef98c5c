"""Real processes that a test watches and ends, and limits of the system that a test runs into."""

import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

from helpers.core import paths

# Trains on the source that it is called with, for so many epochs; says first where.
TRAIN = """
import sys
from dataclasses import replace
from helpers.config import profiles
from helpers.data import dataset, splits
from helpers.training import plans, fit
data = dataset.open_source(sys.argv[1])
recipe = replace(profiles.find_recipe("shallow_cnn", "improved"), batch_size=20)
recipe = replace(recipe, phases=(replace(recipe.phases[0], epochs=int(sys.argv[2])),))
plan = plans.make_plan(recipe, 0, "smoke", data, splits.make_split(data), None)
print(plan.folder, flush=True)
fit.train(plan, lambda line: print(line, flush=True))
"""


def start(*command, **environment):
    """Python with a command, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=paths.ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background of a shell ignore it
    )


def read_until(process, words):
    """Lines of output until one has these words in it."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"{words!r} never came:\n{''.join(lines)}")


def kill_tree(process):
    """Kill a process and all below it; kernels have sessions of their own, so the tree is followed by parents."""
    tree = [process.pid]
    for pid in tree:
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
        tree += [int(child) for child in listed.stdout.split()]
    for pid in tree:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()


@contextmanager
def ordinary_user():
    """Permissions bind; a test that runs as root becomes another user for a moment."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def full_disk(room):
    """No file can be written beyond so many bytes, which ends a write in its middle as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
