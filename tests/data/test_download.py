import hashlib

import pytest

from helpers.core.errors import InputError
from helpers.data.download import download_official

CONTENT = b"an archive" * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path, serve):
    """Address of an archive on a real HTTP server of this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "tiny.zip").write_bytes(CONTENT)
    return f"{serve(folder)}/tiny.zip"


def test_download_is_checked_and_shows_progress(server, tmp_path, capfd):
    file = download_official(tmp_path / "data", server, MD5)
    assert file.read_bytes() == CONTENT
    assert "100%" in capfd.readouterr().err


def test_download_happens_once(server, tmp_path):
    first = download_official(tmp_path / "data", server, MD5)
    stamp = first.stat().st_mtime_ns
    assert download_official(tmp_path / "data", server, MD5).stat().st_mtime_ns == stamp


def test_another_file_than_expected_is_refused_and_not_left_behind(server, tmp_path):
    with pytest.raises(InputError, match="tiny.zip could not be downloaded"):
        download_official(tmp_path / "data", server, "0" * 32)
    assert not list((tmp_path / "data").iterdir())


def test_missing_file_says_what_to_do(server, tmp_path):
    with pytest.raises(InputError, match=r"try again later, or use the Kaggle archive"):
        download_official(tmp_path / "data", server + ".gone", MD5)
