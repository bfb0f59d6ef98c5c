import pytest

from helpers.core import storage


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "kept.txt"
    with storage.replacing(file) as partial:
        partial.write_text("first")
    with pytest.raises(KeyboardInterrupt), storage.replacing(file) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def file_with_checksum(tmp_path):
    file = tmp_path / "kept.txt"
    file.write_text("content")
    storage.write_checksum(
        file, "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    )  # printf content | sha256sum
    return file


def test_a_file_is_intact_as_it_was_written(file_with_checksum):
    assert storage.has_checksum(file_with_checksum) and storage.is_intact(file_with_checksum)


@pytest.mark.parametrize("content", [b"", b"conten", b"Content", b"content\0"])
def test_a_changed_file_is_not_intact(content, file_with_checksum):
    file_with_checksum.write_bytes(content)
    assert not storage.is_intact(file_with_checksum)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"ed7002b439"])
def test_a_file_with_a_changed_checksum_is_not_intact(content, file_with_checksum):
    storage.checksum_file(file_with_checksum).write_bytes(content)
    assert not storage.is_intact(file_with_checksum)


def test_a_file_without_a_checksum_is_not_intact(file_with_checksum):
    storage.checksum_file(file_with_checksum).unlink()
    assert not storage.has_checksum(file_with_checksum) and not storage.is_intact(file_with_checksum)
    file_with_checksum.unlink()
    assert not storage.is_intact(file_with_checksum)


def test_half_made_files_and_folders_are_removed_and_others_stay(tmp_path):
    (tmp_path / "records" / ".run.partial" / "deeper").mkdir(parents=True)
    (tmp_path / "records" / ".run.partial" / ".file.7.partial.csv").touch()
    (tmp_path / ".table.12.partial.csv").touch()
    (tmp_path / "table.csv").touch()
    storage.clear_partial(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["records", "table.csv"]


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "made"
    for content in ("old", "new"):
        with storage.replacing_folder(folder) as partial:
            (partial / content).write_text(content)
            assert not (folder / content).exists()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_is_left_as_it_was_where_its_replacement_fails(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(OSError, match="full"), storage.replacing_folder(folder) as partial:
        (partial / "new").touch()
        raise OSError("full")
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_kill_left_of_a_folder_does_not_get_into_the_next(tmp_path):
    (tmp_path / ".made.partial").mkdir()
    (tmp_path / ".made.partial" / "half").touch()
    with storage.replacing_folder(tmp_path / "made") as partial:
        (partial / "whole").touch()
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["whole"]


def test_an_end_between_the_two_renames_loses_nothing(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(FileNotFoundError), storage.replacing_folder(folder) as partial:
        partial.rmdir()  # so that the second rename fails
    assert [path.name for path in folder.iterdir()] == ["old"]
    folder.rename(tmp_path / ".made.old.partial")  # what a kill leaves
    with pytest.raises(OSError, match="full"), storage.replacing_folder(folder):
        raise OSError("full")
    assert [path.name for path in folder.iterdir()] == ["old"]
