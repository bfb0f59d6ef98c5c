"""Run folders to tables and submissions. Reads what runs left; trains nothing."""

import json
from collections.abc import Callable, Iterable, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.config.labels import MODEL_NAMES, RECIPE_NAMES, name_of
from helpers.config.profiles import PROFILES, find_recipe
from helpers.config.recipes import RECIPES
from helpers.config.report_facts import REPORTED
from helpers.core import storage
from helpers.data import wordnet
from helpers.training import metrics
from helpers.training.runs import Failure, Run, failed, finished

COLUMNS = [
    "model",
    "recipe",
    "seed",
    "split",
    "test_source",
    "n",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "top5_accuracy",
    "loss",
    "parameters",
    "epochs",
    "train_seconds",
    "hardware",
    "reported_accuracy",
    "reported_loss",
    "weights_origin",
    "data_fingerprint",
    "code_version",
]
TEST_SOURCES = {
    "split_off": "split off the labelled training images",
    "official_val": "the official validation images of Tiny ImageNet-200",
}
# What has to be said below every table of results.
ABOUT_INTERVALS = "The interval is for other images and, where there are several seeds, for other seeds too"
ABOUT_SECONDS = (
    "Training is the time of all epochs on the wall, the median over seeds, with whatever else the machine did meanwhile and without the computation of "
    "frozen features"
)
# The figures that a reader should see first.
MAIN_FIGURES = (
    "accuracies",
    "figure_2_shallow_cnn",
    "figure_3_deep_cnn",
    "figure_4_mobilenetv2",
    "mobilenetv2_improved",
    "mobilenetv2_input_sweep",
    "cost",
    "reliability",
    "confusion",
)
_LOG = "test_evaluations.csv"
_LOG_COLUMNS = ("utc", "model", "recipe", "seed", "accuracy", "key", "code_version", "data_fingerprint")
REPORTED_ROWS = ("shallow_cnn", "deep_cnn", "mobilenetv2")

_ORDER = {(recipe.model, recipe.name): place for place, recipe in enumerate(RECIPES)}


def gather(
    folders: Sequence[Path],
    data_fingerprint: str,
    split_fingerprint: str,
    is_current: Callable[[Run], bool] = lambda run: False,
) -> list[Run]:
    """Finished runs and records on the same data and split, in the order of the recipes and seeds.

    Of several runs of one recipe and seed the one counts that would be made now, else the newest; `write_tables` lists the
    others. Clocks can go backwards, and code can return to what it was: neither may bring another run's number into a table.

    Args:
        folders: parents of run folders and of records.
        data_fingerprint: of the data set.
        split_fingerprint: of its split.
        is_current: whether a run is the one that would be made now.
    """
    return _chosen(_on_same_data(folders, data_fingerprint, split_fingerprint), is_current)


def other_versions(
    folders: Sequence[Path],
    data_fingerprint: str,
    split_fingerprint: str,
    is_current: Callable[[Run], bool] = lambda run: False,
) -> list[Run]:
    """The runs that `gather` passes over for another one of the same recipe and seed."""
    runs = _on_same_data(folders, data_fingerprint, split_fingerprint)
    used = {run.key for run in _chosen(runs, is_current)}
    return [run for run in runs if run.key not in used]


def failures(folders: Sequence[Path], data_fingerprint: str, split_fingerprint: str) -> list[Failure]:
    """Runs on the same data and split whose loss became infinite or undefined."""
    return [
        failure
        for folder in folders
        for failure in failed(folder)
        if _fits(failure.config, data_fingerprint, split_fingerprint)
    ]


def has_recipe_of_today(run: Run) -> bool:
    """Whether a run's recipe is still among those of its profile; MobileNetV2's width follows the weights at hand."""
    made_by, profile = run.config["recipe"], PROFILES.get(run.config["profile"])
    today = (find_recipe(recipe.model, recipe.name, profile).as_dict() for recipe in RECIPES)
    # Through JSON, as the run's own went. Records of older code may lack what a recipe has now.
    return any(json.loads(json.dumps(recipe | {"width": made_by.get("width")})) == made_by for recipe in today)


def of_changed_recipes(runs: Sequence[Run]) -> str:
    """A sentence, in Markdown, that names the runs whose recipe is no longer the one they were trained by; "" for none."""
    changed = [f"{name_of(run.model, run.recipe)}, seed {run.seed}" for run in runs if not has_recipe_of_today(run)]
    return f"**Not trained again yet since its recipe changed:** {'; '.join(changed)}." if changed else ""


def by_recipe(runs: Sequence[Run], seed: int | None = None) -> dict[tuple[str, str], Run]:
    """One run of each recipe, by model and recipe: that of the seed named where there is one, else the first.

    Args:
        runs: what `gather` gives.
        seed: preferred; None for the first of each recipe.
    """
    found: dict[tuple[str, str], Run] = {}
    for run in runs:
        if run.seed == seed:
            found[run.model, run.recipe] = run
        found.setdefault((run.model, run.recipe), run)
    return found


def best(runs: Iterable[Run]) -> Run | None:
    """The run with the highest validation accuracy, since choices are made on validation; None where there is none."""
    return max(runs, key=lambda run: run.result("validation")["accuracy"], default=None)


def best_of_each_family(runs: Sequence[Run]) -> list[Run]:
    """Of shallow CNN, deep CNN and MobileNetV2, the run with the highest validation accuracy; missing families are left out."""
    found = (best(run for run in runs if run.model == model) for model in REPORTED_ROWS)
    return [run for run in found if run]


def can_show(view: str, there: Sized, needs: str = "a finished run", at_least: int = 1) -> bool:
    """Whether a view has what it needs; where it has not, one printed sentence says what is missing.

    Args:
        view: its name, within a sentence.
        there: runs or rows that it is made from.
        needs: what they are.
        at_least: how many of them it takes.
    """
    if len(there) >= at_least:
        return True
    print(f"Not shown: {view}. It needs {needs}, and there is {'none' if not len(there) else f'only {len(there)}'}.")
    return False


def inventory(runs: Sequence[Run]) -> pd.DataFrame:
    """One row for every recipe of the series: which runs of it there are, or that there is none.

    Returns:
        Columns `Model`, `Recipe`, `Seeds`, `Read from`, `Recipe of today`, `Code`, `Pretrained weights`, as text.
    """
    made = []
    for model, recipe in _ORDER:
        mine = [run for run in runs if (run.model, run.recipe) == (model, recipe)]
        made.append(
            {
                "Model": MODEL_NAMES[model],
                "Recipe": RECIPE_NAMES[recipe],
                "Seeds": ", ".join(str(run.seed) for run in mine) or "not run",
                "Read from": _joined("run folder" if run.has_model() else "record" for run in mine),
                "Recipe of today": _joined("yes" if has_recipe_of_today(run) else "no" for run in mine),
                "Code": _joined(run.record["code_version"] for run in mine),
                "Pretrained weights": _joined(run.record["weights"]["origin"] for run in mine),
            }
        )
    return pd.DataFrame(made)


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
    made = []
    for run in runs:
        predicted = run.predictions["test_probabilities"].argmax(axis=1)
        made.append(_named(run) | wordnet.severity(predicted, run.predictions["test_labels"], distance))
    return pd.DataFrame(made)


def leader_board(runs: Sequence[Run]) -> pd.DataFrame:
    """Runs by test accuracy, and from which on those below are really worse.

    Args:
        runs: judged on the same images.

    Returns:
        Columns `place`, `Model`, `Recipe`, `accuracy`, `low`, `high`, `top5_accuracy`, `macro_f1`, `better_than` (number of runs
        below it that it is really better than), `like` (places of the runs that it cannot be told apart from).
    """
    ranked = sorted(runs, key=lambda run: -run.result()["accuracy"])
    pairs = metrics.compare({str(place): run.is_right() for place, run in enumerate(ranked, start=1)})
    alike = pairs[pairs["p_holm"] >= metrics.SIGNIFICANCE]
    made = []
    for place, run in enumerate(ranked, start=1):
        result, name = run.result(), str(place)
        others = [*alike.loc[alike["second"] == name, "first"], *alike.loc[alike["first"] == name, "second"]]
        made.append(
            {
                "place": place,
                "Model": MODEL_NAMES[run.model],
                "Recipe": RECIPE_NAMES[run.recipe],
                "accuracy": result["accuracy"],
                "low": result["accuracy_low"],
                "high": result["accuracy_high"],
                "top5_accuracy": result["top5_accuracy"],
                "macro_f1": metrics.macro_f1(
                    run.predictions["test_probabilities"].argmax(axis=1), run.predictions["test_labels"]
                ),
                "better_than": len(ranked) - place - sum(int(other) > place for other in others),
                "like": ", ".join(others),
            }
        )
    return pd.DataFrame(made)


def costs(runs: Sequence[Run], measured: pd.DataFrame) -> pd.DataFrame:
    """What networks reach on test, and what they cost.

    Args:
        runs: of one or several seeds.
        measured: of `costs.measure`, for one run of each recipe.

    Returns:
        One row a recipe: `model`, `recipe`, `accuracy` (mean over seeds) with the ends of its 95 % interval, `low` and `high`,
        `train_seconds` (median over seeds: a busy machine makes single ones long), `threads` (fewest), `parameters`,
        `multiply_adds`, `images_per_second`.
    """
    made = []
    for model, recipe in by_recipe(runs):
        mine = [run for run in runs if (run.model, run.recipe) == (model, recipe)]
        accuracies = [run.result()["accuracy"] for run in mine]
        low, high = metrics.mean_interval(accuracies, mine[0].result()["n"])
        made.append(
            {
                "model": model,
                "recipe": recipe,
                "accuracy": float(np.mean(accuracies)),
                "low": low,
                "high": high,
                "train_seconds": float(np.median([run.record["train_seconds"] for run in mine])),
                "threads": min(run.record["threads"] for run in mine),
            }
        )
    return pd.DataFrame(made).merge(measured, on=["model", "recipe"])


def without(runs: Sequence[Run], left_out: np.ndarray) -> pd.DataFrame:
    """Test accuracy on all images, and on those that remain when some are left out.

    Args:
        runs: finished runs.
        left_out: indices of images, as in `test_indices`.

    Returns:
        Columns `Model`, `Recipe`, `seed`, `n`, `accuracy`, `n_left`, `accuracy_left`, `accuracy_left_out`.
    """
    made = []
    for run in runs:
        right, is_out = run.is_right(), np.isin(run.predictions["test_indices"], left_out)
        made.append(
            _named(run)
            | {
                "n": len(right),
                "accuracy": right.mean(),
                "n_left": int((~is_out).sum()),
                "accuracy_left": right[~is_out].mean(),
                "accuracy_left_out": right[is_out].mean() if is_out.any() else np.nan,
            }
        )
    return pd.DataFrame(made)


def losses(runs: Sequence[Run]) -> pd.DataFrame:
    """The last epoch's loss on validation as Keras reports it, the cross-entropy in it, and what the rest is.

    Returns:
        Columns `Model`, `Recipe`, `seed`, `objective`, `cross_entropy`, `rest` (nats), `rest_is`.
    """
    made = []
    for run in runs:
        last = run.history.iloc[-1]
        objective, loss = last["validation_objective"], last["validation_loss"]
        row = {"objective": objective, "cross_entropy": loss, "rest": objective - loss, "rest_is": _added(run)}
        made.append(_named(run) | row)
    return pd.DataFrame(made, columns=["Model", "Recipe", "seed", "objective", "cross_entropy", "rest", "rest_is"])


def confident_mistakes(runs: Sequence[Run], split: str = "test") -> pd.DataFrame:
    """How much of a mean loss comes from the few images whose true class gets next to no probability.

    Args:
        runs: finished runs.
        split: "test" or "validation".

    Returns:
        Columns `Model`, `Recipe`, `seed`, `mean_loss`, `median_loss` (nats), `share_of_images` whose true class gets less than
        one in a million, `share_of_loss` that these have.
    """
    made = []
    for run in runs:
        probabilities, labels = run.predictions[f"{split}_probabilities"], run.predictions[f"{split}_labels"]
        of_truth = probabilities[np.arange(len(labels)), labels].astype(float)
        confident, mean = of_truth < 1e-6, run.result(split)["loss"]
        others = -np.log(of_truth[~confident]).sum() / len(labels)
        made.append(
            _named(run)
            | {
                "mean_loss": mean,
                "median_loss": -np.log(max(np.median(of_truth), np.finfo(float).tiny)),
                "share_of_images": confident.mean(),
                "share_of_loss": max(0.0, 1 - others / mean) if confident.any() else 0.0,
            }
        )
    columns = ["Model", "Recipe", "seed", "mean_loss", "median_loss", "share_of_images", "share_of_loss"]
    return pd.DataFrame(made, columns=columns)


def losses_of_few(runs: Sequence[Run]) -> str:
    """A sentence on each run whose mean loss on test comes mostly from few images; "" where there is none."""
    return "".join(
        f" The loss of {row.Model}, {row.Recipe}, seed {row.seed}, is made by few images: {row.share_of_images:.1%} of them, to whose true class it gives next to no "
        f"probability, have {row.share_of_loss:.0%} of it; the median is {row.median_loss:.1f}."
        for row in confident_mistakes(runs).itertuples()
        if row.share_of_loss > 0.5
    )


def seconds_to(run: Run, accuracy: float) -> float | None:
    """Seconds of training epochs until validation accuracy first reaches a value; None where it never does."""
    reached = run.history["validation_accuracy"] >= accuracy
    return float(run.history["seconds"].cumsum()[reached].iloc[0]) if reached.any() else None


def steps(runs: Sequence[Run], sweep: pd.DataFrame) -> pd.DataFrame:
    """What each change brought, from the report's recipe to the improved one, family by family.

    Args:
        runs: what `by_recipe` chose.
        sweep: of `probes.input_sweep` on the same validation images; may be empty.

    Returns:
        Columns `model`, `step`, `accuracy` (on validation), the ends of its 95 % interval over images, `low` and `high`, and
        `gain` (over the step before it in its family).
    """
    made = []
    for model in REPORTED_ROWS:
        for recipe in RECIPE_NAMES:
            mine = [run for run in runs if (run.model, run.recipe) == (model, recipe)]
            if (model, recipe) == ("mobilenetv2", "improved"):
                made += [
                    (model, f"linear classifier, {row.input_size} px, {row.input_range}", row.accuracy)
                    for row in _on_the_way(sweep, mine).itertuples()
                ]
            made += [(model, name_of(model, recipe), run.result("validation")["accuracy"]) for run in mine]
    frame = pd.DataFrame(made, columns=["model", "step", "accuracy"])
    intervals = [metrics.accuracy_interval(value, runs[0].result("validation")["n"]) for value in frame["accuracy"]]
    frame[["low", "high"]] = np.reshape(intervals, (-1, 2))
    return frame.assign(gain=frame.groupby("model", sort=False)["accuracy"].diff())


def levers(run: Run, sweep: pd.DataFrame) -> pd.DataFrame:
    """What each lever of an improved MobileNetV2 brought on validation, one after another, with intervals over images.

    Args:
        run: of a recipe whose first phase trains a head on a frozen base.
        sweep: of `probes.input_sweep` on the same validation images.

    Returns:
        Columns `lever`, `n`, `accuracy`, `low`, `high`, `gain` (over the row before it).
    """
    recipe, n = run.config["recipe"], run.result("validation")["n"]
    made = [
        (f"linear classifier on a frozen base, {row.input_size} px, pixels {row.input_range}", row.accuracy)
        for row in _on_the_way(sweep, [run]).itertuples()
    ]
    ends = run.history.groupby("phase")["validation_accuracy"].last()
    for phase, accuracy in zip(recipe["phases"], ends, strict=True):
        what = "head on all training images and their mirror images"
        if phase["trainable"] != "head":
            what = f"tuned from {phase['trainable']} upwards" if phase["trainable"] else "tuned as a whole"
        made.append((what, accuracy))
    if recipe["flip_at_test"]:
        made.append(("averaged over both sides of an image", run.result("validation")["accuracy"]))
    frame = pd.DataFrame(made, columns=["lever", "accuracy"]).assign(n=n)
    intervals = [metrics.accuracy_interval(value, n) for value in frame["accuracy"]]
    frame[["low", "high"]] = intervals
    return frame.assign(gain=frame["accuracy"].diff())[["lever", "n", "accuracy", "low", "high", "gain"]]


def rows(runs: Sequence[Run]) -> pd.DataFrame:
    """The results table: one row for each run and split, with the columns of `results.csv`."""
    made = []
    for run in runs:
        reported = REPORTED[run.model]
        for split in ("validation", "test"):
            result = run.result(split)
            made.append(
                {
                    "model": run.model,
                    "recipe": run.recipe,
                    "seed": run.seed,
                    "split": split,
                    "test_source": run.record["test_source"],
                    **result,
                    "parameters": run.record["parameters"],
                    "epochs": run.record["epochs"],
                    "train_seconds": run.record["train_seconds"],
                    "hardware": run.record["hardware"],
                    "reported_accuracy": reported.accuracy,
                    "reported_loss": reported.loss,
                    "weights_origin": run.record["weights"]["origin"],
                    "data_fingerprint": run.record["data"]["fingerprint"],
                    "code_version": run.record["code_version"],
                }
            )
    return pd.DataFrame(made, columns=COLUMNS)


def summary(runs: Sequence[Run], failures: Sequence[Failure] = ()) -> pd.DataFrame:
    """One row a recipe for readers: means over seeds with an interval, and what the report says.

    Args:
        runs: finished runs, judged on test.
        failures: get a row each, without numbers.

    Returns:
        Columns `Model`, `Recipe`, `Reported`, `Accuracy`, `95 % interval`, `Range over seeds`, `Top-5`, `Loss`, `Epochs`,
        `Seeds`, `Parameters`, `Training`, as text. The interval is that of `metrics.mean_interval`; `Range over seeds` has the
        lowest and the highest accuracy, and `Training` is a median.
    """
    table = rows(runs)
    table = table[table["split"] == "test"]
    made = []
    for (model, recipe), group in table.groupby(["model", "recipe"], sort=False):
        reported = REPORTED[model].accuracy
        low, high = metrics.mean_interval(group["accuracy"].tolist(), int(group["n"].iloc[0]))
        made.append(
            {
                "Model": MODEL_NAMES[model],
                "Recipe": RECIPE_NAMES[recipe],
                "Reported": "" if reported is None else f"{reported:.1%}",
                "Accuracy": f"{group['accuracy'].mean():.1%}",
                "95 % interval": f"{low:.1%} to {high:.1%}",
                "Range over seeds": _range(group["accuracy"]),
                "Top-5": f"{group['top5_accuracy'].mean():.1%}",
                "Loss": f"{group['loss'].mean():.2f}",
                "Epochs": str(group["epochs"].iloc[0]),
                "Seeds": str(len(group)),
                "Parameters": f"{group['parameters'].iloc[0]:,}",
                "Training": f"{group['train_seconds'].median() / 60:.1f} min",
            }
        )
    for failure in failures:
        recipe = failure.config["recipe"]
        names = {"Model": MODEL_NAMES[recipe["model"]], "Recipe": RECIPE_NAMES[recipe["name"]]}
        made.append({**names, "Accuracy": "failed", "Seeds": f"seed {failure.config['seed']}"})
    return pd.DataFrame(made).fillna("")


def _range(values: pd.Series) -> str:
    """Lowest to highest, where there are several; else ""."""
    return f"{values.min():.1%} to {values.max():.1%}" if len(values) > 1 else ""


def table_1(runs: Sequence[Run]) -> pd.DataFrame:
    """The report's table 1 with what was reproduced and what was improved beside it, as text.

    Returns:
        Columns `Model`, `Reported`, `Reproduced: as reported`, `Reproduced: as coded`, `Improved`, each with accuracy and
        loss, means where there are several seeds; "not run" where a run is missing.
    """
    table = rows(runs)
    means = table[table["split"] == "test"].groupby(["model", "recipe"])[["accuracy", "loss"]].mean()
    made = []
    for model in REPORTED_ROWS:
        reported = REPORTED[model]
        row = {"Model": MODEL_NAMES[model], "Reported": f"{reported.accuracy:.1%} / {reported.loss:g}"}
        for column, recipe in (
            ("Reproduced: as reported", "as_reported"),
            ("Reproduced: as coded", "as_coded"),
            ("Improved", "improved"),
        ):
            row[column] = "not run" if (model, recipe) in _ORDER else ""
            if (model, recipe) in means.index:
                accuracy, loss = means.loc[(model, recipe)]
                row[column] = f"{accuracy:.1%} / {loss:.2f}"
        made.append(row)
    return pd.DataFrame(made)


def write_tables(
    folder: Path, runs: Sequence[Run], others: Sequence[Run] = (), failures: Sequence[Failure] = ()
) -> None:
    """Write `results.csv` and `results.md` from all runs there are.

    Args:
        folder: of the profile's figures.
        runs: what `gather` gives.
        others: what `other_versions` gives; listed apart.
        failures: runs without a result; listed with the reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with storage.replacing(folder / "results.csv") as partial:
        rows(runs).to_csv(partial, index=False)
    with storage.replacing(folder / "results.md") as partial:
        partial.write_text(_results_markdown(runs, others, failures))


def write_submission(folder: Path, run: Run, names: Sequence[str]) -> Path:
    """Write the most probable class of every unlabelled image, in the order of the source's sample.

    Args:
        folder: of the profile's figures.
        run: a finished run with `unlabelled_probabilities`.
        names: of the images.

    Returns:
        `submission_<model>_<recipe>.csv`, columns `img_id`, `label`.
    """
    labels = run.predictions["unlabelled_probabilities"].argmax(axis=1)
    file = folder / f"submission_{run.model}_{run.recipe}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with storage.replacing(file) as partial:
        pd.DataFrame({"img_id": list(names), "label": labels}).to_csv(partial, index=False, lineterminator="\n")
    return file


def log_test_evaluation(folder: Path, run: Run) -> None:
    """Add a line to `test_evaluations.csv`, where the run has none yet: every look at the test set leaves one."""
    folder.mkdir(parents=True, exist_ok=True)
    look = [run.record["finished"], run.model, run.recipe, run.seed, run.result()["accuracy"], run.key]
    look += [run.record["code_version"], run.config["data_fingerprint"]]
    looks, new = _looks(folder), dict(zip(_LOG_COLUMNS, map(str, look), strict=True))
    if not (looks[["utc", "key"]] == [new["utc"], new["key"]]).all(axis=1).any():
        with storage.replacing(folder / _LOG) as partial:
            pd.concat([looks, pd.DataFrame([new])]).to_csv(partial, index=False)


def looks_at_test(folder: Path, run: Run) -> int:
    """How many runs of this one's recipe and seed were judged on test of its data, itself with them; see `log_test_evaluation`."""
    this = {"model": run.model, "recipe": run.recipe, "seed": str(run.seed)}
    this["data_fingerprint"] = run.config["data_fingerprint"]
    return max(1, int((_looks(folder)[list(this)] == list(this.values())).all(axis=1).sum()))


def _looks(folder: Path) -> pd.DataFrame:
    """The log of looks at the test set, as text; columns that an older version did not write are empty."""
    file = folder / _LOG
    empty = pd.DataFrame(columns=list(_LOG_COLUMNS), dtype=str)
    if not file.exists():
        return empty
    return pd.read_csv(file, dtype=str, keep_default_na=False).reindex(columns=empty.columns, fill_value="")


def _on_same_data(folders: Sequence[Path], data_fingerprint: str, split_fingerprint: str) -> list[Run]:
    """Each run once, though it may have both a folder and a record; folders named first win."""
    by_key: dict[str, Run] = {}
    for run in (run for folder in folders for run in finished(folder)):
        if _fits(run.config, data_fingerprint, split_fingerprint):
            by_key.setdefault(run.key, run)
    return list(by_key.values())


def _fits(config: dict[str, Any], data_fingerprint: str, split_fingerprint: str) -> bool:
    return (config["data_fingerprint"], config["split_fingerprint"]) == (data_fingerprint, split_fingerprint)


def _chosen(runs: Sequence[Run], is_current: Callable[[Run], bool]) -> list[Run]:
    last: dict[tuple[str, str, int], Run] = {}
    for run in sorted(runs, key=lambda run: (is_current(run), run.record["finished"])):
        last[run.model, run.recipe, run.seed] = run
    return sorted(last.values(), key=lambda run: (_ORDER.get((run.model, run.recipe), len(_ORDER)), run.seed))


def _results_markdown(runs: Sequence[Run], others: Sequence[Run], failures: Sequence[Failure]) -> str:
    failed = ["", *(f"Failed: {failure.reason}." for failure in failures)] if failures else []
    if not runs:
        return "\n".join(["No run has finished yet.", *failed]) + "\n"
    first = runs[0].record
    n_test, source = first["results"]["test"]["n"], first["test_source"]
    origins = {run.record["weights"]["origin"] for run in runs if run.model == "mobilenetv2"}
    lines = [
        f"Data: {first['data']['description']} ({first['data']['layout']} layout, fingerprint "
        f"{first['data']['fingerprint']}), profile {runs[0].config['profile']}, {first['training_images']:,} training "
        f"images; test set of {n_test:,} images, {TEST_SOURCES[source]}.",
        "",
        "Accuracy / loss on the test set, beside the report's table 1:",
        "",
        markdown(table_1(runs)),
        "Every recipe by itself:",
        "",
        markdown(summary(runs, failures=failures)),
        f"Loss is the cross-entropy without penalties.{losses_of_few(runs)} {ABOUT_INTERVALS}. {ABOUT_SECONDS}.",
        "",
        f"Weights of MobileNetV2: {_joined(origins) or 'not used'}. "
        f"Hardware: {_joined(run.record['hardware'] for run in runs)}. "
        f"Code: {_joined(run.record['code_version'] for run in runs)}.",
    ]
    if changed := of_changed_recipes(runs):
        lines += ["", changed]
    if others:
        lines += ["", "Runs of other versions of the code or the settings, not used above:", ""]
        lines += [
            f"- {run.label}, seed {run.seed}: {run.result()['accuracy']:.1%} (code {run.record['code_version']}, "
            f"finished {run.record['finished']})"
            for run in others
        ]
    return "\n".join(lines + failed) + "\n"


def _on_the_way(sweep: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """The rows of an input sweep that lead to runs: the smallest size in both ranges, and the sizes of the runs themselves."""
    if sweep.empty:
        return sweep
    sizes = {sweep["input_size"].min(), *(run.config["recipe"]["input_size"] for run in runs)}
    return sweep[sweep["input_size"].isin(sizes)]


def _named(run: Run) -> dict[str, str | int]:
    return {"Model": MODEL_NAMES[run.model], "Recipe": RECIPE_NAMES[run.recipe], "seed": run.seed}


def _added(run: Run) -> str:
    """What a run's objective has beside the cross-entropy."""
    recipe = run.config["recipe"]
    names = {"l2": "L2 of the weights", "activity_l1": "L1 of the activity", "label_smoothing": "label smoothing"}
    return ", ".join(words for name, words in names.items() if recipe.get(name)) or "nothing"


def _joined(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))


def markdown(frame: pd.DataFrame) -> str:
    """A table of text as Markdown."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * len(frame.columns)]
    lines += ["| " + " | ".join(str(value) for value in row) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines) + "\n"
