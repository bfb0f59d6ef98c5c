"""The generated parts of README, docs/ and notebooks: `templates/generated.md` filled from committed files, so no number is typed by hand."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import nbformat
import pandas as pd

from helpers.analysis import comparison, costs, penalties, reported
from helpers.config.labels import MODEL_NAMES, name_of
from helpers.config.profiles import PROFILES, find_recipe
from helpers.config.recipes import NUM_CLASSES
from helpers.config.report_facts import REPORTED
from helpers.core import markers, paths, storage
from helpers.report import (
    data_findings,
    evaluations,
    findings,
    forensic_findings,
    pages,
    results,
    scaling_facts,
    selection,
    tables,
)
from helpers.training.runs import Run, finished

PAGES = (
    "README.md",
    *(
        f"docs/{page}.md"
        for page in ("results", "findings", "tried", "benchmarks", "scaling", "reliability", "reforms")
    ),
)


def rendered(page: str, text: str, facts: dict[str, Any]) -> str:
    """The text of a page with everything between its markers as the committed files have it.

    Args:
        page: its path in the project; links lead from there.
        text: its content; of a notebook the opening cell has markers.
        facts: of `committed_facts`.

    Raises:
        ValueError: a marker lacks its end, or names no block.
    """
    if page.endswith(".ipynb"):
        notebook = nbformat.reads(text, 4)
        opening = notebook.cells[0]
        opening.source = _filled(page, f"{opening.source}\n", facts).removesuffix("\n")
        return nbformat.writes(notebook) + "\n"
    return _filled(page, text, facts)


def _filled(page: str, text: str, facts: dict[str, Any]) -> str:
    for name in markers.names(text):
        text = markers.filled(text, name, block(name, facts, "../" * page.count("/")))
    return text


def block(name: str, facts: dict[str, Any], root: str = "") -> str:
    """One generated part, as Markdown.

    Args:
        name: of its block in the template.
        facts: of `committed_facts`.
        root: relative path of the project, for links.

    Raises:
        ValueError: the template has no such block.
    """
    source = template("generated.md")
    if name not in source.blocks:
        raise ValueError(f"the template has no block {name!r}")
    return "".join(source.blocks[name](source.new_context(facts | {"root": root}))).strip()


def update() -> None:
    """Write what is generated into README.md, docs/ and the openings of the notebooks."""
    facts = committed_facts()
    for page in pages_with_markers():
        file = paths.ROOT / page
        storage.write_text(file, rendered(page, file.read_text(), facts))


def pages_with_markers() -> list[str]:
    """Paths in the project of what `update` writes to."""
    return [*PAGES, *(f"notebooks/{file.name}" for file in sorted((paths.ROOT / "notebooks").glob("*.ipynb")))]


def reliability_file() -> Path:
    """What `make torture`, `make fuzz` and `make hostile` have counted."""
    return paths.FIGURES / "full" / "fault_counts.json"


def committed_facts() -> dict[str, Any]:
    """What the template may name, read from `figures/full/`."""
    folder = paths.FIGURES / "full"
    runs, verdicts = runs_on_the_same_data(folder / "records"), pd.read_csv(folder / "verdicts.csv")
    return (
        run_facts(runs, folder)
        | _explanations(runs, folder / "tables")
        | _checklist(runs, folder)
        | {
            "figures": {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")},
            "main_figures": [name for name in results.MAIN_FIGURES if (folder / f"{name}.png").exists()],
            "verdicts": verdicts.to_dict("records"),
            "n_holding": int(verdicts["verdict"].eq("holds").sum()),
            "tried": pages.markdown_table(_tried(folder / "tried.csv")),
            "agreement": reported.submission_agreement().set_index("submission")["agreement"],
            "agreement_of_seeds": _agreement_of_seeds(runs),
            "speed": speed(pd.read_csv(folder / "benchmarks.csv")),
            "scaling": scaling_facts.facts(scaling_facts.complete_sizes(folder / "scaling.csv")),
            "faults": json.loads(reliability_file().read_text()),
        }
    )


def run_facts(runs: list[Run], folder: Path) -> dict[str, Any]:
    """What the template says of the runs on one data set.

    Args:
        runs: what `runs_on_the_same_data` gives.
        folder: of the results, with the costs of the recipes and a log of evaluations.
    """
    test = results.by_split(runs).query("split == 'test'")
    measured = pd.read_csv(folder / "costs.csv")
    threads = [run.threads for run in runs]
    fewer = [f"{run.title}, seed {run.seed} ({n})" for run, n in zip(runs, threads, strict=True) if n < max(threads)]
    evaluated = {f"{run.title}, seed {run.seed}": evaluations.count_test_evaluations(folder, run) for run in runs}
    return {
        "reported": REPORTED,
        "names": {model: MODEL_NAMES[model] for model in selection.FAMILIES},
        "means": {
            model: test[test["model"] == model].groupby("recipe")["accuracy"].mean().to_dict()
            for model in selection.FAMILIES
        },
        "one_seed": "; ".join(
            name_of(model, recipe)
            for (model, recipe), n_runs in Counter((run.model, run.recipe) for run in runs).items()
            if model in selection.FAMILIES and n_runs == 1
        ),
        "n_test": runs[0].result()["n"],
        "test_source": results.TEST_SOURCES[runs[0].test_source],
        "table_1": pages.markdown_table(results.table_1(runs).replace("not run", "not run yet")),
        "concentrated_losses": tables.concentrated_losses_note(runs),
        "provenance": pages.markdown_table(_provenance(runs, measured)),
        "timed": measured.iloc[0],
        "about_intervals": results.ABOUT_INTERVALS,
        "about_marks": results.ABOUT_MARKS,
        "about_seconds": results.ABOUT_SECONDS,
        "hardware": selection.joined(run.hardware for run in runs),
        "trainings": {model: _trainings(runs, measured, model) for model in selection.FAMILIES},
        "most_threads": max(threads),
        "fewer_threads": "; ".join(fewer),
        "weights": "; ".join(sorted({f"{_short_hash(run)}: {run.weights_origin}" for run in runs})),
        "data": runs[0].record["data"],
        "repeated_evaluations": "; ".join(f"{name} ({n} times)" for name, n in evaluated.items() if n > 1),
        "retrained_keys": evaluations.spread_of_retraining(folder),
        "changed_recipes": selection.changed_recipes_note(runs),
    }


def _trainings(runs: list[Run], measured: pd.DataFrame, family: str) -> str:
    """How many trainings of a family there are, its networks with a penalty included, and how long they take as measured in one go."""
    seconds = _training_seconds(measured)
    hours = [
        seconds[key] / 3600
        for run in runs
        if (key := (run.model, run.recipe)) in seconds and run.model.startswith(family)
    ]
    return f"{len(hours)} trainings take {sum(hours):.1f} hours"


def _training_seconds(measured: pd.DataFrame) -> pd.Series:
    """By model and recipe: seconds of all epochs and of frozen features; `measured` is of `tables.costs`."""
    return measured.set_index(["model", "recipe"])[["train_seconds", "feature_seconds"]].sum(axis="columns")


def runs_on_the_same_data(records: Path) -> list[Run]:
    """The runs on the data and split that most of them have: one table never mixes two."""
    counts = Counter((run.config["data_fingerprint"], run.config["split_fingerprint"]) for run in finished(records))
    return selection.gather([records], *max(counts, key=lambda data: counts[data]))


def _provenance(runs: list[Run], measured: pd.DataFrame) -> pd.DataFrame:
    """One row a recipe, as text: its test accuracy, what it costs, and the runs and weights that it came from.

    Args:
        runs: on one data set.
        measured: of `tables.costs`.
    """
    recipes = selection.by_recipe(runs)
    columns = ["Model", "Recipe", "Accuracy", "95 % interval", "Range over seeds", "Top-5", "Epochs", "Wall time"]
    minutes = (_training_seconds(measured) / 60).reindex(list(recipes))
    return results.summary(runs)[columns].assign(
        Training=[_if_measured(value, f"{value:.1f} min") for value in minutes],
        Weights=[_short_hash(run) for run in recipes.values()],
        Records=[
            ", ".join(
                f"[seed {run.seed}](../figures/full/records/{run.folder.name}/run.json)"
                for run in runs
                if (run.model, run.recipe) == recipe
            )
            for recipe in recipes
        ],
    )


def _tried(file: Path) -> pd.DataFrame:
    """One row a change of a recipe, as text, with validation and test accuracy of seed 0 before and after it."""
    table = pd.read_csv(file)
    return pd.DataFrame(
        {
            "Model": table["model"].map(MODEL_NAMES),
            "Change": table["change"],
            "Validation": [f"{row.before:.1%} → {row.after:.1%}" for row in table.itertuples()],
            "Test": [
                _if_measured(row.test_after, f"{row.test_before:.1%} → {row.test_after:.1%}")
                for row in table.itertuples()
            ],
        }
    )


def _agreement_of_seeds(runs: list[Run]) -> list[float]:
    """Share of test images to which two seeds of MobileNetV2 as coded give one answer, for each pair of seeds, ascending."""
    answers = [run.predicted() for run in runs if (run.model, run.recipe) == ("mobilenetv2", "as_coded")]
    return sorted(float((first == second).mean()) for first, second in itertools.combinations(answers, 2))


def _short_hash(run: Run) -> str:
    return run.weights_sha256[:8] or "random"


def _explanations(runs: list[Run], folder: Path) -> dict[str, Any]:
    """What explains the report's numbers, from the tables of the experiments."""
    by_name = {file.stem.rsplit("_", 3)[0]: file for file in sorted(folder.glob("*.csv"))}
    read = {name: pd.read_csv(file) for name, file in by_name.items()}
    rate = find_recipe("shallow_cnn", "as_reported").phases[0].learning_rate
    rates, trap, sizes = read["shallow_learning_rates"], read["fine_tuning_trap"], read["input_sweep"]
    by_recipe = selection.by_recipe(runs)
    deep_runs = [run for run in runs if (run.model, run.recipe) == ("deep_cnn", "as_reported")]
    coded_run, larger_run = by_recipe["deep_cnn", "as_coded"], by_recipe["deep_cnn_batch_128", "as_coded"]
    statistics = read["deep_statistics"]
    figure_3, figure_2 = reported.figure_curves("deep_cnn"), reported.figure_curves("shallow_cnn_l2")
    code, l2 = find_recipe("shallow_cnn", "as_coded"), read["shallow_larger_batch"]
    tried = penalties.batch_size_of_curve(code, l2["objective"][1:], runs[0].training_images, NUM_CLASSES)
    left = penalties.left_by_epoch(figure_2["train_loss"][1:], NUM_CLASSES)
    last_penalty = figure_2["validation_loss"].iloc[-1] - math.log(NUM_CLASSES)
    return {
        "files": {name: paths.shown(file) for name, file in by_name.items()},
        "chance_loss": math.log(NUM_CLASSES),
        "sweep_steps": PROFILES["full"].sweep_steps,
        "fitting": forensic_findings.reported_batch_size(code),
        "coded_batch": code.batch_size,
        "tried_batch": round(tried),  # of the probe of the shallow CNN, by the same arithmetic
        "deep_larger_batch": larger_run.settings.batch_size,
        "figure_2": figure_2,
        "one_epoch_more": math.log(NUM_CLASSES) + last_penalty * left,
        "reported_split": reported.split(),
        "shallow_rate": rate,
        "shallow_reported": rates.loc[(rates["learning_rate"] - rate).abs().idxmin()],
        "shallow_best": rates.loc[rates["validation_accuracy"].idxmax()],
        "l2": l2,
        "deep_batch": deep_runs[0].settings.batch_size,
        "deep_tests": findings.listed([f"{run.result()['accuracy']:.1%}" for run in deep_runs]),
        "deep_distances": sorted(findings.distance_of_curves(run.history, figure_3) for run in deep_runs),
        "deep_coded_distance": findings.distance_of_curves(coded_run.history, figure_3),
        "deep_larger_distance": findings.distance_of_curves(larger_run.history, figure_3),
        "figure_3": figure_3,
        "statistics": statistics,
        "gain_of_statistics": statistics["accuracy"].iloc[-1] - statistics["accuracy"].iloc[0],
        "n_logged": len(reported.logged_weights()),
        "n_unchanged": int((~reported.logged_weights()["changed"]).sum()),
        "slower_second_phase": costs.slower_second_phase(reported.curves().assign(seconds=reported.epoch_seconds())),
        "slower_when_released": costs.slower_second_phase(by_recipe["mobilenetv2", "as_reported"].history),
        "trap_coded": trap[trap["second_phase"] == "not compiled again"].iloc[0],
        "input_reported": sizes.iloc[0],
        "input_scaled": sizes.iloc[1],
        "input_best": sizes.loc[sizes["accuracy"].idxmax()],
        "l2_course": read["deep_l2_course"],
        "near_copy": data_findings.NEAR_COPY,
        "n_near_copies": int((read["nearest_in_training"]["correlation"] > data_findings.NEAR_COPY).sum()),
    }


def _checklist(runs: list[Run], folder: Path) -> dict[str, Any]:
    """What the answers to the REFORMS checklist name beside the rest."""
    return {
        "n_runs": len(runs),
        "n_training": runs[0].training_images,
        "n_validation": runs[0].result("validation")["n"],
        "num_classes": NUM_CLASSES,
        "versions": {
            name: selection.joined(run.record["versions"][name] for run in runs)
            for name in ("python", "tensorflow", "keras")
        },
        "significance": comparison.SIGNIFICANCE,
        "n_tried": len(pd.read_csv(folder / "tried.csv")),
        "n_test_evaluations": len(pd.read_csv(folder / "test_evaluations.csv")),
    }


def speed(measured: pd.DataFrame) -> dict[str, Any]:
    """What `make bench` measured last, as the template names it.

    Args:
        measured: the rows of `benchmarks.csv`.
    """
    noticed = measured["noticed"].eq(True)  # rows without a peer may say nothing
    table = pd.DataFrame(
        {
            "What": measured["name"],
            "Here": [f"{_rounded(row.ours)} {row.unit}" for row in measured.itertuples()],
            "Compared with": [
                _if_measured(row.peer, f"{row.beside}: {_rounded(row.peer)} {row.unit}")
                for row in measured.itertuples()
            ],
            "Ratio": [_if_measured(row.ratio, f"{_rounded(row.ratio)} x") for row in measured.itertuples()],
            "Lowest to highest": [
                f"{_rounded(row.lowest)} to {_rounded(row.highest)}" if row.repeats > 1 else ""
                for row in measured.itertuples()
            ],
            "Aim": measured["aim"].fillna(""),
        }
    )
    return {
        "noticed": pages.markdown_table(table[noticed]),
        "inside": pages.markdown_table(table[~noticed]),
        "decoding": _rounded(measured.set_index("name").loc["decode all images, cold", "ours"]),
        "repeats": int(measured["repeats"].max()),
        "missed": "; ".join(measured.loc[measured["reached"].eq(False), "name"]),
        "hardware": measured["hardware"].iloc[0],
        "onednn": measured["onednn"].iloc[0],
        "code_version": selection.joined(measured["code_version"]),
    }


def _rounded(value: float) -> str:
    """Three figures, and no fewer than stand before the point: "0.0651", "4.92", "1,970"."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:.3g}"


def _if_measured(value: float, text: str) -> str:
    return "" if math.isnan(value) else text


def template(name: str, **filters: Callable[[str], str]) -> jinja2.Template:
    """A template of this package, in which a name that has no value is an error.

    Args:
        name: of its file.
        filters: beside `pct` and `whole`, which show a share as per cent.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Markdown from committed files
    )
    environment.filters |= {"pct": partial(_percent, decimals=1), "whole": partial(_percent, decimals=0), **filters}
    return environment.get_template(name)


def _percent(fraction: float | None, decimals: int) -> str:
    """A share as text, for example "77.4%"; nothing for None."""
    return "" if fraction is None else f"{fraction:.{decimals}%}"
