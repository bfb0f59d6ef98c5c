import pytest

from helpers import provenance, storage


def test_replacing_puts_a_whole_file_in_place(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with storage.replacing(file) as partial:
        partial.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_replacing_leaves_the_old_file_when_the_block_fails(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(RuntimeError), storage.replacing(file) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("damage", [b"", b"content", b"Content!"], ids=["emptied", "torn", "flipped"])
def test_a_sealed_file_is_told_from_a_damaged_one(tmp_path, damage):
    file = tmp_path / "array.npy"
    file.write_bytes(b"content!")
    assert not storage.is_sound(file)
    storage.seal(file, provenance.file_hash(file))
    assert storage.is_sound(file)
    file.write_bytes(damage)
    assert not storage.is_sound(file)


def test_a_missing_file_is_not_sound(tmp_path):
    storage.seal(tmp_path / "gone", "0" * 64)
    assert not storage.is_sound(tmp_path / "gone")
