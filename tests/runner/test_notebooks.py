import json
import os

import pytest

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.runner.notebooks import cell_seconds, choose, find_notebooks, newest_profile, startable


def write_notebook(folder, name, **settings):
    content = {"cells": [], "metadata": {"tinyimage": settings} if settings else {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / f"{name}.ipynb").write_text(json.dumps(content))


def test_a_notebook_is_found_by_its_number_and_what_it_needs_in_its_metadata(tmp_path):
    write_notebook(tmp_path, "06_appendix")
    write_notebook(tmp_path, "01_first", needs_weights=False)
    (tmp_path / "draft.ipynb").touch()
    first, appendix = find_notebooks(tmp_path)
    assert (first.name, first.number, first.needs_weights) == ("01_first", "01", False)
    assert (appendix.name, appendix.needs_weights) == ("06_appendix", True)


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "01_torn.ipynb").write_text('{"cells": [')
    with pytest.raises(InputError, match="01_torn.ipynb is not a notebook"):
        find_notebooks(tmp_path)[0].needs_weights  # noqa: B018


def test_a_notebook_waits_for_those_that_it_names_and_else_for_all_before_it(tmp_path):
    for name, settings in (("01_a", {}), ("02_b", {"after": []}), ("03_c", {"after": ["01"]}), ("04_d", {})):
        write_notebook(tmp_path, name, **settings)
    series = find_notebooks(tmp_path)
    assert [[other.number for other in series if one.waits_for(other)] for one in series] == [
        [],
        [],
        ["01"],
        ["01", "02", "03"],
    ]


def test_the_comparison_and_the_appendix_run_side_by_side_after_the_others():
    series = choose("")
    assert [notebook.number for notebook in startable(series, [])] == ["01", "02", "03", "04"]
    assert [notebook.number for notebook in startable(series[4:], series[:1])] == ["06"]
    assert [notebook.number for notebook in startable(series[4:], [])] == ["05", "06"]
    assert startable(series[4:], series[3:4]) == []


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
