import hashlib
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from helpers.cluster import parcels
from helpers.core import storage
from helpers.core.errors import InputError

CONTENT = b"pixels" * 50_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def served(tmp_path):
    file = tmp_path / "images.npy"
    file.write_bytes(CONTENT)
    with parcels.offered({SHA256: file}, "127.0.0.1") as url:
        yield url, file


def test_a_file_arrives_sealed(served, tmp_path):
    target = tmp_path / "arrived" / "images.npy"
    parcels.fetch(served[0], SHA256, target)
    assert target.read_bytes() == CONTENT
    assert storage.is_sound(target)


def test_another_file_than_was_asked_for_is_refused_and_not_left(served, tmp_path):
    url, file = served
    file.write_bytes(CONTENT[:-1] + b"!")
    target = tmp_path / "arrived" / "images.npy"
    with pytest.raises(InputError, match="images.npy could not be fetched.*hash"):
        parcels.fetch(url, SHA256, target)
    assert not list(target.parent.iterdir())


def test_nobody_finds_a_file_without_the_secret_in_its_address(served, tmp_path):
    url, _ = served
    root = url.rpartition("/")[0]
    for address in (f"{root}/{SHA256}", f"{root}/", f"{url}/../{SHA256}", f"{url}/{SHA256[:-1]}"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address)
    with pytest.raises(InputError, match="workers must be able to reach it"):
        parcels.fetch(f"{root}/guess", SHA256, tmp_path / "images.npy2")


def test_nothing_is_served_once_the_block_is_left(tmp_path):
    file = tmp_path / "images.npy"
    file.write_bytes(CONTENT)
    with parcels.offered({SHA256: file}, "127.0.0.1") as url:
        pass
    with pytest.raises(InputError):
        parcels.fetch(url, SHA256, tmp_path / "arrived.npy")


@pytest.fixture
def packed(tmp_path):
    folder = tmp_path / "run"
    (folder / "logs" / "train").mkdir(parents=True)
    for name in ("run.json", "logs/train/events", "checkpoint_0001_ab.npz", "checkpoint.partial"):
        (folder / name).write_text(name)
    return parcels.pack(folder, "checkpoint*")


def test_a_folder_lands_as_it_was_packed_without_what_stays_behind(packed, tmp_path):
    parcels.land(packed, tmp_path / "home")
    found = {p.relative_to(tmp_path / "home").as_posix(): p.read_text() for p in (tmp_path / "home").rglob("*.*")}
    assert found == {"run.json": "run.json"}
    assert (tmp_path / "home" / "logs" / "train" / "events").read_text() == "logs/train/events"


def test_what_lands_takes_the_place_of_what_was_cut_off_there(packed, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "checkpoint_0001_cd.npz").touch()
    parcels.land(packed, tmp_path / "home")
    assert sorted(file.name for file in (tmp_path / "home").iterdir()) == ["logs", "run.json"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run.json": b"other"}, "arrived damaged.*run.json"),
        ({"more": b"unknown"}, "arrived damaged.*more"),
    ],
)
def test_a_damaged_parcel_is_refused_and_leaves_nothing(packed, change, words, tmp_path):
    with pytest.raises(InputError, match=words):
        parcels.land(replace(packed, files=packed.files | change), tmp_path / "home")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_parcel_cannot_write_beside_its_folder(packed, tmp_path):
    outside = {"../outside": b"x"}
    bad = replace(
        packed, files=packed.files | outside, sha256=packed.sha256 | {"../outside": hashlib.sha256(b"x").hexdigest()}
    )
    with pytest.raises(InputError, match="lie outside"):
        parcels.land(bad, tmp_path / "home")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_empty_parcel_is_no_run(tmp_path):
    with pytest.raises(InputError, match="nothing in it"):
        parcels.land(parcels.Parcel({}, {}), tmp_path / "home")
