"""The results table: `results.csv` for programs, `results.md` and table 1 for readers."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from helpers.analysis import comparison
from helpers.config.labels import MODEL_NAMES, RECIPE_NAMES
from helpers.config.report_facts import REPORTED
from helpers.core import storage
from helpers.report.pages import markdown_table
from helpers.report.selection import FAMILIES, changed_recipes_note, joined
from helpers.report.tables import concentrated_losses_note
from helpers.training.runs import Failure, Run

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

ABOUT_INTERVALS = "Intervals cover the choice of images and, where there are several seeds, of the seed"

ABOUT_MARKS = "Hollow: the report's number. Small: its recipe, trained here. Large: our improved recipe. Lines in the marks: 95 % intervals."

ABOUT_SECONDS = (
    "Wall time is that of all epochs without the computation of frozen features, the median over seeds; other work on a machine "
    "makes it longer"
)

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


def by_split(runs: Sequence[Run]) -> pd.DataFrame:
    """The results table: one row for each run and split, with the columns of `results.csv`."""
    rows = []
    for run in runs:
        reported = REPORTED[run.model]
        for split in ("validation", "test"):
            result = run.result(split)
            rows.append(
                {
                    "model": run.model,
                    "recipe": run.recipe,
                    "seed": run.seed,
                    "split": split,
                    "test_source": run.test_source,
                    **result,
                    "parameters": run.parameters,
                    "epochs": run.epochs,
                    "train_seconds": run.train_seconds,
                    "hardware": run.hardware,
                    "reported_accuracy": reported.accuracy,
                    "reported_loss": reported.loss,
                    "weights_origin": run.weights_origin,
                    "data_fingerprint": run.config["data_fingerprint"],
                    "code_version": run.code_version,
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def summary(runs: Sequence[Run], failures: Sequence[Failure] = ()) -> pd.DataFrame:
    """One row a recipe for readers: means over seeds with an interval, and what the report says.

    Args:
        runs: finished runs, judged on test.
        failures: get a row each, without numbers.

    Returns:
        Columns `Model`, `Recipe`, `Reported`, `Accuracy`, `95 % interval`, `Range over seeds`, `Top-5`, `Loss`, `Epochs`,
        `Seeds`, `Parameters`, `Wall time`, as text. The interval is that of `comparison.mean_interval`; `Range over seeds` has the
        lowest and the highest accuracy, and `Wall time` is a median.
    """
    table = by_split(runs)
    table = table[table["split"] == "test"]
    rows = []
    for (model, recipe), group in table.groupby(["model", "recipe"], sort=False):
        reported = REPORTED[model].accuracy
        low, high = comparison.mean_interval(group["accuracy"].tolist(), int(group["n"].iloc[0]))
        rows.append(
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
                "Wall time": f"{group['train_seconds'].median() / 60:.1f} min",
            }
        )
    for failure in failures:
        recipe = failure.config["recipe"]
        names = {"Model": MODEL_NAMES[recipe["model"]], "Recipe": RECIPE_NAMES[recipe["name"]]}
        rows.append({**names, "Accuracy": "failed", "Seeds": f"seed {failure.config['seed']}"})
    return pd.DataFrame(rows).fillna("")


def _range(values: pd.Series) -> str:
    """Lowest to highest, where there are several."""
    return f"{values.min():.1%} to {values.max():.1%}" if len(values) > 1 else "one seed"


def table_1(runs: Sequence[Run]) -> pd.DataFrame:
    """The report's table 1 with what was reproduced and what was improved beside it, as text.

    Returns:
        Columns `Model`, `Reported`, `As reported`, `As coded`, `Improved`, each with accuracy and
        loss, means where there are several seeds; "not run" where a run is missing.
    """
    table = by_split(runs)
    means = table[table["split"] == "test"].groupby(["model", "recipe"])[["accuracy", "loss"]].mean()
    rows = []
    for model in FAMILIES:
        reported = REPORTED[model]
        row = {"Model": MODEL_NAMES[model], "Reported": f"{reported.accuracy:.1%} / {reported.loss:g}"}
        for column, recipe in (
            ("As reported", "as_reported"),
            ("As coded", "as_coded"),
            ("Improved", "improved"),
        ):
            row[column] = "not run"
            if (model, recipe) in means.index:
                accuracy, loss = means.loc[(model, recipe)]
                row[column] = f"{accuracy:.1%} / {loss:.2f}"
        rows.append(row)
    return pd.DataFrame(rows)


def write_tables(
    folder: Path, runs: Sequence[Run], others: Sequence[Run] = (), failures: Sequence[Failure] = ()
) -> None:
    """Write `results.csv` and `results.md` from all runs there are.

    Args:
        folder: of the profile's figures.
        runs: what `gather` gives.
        others: what `superseded` gives; listed apart.
        failures: runs without a result; listed with the reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with storage.replacing(folder / "results.csv") as partial:
        by_split(runs).to_csv(partial, index=False)
    storage.write_text(folder / "results.md", _results_markdown(runs, others, failures))


def _results_markdown(runs: Sequence[Run], others: Sequence[Run], failures: Sequence[Failure]) -> str:
    failed = ["", *(f"Failed: {failure.reason}." for failure in failures)] if failures else []
    if not runs:
        return "\n".join(["No run has finished yet.", *failed]) + "\n"
    first = runs[0].record
    n_test, source = first["results"]["test"]["n"], first["test_source"]
    origins = {run.weights_origin for run in runs if run.model == "mobilenetv2"}
    lines = [
        f"Data: {first['data']['description']} ({first['data']['layout']} layout, fingerprint "
        f"{first['data']['fingerprint']}), profile {runs[0].config['profile']}, {first['training_images']:,} training "
        f"images; test set of {n_test:,} images, {TEST_SOURCES[source]}.",
        "",
        "Accuracy / loss on the test set, beside the report's table 1:",
        "",
        markdown_table(table_1(runs)),
        "Every recipe by itself:",
        "",
        markdown_table(summary(runs, failures=failures)),
        f"Loss is the cross-entropy without penalties.{concentrated_losses_note(runs)} {ABOUT_INTERVALS}. {ABOUT_SECONDS}.",
        "",
        f"Weights of MobileNetV2: {joined(origins) or 'not used'}. "
        f"Hardware: {joined(run.hardware for run in runs)}. "
        f"Code: {joined(run.code_version for run in runs)}.",
    ]
    if changed := changed_recipes_note(runs):
        lines += ["", changed]
    if others:
        lines += ["", "Runs of other versions of the code or the settings, not used above:", ""]
        lines += [
            f"- {run.label}, seed {run.seed}: {run.result()['accuracy']:.1%} (code {run.code_version}, "
            f"finished {run.finished})"
            for run in others
        ]
    return "\n".join(lines + failed) + "\n"
