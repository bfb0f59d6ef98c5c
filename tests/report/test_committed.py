import pytest

from helpers.core.errors import InputError
from helpers.report.committed import check_output


def test_results_on_other_data_do_not_replace_the_committed_ones(tmp_path):
    committed = tmp_path / "full"
    check_output(committed, "b" * 16, committed)  # nothing is there yet
    committed.mkdir()
    (committed / "results.csv").write_text(f"model,data_fingerprint\ndeep_cnn,{'a' * 16}\n")
    check_output(committed, "a" * 16, committed)
    check_output(tmp_path / "quick", "b" * 16, committed)
    with pytest.raises(InputError, match="holds results on other data.*OUTPUT=<folder>"):
        check_output(tmp_path / "quick" / ".." / "full", "b" * 16, committed)
