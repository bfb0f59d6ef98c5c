from helpers.core import paths


def test_folders_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYIMAGE_RUNS", str(tmp_path))
    assert paths.runs() == tmp_path
    monkeypatch.setenv("TINYIMAGE_RUNS", "")
    assert paths.runs() == paths.ROOT / "runs"


def test_a_relative_path_is_found_from_the_working_folder_or_from_the_project(monkeypatch, tmp_path):
    (tmp_path / "here.zip").touch()
    monkeypatch.chdir(tmp_path)
    assert paths.resolve("here.zip") == tmp_path / "here.zip"
    assert paths.resolve("data/README.md") == paths.DATA / "README.md"


def test_from_root_keeps_words_and_gives_paths_that_resolve_again(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert [paths.from_root(word) for word in ("", "none", "imagenet")] == ["", "none", "imagenet"]
    relative = paths.from_root("weights.h5")
    assert not relative.startswith("/")
    assert paths.resolve(relative) == tmp_path / "weights.h5"


def test_shown_paths_do_not_reveal_the_machine(tmp_path):
    assert paths.shown(paths.DATA / "README.md") == "data/README.md"
    assert paths.shown(tmp_path / "x") == "x"


def test_checkpoints_are_the_same_place_for_every_process(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, found in (("", ""), ("shared", str(tmp_path / "shared")), ("s3://bucket/runs", "s3://bucket/runs")):
        monkeypatch.setenv("TINYIMAGE_CHECKPOINTS", name)
        assert paths.checkpoints() == found
