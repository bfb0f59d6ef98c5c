"""Sentences about what the report left behind, its curves, log, submission and labels, in Markdown."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.analysis import costs, penalties, reported
from helpers.config.recipes import NUM_CLASSES, Recipe
from helpers.config.report_facts import REPORTED
from helpers.report.findings import bullets
from helpers.training.runs import Run


def batch_size_of_reported_curve(recipe: Recipe) -> str:
    """Which batch size the report's loss curve with L2 fits, and where that curve would have gone.

    Args:
        recipe: the shallow CNN of the released code.
    """
    curve, images = reported.figure_curves("shallow_cnn_l2"), reported.split().n_train
    left = penalties.left_by_epoch(curve["train_loss"][1:], NUM_CLASSES)
    by_validation = penalties.batch_size_of_curve(recipe, curve["validation_loss"], images, NUM_CLASSES)
    left_by_code = penalties.left_by_descent(recipe, images / recipe.batch_size)
    guess, end = np.log(NUM_CLASSES), curve["validation_loss"].iloc[-1]
    return (
        f"From the second epoch on, the height of the printed training loss above chance level, {guess:.2f}, shrinks by a factor of {left:.3f} "
        f"an epoch. That is what gradient descent does with **{reported_batch_size(recipe)} images a batch** of the report's {images:,} training images; its validation "
        f"curve gives {by_validation:.0f}. With the code's {recipe.batch_size} a batch, {left_by_code:.0%} of the penalty would be left after "
        f"each epoch. The validation curve ends at {end:.1f} after {len(curve)} epochs; one more would have brought it to "
        f"**{guess + (end - guess) * left:.1f}**. Table 1 says {REPORTED['shallow_cnn'].loss:g}."
    )


def reported_batch_size(recipe: Recipe) -> int:
    """The batch size that the report's training loss with L2 fits from its second epoch on, by the recipe of the released code."""
    losses = reported.figure_curves("shallow_cnn_l2")["train_loss"][1:]
    return round(penalties.batch_size_of_curve(recipe, losses, reported.split().n_train, NUM_CLASSES))


def training_with_larger_batches(recipe: Recipe, course: pd.DataFrame, n_train: int) -> str:
    """Where a training here with the batch of the report's curve ends, where that curve ends, and table 1.

    Args:
        recipe: the shallow CNN of the released code.
        course: of `training_probes.course` with the batch size of the curve.
        n_train: training images here.
    """
    curve = reported.figure_curves("shallow_cnn_l2")
    return (
        f"By the speed of its penalty, the report's curve with L2 fits the code's recipe with about {reported_batch_size(recipe)} images a "
        f"batch; it ends at {curve['validation_loss'].iloc[-1]:.1f} on validation after {len(curve)} epochs of {reported.split().n_train:,} "
        f"training images. Trained here on {n_train:,} images (epochs: {len(course)}), the objective ends at "
        f"{course['validation_objective'].iloc[-1]:.1f} on validation. The report's table 1 says {REPORTED['shallow_cnn'].loss:g}."
    )


def first_epochs(trained: pd.DataFrame, variants: Sequence[str]) -> str:
    """Training and validation objectives after one epoch in the report's plain curve and in variants of its network.

    Args:
        trained: of `training_probes.first_epochs`.
        variants: what to call its variants, in their order.
    """
    curve = reported.figure_curves("shallow_cnn").iloc[0]
    lines = [
        f"The report's figure 2: **{curve['train_loss']:.2f}** in training, {curve['validation_loss']:.2f} on validation."
    ]
    for number, rows in trained.groupby("variant"):
        name = variants[number]
        lines.append(
            f"{name[0].upper()}{name[1:]}: {_range(rows['objective'])} in training, {_range(rows['validation_objective'])} on validation."
        )
    return bullets(lines)


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"


def epoch_seconds(log: pd.DataFrame, runs: Sequence[Run]) -> str:
    """How much longer an epoch of phase 2 takes than one of phase 1, in the report's log and in runs here.

    Args:
        log: columns `phase` and `seconds` of the report's log.
        runs: with two phases each.
    """
    lines = [
        f"The report's log: {log['seconds'].sum():,.0f} s in all; an epoch of phase 2 takes {costs.slower_second_phase(log):.2f} times as long as one of phase 1."
    ]
    lines += [
        f"`{run.recipe}`, seed {run.seed}, here: {run.history['seconds'].sum():,.0f} s in all on {run.training_images:,} training images; "
        f"{costs.slower_second_phase(run.history):.2f} times."
        for run in runs
    ]
    return bullets(lines)


def clock(log: pd.DataFrame, runs: Sequence[Run]) -> str:
    """What the seconds of the report's log say of its second phase, beside a run here that unfroze its base; see `epoch_seconds`."""
    released = [costs.slower_second_phase(run.history) for run in runs if run.recipe == "as_reported"][:1]
    here = "".join(f"; with the base unfrozen it takes {ratio:.2f} times as long here" for ratio in released)
    return (
        f"In the report's log an epoch of the second phase takes {costs.slower_second_phase(log):.2f} times as long as one of the first{here}. So the report's "
        "base stayed frozen, as the histograms of its weights also say."
    )


def submission(agreement: pd.DataFrame) -> str:
    """Whether the report's text or its code made its submission; `agreement` is of `reported.submission_agreement`."""
    shares = agreement.set_index("submission")["agreement"]
    coded, described = shares["mobilenetv2_as_coded"], shares["mobilenetv2_as_reported"]
    maker = "the released code" if coded > described else "the network that the text describes"
    return (
        f"Of the {agreement['n'].iloc[0]:,} answers that the report submitted, {coded:.1%} agree with our network as coded and "
        f"{described:.1%} with our network as reported: they come from {maker}."
    )


def label_candidates(candidates: pd.DataFrame, noise: pd.DataFrame, n_images: int, copies: np.ndarray) -> str:
    """How many labels are candidates for errors, and what the method finds of errors that are known.

    Args:
        candidates: of `label_errors.candidates`, with the `index` of each image.
        noise: one row, of `label_errors.check`.
        n_images: images that were checked.
        copies: integer (n, 2), indices of the copies of images that stand in two classes.
    """
    check = noise.iloc[0]
    false_alarms = (check["candidates"] - check["found"]) / (check["images"] - check["planted"])
    as_many = ": false alarms alone could be as many" if false_alarms * n_images >= len(candidates) else ""
    n_caught = np.isin(copies, candidates["index"]).any(axis=1).sum()
    return (
        f"{len(candidates):,} of {n_images:,} images are candidates, {len(candidates) / n_images:.1%}. In the test above, with "
        f"{check['planted'] / check['images']:.1%} of the labels replaced, the method names {check['found']:,} of the {check['planted']:,} "
        f"replaced labels, and {check['candidates'] - check['found']:,} of the {check['images'] - check['planted']:,} others "
        f"({false_alarms:.1%}): {check['found'] / check['candidates']:.0%} of those that it names are wrong. Of the {len(copies)} images that stand in "
        f"two classes, where one of the two labels counts as wrong, {n_caught} have a copy among the candidates. The other candidates are no "
        f"evidence of errors by themselves{as_many}."
    )


def worth_of_candidates(candidates: pd.DataFrame, noise: pd.DataFrame, n_images: int) -> str:
    """How far candidates for label errors can be trusted; the arguments are those of `label_candidates`."""
    check = noise.iloc[0]
    return (
        f"Confident learning names {len(candidates):,} of {n_images:,} labels, {len(candidates) / n_images:.1%}. In a test with labels replaced "
        f"on purpose, {check['precision']:.0%} of those that it named had been replaced: they are candidates to look at, not a count of errors."
    )
