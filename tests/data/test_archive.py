import os

import pytest
from sources import zipped

from helpers.core import provenance
from helpers.core.errors import InputError
from helpers.data import archive
from helpers.data.dataset import open_source


@pytest.fixture
def many(kaggle_folder, monkeypatch):
    """A source with more files than are allowed."""
    monkeypatch.setattr(archive, "MOST_FILES", 40)
    return kaggle_folder


def test_a_larger_source_is_refused_with_the_option_that_lets_it_in(many, monkeypatch):
    with pytest.raises(InputError, match=r"at most 40 files .* MOST_FILES=<number>"):
        open_source(many)
    monkeypatch.setenv("TINYIMAGE_MOST_FILES", "120")
    assert len(open_source(many).images) == 72


def test_bytes_and_lists_of_a_zip_grow_with_the_files(many, tmp_path, monkeypatch):
    source = zipped(many, tmp_path / "many.zip")
    monkeypatch.setattr(archive, "MOST_BYTES", 100_000)
    monkeypatch.setattr(archive, "MOST_DIRECTORY_BYTES", 5_000)
    monkeypatch.setenv("TINYIMAGE_MOST_FILES", "60")
    with pytest.raises(InputError, match=r"lists more files .* MOST_FILES=<number>"):
        open_source(source)
    monkeypatch.setenv("TINYIMAGE_MOST_FILES", "200")
    assert len(open_source(source).images) == 72


@pytest.mark.parametrize("text", ["many", "-5", "1e6", "²"])
def test_what_is_no_number_of_files_is_refused(text, monkeypatch):
    monkeypatch.setenv("TINYIMAGE_MOST_FILES", text)
    with pytest.raises(InputError, match=f"MOST_FILES must be a number of files, .*, not '{text}'"):
        archive.growth()


@pytest.mark.parametrize("text", ["", "7", "200000"])
def test_the_limits_are_never_lowered(text, monkeypatch):
    monkeypatch.setenv("TINYIMAGE_MOST_FILES", text)
    assert archive.growth() == 1


def test_a_signature_is_the_same_each_time_and_changes_with_any_file(kaggle_folder):
    before = archive.signature(kaggle_folder)
    assert archive.signature(kaggle_folder) == before
    file = next(kaggle_folder.rglob("*.JPEG"))
    facts = file.stat()
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert archive.signature(kaggle_folder) != before
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert archive.signature(kaggle_folder) == before


def test_a_hash_of_items_is_that_of_their_list():
    for items in ([], [("a", 1)], [("ä", 2), {"b": [1, None]}, "c"]):
        assert provenance.digest_of_items(iter(items)) == provenance.digest(items)
