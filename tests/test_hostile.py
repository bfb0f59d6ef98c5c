import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hostile import REFUSED, TOLERATED, an_image, first_image, zipped
from hypothesis import given
from hypothesis import strategies as st
from processes import ordinary_user

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.data import archive, dataset, decoding, layouts

pytestmark = pytest.mark.timeout(60)  # a pipe that is read never ends

MOST_MEMORY = 2**30


@pytest.fixture
def good(kaggle_folder, official_folder, tmp_path, monkeypatch):
    """Gives a copy of a good source by its layout, in a folder of its own."""
    monkeypatch.setattr(layouts, "NUM_CLASSES", 4)

    def copy(layout):
        folder = {"kaggle": kaggle_folder, "official": official_folder}[layout]
        return shutil.copytree(folder, tmp_path / "given" / "source", copy_function=os.link)

    return copy


@pytest.fixture(scope="module")
def opened(kaggle_folder, official_folder, tmp_path_factory):
    """The good sources, opened, by their layout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layouts, "NUM_CLASSES", 4)
        patch.setenv("TINYIMAGE_CACHE", str(tmp_path_factory.mktemp("good")))
        folders = {"kaggle": kaggle_folder, "official": official_folder}
        return {layout: dataset.open_source(folder) for layout, folder in folders.items()}


def facts(folder):
    """Everything below a folder but the cache: mode, size and time of change."""
    found = {}
    for parent, folders, files in os.walk(os.fsencode(folder)):
        if parent == os.fsencode(paths.cache()):
            folders.clear()
            continue
        for name in folders + files:
            path = os.path.join(parent, name)  # noqa: PTH118 - names of bytes
            stats = os.lstat(path)
            found[path] = (stats.st_mode, stats.st_size, stats.st_mtime_ns)
    found.pop(os.fsencode(paths.cache()), None)
    return found


def left_in_the_cache():
    return [entry.name for entry in paths.cache().rglob("*") if entry.suffix != ".lock"]


def spoil(case, good, monkeypatch):
    """The path of a bad source. Files are links to those of the good one, so they are written anew, never over."""
    for name, value in case.limits.items():
        monkeypatch.setattr(archive, name, value)
    source = good(case.layout)
    for file in source.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            file.unlink()
            file.write_bytes(content)
    return source, case.build(source)


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_source_is_refused_in_one_sentence_and_leaves_nothing(name, good, tmp_path, monkeypatch):
    case = REFUSED[name]
    source, path = spoil(case, good, monkeypatch)
    before = facts(tmp_path)
    for skip_unreadable in (False, True):
        with pytest.raises(InputError) as caught:
            dataset.open_source(path, skip_unreadable)
        message = str(caught.value).replace(str(path), "<source>")
        for words in case.words:
            wanted = [word.replace("{image}", "_0.JPEG") for word in words.split("|")]
            assert any(word in str(caught.value) for word in wanted), message
        assert message.isprintable() and message.endswith(".") and len(message) < 500, message
        assert ". " not in message.removesuffix("."), message
        assert facts(tmp_path) == before
        assert left_in_the_cache() == []


@pytest.mark.parametrize("name", TOLERATED)
def test_an_odd_source_opens_and_is_right(name, good, opened, tmp_path, monkeypatch):
    case = TOLERATED[name]
    source, path = spoil(case, good, monkeypatch)
    before = facts(tmp_path)
    data = dataset.open_source(path)
    assert case.check(data, opened[case.layout]) is not False
    assert facts(tmp_path) == before
    kept = {Path(name).suffix for name in left_in_the_cache()}
    assert kept == {"", ".source", ".npy", ".npz", ".json", ".sha256"}


MEMORY = r"""
import re, sys
from pathlib import Path
from helpers.data import dataset
from helpers.core.errors import InputError
for path in sys.argv[1:]:
    try:
        dataset.open_source(path)
    except InputError:
        pass
print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what a process took at most")
@pytest.mark.timeout(120)
def test_no_bad_source_takes_a_gigabyte_of_memory(kaggle_folder, official_folder, tmp_path):
    folders = {"kaggle": kaggle_folder, "official": official_folder}
    greedy = [name for name in REFUSED | TOLERATED if "bomb" in name or "without_end" in name or "as_many" in name]
    greedy += ["image_of_more_pixels_than_memory", "image_of_many_pixels", "image_full_of_holes", "file_full_of_holes"]
    cases = [(name, (REFUSED | TOLERATED)[name]) for name in greedy]
    made = [case.build(shutil.copytree(folders[case.layout], tmp_path / name / "source")) for name, case in cases]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *map(str, made)], cwd=paths.ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < MOST_MEMORY, done.stdout


@pytest.mark.parametrize("closed", ["image", "folder", "zip", "source", "cache"])
def test_what_may_not_be_read_or_written_is_named(closed, shared_folder):
    source = shared_folder / "source"
    target = {
        "image": first_image(source),
        "folder": source / "train",
        "zip": zipped(source) if closed == "zip" else source,
        "source": source,
        "cache": shared_folder / "cache",
    }[closed]
    target.chmod(0o555 if closed == "cache" else 0)
    with ordinary_user(), pytest.raises(InputError, match="Permission denied") as caught:
        dataset.open_source(target if closed == "zip" else source)
    assert target.name in str(caught.value)
    assert left_in_the_cache() == []


@given(seed=st.integers(0, 10_000), n_flips=st.integers(1, 20))
def test_an_archive_with_flipped_bits_opens_or_is_refused(flipped, seed, n_flips):
    rng = np.random.default_rng(seed)
    content = bytearray(flipped.with_suffix(".good").read_bytes())
    for place in rng.integers(0, len(content), n_flips):
        content[place] ^= 1 << rng.integers(8)
    flipped.write_bytes(content)
    try:
        with archive.open_files(flipped) as files:
            found = layouts.contents(files)
            layouts.boxes(files, found.labelled), layouts.class_names(files, found.wnids)
            decoding._decode_part(files, found.labelled, flipped.with_suffix(".npy"), {})
    except InputError as error:
        assert str(error).isprintable()


@pytest.fixture(scope="module")
def flipped(kaggle_folder, tmp_path_factory):
    """Where a damaged copy of a small archive goes; the good one is beside it."""
    source = shutil.copytree(kaggle_folder, tmp_path_factory.mktemp("flipped") / "source")
    for image in source.rglob("*_1?.JPEG"):
        image.unlink()
    archive = zipped(source)
    shutil.copy(archive, archive.with_suffix(".good"))
    assert an_image(archive)
    return archive
