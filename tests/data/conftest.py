import shutil

import pytest

from helpers.data import layouts


@pytest.fixture
def kaggle(kaggle_folder, tmp_path):
    return shutil.copytree(kaggle_folder, tmp_path / "source")


@pytest.fixture
def official(official_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "NUM_CLASSES", 4)
    return shutil.copytree(official_folder, tmp_path / "source")
