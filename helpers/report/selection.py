"""Which runs count: finished runs on the same data, one for each recipe and seed, and the best of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.config.labels import MODEL_NAMES, RECIPE_NAMES
from helpers.config.profiles import PROFILES, find_recipe
from helpers.config.recipes import RECIPES
from helpers.core.errors import InputError
from helpers.training.runs import Failure, Run, failed, finished

FAMILIES = ("shallow_cnn", "deep_cnn", "mobilenetv2")  # the rows of the report's table 1

RECIPE_ORDER = {(recipe.model, recipe.name): place for place, recipe in enumerate(RECIPES)}


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


def superseded(
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


def has_current_recipe(run: Run) -> bool:
    """Whether a run's recipe is still among those of its profile; MobileNetV2's width follows the weights at hand."""
    try:
        made_by = run.settings
        today = find_recipe(made_by.model, made_by.name, PROFILES.get(run.config["profile"]))
    except (InputError, TypeError):  # of another version of the code
        return False
    return replace(today, width=made_by.width) == made_by


def changed_recipes_note(runs: Sequence[Run]) -> str:
    """A sentence, in Markdown, that names the runs whose recipe is no longer the one they were trained by; "" for none."""
    changed = [f"{run.title}, seed {run.seed}" for run in runs if not has_current_recipe(run)]
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
    found = (best(run for run in runs if run.model == model) for model in FAMILIES)
    return [run for run in found if run]


def inventory(runs: Sequence[Run]) -> pd.DataFrame:
    """One row for every recipe of the series: which runs of it there are, or that there is none.

    Returns:
        Columns `Model`, `Recipe`, `Seeds`, `Read from`, `Recipe of today`, `Code`, `Pretrained weights`, as text.
    """
    made = []
    for model, recipe in RECIPE_ORDER:
        runs_of_recipe = [run for run in runs if (run.model, run.recipe) == (model, recipe)]
        made.append(
            {
                "Model": MODEL_NAMES[model],
                "Recipe": RECIPE_NAMES[recipe],
                "Seeds": ", ".join(str(run.seed) for run in runs_of_recipe) or "not run",
                "Read from": joined(_origin(run) for run in runs_of_recipe),
                "Recipe of today": joined("yes" if has_current_recipe(run) else "no" for run in runs_of_recipe),
                "Code": joined(run.code_version for run in runs_of_recipe),
                "Pretrained weights": joined(run.weights_origin for run in runs_of_recipe),
            }
        )
    return pd.DataFrame(made)


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
    for run in sorted(runs, key=lambda run: (is_current(run), run.finished)):
        last[run.model, run.recipe, run.seed] = run
    return sorted(
        last.values(), key=lambda run: (RECIPE_ORDER.get((run.model, run.recipe), len(RECIPE_ORDER)), run.seed)
    )


def _origin(run: Run) -> str:
    if not run.has_model():
        return "record"
    return "record with network" if run.is_network_from_record() else "run folder"


def joined(texts: Iterable[str]) -> str:
    """The distinct texts in alphabetical order, separated by commas."""
    return ", ".join(sorted(set(texts)))
