import pytest

from helpers.config import profiles
from helpers.experiment import Experiment


@pytest.fixture
def lab(tiny, tmp_path):
    from helpers.data.splits import make_split

    profile = profiles.find_profile("smoke")
    only = {"models": ("shallow_cnn",), "recipes": ("improved",)}
    return Experiment(profile, tiny, make_split(tiny), None, tmp_path / "figures", seed=0, **only)
