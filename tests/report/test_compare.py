import numpy as np
import pytest
from fake_runs import write_run

from helpers.core import paths
from helpers.core.errors import InputError
from helpers.report import compare


def side(folder, **runs):
    for model, right in runs.items():
        write_run(folder, model, "improved", right=right)
    return compare.open_side(str(folder), folder / "workspace")


def test_runs_are_paired_on_the_same_images_and_corrected_for_their_number(tmp_path):
    first = side(tmp_path / "a", shallow_cnn=30, deep_cnn=50, mobilenetv2=60)
    second = side(tmp_path / "b", shallow_cnn=60, deep_cnn=51)
    table = compare.differences(first, second).set_index("Run")
    shallow, deep, missing = (table.loc[f"{name}, improved"] for name in ("Shallow CNN", "Deep CNN", "MobileNetV2"))
    assert shallow[[f"A: {first.name}", f"B: {second.name}", "Difference"]].tolist() == pytest.approx([0.3, 0.6, 0.3])
    assert shallow["p"] == pytest.approx(2 * 2 * 0.5**30) and shallow["Result"] == "differs"
    assert deep["p"] == 1 and deep["Result"] == "no difference shown"
    assert np.isnan(missing[f"B: {second.name}"]) and missing["Result"] == "not comparable"


def test_runs_on_other_data_are_not_tested(tmp_path):
    write_run(tmp_path / "a", "deep_cnn", "improved", data="data1")
    first = compare.open_side(str(tmp_path / "a"), tmp_path)
    [row] = compare.differences(first, side(tmp_path / "b", deep_cnn=90)).itertuples()
    assert row.Difference == pytest.approx(0.6) and row.Result == "not comparable"


def test_sides_of_any_name_and_runs_of_other_versions_of_the_code_are_compared(tmp_path):
    write_run(tmp_path / "p", "deep_cnn", "improved")
    write_run(tmp_path / "Run", "deep_cnn", "improved")
    sides = [compare.open_side(str(tmp_path / name), tmp_path) for name in ("p", "Run")]
    (run,) = sides[0].runs.values()
    first, second = (compare.Side(side.name.rsplit("/")[-1], {("wide_cnn", "tuned", 0): run}, {}) for side in sides)
    [row] = compare.differences(first, second).to_dict("records")
    assert (row["Run"], row["A: p"], row["B: Run"], row["p"]) == ("wide_cnn, tuned", 0.3, 0.3, 1)


def test_the_page_has_the_table_and_the_figures_that_changed(tmp_path):
    for folder, content in (("a & b", b"old"), ("c", b"new")):
        write_run(tmp_path / folder, "deep_cnn", "improved")
        (tmp_path / folder / "changed.png").write_bytes(content)
        (tmp_path / folder / "same.png").write_bytes(b"same")
    sides = [compare.open_side(str(tmp_path / folder), tmp_path) for folder in ("a & b", "c")]
    compare.write_page(*sides, tmp_path / "build" / "compare.html")
    page = (tmp_path / "build" / "compare.html").read_text()
    assert "<h3>changed.png</h3>" in page and "same.png" not in page and "a &amp; b" in page
    assert "base64,b2xk" in page and "base64,bmV3" in page
    assert "30.0%" in page and "+0.0%" in page


@pytest.mark.skipif(not (paths.ROOT / ".git").exists(), reason="not a git checkout")
def test_a_commit_is_compared_by_its_committed_records(tmp_path):
    committed = compare.open_side("HEAD", tmp_path)
    assert ("mobilenetv2", "improved", 0) in committed.runs and "figure_2_shallow_cnn.png" in committed.figures
    [own] = compare.open_side("figures/full/records/mobilenetv2_improved_0", tmp_path).runs
    assert own == ("mobilenetv2", "improved", 0)


@pytest.mark.parametrize("name", ["no such commit", "--output=pwned", "figures"])
def test_what_holds_no_results_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=name):
        compare.open_side(name, tmp_path)
