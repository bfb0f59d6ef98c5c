import errno
import functools
import http.server
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before anything loads TensorFlow

import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image
from playwright.sync_api import sync_playwright

from helpers.config.demo_data import DemoData
from helpers.data import dataset
from helpers.data.demo import write_demo
from helpers.data.splits import make_split

settings.register_profile("tests", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("tests")


TRAINING = (
    "models", "training", "core/test_tensorflow.py", "analysis/test_training_probes.py",
    "analysis/test_network_probes.py", "analysis/test_fine_tuning.py", "runner/test_execute.py", "runner/test_status.py",
    "test_golden.py", "test_cli.py", "test_notebooks.py", "test_experiment.py", "test_interruption.py",
    "test_concurrency.py", "test_benchmarks.py", "test_scaling.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Mark each test by what it needs, so that `make check` can leave out what is slow; an explicit mark goes first."""
    for item in items:
        if not any(item.get_closest_marker(name) for name in ("unit", "training", "browser", "cluster")):
            item.add_marker(needs_of(item))


def needs_of(item):
    """Name of the marker of a test, by its folder, its module and its fixtures."""
    place = item.path.relative_to(Path(__file__).parent)
    if place.parts[0] == "cluster":
        return "cluster"
    if place.name == "test_jupyterlab.py" or "chromium" in item.fixturenames:
        return "browser"
    return "training" if any(place.is_relative_to(name) for name in TRAINING) else "unit"


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYIMAGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TINYIMAGE_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="module")
def chromium():
    """A real browser; tests that need it are skipped where there is none."""
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = own if Path(own).exists() else shutil.which("chromium") or shutil.which("google-chrome")
        if not found:
            pytest.skip("no Chromium here: install Debian's `chromium`, or call `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def kaggle_folder(tmp_path_factory):
    """6 classes of 12 images, two of them copies, and 12 test images; wnids.txt is not in alphabetical order."""
    folder = write_demo(
        tmp_path_factory.mktemp("sources") / "kaggle",
        DemoData(num_classes=6, images_per_class=12, test_images_per_class=2, duplicate_pairs=1, seed=1),
    )
    wnids = (folder / "wnids.txt").read_text().split()
    (folder / "wnids.txt").write_text("".join(f"{wnids[index]}\n" for index in (3, 0, 5, 1, 4, 2)))
    return folder


@pytest.fixture(scope="session")
def official_folder(kaggle_folder, tmp_path_factory):
    """The same images in the official layout, and 18 validation images whose grey level is 40 times their label."""
    folder = tmp_path_factory.mktemp("sources") / "official"
    shutil.copytree(kaggle_folder / "train" / "train", folder / "train")
    for name in ("wnids.txt", "words.txt"):
        shutil.copy(kaggle_folder / name, folder / name)
    wnids = (folder / "wnids.txt").read_text().split()
    (folder / "val" / "images").mkdir(parents=True)
    lines = []
    for number, label in enumerate(np.random.default_rng(0).permutation(np.repeat(np.arange(6), 3))):
        image = Image.new("RGB", (64, 64), (40 * int(label),) * 3)
        image.save(folder / "val" / "images" / f"val_{number}.JPEG")
        lines.append(f"val_{number}.JPEG\t{wnids[label]}\t0\t0\t63\t63\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    return folder


@pytest.fixture(scope="session")
def tiny(kaggle_folder, tmp_path_factory):
    """The Kaggle source, opened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYIMAGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return dataset.open_source(kaggle_folder)


@pytest.fixture(scope="session")
def split(tiny):
    return make_split(tiny)


@pytest.fixture
def serve():
    """Serve a folder over HTTP; gives its address."""
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    def serve(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def shared_folder(kaggle_folder, monkeypatch):
    """A folder that every user may enter and write to, with a good source in it and the cache."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(kaggle_folder, folder / "source")
        (folder / "cache").mkdir()
        for path in (folder, folder / "cache"):
            path.chmod(0o777)
        monkeypatch.setenv("TINYIMAGE_CACHE", str(folder / "cache"))
        yield folder
        for path in folder.rglob("*"):
            path.chmod(0o700)


@pytest.fixture(scope="session")
def no_locks(tmp_path_factory):
    """Gives the environment of a process for which a folder is a mount without locks, which answers with a number of an error."""
    compiler = shutil.which("cc")
    if not compiler or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("no_locks") / "no_locks.so"
    source = Path(__file__).with_name("no_locks.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)

    def environment(folder, number=errno.ENOLCK):
        return {"LD_PRELOAD": str(library), "NO_LOCKS_BELOW": str(folder), "NO_LOCKS_ERRNO": str(number)}

    return environment
