import pandas as pd
import pytest
from fake_runs import write_run

from helpers.report import comparison_findings

PAIRS = pd.DataFrame({"first": ["a", "a", "b"], "second": ["b", "c", "c"], "p_holm": [0.01, 0.04, 0.4]})


@pytest.fixture
def rivals(tmp_path):
    return [
        write_run(tmp_path, "deep_cnn", "improved", right=40),
        write_run(tmp_path, "mobilenetv2", "improved", right=90),
    ]


def test_table_and_log_of_the_report_stand_side_by_side():
    log = pd.DataFrame({"validation_accuracy": [0.3, 0.4567], "validation_loss": [3.0, 2.2346]})
    assert comparison_findings.table_and_log(log) == (
        "The report's table gives MobileNetV2 **45.6%** and a loss of **2.24**. Its logged run ends at **45.67%** and "
        "**2.235** on validation."
    )


def test_the_best_run_has_its_interval(rivals):
    assert comparison_findings.best_run(rivals[0]) == (
        "By validation accuracy the best run is **Deep CNN, improved**. On the 100 test images it has 40.0%, "
        "95 % interval 30.9% to 49.8%."
    )


def test_confidence_names_error_and_loss_before_and_after_scaling():
    row = {"Model": "MobileNetV2", "Recipe": "improved", "temperature": 0.74, "ece": 0.135, "ece_scaled": 0.018}
    text = comparison_findings.confidence(pd.DataFrame([row | {"nll": 0.99, "nll_scaled": 0.87}]))
    assert text == (
        "- MobileNetV2, improved: expected calibration error 13.5%, cross-entropy 0.99; with logits divided by 0.74, fitted on "
        "validation, 1.8% and 0.87."
    )


def test_pairs_are_alike_from_the_level_of_significance_on():
    assert comparison_findings.pairs_alike(PAIRS, 5_000) == "1 of 3 pairs cannot be told apart on 5,000 images."


def test_right_alone_and_right_together_are_counted(rivals):
    """The first 40 images are right for the network from scratch, the first 90 for the other."""
    scratch, transfer = rivals
    assert comparison_findings.right_alone(scratch, transfer).endswith(
        "Only the first is right on 0.0% of the images, at least one of the two on 90.0%."
    )
    assert "Only the first is right on 50.0%" in comparison_findings.right_alone(transfer, scratch)


def test_verdicts_are_counted():
    verdicts = pd.DataFrame({"verdict": ["holds", "not judged", "holds"]})
    assert comparison_findings.verdict_counts(verdicts) == (
        "Verdicts on the report's 3 claims: holds (2), not judged (1)."
    )


def test_the_summary_has_rivals_gains_and_pairs(rivals, tmp_path):
    reported = [
        write_run(tmp_path / "reported", "deep_cnn", "as_reported", seed, right=10 + 20 * seed) for seed in (0, 1)
    ]
    runs = [*rivals, *reported]
    first, second, third = comparison_findings.summary(rivals, runs, PAIRS).splitlines()
    assert first.startswith("- MobileNetV2, improved: 90.0%")
    assert first.endswith("(p < 0.001).")
    assert second == "- Deep CNN: 20.0% as reported, 40.0% improved (validation, means over seeds)."
    assert third == "- 2 of 3 pairs of these trained networks differ by more than chance on the same images."
