"""The claims of the report's discussion, each answered from the runs and tables at hand."""

from collections.abc import Sequence

import pandas as pd

from helpers import evaluation
from helpers.runs import Run
from helpers.style import name_of

NO_RUN = "not judged"


def judge(runs: Sequence[Run], folds: pd.DataFrame, sweep: pd.DataFrame, n_duplicates: int) -> pd.DataFrame:
    """Claim, verdict and evidence, built from the numbers of these runs.

    Args:
        runs: finished runs, first seeds first.
        folds: of `probes.cross_validation`; may be empty.
        sweep: of `probes.input_sweep`; may be empty.
        n_duplicates: images that stand in two classes.

    Returns:
        Columns `claim`, `verdict`, `evidence`.
    """
    found = {}
    for run in runs:
        found.setdefault((run.model, run.recipe), run)
    answers = (
        ("MobileNetV2 transfer is the best of the three.", _best(found)),
        ("There is no sign of a plateau in learning.", _plateau(found)),
        ("Validation above training accuracy may be chance, or the images.", _validation_above(found)),
        ("The shallow CNN is worse than chance.", _chance(found)),
        ("Transfer saves compute.", _compute(found)),
        ("More epochs, perhaps grokking, would help.", _more_epochs(found)),
        ("k-fold cross-validation costs too much.", _folds(folds)),
        ("64 x 64 images may show their class badly.", _size(sweep)),
        ("The labels may be wrong.", _labels(n_duplicates)),
    )
    return pd.DataFrame([(claim, *answer) for claim, answer in answers], columns=["claim", "verdict", "evidence"])


Answer = tuple[str, str]
Found = dict[tuple[str, str], Run]


def _missing(what: str) -> Answer:
    return NO_RUN, f"needs {what}, which is not there"


def _best(found: Found) -> Answer:
    runs = sorted(found.values(), key=lambda run: run.result()["accuracy"], reverse=True)
    rivals = [run for run in runs if not run.model.startswith("mobilenetv2")]
    mine = [run for run in runs if run.model == "mobilenetv2"]
    if not rivals or not mine:
        return _missing("a run of MobileNetV2 and one of another network")
    first, second = mine[0], rivals[0]
    p_value = evaluation.mcnemar(first.is_right(), second.is_right())
    ahead = first.result()["accuracy"] > second.result()["accuracy"]
    verdict = "holds" if ahead and p_value < 0.05 else "does not hold" if p_value < 0.05 else "undecided"
    return verdict, (
        f"{name_of(*_names(first))} {_percent(first)} against {name_of(*_names(second))} {_percent(second)} on the same "
        f"images (McNemar's exact test, p = {p_value:.2g})."
    )


def _plateau(found: Found) -> Answer:
    run = found.get(("mobilenetv2", "as_coded"))
    if run is None or len(run.history) < 4:
        return _missing("a run of MobileNetV2 as coded of four epochs or more")
    gains = run.history["validation_accuracy"].diff().dropna()
    early, late = gains.iloc[0], gains.iloc[-1]
    verdict = "holds" if late > 0.002 else "does not hold"
    return verdict, (
        f"MobileNetV2 as coded gains {early:+.1%} of validation accuracy from epoch 1 to 2 and {late:+.1%} in its last "
        "epoch: still rising is not the same as undiminished."
    )


def _validation_above(found: Found) -> Answer:
    runs = [found[key] for key in (("mobilenetv2", "as_coded"), ("deep_cnn", "as_reported")) if key in found]
    if not runs:
        return _missing("a run of MobileNetV2 as coded or of the deep CNN as reported")
    run = runs[0]
    last = run.history.iloc[-1]
    clean = run.result("train_clean")["accuracy"]
    explained = clean >= last["accuracy"]
    return "explained otherwise" if explained else "not explained", (
        f"{name_of(*_names(run))}: `fit` shows {last['accuracy']:.1%} on training images under augmentation and dropout, "
        f"{clean:.1%} on the same images as they are, {last['validation_accuracy']:.1%} on validation."
    )


def _chance(found: Found) -> Answer:
    run = found.get(("shallow_cnn", "as_reported"))
    if run is None:
        return _missing("a run of the shallow CNN as reported")
    low, high = evaluation.accuracy_interval(0.009, 10_000)
    result = run.result()
    return "does not hold" if low <= 0.01 <= high else "holds", (
        f"0.9 % of at most 10,000 images has the 95 % interval {low:.1%} to {high:.1%}, which contains a guess's 1 %. "
        f"Here the recipe gives {result['accuracy']:.1%} ({result['accuracy_low']:.1%} to {result['accuracy_high']:.1%})."
    )


def _compute(found: Found) -> Answer:
    transfer, scratch = found.get(("mobilenetv2", "improved")), found.get(("deep_cnn", "improved"))
    if transfer is None or scratch is None:
        return _missing("the improved runs of MobileNetV2 and of the deep CNN")
    seconds = transfer.record["train_seconds"], scratch.record["train_seconds"]
    better = transfer.result()["accuracy"] > scratch.result()["accuracy"]
    verdict = "holds" if better and seconds[0] < seconds[1] else "holds in part" if better else "does not hold"
    return verdict, (
        f"Improved MobileNetV2 reaches {_percent(transfer)} after {seconds[0]:.0f} s of epochs, the improved deep CNN "
        f"{_percent(scratch)} after {seconds[1]:.0f} s; pretraining, and computing frozen features, are not in these."
    )


def _more_epochs(found: Found) -> Answer:
    pair = found.get(("deep_cnn", "as_reported")), found.get(("deep_cnn", "improved"))
    if None in pair:
        return _missing("the deep CNN as reported and improved")
    tail = pair[0].history["validation_accuracy"].tail(5)
    return "not the first thing to change", (
        f"As reported, the deep CNN's validation accuracy wanders between {tail.min():.1%} and {tail.max():.1%} in its "
        f"last {len(tail)} epochs; another recipe gives {_percent(pair[1])} on test. Grokking (Power et al. 2022) was "
        "seen on small algorithmic data after training accuracy was perfect; here it is far from that."
    )


def _folds(folds: pd.DataFrame) -> Answer:
    if folds.empty:
        return _missing("the cross-validation of notebook 04")
    return "does not hold", (
        f"On features computed once, {len(folds)} folds take seconds: accuracy {folds['accuracy'].min():.1%} to "
        f"{folds['accuracy'].max():.1%}, standard deviation {folds['accuracy'].std():.1%}."
    )


def _size(sweep: pd.DataFrame) -> Answer:
    if sweep.empty:
        return _missing("the resolution sweep of notebook 04")
    scaled = sweep[sweep["input_range"] == sweep["input_range"].iloc[-1]].sort_values("input_size")
    small, best = scaled.iloc[0], scaled.loc[scaled["accuracy"].idxmax()]
    return "half of it", (
        f"The same frozen network reads {small['accuracy']:.1%} of the images at {small['input_size']:.0f} px and "
        f"{best['accuracy']:.1%} when they are enlarged to {best['input_size']:.0f} px: part of what seemed lost in the "
        "images was lost in how the network was fed."
    )


def _labels(n_duplicates: int) -> Answer:
    if n_duplicates == 0:
        return "no evidence here", "No image stands in two classes."
    return "holds", (
        f"{n_duplicates} images stand in two classes each, so at least {n_duplicates} labels are wrong. That is a lower "
        "bound; how many more are wrong is not measured here."
    )


def _names(run: Run) -> tuple[str, str]:
    return run.model, run.recipe


def _percent(run: Run) -> str:
    return f"{run.result()['accuracy']:.1%}"
