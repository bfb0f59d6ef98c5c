"""Sentences that compare runs on the same test images, built from their numbers, in Markdown."""

from collections.abc import Sequence

import pandas as pd

from helpers.analysis import comparison
from helpers.config.labels import MODEL_NAMES
from helpers.config.report_facts import REPORTED
from helpers.report import claims
from helpers.report.findings import bullets
from helpers.report.selection import FAMILIES
from helpers.training.runs import Run


def table_and_log(log: pd.DataFrame) -> str:
    """The report's two results of MobileNetV2: that of its table and the last of its log, see `reported.curves`."""
    in_table, logged = REPORTED["mobilenetv2"], log.iloc[-1]
    return (
        f"The report's table gives MobileNetV2 **{in_table.accuracy:.1%}** and a loss of **{in_table.loss:g}**. Its logged run ends at "
        f"**{logged['validation_accuracy']:.2%}** and **{logged['validation_loss']:.3f}** on validation."
    )


def best_run(run: Run) -> str:
    """The test accuracy of the run with the highest validation accuracy."""
    result = run.result()
    return (
        f"By validation accuracy the best run is **{run.title}**. On the {result['n']:,} test images it has {result['accuracy']:.1%}, "
        f"95 % interval {result['accuracy_low']:.1%} to {result['accuracy_high']:.1%}."
    )


def confidence(calibrated: pd.DataFrame) -> str:
    """How far each network's confidence lies from its accuracy, and what a temperature changes; `calibrated` is of `calibration.summary`."""
    return bullets(
        f"{row.Model}, {row.Recipe}: expected calibration error {row.ece:.1%}, cross-entropy {row.nll:.2f}; with logits divided by "
        f"{row.temperature:.2f}, fitted on validation, {row.ece_scaled:.1%} and {row.nll_scaled:.2f}."
        for row in calibrated.itertuples()
    )


def pairs_alike(pairs: pd.DataFrame, n_images: int) -> str:
    """How many pairs of `comparison.compare` cannot be told apart on n images."""
    n_alike = int((pairs["p_holm"] >= comparison.SIGNIFICANCE).sum())
    return f"{n_alike} of {len(pairs)} pairs cannot be told apart on {n_images:,} images."


def right_alone(scratch: Run, transfer: Run) -> str:
    """How often only the network from scratch is right, and at least one of the two runs."""
    share = comparison.disagreement(scratch.is_right(), transfer.is_right()).set_index("right")["share"]
    return (
        f"First: {claims.sentence(scratch)}. Second: {claims.sentence(transfer)}. Only the first is right on "
        f"{share['only the first']:.1%} of the images, at least one of the two on {1 - share['neither']:.1%}."
    )


def verdict_counts(verdicts: pd.DataFrame) -> str:
    """How often each verdict is given; `verdicts` is of `claims.judge`."""
    counts = ", ".join(f"{verdict} ({n})" for verdict, n in verdicts["verdict"].value_counts().items())
    return f"Verdicts on the report's {len(verdicts)} claims: {counts}."


def summary(rivals: Sequence[Run], runs: Sequence[Run], pairs: pd.DataFrame) -> str:
    """The best runs, what the improved recipe of each family gains, and how many pairs differ, as a bulleted list.

    Args:
        rivals: the best run from scratch and the best of MobileNetV2.
        runs: all seeds of each recipe.
        pairs: of `comparison.compare`.
    """
    scratch, transfer = rivals
    p_value = comparison.mcnemar(scratch.is_right(), transfer.is_right())
    seeds = pd.DataFrame([(run.model, run.recipe, run.result("validation")["accuracy"]) for run in runs])
    validation = seeds.groupby([0, 1])[2].mean()
    n_different = int((pairs["p_holm"] < comparison.SIGNIFICANCE).sum())
    return bullets(
        [
            f"{claims.sentence(transfer)}; {claims.sentence(scratch)} ({comparison.p_value_text(p_value)}).",
            *(
                f"{MODEL_NAMES[model]}: {validation[model, 'as_reported']:.1%} as reported, {validation[model, 'improved']:.1%} improved "
                "(validation, means over seeds)."
                for model in FAMILIES
                if {(model, "as_reported"), (model, "improved")} <= set(validation.index)
            ),
            f"{n_different} of {len(pairs)} pairs of these trained networks differ by more than chance on the same images.",
        ]
    )
