"""Tables of a comparison: accuracy, loss, cost and mistakes of runs side by side. Reads what runs left; trains nothing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.analysis import comparison
from helpers.config.labels import MODEL_NAMES, RECIPE_NAMES
from helpers.data import wordnet
from helpers.report.selection import by_recipe
from helpers.training import metrics
from helpers.training.runs import Run


def training_and_validation(runs: Sequence[Run]) -> pd.DataFrame:
    """Accuracy on training images as `fit` shows it and as they are, beside validation.

    Returns:
        Columns `Model`, `Recipe`, `seed`, `fit` (last epoch, under augmentation and dropout, while the network changes),
        `train_clean` (the same network after training, images as they are), `validation`, all fractions.
    """
    return pd.DataFrame(
        [
            {
                **_named(run),
                "fit": run.history["accuracy"].iloc[-1],
                "train_clean": run.result("train_clean")["accuracy"],
                "validation": run.result("validation")["accuracy"],
            }
            for run in runs
        ],
        columns=["Model", "Recipe", "seed", "fit", "train_clean", "validation"],
    )


def mistakes(runs: Sequence[Run], distance: np.ndarray) -> pd.DataFrame:
    """How far from the truth the mistakes of runs lie on test.

    Args:
        runs: on the same classes.
        distance: of `wordnet.distances`.

    Returns:
        Columns `Model`, `Recipe`, `seed`, `mistakes`, `mean_distance`, `low`, `high`, `blind_distance`; see `wordnet.severity`.
    """
    rows = []
    for run in runs:
        predicted = run.predicted()
        rows.append(_named(run) | wordnet.severity(predicted, run.labels(), distance))
    return pd.DataFrame(rows)


def leader_board(runs: Sequence[Run]) -> pd.DataFrame:
    """Runs by test accuracy, and from which on those below are really worse.

    Args:
        runs: judged on the same images.

    Returns:
        Columns `place`, `Model`, `Recipe`, `accuracy`, `low`, `high`, `top5_accuracy`, `macro_f1`, `better_than` (number of runs
        below it that it is really better than), `like` (places of the runs that it cannot be told apart from).
    """
    ranked = sorted(runs, key=lambda run: -run.result()["accuracy"])
    pairs = comparison.compare({str(place): run.is_right() for place, run in enumerate(ranked, start=1)})
    alike = pairs[pairs["p_holm"] >= comparison.SIGNIFICANCE]
    rows = []
    for place, run in enumerate(ranked, start=1):
        result, name = run.result(), str(place)
        others = [*alike.loc[alike["second"] == name, "first"], *alike.loc[alike["first"] == name, "second"]]
        rows.append(
            {
                "place": place,
                "Model": MODEL_NAMES[run.model],
                "Recipe": RECIPE_NAMES[run.recipe],
                "accuracy": result["accuracy"],
                "low": result["accuracy_low"],
                "high": result["accuracy_high"],
                "top5_accuracy": result["top5_accuracy"],
                "macro_f1": comparison.macro_f1(run.predicted(), run.labels()),
                "better_than": len(ranked) - place - sum(int(other) > place for other in others),
                "like": ", ".join(others),
            }
        )
    return pd.DataFrame(rows)


def costs(runs: Sequence[Run], measured: pd.DataFrame) -> pd.DataFrame:
    """What networks reach on test, and what they cost.

    Args:
        runs: of one or several seeds; may be none.
        measured: of `costs.measure`, for one run of each recipe; its `train_seconds` and `threads`, if there, are in place of those of the runs.

    Returns:
        One row a recipe: `model`, `recipe`, `accuracy` (mean over seeds) with the ends of its 95 % interval, `low` and `high`,
        `train_seconds` (as measured, or the median over seeds), `threads` (then the fewest), what else was measured, and
        `feature_seconds` (to compute frozen features once at the measured speed; 0 without).
    """
    rows = []
    for model, recipe in by_recipe(runs):
        runs_of_recipe = [run for run in runs if (run.model, run.recipe) == (model, recipe)]
        accuracies = [run.result()["accuracy"] for run in runs_of_recipe]
        low, high = comparison.mean_interval(accuracies, runs_of_recipe[0].result()["n"])
        rows.append(
            {
                "model": model,
                "recipe": recipe,
                "accuracy": float(np.mean(accuracies)),
                "low": low,
                "high": high,
                "train_seconds": float(np.median([run.train_seconds for run in runs_of_recipe])),
                "threads": min(run.threads for run in runs_of_recipe),
            }
        )
    columns = ["model", "recipe", "accuracy", "low", "high", "train_seconds", "threads"]
    of_runs = pd.DataFrame(rows, columns=columns).drop(columns=measured.columns.intersection(columns[-2:]))
    table = of_runs.merge(measured, on=["model", "recipe"])
    passes = [_feature_passes(by_recipe(runs)[row.model, row.recipe]) for row in table.itertuples()]
    return table.assign(feature_seconds=np.array(passes) / table["images_per_second"])


def _feature_passes(run: Run) -> float:
    """How often a network classifies an image in the time in which all frozen features are computed once.

    Training images have two sides, or the views of the recipe; those for validation and test have the views that the recipe
    averages over, which a measured speed already counts.
    """
    settings = run.settings
    if not any(phase.frozen_below for phase in settings.phases):
        return 0.0
    looks = len(settings.views_at_test)
    judged = sum(run.result(split)["n"] for split in ("validation", "test"))
    return run.training_images * (settings.views or 2) / looks + judged


def accuracy_without(runs: Sequence[Run], left_out: np.ndarray) -> pd.DataFrame:
    """Test accuracy on all images, and on those that remain when some are left out.

    Args:
        runs: finished runs.
        left_out: indices of images, as in `Run.indices`.

    Returns:
        Columns `Model`, `Recipe`, `seed`, `n`, `accuracy`, `n_left`, `accuracy_left`, `accuracy_left_out`.
    """
    rows = []
    for run in runs:
        right, is_out = run.is_right(), np.isin(run.indices(), left_out)
        rows.append(
            _named(run)
            | {
                "n": len(right),
                "accuracy": right.mean(),
                "n_left": int((~is_out).sum()),
                "accuracy_left": right[~is_out].mean(),
                "accuracy_left_out": right[is_out].mean() if is_out.any() else np.nan,
            }
        )
    return pd.DataFrame(rows)


def losses(runs: Sequence[Run]) -> pd.DataFrame:
    """The last epoch's loss on validation as Keras reports it, the cross-entropy in it, and what the rest is.

    Returns:
        Columns `Model`, `Recipe`, `seed`, `objective`, `cross_entropy`, `rest` (nats), `rest_is`.
    """
    rows = []
    for run in runs:
        last = run.history.iloc[-1]
        objective, loss = last["validation_objective"], last["validation_loss"]
        row = {"objective": objective, "cross_entropy": loss, "rest": objective - loss, "rest_is": _added(run)}
        rows.append(_named(run) | row)
    return pd.DataFrame(rows, columns=["Model", "Recipe", "seed", "objective", "cross_entropy", "rest", "rest_is"])


def confident_mistakes(runs: Sequence[Run], split: str = "test") -> pd.DataFrame:
    """How much of a mean loss comes from the few images whose true class gets next to no probability.

    Args:
        runs: finished runs.
        split: "test" or "validation".

    Returns:
        Columns `Model`, `Recipe`, `seed`, `mean_loss`, `median_loss` (nats), `share_of_images` whose true class gets less than
        one in a million, `share_of_loss` that these have.
    """
    rows = []
    for run in runs:
        probabilities, labels = run.probabilities(split), run.labels(split)
        of_truth = probabilities[np.arange(len(labels)), labels].astype(float)
        confident, mean = of_truth < 1e-6, run.result(split)["loss"]
        others = -np.log(of_truth[~confident]).sum() / len(labels)
        rows.append(
            _named(run)
            | {
                "mean_loss": mean,
                "median_loss": -np.log(max(np.median(of_truth), np.finfo(float).tiny)),
                "share_of_images": confident.mean(),
                "share_of_loss": max(0.0, 1 - others / mean) if confident.any() else 0.0,
            }
        )
    columns = ["Model", "Recipe", "seed", "mean_loss", "median_loss", "share_of_images", "share_of_loss"]
    return pd.DataFrame(rows, columns=columns)


def concentrated_losses_note(runs: Sequence[Run]) -> str:
    """A sentence on each run of whose mean loss on test few images account for most; "" where there is none."""
    return "".join(
        f" {row.share_of_images:.1%} of the images account for {row.share_of_loss:.0%} of the loss of {row.Model}, {row.Recipe}, "
        f"seed {row.seed}, which assigns their true class almost no probability; its median loss is {row.median_loss:.1f}."
        for row in confident_mistakes(runs).itertuples()
        if row.share_of_loss > 0.5
    )


def seconds_to(run: Run, accuracy: float) -> float | None:
    """Seconds of training epochs until validation accuracy first reaches a value; None where it never does."""
    reached = run.history["validation_accuracy"] >= accuracy
    return float(run.history["seconds"].cumsum()[reached].iloc[0]) if reached.any() else None


def transfer_changes(run: Run, sweep: pd.DataFrame) -> pd.DataFrame:
    """What each change of an improved MobileNetV2 brought on validation, one after another, with intervals over images.

    Args:
        run: of a recipe whose first phase trains a head on a frozen base.
        sweep: of `linear_probes.input_sweep` on the same validation images.

    Returns:
        Columns `change`, `n`, `accuracy`, `low`, `high`, `gain` (over the row before it).
    """
    recipe, n = run.config["recipe"], run.result("validation")["n"]
    sizes = {sweep["input_size"].min(), run.settings.input_size}  # the smallest in both ranges, and that of the run
    rows = [
        (f"linear classifier on a frozen base, {row.input_size} px, pixels {row.input_range}", row.accuracy)
        for row in sweep[sweep["input_size"].isin(sizes)].itertuples()
    ]
    ends = run.history.groupby("phase")["validation_accuracy"].last()
    for phase, accuracy in zip(recipe["phases"], ends, strict=True):
        copies = f"{recipe['views']} augmented views" if recipe["views"] else "itself and its mirror image"
        what = f"head on all training images, each as {copies}"
        if phase["trainable"] != "head":
            what = f"tuned from {phase['trainable']} upwards" if phase["trainable"] else "tuned as a whole"
        rows.append((what, accuracy))
    if (n_views := len(run.settings.views_at_test)) > 1:
        rows.append((f"averaged over {n_views} views of an image", run.result("validation")["accuracy"]))
    frame = pd.DataFrame(rows, columns=["change", "accuracy"]).assign(n=n)
    intervals = [metrics.accuracy_interval(value, n) for value in frame["accuracy"]]
    frame[["low", "high"]] = intervals
    return frame.assign(gain=frame["accuracy"].diff())[["change", "n", "accuracy", "low", "high", "gain"]]


def _named(run: Run) -> dict[str, str | int]:
    return {"Model": MODEL_NAMES[run.model], "Recipe": RECIPE_NAMES[run.recipe], "seed": run.seed}


def _added(run: Run) -> str:
    """What a run's objective has beside the cross-entropy."""
    recipe = run.config["recipe"]
    names = {"l2": "L2 of the weights", "activity_l1": "L1 of the activity", "label_smoothing": "label smoothing"}
    return ", ".join(words for name, words in names.items() if recipe.get(name)) or "nothing"
