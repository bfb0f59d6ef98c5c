"""Run folders to tables, submissions and verdicts. Reads what runs left; trains nothing."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from helpers import evaluation
from helpers.config import RECIPES, REPORTED
from helpers.runs import Run, finished
from helpers.style import MODEL_NAMES, RECIPE_NAMES

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
REPORTED_ROWS = ("shallow_cnn", "deep_cnn", "mobilenetv2")

_ORDER = {(recipe.model, recipe.name): place for place, recipe in enumerate(RECIPES)}


def gather(folders: Sequence[Path], data_fingerprint: str, split_fingerprint: str) -> list[Run]:
    """Finished runs and records on the same data and split, in the order of the recipes and seeds.

    Of several runs of one recipe and seed the newest counts; `write_tables` lists the others.

    Args:
        folders: parents of run folders and of records.
        data_fingerprint: of the data set.
        split_fingerprint: of its split.
    """
    return _newest(_on_same_data(folders, data_fingerprint, split_fingerprint))


def other_versions(folders: Sequence[Path], data_fingerprint: str, split_fingerprint: str) -> list[Run]:
    """The runs that `gather` passes over, since a newer one of the same recipe and seed exists."""
    runs = _on_same_data(folders, data_fingerprint, split_fingerprint)
    used = {run.key for run in _newest(runs)}
    return [run for run in runs if run.key not in used]


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
                    **{name: result[name] for name in COLUMNS[5:11]},
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


def summary(runs: Sequence[Run], split: str = "test") -> pd.DataFrame:
    """One row a recipe for readers: mean over seeds, interval over images, what the report says.

    Returns:
        Columns `Model`, `Recipe`, `Reported`, `Accuracy`, `95 % interval`, `Top-5`, `Loss`, `Epochs`, `Seeds`,
        `Parameters`, `Training`, as text. With one seed the interval is Wilson's over images; with several the mean and
        Student's interval over seeds are given.
    """
    table = rows(runs)
    table = table[table["split"] == split]
    made = []
    for (model, recipe), group in table.groupby(["model", "recipe"], sort=False):
        reported = REPORTED[model].accuracy
        low, high = evaluation.mean_interval(group["accuracy"].tolist(), int(group["n"].iloc[0]))
        made.append(
            {
                "Model": MODEL_NAMES[model],
                "Recipe": RECIPE_NAMES[recipe],
                "Reported": "" if reported is None else f"{reported:.1%}",
                "Accuracy": f"{group['accuracy'].mean():.1%}",
                "95 % interval": f"{low:.1%} to {high:.1%}",
                "Top-5": f"{group['top5_accuracy'].mean():.1%}",
                "Loss": f"{group['loss'].mean():.2f}",
                "Epochs": str(group["epochs"].iloc[0]),
                "Seeds": str(len(group)),
                "Parameters": f"{group['parameters'].iloc[0]:,}",
                "Training": f"{group['train_seconds'].mean() / 60:.1f} min",
            }
        )
    return pd.DataFrame(made)


def table_1(runs: Sequence[Run], split: str = "test") -> pd.DataFrame:
    """The report's table 1 with what was reproduced and what was improved beside it, as text.

    Returns:
        Columns `Model`, then accuracy and loss `reported`, `reproduced` (the recipe as reported, else as coded) and
        `improved`; "not run" where a run is missing.
    """
    by_recipe = {(run.model, run.recipe): run.result(split) for run in reversed(runs)}
    made = []
    for model in REPORTED_ROWS:
        reported = REPORTED[model]
        row = {"Model": MODEL_NAMES[model], "Reported": f"{reported.accuracy:.1%} / {reported.loss:g}"}
        for column, recipe in (
            ("Reproduced: as reported", "as_reported"),
            ("Reproduced: as coded", "as_coded"),
            ("Improved", "improved"),
        ):
            result = by_recipe.get((model, recipe))
            row[column] = f"{result['accuracy']:.1%} / {result['loss']:.2f}" if result else "not run"
        made.append(row)
    frame = pd.DataFrame(made)
    frame.loc[frame["Model"] == MODEL_NAMES["deep_cnn"], "Reproduced: as coded"] = ""  # no such recipe
    return frame


def write_tables(folder: Path, runs: Sequence[Run], others: Sequence[Run] = ()) -> None:
    """Write `results.csv` and `results.md` from all runs there are.

    Args:
        folder: of the profile's figures.
        runs: what `gather` gives.
        others: what `other_versions` gives; listed apart.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows(runs).to_csv(folder / "results.csv", index=False)
    (folder / "results.md").write_text(_results_markdown(runs, others))


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
    pd.DataFrame({"img_id": list(names), "label": labels}).to_csv(file, index=False, lineterminator="\n")
    return file


def log_test_evaluation(folder: Path, run: Run) -> None:
    """Add a line to `test_evaluations.csv`: every look at the test set leaves one."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "test_evaluations.csv"
    is_new = not file.exists()
    with file.open("a", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if is_new:
            writer.writerow(["utc", "model", "recipe", "seed", "accuracy", "key", "code_version"])
        result = run.result("test")
        row = [run.record["finished"], run.model, run.recipe, run.seed, result["accuracy"], run.key]
        writer.writerow([*row, run.record["code_version"]])


def _on_same_data(folders: Sequence[Path], data_fingerprint: str, split_fingerprint: str) -> list[Run]:
    """Each run once, though it may have both a folder and a record; folders named first win."""
    by_key: dict[str, Run] = {}
    for run in (run for folder in folders for run in finished(folder)):
        fits = run.config["data_fingerprint"] == data_fingerprint
        if fits and run.config["split_fingerprint"] == split_fingerprint:
            by_key.setdefault(run.key, run)
    return list(by_key.values())


def _newest(runs: Sequence[Run]) -> list[Run]:
    newest: dict[tuple[str, str, int], Run] = {}
    for run in sorted(runs, key=lambda run: run.record["finished"]):
        newest[run.model, run.recipe, run.seed] = run
    return sorted(newest.values(), key=lambda run: (_ORDER.get((run.model, run.recipe), len(_ORDER)), run.seed))


def _results_markdown(runs: Sequence[Run], others: Sequence[Run]) -> str:
    if not runs:
        return "No run has finished yet.\n"
    first = runs[0].record
    n_test, source = first["results"]["test"]["n"], first["test_source"]
    origins = {run.record["weights"]["origin"] for run in runs if run.model == "mobilenetv2"}
    lines = [
        f"Data: {first['data']['description']} ({first['data']['layout']} layout, fingerprint "
        f"{first['data']['fingerprint']}), profile {runs[0].config['profile']}, {first['training_images']:,} training "
        f"images; test set of {n_test:,} images ({source}).",
        "",
        markdown(summary(runs)),
        "Accuracy on the test set; loss is the cross-entropy without penalties. The interval is over images where there "
        "is one seed, over seeds where there are several. Beside the report's table 1 (accuracy / loss):",
        "",
        markdown(table_1(runs)),
        f"Weights of MobileNetV2: {_joined(origins) or 'not used'}. "
        f"Hardware: {_joined(run.record['hardware'] for run in runs)}. "
        f"Code: {_joined(run.record['code_version'] for run in runs)}.",
    ]
    if others:
        lines += ["", "Runs of other versions of the code or the settings, not used above:", ""]
        lines += [
            f"- {run.label}, seed {run.seed}: {run.result()['accuracy']:.1%} (code {run.record['code_version']}, "
            f"finished {run.record['finished']})"
            for run in others
        ]
    return "\n".join(lines) + "\n"


def _joined(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))


def markdown(frame: pd.DataFrame) -> str:
    """A table of text as Markdown."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * len(frame.columns)]
    lines += ["| " + " | ".join(str(value) for value in row) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines) + "\n"
