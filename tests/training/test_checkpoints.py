import numpy as np
import pytest
from sources import flip

from helpers.core.errors import InputError
from helpers.training import checkpoints

FIRST, SECOND = {"a": np.arange(5.0)}, {"a": np.arange(5.0) + 1, "b": np.array("text")}


def quiet(line):
    raise AssertionError(line)


def test_the_newest_state_comes_back_and_the_older_is_gone(tmp_path):
    checkpoints.save(tmp_path, 1, FIRST)
    checkpoints.save(tmp_path, 2, SECOND)
    state = checkpoints.load(tmp_path, quiet)
    assert state["a"].tolist() == SECOND["a"].tolist()
    assert str(state["b"]) == "text"
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_comes_from_an_empty_folder(tmp_path):
    assert checkpoints.load(tmp_path, quiet) == {}


def test_a_damaged_state_is_named_and_the_one_before_it_used(tmp_path):
    """Both are there when a run is killed before the older one is removed."""
    checkpoints.save(tmp_path, 1, FIRST)
    [old] = tmp_path.iterdir()
    kept = old.read_bytes()
    checkpoints.save(tmp_path, 2, SECOND)
    old.write_bytes(kept)
    [new] = [file for file in tmp_path.iterdir() if file != old]
    flip(new)
    lines = []
    assert checkpoints.load(tmp_path, lines.append)["a"].tolist() == FIRST["a"].tolist()
    assert lines == [f"{new} is damaged and is not used"]
    assert not new.exists()


def test_a_half_written_state_is_never_read(tmp_path):
    (tmp_path / "checkpoint.partial").write_bytes(b"half")
    assert checkpoints.load(tmp_path, quiet) == {}


def test_clear_leaves_other_files(tmp_path):
    checkpoints.save(tmp_path, 1, FIRST)
    (tmp_path / "config.json").write_text("{}")
    checkpoints.clear(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """Where copies are kept, and the folders of one run on two machines."""
    monkeypatch.setenv("TINYIMAGE_CHECKPOINTS", (tmp_path / "shared").as_uri())
    folders = [tmp_path / name / "run" for name in ("here", "there")]
    for folder in folders:
        folder.mkdir(parents=True)
    return tmp_path / "shared", *folders


def test_another_machine_goes_on_from_the_newest_copy_alone(shared):
    copies, here, there = shared
    checkpoints.save(here, 1, FIRST)
    checkpoints.save(here, 2, SECOND)
    assert len(list(copies.rglob("*.npz"))) == 1
    assert checkpoints.load(there, quiet)["a"].tolist() == SECOND["a"].tolist()


def test_what_a_machine_has_itself_is_not_replaced_by_an_older_copy(shared):
    _, here, there = shared
    checkpoints.save(here, 1, FIRST)
    checkpoints.save(there, 2, SECOND)
    checkpoints.save(here, 1, FIRST)
    assert checkpoints.load(there, quiet)["a"].tolist() == SECOND["a"].tolist()


def test_a_copy_that_was_cut_off_is_named_and_the_one_before_it_used(shared):
    copies, here, there = shared
    checkpoints.save(here, 1, FIRST)
    [whole] = copies.rglob("*.npz")
    torn = whole.with_name(f"checkpoint_0002_{'0' * 64}.npz")
    torn.write_bytes(whole.read_bytes()[:100])
    lines = []
    assert checkpoints.load(there, lines.append)["a"].tolist() == FIRST["a"].tolist()
    assert lines == [f"{there / torn.name} is damaged and is not used"]


def test_a_damaged_state_here_does_not_hide_the_sound_copy(shared):
    _, here, _ = shared
    checkpoints.save(here, 3, FIRST)
    [file] = here.glob("*.npz")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    lines = []
    assert checkpoints.load(here, lines.append)["a"].tolist() == FIRST["a"].tolist()
    assert lines == [f"{file} is damaged and is not used"]


def test_copies_go_when_the_run_has_ended(shared):
    copies, here, _ = shared
    checkpoints.save(here, 1, FIRST)
    checkpoints.clear(here)
    assert not list(copies.rglob("*.npz"))


@pytest.mark.parametrize("url", ["nowhere://bucket", "abfs://container/runs"])
def test_a_place_that_cannot_be_used_is_said_before_anything_runs(url, monkeypatch):
    monkeypatch.setenv("TINYIMAGE_CHECKPOINTS", url)
    with pytest.raises(InputError, match=f"CHECKPOINTS={url} cannot be used"):
        checkpoints.check_shared()


def test_the_place_of_the_copies_is_tried_by_writing_there(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TINYIMAGE_CHECKPOINTS", str(tmp_path / "file" / "copies"))
    with pytest.raises(InputError, match="cannot be used"):
        checkpoints.check_shared()
    monkeypatch.setenv("TINYIMAGE_CHECKPOINTS", str(tmp_path / "copies"))
    checkpoints.check_shared()
    assert list((tmp_path / "copies").iterdir()) == []
