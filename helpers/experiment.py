"""What a notebook works with: its data, split, weights and folders, opened from the five parameters."""

import inspect
import os
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown, display

from helpers.config import choices, profiles, recipes
from helpers.config.profiles import Profile
from helpers.config.recipes import Recipe
from helpers.config.results_versions import table_versions
from helpers.core import checksums, keys, paths, provenance, storage
from helpers.core.errors import DivergenceError, InputError
from helpers.data.dataset import Dataset, Split, open_demo, open_source
from helpers.data.splits import make_split
from helpers.explore import controls
from helpers.explore.widgets import Explorer
from helpers.models import runtime
from helpers.models.weights import BaseWeights, find_weights
from helpers.plots.style import Plot, WrappedTable
from helpers.report import evaluations, results, selection
from helpers.report.committed import check_output
from helpers.report.network_card import network_card
from helpers.training import fit, plans, records
from helpers.training.plans import Plan
from helpers.training.runs import Failure, Run

View: TypeAlias = Plot | WrappedTable | Explorer | pd.DataFrame | str  # what a cell of a notebook shows


@dataclass(frozen=True)
class Experiment:
    """One profile on one source of data.

    Attributes:
        profile: how much of everything.
        dataset: the data, decoded.
        split: training, validation, test.
        weights: of MobileNetV2's base; None where they were not asked for.
        output: folder of figures and tables.
        seed: the first seed.
        models: names of the models to train; empty for all.
        recipes: names of the recipes to train; empty for all.
    """

    profile: Profile
    dataset: Dataset
    split: Split
    weights: BaseWeights | None
    output: Path
    seed: int
    models: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """What figures are made from, for their captions: "TinyImage", or "demo data, profile demo" where runs are shortened."""
        shortened = "" if self.profile.name == "full" else f", profile {self.profile.name}"
        return f"{self.dataset.description}{shortened}"

    def recipe(self, model: str, recipe: str) -> Recipe:
        """A recipe as this profile runs it."""
        return profiles.find_recipe(model, recipe, self.profile)

    def own_test(self) -> np.ndarray:
        """Indices of the test images that were split off from the labelled ones; none where the source brings its own."""
        return self.split.test if self.split.is_test_split_off else self.split.test[:0]

    def train(self, model: str, recipe: str) -> list[Run]:
        """Runs of a recipe, one for each seed of the profile; those that exist are not trained again.

        Returns:
            The finished runs, one for each seed; none where MODELS or RECIPES leave this one out.
        """
        if not self.is_chosen(model, recipe):
            print(f"{model} {recipe} is left out of this run by MODELS or RECIPES")
            return []
        trained_runs = []
        for plan in self._plans(self.recipe(model, recipe), self.profile.seeds.get((model, recipe), 1)):
            try:
                trained_runs.append(self._train(plan))
            except DivergenceError as error:
                print(f"{error}; the run has failed and has no result")
        self.write_tables()
        return trained_runs

    def plans(self, n_seeds: int) -> list[Plan]:
        """What to train for every recipe that MODELS and RECIPES leave in, with so many seeds of each."""
        chosen = [recipe for recipe in recipes.RECIPES if self.is_chosen(recipe.model, recipe.name)]
        return [plan for r in chosen for plan in self._plans(self.recipe(r.model, r.name), n_seeds)]

    def keep(self, run: Run) -> None:
        """Note that a run has looked at the test set, and keep what outlasts its folder: its record, its submission."""
        evaluations.log_test_evaluation(self.output, run)
        keeps_network = run.recipe == "improved" and run.seed == self.seed
        if self.profile.name == "full" or keeps_network:
            card = network_card(run, self.dataset.class_names) if keeps_network else None
            records.write_record(run, self.output / "records", card)
        if run.seed == self.seed and run.has_unlabelled():
            evaluations.write_submission(self.output, run, self.dataset.unlabelled_names)

    def write_tables(self) -> None:
        """Write `results.csv` and `results.md` from all runs on these data in this profile."""
        self.output.mkdir(parents=True, exist_ok=True)
        # A notebook beside this one may have finished a run in between.
        with storage.locked(self.output / ".tables.lock"):
            results.write_tables(self.output, self.finished(), self.other_versions(), self.failures())

    def finished(self) -> list[Run]:
        """All finished runs on these data in this profile, and the records of such runs; see `selection.gather`."""
        return selection.gather(*self._where(), self._is_current)

    def other_versions(self) -> list[Run]:
        """Finished runs that `finished` passes over for another one of the same recipe and seed."""
        return selection.superseded(*self._where(), self._is_current)

    def failures(self) -> list[Failure]:
        """Failed runs that these data, this profile and these recipes would give now."""
        return [failure for failure in selection.failures(*self._where()) if self._is_current(failure)]

    def table(self, name: str, compute: Callable[..., pd.DataFrame] | None = None, **settings: object) -> pd.DataFrame:
        """The table of a small experiment, computed once.

        Args:
            name: of the experiment.
            compute: makes the table, called with the settings; None to read the one there is.
            settings: plain values and recipes that decide the result beside data, split, seed, weights, packages and code.

        Returns:
            The table; empty where it was to be read and is not there. There is one of a name, for each data, split and seed: that
            of other settings or of other code is replaced.
        """
        folder = self.output / "tables"
        data_key = provenance.digest([self.dataset.fingerprint, self.split.fingerprint])[:8]
        of_name = f"{name}_{data_key}_{self.seed}_"
        if compute is None:
            files = [file for file in sorted(folder.glob(f"{of_name}*.csv")) if storage.is_intact(file)]
            return pd.read_csv(files[-1]) if files else pd.DataFrame()
        weights = self.weights.sha256 if self.weights else ""
        key = keys.table_key(_resolved(settings), weights, provenance.key_packages(), table_versions(name))
        file = folder / f"{of_name}{key}.csv"
        if not storage.is_intact(file):
            if file.exists():
                print(f"{file} is damaged and is computed again", flush=True)
            folder.mkdir(parents=True, exist_ok=True)
            frame = compute(**settings)
            with storage.replacing(file) as partial:
                frame.to_csv(partial, index=False)
                storage.write_checksum(file, provenance.file_hash(partial))
        for earlier_file in folder.glob(f"{of_name}*"):
            if not earlier_file.name.startswith(file.name):
                earlier_file.unlink(missing_ok=True)
        return pd.read_csv(file)

    def probe(self, name: str, function: Callable[..., pd.DataFrame], **settings: object) -> pd.DataFrame:
        """The table of a small experiment on these data, computed once; see `table`.

        Args:
            name: of the experiment.
            function: computes the table; of `dataset`, `split`, `weights` and `seed`, those that it takes are this experiment's.
            settings: its remaining arguments.
        """
        context = {"dataset": self.dataset, "split": self.split, "weights": self.weights, "seed": self.seed}
        accepted = inspect.signature(function).parameters
        given = {argument: value for argument, value in context.items() if argument in accepted}
        return self.table(name, partial(function, **given), **settings)

    def network_table(self, name: str, runs: Sequence[Run], compute: Callable[[Run], pd.DataFrame]) -> pd.DataFrame:
        """The table of an experiment on a trained network, computed once; see `table`.

        Args:
            name: of the experiment.
            runs: the first one that still has its network is taken; where none has, the table is read.
            compute: makes the table from that run.
        """
        run = next((run for run in runs if run.has_model()), None)
        return self.table(name) if run is None else self.table(name, lambda run_key: compute(run), run_key=run.key)

    def show(self, result: View, name: str = "", digits: int = 3, rows: int | None = None) -> None:
        """Display a figure, an explorer, a table or a text in Markdown; a figure or table with a name is saved too.

        Figures with photographs of real data are displayed and not saved. A table is saved with all its digits and
        displayed rounded.

        Args:
            result: what to display; nothing happens for an empty text.
            name: of the file or files in the output folder, without ending.
            digits: decimals of a displayed table.
            rows: of a table to display; None for all.
        """
        match result:
            case str():
                if result:
                    display(Markdown(result))
            case pd.DataFrame() | WrappedTable():
                self._show_table(result, name, digits, rows)
            case Explorer():
                self.explore(result, name)
            case _:
                is_saved = bool(name) and (self.dataset.is_demo or not result.has_photographs)
                if is_saved:
                    result.save(self.output, name)
                display(result, metadata={"figure": name if is_saved else ""})  # for the published copy

    def present(
        self,
        view: str,
        inputs: Sized,
        make: Callable[[], View],
        name: str = "",
        needs: str = "a finished run",
        at_least: int = 1,
        digits: int = 3,
        rows: int | None = None,
    ) -> None:
        """Show a view of runs or rows (see `show`); where too few are there, print one sentence that says what is missing.

        Args:
            view: what is shown, within a sentence.
            inputs: the runs or rows that it needs.
            make: makes it; called only where there are enough inputs.
            name: to save it under; "" to display it only.
            needs: what the inputs are, within a sentence.
            at_least: how many of them it takes.
            digits: decimals of a displayed table.
            rows: of a table to display; None for all.
        """
        if len(inputs) >= at_least:
            self.show(make(), name, digits, rows)
        else:
            present = f"only {len(inputs)}" if len(inputs) else "none"
            print(f"Not shown: {view}. It needs {needs}, and there is {present}.")

    def explore(self, explorer: Explorer, name: str) -> None:
        """Display an explorer: alive, or as one figure where TINYIMAGE_HEADLESS says that nobody is there to use it.

        Such a figure becomes a page for others, so it has no photographs of real data. It stands behind the living explorer as
        well, for when the notebook is opened again without its kernel.
        """
        is_headless = bool(os.environ.get("TINYIMAGE_HEADLESS"))
        if not is_headless:
            display(explorer.live(), raw=True)
        plot = explorer.page(self.dataset.is_demo)
        is_withheld = plot.has_photographs and not self.dataset.is_demo
        sentence = f"Not on this page: photographs of {self.dataset.description}. In JupyterLab: {explorer.hint}"
        if not is_headless:
            display(HTML(controls.stand_in(sentence if is_withheld else plot)))
        elif is_withheld:
            print(sentence)
        else:
            self.show(plot, name)

    def _show_table(self, table: pd.DataFrame | WrappedTable, name: str, digits: int, rows: int | None) -> None:
        frame = table.frame if isinstance(table, WrappedTable) else table
        if name:  # kept with all its digits
            self.output.mkdir(parents=True, exist_ok=True)
            with storage.replacing(self.output / f"{name}.csv") as partial_file:
                frame.to_csv(partial_file, index=False)
        with pd.option_context("display.max_colwidth", None):
            display(table if isinstance(table, WrappedTable) else frame.iloc[:rows].round(digits))

    def is_chosen(self, model: str, recipe: str) -> bool:
        """Whether MODELS and RECIPES leave this recipe in."""
        return (not self.models or model in self.models) and (not self.recipes or recipe in self.recipes)

    def _plans(self, recipe: Recipe, n_seeds: int) -> list[Plan]:
        seeds = range(self.seed, self.seed + n_seeds)
        return [
            plans.make_plan(recipe, seed, self.profile.name, self.dataset, self.split, self.weights) for seed in seeds
        ]

    def recorded(self, plan: Plan) -> Run | None:
        """The record of a run of `full` that was kept without its folder, where it is what the plan would give; else None."""
        record = self.output / "records" / f"{plan.recipe.model}_{plan.recipe.name}_{plan.seed}"
        if self.profile.name != "full" or checksums.is_complete(plan.folder) or not checksums.is_complete(record):
            return None
        return Run(record) if Run(record).key == plan.config()["key"] else None

    def _train(self, plan: Plan) -> Run:
        record = self.recorded(plan)
        if record:
            print(
                f"{plan.name}: its record in {paths.shown(record.folder.parent)} is current, so it is not trained again"
            )
            return record
        run = fit.train(plan)
        self.keep(run)
        return run

    def _is_current(self, run: Run | Failure) -> bool:
        """Whether training now would give this run; one of other weights counts where this notebook has none."""
        asked, made_by = run.config, run.config["recipe"]
        weights = self.weights or BaseWeights("", None, asked["weights_sha256"], made_by["width"])
        try:
            recipe = self.recipe(made_by["model"], made_by["name"])
        except InputError:  # of another version of the code
            return False
        plan = plans.make_plan(recipe, asked["seed"], self.profile.name, self.dataset, self.split, weights)
        return plan.config()["key"] == asked["key"]

    def _where(self) -> tuple[list[Path], str, str]:
        folders = [paths.runs() / self.profile.name, self.output / "records"]
        if self.profile.name == "full":
            folders.append(paths.FIGURES / "full" / "records")
        return folders, self.dataset.fingerprint, self.split.fingerprint


def open_experiment(profile: str, data: str, weights: str | None, output: str, seed: int) -> Experiment:
    """Open what the five parameters of a notebook name.

    MODELS, RECIPES and THREADS of the command line, and its SKIP_UNREADABLE, arrive through the environment.

    Args:
        profile: name of a profile.
        data: path of a zip or folder; "" for the demo data.
        weights: see `weights.find_weights`; None where the notebook needs none.
        output: folder of figures and tables; "" for `figures/<profile>`.
        seed: the first seed.

    Raises:
        InputError: one of them cannot be used.
    """
    settings = profiles.find_profile(profile)
    runtime.apply_limits()
    dataset = open_source(data, bool(os.environ.get("TINYIMAGE_SKIP_UNREADABLE"))) if data else open_demo(settings.demo)
    models, recipes = (choices.split_names(os.environ.get(f"TINYIMAGE_{name}", "")) for name in ("MODELS", "RECIPES"))
    choices.check_names(models, recipes)
    folder = paths.resolve(output) if output else paths.FIGURES / profile
    check_output(folder, dataset.fingerprint)
    return Experiment(
        profile=settings,
        dataset=dataset,
        split=make_split(dataset, settings.images_per_class),
        weights=None if weights is None else find_weights(weights, dataset.is_demo),
        output=folder,
        seed=seed,
        models=models,
        recipes=recipes,
    )


def _resolved(settings: dict[str, object]) -> dict[str, object]:
    """Settings of a table with the ranges of the augmentation that each recipe in them names."""
    values = [item for value in settings.values() for item in (value if isinstance(value, list | tuple) else [value])]
    ranges = [recipes.AUGMENTATIONS[value.augmentation] for value in values if isinstance(value, Recipe)]
    return settings | ({"augmentations": ranges} if ranges else {})
