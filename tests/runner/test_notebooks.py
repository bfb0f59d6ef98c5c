import json
import os

import pytest

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.runner.notebooks import cell_seconds, choose, find_notebooks, newest_profile, stages


def write_notebook(folder, name, **settings):
    content = {"cells": [], "metadata": {"tinyimage": settings} if settings else {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / f"{name}.ipynb").write_text(json.dumps(content))


def test_a_notebook_is_found_by_its_number_and_what_it_needs_in_its_metadata(tmp_path):
    write_notebook(tmp_path, "06_appendix")
    write_notebook(tmp_path, "01_first", needs_weights=False, independent=True)
    (tmp_path / "draft.ipynb").touch()
    first, appendix = find_notebooks(tmp_path)
    assert (first.name, first.number, first.needs_weights, first.is_independent) == ("01_first", "01", False, True)
    assert (appendix.name, appendix.needs_weights, appendix.is_independent) == ("06_appendix", True, False)


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "01_torn.ipynb").write_text('{"cells": [')
    with pytest.raises(InputError, match="01_torn.ipynb is not a notebook"):
        find_notebooks(tmp_path)[0].needs_weights  # noqa: B018


def test_the_comparison_runs_after_the_notebooks_that_run_side_by_side():
    numbers = [[notebook.number for notebook in stage] for stage in stages(choose(""))]
    assert numbers == [["01", "02", "03", "04"], ["05"], ["06"]]


def test_choose_takes_numbers_in_the_order_of_the_series():
    assert [notebook.name for notebook in choose("5, 02")] == ["02_shallow_cnn", "05_result_comparison"]


def test_choose_refuses_an_unknown_number():
    with pytest.raises(InputError, match="no notebook '09'.*01 to 06"):
        choose("09")


def test_seconds_of_cells_come_from_an_executed_copy(tmp_path):
    kinds = (("code", 2.5), ("markdown", 0), ("code", None))
    cells = [{"cell_type": kind, "metadata": {"papermill": {"duration": seconds}}} for kind, seconds in kinds]
    (tmp_path / "copy.ipynb").write_text(json.dumps({"cells": cells}))
    assert cell_seconds(tmp_path / "copy.ipynb") == [2.5, 0.0]
    assert cell_seconds(tmp_path / "missing.ipynb") == []


def test_the_newest_profile_is_that_of_the_newest_published_notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "FIGURES", tmp_path)
    for profile, time in (("quick", 200), ("demo", 100)):
        file = tmp_path / profile / "outputs" / "01_first.json"
        file.parent.mkdir(parents=True)
        file.write_text("{}")
        os.utime(file, (time, time))
    assert newest_profile() == "quick"
