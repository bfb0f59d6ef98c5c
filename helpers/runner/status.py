"""What a run of the series would find: runs that exist, runs to come with an estimated time, and why they are trained again."""

import json
from collections.abc import Sequence
from typing import Any

from helpers.config.recipes import Recipe
from helpers.core import checksums, paths
from helpers.core.progress import duration
from helpers.experiment import Experiment
from helpers.models import runtime
from helpers.runner import notebooks
from helpers.training import runs
from helpers.training.plans import Plan
from helpers.training.runs import Run

_EXPLANATIONS = {
    "data_fingerprint": "other data",
    "split_fingerprint": "another split",
    "weights_sha256": "other pretrained weights",
    "packages": "another version of TensorFlow or Keras",
    "results_versions": "a changed computation (RESULTS_VERSIONS)",
    "augmentation": "other ranges of the augmentation",
}


def status_lines(lab: Experiment) -> list[str]:
    """A line for each run of the series, then what is left to train and the state of the executed notebooks."""
    earlier = runs.finished(paths.runs() / lab.profile.name)
    measured = [*earlier, *runs.finished(paths.FIGURES / "full" / "records")]
    lines, total, unknown = [], 0.0, 0
    failed = {failure.config["key"] for failure in lab.failures()}
    for plan in _plans(lab):
        if checksums.is_complete(plan.folder):
            lines.append(f"{plan.name}: finished")
            continue
        if lab.recorded(plan):
            lines.append(f"{plan.name}: finished, as its record says")
            continue
        if plan.config()["key"] in failed:
            lines.append(f"{plan.name}: failed before, and is not trained again")
            continue
        seconds = estimate(plan, measured)
        total, unknown = total + (seconds or 0), unknown + (seconds is None)
        time = "time unknown" if seconds is None else f"about {duration(seconds)}"
        lines.append(f"{plan.name}: to train, {time}{_reason(plan, earlier)}")
    left = f"about {duration(total)} of training" + (f", and {unknown} runs of unknown length" if unknown else "")
    lines.append(f"To come: {left}" if total or unknown else "To come: no training; every run is finished")
    return lines + _notebook_lines(lab.profile.name)


def estimate(plan: Plan, measured: Sequence[Run]) -> float | None:
    """Seconds that a run takes, from the speed of runs of its recipe: those of this machine, else the committed ones.

    The time grows with the images seen and their pixels. Another batch size or frozen layers make it rougher.

    Returns:
        The estimate; None where no run of this recipe has been measured.
    """
    key = (plan.recipe.model, plan.recipe.name)
    alike = [run for run in measured if (run.model, run.recipe) == key and run.has_known_network()]
    own = [run for run in alike if run.hardware == runtime.hardware()] or alike
    if not own:
        return None
    run = max(own, key=lambda run: run.finished)
    to_see = _pixels(plan.recipe, len(plan.split.train))
    return run.train_seconds * to_see / _pixels(run.settings, run.training_images)


def _pixels(recipe: Recipe, n_images: int) -> int:
    """The pixels that a training sees, up to a factor."""
    return min(n_images, recipe.epoch_images or n_images) * recipe.epochs * recipe.input_size**2


def _plans(lab: Experiment) -> list[Plan]:
    """One plan for each run that the notebooks ask for."""
    plans = lab.plans(max([1, *lab.profile.seeds.values()]))
    n_seeds = lab.profile.seeds
    return [plan for plan in plans if plan.seed < lab.seed + n_seeds.get((plan.recipe.model, plan.recipe.name), 1)]


def _reason(plan: Plan, earlier: Sequence[Run]) -> str:
    """Why an earlier run of the same recipe and seed does not count; "" where there is none."""
    alike = [
        run for run in earlier if (run.model, run.recipe, run.seed) == (plan.recipe.model, plan.recipe.name, plan.seed)
    ]
    if not alike:
        return ""
    run = max(alike, key=lambda run: run.finished)
    return f"; the run of {run.finished[:10]} differs: {', '.join(differences(run.config, plan.config()))}"


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What decides a run and differs between two configurations, for a sentence."""
    before, now = (json.loads(json.dumps(config)) for config in (before, now))  # in a run folder, tuples are lists
    changed = [text for name, text in _EXPLANATIONS.items() if before.get(name) != now[name]]
    recipe = [name for name, value in now["recipe"].items() if before["recipe"].get(name) != value]
    return changed + ([f"another value of {', '.join(recipe)}"] if recipe else [])


def _notebook_lines(profile: str) -> list[str]:
    """Which notebooks have an executed copy, and which were interrupted."""
    executed = notebooks.executed_folder(profile)
    complete = [n.number for n in notebooks.find_notebooks() if (executed / n.file.name).exists()]
    incomplete = [copy.name[:2] for copy in notebooks.incomplete_copies(executed)]
    lines = [f"Executed notebooks: {', '.join(complete) or 'none'}"]
    return lines + ([f"Running, interrupted or failed: {', '.join(incomplete)}"] if incomplete else [])
