import pytest

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.runner import options
from helpers.runner.options import check_options, default_jobs


def checked(**changes):
    values = dict.fromkeys(("data", "weights", "profile", "models", "recipes", "seed", "output"), "")
    return check_options(**values | changes, skip_unreadable=False)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    for name in ("MODELS", "RECIPES", "SKIP_UNREADABLE"):
        monkeypatch.setenv(f"TINYIMAGE_{name}", "")


def test_the_profile_follows_from_the_data(tmp_path):
    assert checked().profile == "demo"
    assert checked(data=str(tmp_path)).profile == "quick"


def test_parameters_name_the_same_files_from_the_project(tmp_path, monkeypatch):
    (tmp_path / "data.zip").touch()
    monkeypatch.chdir(tmp_path)
    parameters = checked(data="data.zip", seed="3").parameters
    assert (paths.ROOT / parameters["data"]).resolve() == tmp_path / "data.zip"
    assert parameters["seed"] == 3 and parameters["output"] == ""


def test_demo_results_never_replace_those_on_real_data(tmp_path):
    for changes in ({"profile": "full"}, {"profile": "demo", "output": str(paths.FIGURES / "full")}):
        with pytest.raises(InputError, match="figures/full holds the results on real data"):
            checked(**changes)
    assert checked(profile="full", output=str(tmp_path)).folder == tmp_path
    assert checked(profile="full", data=str(tmp_path)).folder == paths.FIGURES / "full"


@pytest.mark.parametrize(
    ("profile", "cores", "gigabytes", "jobs"),
    [("demo", 4, 64, 4), ("demo", 4, 7, 2), ("demo", 2, 1, 1), ("full", 8, 64, 1)],
)
def test_notebooks_side_by_side_fit_cores_and_memory(profile, cores, gigabytes, jobs, monkeypatch):
    monkeypatch.setattr(options.provenance, "cores", lambda: cores)
    monkeypatch.setattr(options, "_memory", lambda: gigabytes * 2**30)
    assert default_jobs(profile) == jobs
