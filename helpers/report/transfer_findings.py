"""Sentences and small tables about transfer learning, built from the numbers of runs and small experiments."""

from collections.abc import Iterable, Sequence

import pandas as pd

from helpers.analysis import comparison
from helpers.config.report_facts import REPORTED
from helpers.models.weights import BaseWeights
from helpers.report.findings import bullets
from helpers.training.runs import Run


def origin_of_weights(weights: BaseWeights, n_base: int) -> str:
    """Where the weights come from, and how large the base is."""
    return (
        f"Origin of the weights in this run: **{weights.origin}**. Width of the network: {weights.width:g}. "
        f"Parameters of the base: {n_base:,}."
    )


def poolings(accuracies: pd.DataFrame) -> str:
    """Which global pooling keeps more; `accuracies` is of `linear_probes.pooling_comparison`."""
    largest, mean = accuracies["accuracy"]
    return (
        f"On {accuracies['n'].iloc[0]:,} validation images the average gives {mean:.1%}, the maximum {largest:.1%}, a difference of "
        f"{_points(largest - mean)}. The intervals are over images and both poolings see the same ones. `improved` keeps the "
        "average, the pooling that MobileNetV2 was pretrained with."
    )


def fine_tuning(runs: Sequence[Run]) -> str:
    """What the second phase of a run changes; of the first run, "" where there is none."""
    if not runs:
        return ""
    phases = runs[0].history.groupby("phase")
    first, second = phases["validation_accuracy"].last().iloc[[0, -1]]
    border = phases[["accuracy", "validation_accuracy"]].first().iloc[-1]
    return (
        f"Phase 1 ends at a validation accuracy of {first:.1%}, phase 2 at {second:.1%}: fine-tuning changes it by "
        f"{_points(second - first)}. The first epoch after the border has {border['accuracy']:.1%} in training and "
        f"{border['validation_accuracy']:.1%} on validation."
    )


def final_accuracies(log: pd.DataFrame, runs: Sequence[Run]) -> str:
    """Validation accuracy at the end of the report's log (see `reported.curves`) and of runs here."""
    ends = [f"the report's log {log['validation_accuracy'].iloc[-1]:.1%} after {len(log)} epochs"]
    ends += [
        f"`{run.recipe}`, seed {run.seed}, {run.history['validation_accuracy'].iloc[-1]:.1%} after {len(run.history)}"
        for run in runs
    ]
    return f"Validation accuracy at the end: {'; '.join(ends)}. The report's table 1 has {REPORTED['mobilenetv2'].accuracy:.1%} on test."


def released_base(trap: pd.DataFrame) -> str:
    """How many tensors of a released base change with and without compiling again; `trap` is of `fine_tuning.fine_tuning_trap`."""
    changed = _changed_tensors(trap)
    return (
        f"Each time the model reports the same {trap['trainable_weights'].iloc[0]:,} trainable parameters. Without compiling again, "
        f"{changed['not compiled again']} of {trap['base_tensors'].iloc[0]} tensors of the base change; after saving and loading, "
        f"which compiles in passing, {changed['saved and loaded']}; after compiling again, {changed['compiled again']}."
    )


def nothing_fine_tuned(logged: pd.DataFrame, trap: pd.DataFrame) -> str:
    """How many logged tensors of the report's run never changed, and why; see `reported.logged_weights`."""
    return (
        f"The report fine-tuned nothing: {(~logged['changed']).sum()} of {len(logged)} logged tensors never changed. Setting "
        f"`trainable` without compiling again changes {_changed_tensors(trap)['not compiled again']} tensors of the base."
    )


def input_size_and_range(sweep: pd.DataFrame) -> str:
    """What input range and input size are worth; `sweep` is of `linear_probes.input_sweep`."""
    smallest, best, range_gain, size_gain, half_width = _input_gains(sweep)
    return (
        f"At {smallest} pixels the range -1..1 instead of 0..1 changes accuracy by {_points(range_gain)}. Of the sizes tried, {best} "
        f"pixels do best, {_points(size_gain)} from {smallest} pixels. The 95 % intervals are about ±{100 * half_width:.1f} points."
    )


def worth_of_input(sweep: pd.DataFrame) -> str:
    """The finding of `input_size_and_range`, in one sentence."""
    smallest, best, range_gain, size_gain, half_width = _input_gains(sweep)
    return (
        f"Input: the range -1..1 is worth {_points(range_gain)} at {smallest} pixels; the best size, {best} pixels, is worth "
        f"{_points(size_gain)} over {smallest} (linear classifier, validation, intervals of about ±{100 * half_width:.1f})."
    )


def learning_curve(curve: pd.DataFrame) -> str:
    """Validation accuracy by the number of training images; `curve` is of `linear_probes.learning_curve`."""
    means = curve.groupby("images_per_class")["accuracy"].mean()
    steps = "; ".join(f"{value:.1%} with {size} images per class" for size, value in means.items())
    return f"Validation accuracy, mean over the draws: {steps}."


def folds(table: pd.DataFrame) -> str:
    """How far accuracies scatter over folds, beside what the number of images explains; see `linear_probes.cross_validation`."""
    mean, n = table[["accuracy", "n"]].mean()
    expected = (mean * (1 - mean) / n) ** 0.5
    return (
        f"{len(table)} folds take {table['seconds'].sum():.0f} s of fitting. Their accuracies have mean {mean:.1%} and standard "
        f"deviation {100 * table['accuracy'].std():.1f} points; chance alone, with {n:,.0f} images a fold, gives "
        f"{100 * expected:.1f} points."
    )


def cost_of_folds(table: pd.DataFrame) -> str:
    """The finding of `folds`, in one sentence."""
    return (
        f"{len(table)} folds on frozen features scatter by {100 * table['accuracy'].std():.1f} points (standard deviation) and take "
        f"{table['seconds'].sum():.0f} s of fitting."
    )


def seconds_of_phases(runs: Sequence[Run]) -> pd.DataFrame:
    """Median seconds of an epoch: columns `recipe`, `seed`, `phase`, `epochs`, `median_epoch_seconds`."""
    return pd.DataFrame(
        [
            {
                "recipe": run.recipe,
                "seed": run.seed,
                "phase": phase,
                "epochs": len(epochs),
                "median_epoch_seconds": epochs["seconds"].median(),
            }
            for run in runs
            for phase, epochs in run.history.groupby("phase")
        ]
    )


def saved_by_frozen_features(improved: Sequence[Run], as_coded: Sequence[Run]) -> str:
    """How much faster an epoch is on cached features than through the frozen base, for each pair of runs; "" where there is none."""
    pairs = []
    for cached, coded in zip(improved, as_coded, strict=False):
        fast, slow = (run.history.query("phase == 1")["seconds"].median() for run in (cached, coded))
        pairs.append(f"{fast:.2f} s and {slow:.1f} s (seed {cached.seed}), a ratio of {slow / fast:.0f}")
    if not pairs:
        return ""
    settings = improved[0].settings
    copies = f"{settings.views} augmented views" if settings.views else "the image and its mirror image"
    return (
        f"An epoch of phase 1 in `improved` and in `as_coded`: {'; '.join(pairs)}. Computing the features once is not included; it takes "
        f"about as long as inference at {settings.input_size} pixels on all that is kept of each training image: {copies}."
    )


def training_gap(gap: pd.DataFrame, log: pd.DataFrame) -> str:
    """How training accuracy compares with validation, measured under equal conditions.

    Args:
        gap: of `tables.training_and_validation`.
        log: of `reported.curves`.
    """
    lines = [
        f"{recipe}: training accuracy on clean images (`train_clean`) exceeds that of the last epoch (`fit`) by "
        f"{_range_of_points(rows['train_clean'] - rows['fit'])}, and validation by {_range_of_points(rows['train_clean'] - rows['validation'])}."
        for recipe, rows in gap.groupby("Recipe", sort=False)
    ]
    above = int((log["validation_accuracy"] > log["train_accuracy"]).sum())
    return bullets([*lines, f"The report's log: validation is above training in {above} of {len(log)} epochs."])


def test_results(summary: pd.DataFrame, n_test: int) -> list[str]:
    """A sentence on each row of `results.summary`."""
    return [
        f"{row['Model']}, {row['Recipe']}, reaches {row['Accuracy']} on {n_test:,} test images (95 % interval "
        f"{row['95 % interval']}; seeds: {row['Seeds']}), after {row['Wall time']} of training epochs."
        for row in summary.to_dict("records")
    ]


def paired_tests(runs: Iterable[Run]) -> pd.DataFrame:
    """Every pair of recipes on the same test images, as `comparison.compare` gives it, with its p-values as text."""
    pairs = comparison.compare({run.recipe: run.is_right() for run in runs})
    p_values = pairs[["p_value", "p_holm"]].map(comparison.p_value_text)
    return pairs.assign(**p_values)


def _points(difference: float) -> str:
    """A difference of two accuracies: "+1.2 points"."""
    return f"{100 * difference:+.1f} points"


def _range_of_points(differences: pd.Series) -> str:
    """The lowest and the highest of several differences: "+0.7 to +2.8 points"; one where they are the same."""
    low, high = (f"{100 * value:+.1f}" for value in (differences.min(), differences.max()))
    return f"{low} points" if low == high else f"{low} to {high} points"


def _changed_tensors(trap: pd.DataFrame) -> pd.Series:
    return trap.set_index("second_phase")["base_tensors_changed"]


def _input_gains(sweep: pd.DataFrame) -> tuple[int, int, float, float, float]:
    """The smallest and the best size, the gain of the range at the smallest, that of the size, and the mean half-width."""
    by_setting = sweep.set_index(["input_size", "input_range"])["accuracy"]
    by_size = by_setting.xs("-1 to 1", level="input_range")
    smallest = sweep["input_size"].min()
    range_gain = by_size[smallest] - by_setting[smallest, "0 to 1"]
    half_width = ((sweep["high"] - sweep["low"]) / 2).mean()
    return smallest, by_size.idxmax(), range_gain, by_size.max() - by_size[smallest], half_width
