import numpy as np

from helpers import checkpoints

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
    content = bytearray(new.read_bytes())
    content[len(content) // 2] ^= 1
    new.write_bytes(content)
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
