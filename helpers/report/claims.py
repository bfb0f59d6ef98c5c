"""The claims of the report's discussion, each answered from the runs and tables at hand."""

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.analysis import comparison, costs, reported
from helpers.config.labels import MODEL_NAMES
from helpers.config.profiles import find_recipe
from helpers.config.recipes import NUM_CLASSES
from helpers.config.report_facts import REPORTED
from helpers.core.progress import duration
from helpers.models import architecture
from helpers.report import forensic_findings, selection, tables
from helpers.training import metrics
from helpers.training.runs import Run

NO_RUN = "not judged"
_UNLABELLED = 5_000  # Kaggle's test images
_GPU_GIGABYTES = 6  # the report's text
_REPORTED_IMAGES = 10_000  # the report's validation set, the largest set that it can have measured on


def judge(
    runs: Sequence[Run],
    costs_of_recipes: pd.DataFrame,
    folds: pd.DataFrame,
    sweep: pd.DataFrame,
    n_wrong_labels: int,
    seed: int | None = None,
) -> pd.DataFrame:
    """Claim, verdict and evidence, built from the numbers of these runs.

    Args:
        runs: finished runs, first seeds first.
        costs_of_recipes: of `tables.costs`.
        folds: of `linear_probes.cross_validation`; may be empty.
        sweep: of `linear_probes.input_sweep`; may be empty.
        n_wrong_labels: of `duplicates.certainly_wrong_labels`.
        seed: whose runs are judged; None for the first of each recipe.

    Returns:
        Columns `claim`, `verdict`, `evidence`; the verdict is "not judged" where what it needs is not there.
    """
    runs_by_recipe = selection.by_recipe(runs, seed)
    answers = (
        ("MobileNetV2 transfer is the best of the three.", _best(runs_by_recipe)),
        ("There is no sign of a plateau in learning.", _plateau(runs_by_recipe)),
        ("Validation above training accuracy may be chance, or easier images.", _validation_above(runs_by_recipe)),
        ("The shallow CNN is worse than chance.", _chance(runs_by_recipe)),
        ("Transfer saves compute.", _compute(runs_by_recipe, costs_of_recipes)),
        ("More epochs, perhaps grokking, would help.", _more_epochs(runs_by_recipe)),
        ("k-fold cross-validation costs too much.", _folds(costs_of_recipes, folds)),
        ("64 x 64 images may show their class badly.", _size(sweep)),
        ("The labels may be wrong.", _labels(n_wrong_labels)),
        ("`python main.py` reproduces the best result.", _main(runs_by_recipe)),
        ("Memory forces batches of 20 on the two big networks.", _memory()),
    )
    return pd.DataFrame([(claim, *answer) for claim, answer in answers], columns=["claim", "verdict", "evidence"])


def sentence(run: Run) -> str:
    """A run and its test accuracy with the interval: "Deep CNN, improved: 52.0% (50.6% to 53.4%)"."""
    return f"{run.title}: {_test(run)}"


Answer = tuple[str, str]
RunsByRecipe = dict[tuple[str, str], Run]


def _missing(what: str) -> Answer:
    return NO_RUN, f"Needs {what}, which is not there."


def _best(runs_by_recipe: RunsByRecipe) -> Answer:
    transfer = selection.best(run for run in runs_by_recipe.values() if run.model == "mobilenetv2")
    rival = selection.best(run for run in runs_by_recipe.values() if run.model != "mobilenetv2")
    if transfer is None or rival is None:
        return _missing("a run of MobileNetV2 and one of another network")
    p_value = comparison.mcnemar(transfer.is_right(), rival.is_right())
    ahead = transfer.result()["accuracy"] > rival.result()["accuracy"]
    verdict = "inconclusive" if p_value >= comparison.SIGNIFICANCE else "holds" if ahead else "not supported"
    return verdict, (
        f"On the same {transfer.result()['n']:,} test images {transfer.title}, reaches {_test(transfer)} with seed {transfer.seed} and {rival.title}, "
        f"{_test(rival)} with seed {rival.seed} (McNemar's exact test, {comparison.p_value_text(p_value)}); both were chosen on validation. MobileNetV2 starts "
        f"from weights ({transfer.weights_origin}), the other from random numbers."
    )


def _plateau(runs_by_recipe: RunsByRecipe) -> Answer:
    log = reported.curves()["validation_accuracy"]
    first, late = _pace(log)
    verdict = "not supported" if late <= 0 else "holds" if late >= first / 4 else "partly supported"
    sentences = [f"In the report's log of MobileNetV2, {_pace_text(log)}."]
    run = runs_by_recipe.get(("mobilenetv2", "as_coded"))
    if run is not None and len(run.history) >= 4:
        sentences.append(f"Here, {run.title}: {_pace_text(run.history['validation_accuracy'])}.")
    if verdict == "partly supported":
        sentences.append("Accuracy still rises, but at less than a quarter of its first pace.")
    return verdict, " ".join(sentences)


def _validation_above(runs_by_recipe: RunsByRecipe) -> Answer:
    log = reported.curves()
    above = log["validation_accuracy"] - log["train_accuracy"]
    noise = np.ptp(metrics.accuracy_interval(log["validation_accuracy"].iloc[-1], _REPORTED_IMAGES)) / 2
    evidence = (
        f"In the report's log validation lies above training in {(above > 0).sum()} of {len(log)} epochs, by "
        f"{_points(above.mean())} on average; chance in {_REPORTED_IMAGES:,} images explains {_points(noise)}."
    )
    runs = [
        runs_by_recipe[key]
        for key in (("mobilenetv2", "as_coded"), ("mobilenetv2", "as_reported"))
        if key in runs_by_recipe
    ]
    if not runs:
        return (
            "not explained by chance",
            f"{evidence} To tell what it is instead needs a run of MobileNetV2 as coded or as reported.",
        )
    last, clean = runs[0].history.iloc[-1], runs[0].result("train_clean")["accuracy"]
    if last["accuracy"] >= last["validation_accuracy"]:
        verdict = "not reproduced"
    else:
        explained = clean >= runs[0].result("validation")["accuracy_low"], clean > last["accuracy"]
        verdict = (
            "explained by dropout and augmentation"
            if explained[0]
            else "partly explained by dropout and augmentation"
            if explained[1]
            else "not explained"
        )
    return verdict, (
        f"{evidence} Here, {runs[0].title}: training shows {last['accuracy']:.1%}, measured under augmentation and dropout "
        f"while the network still changes; the finished network has {clean:.1%} on training images as they are and "
        f"{last['validation_accuracy']:.1%} on validation."
    )


def _chance(runs_by_recipe: RunsByRecipe) -> Answer:
    value, drawn = REPORTED["shallow_cnn"].accuracy, reported.split()
    evidence = (
        f"The report's split is not stratified: the most frequent training class has {drawn.in_validation} of {drawn.n_validation:,} "
        f"validation images, so a network that always names it scores {drawn.constant_answer:.2%} there. Figure 2's penalised network ends at "
        f"{reported.figure_curves('shallow_cnn_l2')['validation_accuracy'].iloc[-1]:.2%}; table 1 says {value:.1%}. On balanced images a "
        f"constant answer scores {1 / NUM_CLASSES:.0%}."
    )
    run = runs_by_recipe.get(("shallow_cnn", "as_reported"))
    if run is not None:
        classes_here = run.probabilities().shape[1]
        here = comparison.versus_chance(run.result()["accuracy"], run.result()["n"], classes_here)
        evidence += f" Here the recipe gives {_test(run)}, {here}."
    return "true only on its uneven split", evidence


def _compute(runs_by_recipe: RunsByRecipe, costs_of_recipes: pd.DataFrame) -> Answer:
    names = ("improved", "as_reported")
    pair = _first_pair(runs_by_recipe, [(("mobilenetv2", name), ("deep_cnn", name)) for name in names])
    if pair is None:
        return _missing("MobileNetV2 and the deep CNN by the same recipe, improved or as reported")
    transfer, scratch = pair
    goal = scratch.history["validation_accuracy"].max()
    by_recipe = costs_of_recipes.set_index(["model", "recipe"])[["train_seconds", "feature_seconds"]]
    if by_recipe.index.isin([(run.model, run.recipe) for run in pair]).sum() != len(pair):
        return _missing(f"what {scratch.title}, and {transfer.title}, cost")

    def seconds_to_goal(run: Run) -> float | None:
        """By the recipe's measured time, since the runs themselves may come from machines of different speed."""
        reached = tables.seconds_to(run, goal)
        return reached and reached / run.train_seconds * by_recipe.loc[(run.model, run.recipe), "train_seconds"]

    own, reached = seconds_to_goal(scratch), seconds_to_goal(transfer)
    assert own is not None  # the goal is its own maximum
    evidence = f"{scratch.title}, peaks at {goal:.1%} on validation, without test-time augmentation, after {duration(own)} of training epochs. "
    if reached is None:
        return "not supported", f"{evidence}{transfer.title}, never reaches that."
    features = by_recipe.loc[(transfer.model, transfer.recipe), "feature_seconds"]
    before = f"{duration(features)} in which its frozen features are computed and " if features else ""
    return "holds" if reached + features < own else "not supported", (
        f"{evidence}{transfer.title}, reaches that after {before}{duration(reached)} of epochs. Pretraining is not counted."
    )


def _more_epochs(runs_by_recipe: RunsByRecipe) -> Answer:
    models = ("deep_cnn", "mobilenetv2", "shallow_cnn")
    pair = _first_pair(runs_by_recipe, [((model, "as_reported"), (model, "improved")) for model in models])
    if pair is None:
        return _missing("one model both as reported and improved")
    before, after = pair
    old, new = before.history["validation_accuracy"], after.history["validation_accuracy"]
    n = min(len(old), len(new))
    by_recipe = new[:n].max() - old[:n].max()
    by_epochs = old.max() - old[: max(1, len(old) // 2)].max()
    noise = np.ptp(metrics.accuracy_interval(old.max(), before.result("validation")["n"]))
    verdict = "holds" if by_epochs > by_recipe else "partly supported" if by_epochs >= noise else "not supported"
    if max(by_recipe, by_epochs) < noise:
        verdict = "inconclusive"
    learned = max(run.result("train_clean")["accuracy"] for run in runs_by_recipe.values() if run.recipe != "improved")
    return verdict, (
        f"{before.title}: the second half of training ({len(old)} epochs in all) adds {_points(by_epochs)} of validation "
        f"accuracy. In its first {n} epochs it reaches {old[:n].max():.1%}, the improved recipe, with a network of its own, "
        f"{new[:n].max():.1%}. Grokking (Power et al. [13]) sets in after a small training set has been memorised; the "
        f"highest accuracy on training images of the recipes as "
        f"reported and as coded is {learned:.1%}."
    )


def _folds(costs_of_recipes: pd.DataFrame, folds: pd.DataFrame) -> Answer:
    if folds.empty:
        return _missing("the cross-validation of notebook 04")
    mean, n = folds["accuracy"].mean(), folds["n"].mean()
    evidence = (
        f"On frozen features, computed once, a fold is a linear classifier. {len(folds)} folds have accuracies of "
        f"{folds['accuracy'].min():.1%} to {folds['accuracy'].max():.1%} with a standard deviation of {_points(folds['accuracy'].std())}; "
        f"chance alone, with {n:,.0f} images a fold, gives {_points((mean * (1 - mean) / n) ** 0.5)}."
    )
    deep = costs_of_recipes.query("model == 'deep_cnn' and recipe == 'as_reported'")
    if len(deep):
        seconds = len(folds) * deep["train_seconds"].iloc[0]
        evidence += f" {len(folds)} folds of the deep CNN as reported would take {duration(seconds)}."
    return "not supported for frozen features", evidence


def _size(sweep: pd.DataFrame) -> Answer:
    if sweep.empty:
        return _missing("the resolution sweep of notebook 04")
    scaled = sweep[sweep["input_range"] == sweep["input_range"].iloc[-1]].sort_values("input_size")
    small, best = scaled.iloc[0], scaled.loc[scaled["accuracy"].idxmax()]
    return "partly supported" if best["low"] > small["high"] else "inconclusive", (
        f"A linear classifier on the same frozen network is right on {small['accuracy']:.1%} ({_interval(small)}) of the images at "
        f"{small['input_size']:.0f} px, and on {best['accuracy']:.1%} ({_interval(best)}) when the same images are enlarged to "
        f"{best['input_size']:.0f} px. Enlarging adds no detail, so what it gains was lost to the network's input size, not to the "
        "images. What images of more detail would gain is not measured here."
    )


def _labels(n_wrong_labels: int) -> Answer:
    if n_wrong_labels == 0:
        return "no evidence here", "No image stands in two classes."
    return "holds", (
        f"Copies of one image stand in different classes, so with one answer an image at least {n_wrong_labels} labels count as wrong. "
        "Notebook 06 names further candidates, which only a person could confirm (Northcutt et al. [14])."
    )


def _first_pair(
    runs_by_recipe: RunsByRecipe, pairs: Sequence[tuple[tuple[str, str], tuple[str, str]]]
) -> tuple[Run, Run] | None:
    """The runs of the first two recipes that both have one."""
    for first, second in pairs:
        if first in runs_by_recipe and second in runs_by_recipe:
            return runs_by_recipe[first], runs_by_recipe[second]
    return None


def _main(runs_by_recipe: RunsByRecipe) -> Answer:
    value, log = REPORTED["mobilenetv2"].accuracy, reported.curves()
    assert value is not None
    evidence = (
        f"The log of the run ends at {log['validation_accuracy'].iloc[-1]:.1%} on validation, and table 1 says {value:.1%}. The code saves the "
        f"network with the lowest validation loss and predicts with the last weights; in the log these are the same, epoch "
        f"{log['validation_loss'].argmin() + 1} of {len(log)}. {forensic_findings.submission(reported.submission_agreement())}"
    )
    run = runs_by_recipe.get(("mobilenetv2", "as_coded"))
    if run is None:
        return NO_RUN, f"{evidence} Needs a run of MobileNetV2 as coded, which is not there."
    low, high = metrics.accuracy_interval(value, _UNLABELLED)
    result = run.result()
    overlap = result["accuracy_low"] <= high and low <= result["accuracy_high"]
    return "holds" if overlap else "not supported", (
        f"{evidence} As coded, it reaches {_test(run)} here; {value:.1%} on {_UNLABELLED:,} images has the interval {low:.1%} to {high:.1%}."
    )


def _memory() -> Answer:
    batches, needed = _training_gigabytes()
    listed = "; ".join(
        f"{MODEL_NAMES[model]} {small:.2f} and {large:.2f} GB" for model, (small, large) in needed.items()
    )
    return "not supported" if max(large for _, large in needed.values()) < _GPU_GIGABYTES else "holds", (
        f"Memory of a training step with {batches[0]} and with {batches[1]} images, computed from the layers: {listed}. The report gives its GPU "
        f"{_GPU_GIGABYTES} GB. The workspace of its kernels is not counted."
    )


@functools.cache
def _training_gigabytes() -> tuple[tuple[int, int], dict[str, tuple[float, ...]]]:
    """The batch sizes of the report's text and of its figure 2; gigabytes of a training step with each, by model."""
    recipes = [find_recipe(model, "as_reported") for model in selection.FAMILIES]
    batches = (recipes[0].batch_size, forensic_findings.reported_batch_size(find_recipe("shallow_cnn", "as_coded")))
    networks = {recipe.model: architecture.build(recipe) for recipe in recipes}
    return batches, {
        model: tuple(costs.training_bytes(network, batch) / 1e9 for batch in batches)
        for model, network in networks.items()
    }


def _interval(result: pd.Series | dict[str, float]) -> str:
    low, high = (result[f"accuracy_{end}"] if f"accuracy_{end}" in result else result[end] for end in ("low", "high"))
    return f"{low:.1%} to {high:.1%}"


def _test(run: Run) -> str:
    return f"{run.result()['accuracy']:.1%} ({_interval(run.result())})"


def _points(fraction: float) -> str:
    return f"{100 * fraction:.1f} points"


def _pace(values: pd.Series) -> tuple[float, float]:
    """Gain from the first epoch to the second, and mean gain of the last three."""
    gains = values.diff().dropna()
    return float(gains.iloc[0]), float(gains.tail(3).mean())


def _pace_text(values: pd.Series) -> str:
    first, late = _pace(values)
    return f"validation gains {_points(first)} from epoch 1 to 2 and {_points(late)} an epoch over the last three"
