import functools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.config.profiles import find_recipe
from helpers.config.recipes import RECIPES
from helpers.core import provenance
from helpers.data.dataset import make_split
from helpers.models.weights import BaseWeights
from helpers.training import plans
from helpers.training.plans import make_plan

SCRATCH = find_recipe("deep_cnn", "improved")
TRANSFER = find_recipe("mobilenetv2", "improved")
WEIGHTS = BaseWeights("somewhere", Path("weights.h5"), "a" * 64, 0.35)


@pytest.fixture
def plan(tiny):
    return make_plan(TRANSFER, 0, "smoke", tiny, make_split(tiny), WEIGHTS)


def key(plan):
    return plan.config()["key"]


def test_the_recipe_of_mobilenetv2_takes_the_width_of_its_weights(plan):
    assert plan.recipe.width == 0.35 and plan.weights is WEIGHTS
    assert plan.config()["recipe"]["width"] == 0.35
    assert plan.config()["weights_sha256"] == "a" * 64


def test_networks_from_scratch_have_no_weights_in_their_key(tiny):
    split = make_split(tiny)
    plan = make_plan(SCRATCH, 0, "smoke", tiny, split, WEIGHTS)
    assert plan.weights is None and plan.config()["weights_sha256"] == ""
    assert key(plan) == key(make_plan(SCRATCH, 0, "smoke", tiny, split, replace(WEIGHTS, sha256="b" * 64)))


def test_the_same_plan_has_the_same_key(plan, tiny):
    assert key(plan) == key(make_plan(TRANSFER, 0, "smoke", tiny, make_split(tiny), WEIGHTS))


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: {"seed": 1},
        lambda plan: {"recipe": replace(plan.recipe, batch_size=17)},
        lambda plan: {"recipe": replace(plan.recipe, phases=plan.recipe.phases[:1])},
        lambda plan: {"recipe": replace(plan.recipe, phases=(replace(plan.recipe.phases[0], learning_rate=1.0),))},
        lambda plan: {"weights": replace(plan.weights, sha256="b" * 64)},
        lambda plan: {"dataset": replace(plan.dataset, fingerprint="other")},
        lambda plan: {"split": replace(plan.split, fingerprint="other")},
    ],
    ids=["seed", "recipe", "phases", "learning rate", "weights", "data", "split"],
)
def test_the_key_changes_with_everything_that_decides_a_run(plan, change):
    assert key(replace(plan, **change(plan))) != key(plan)


@pytest.mark.parametrize("package", ["tensorflow", "keras", "opencv-python-headless", "simplejpeg"])
def test_the_key_changes_with_the_versions(plan, package, monkeypatch):
    before, packages = key(plan), provenance.packages()
    monkeypatch.setattr(provenance, "packages", lambda: packages | {package: "0"})
    assert key(plan) != before


def test_the_key_changes_with_the_ranges_of_the_augmentation(tiny, monkeypatch):
    plan = make_plan(SCRATCH, 0, "smoke", tiny, make_split(tiny), None)
    before = key(plan)
    changed = plans.AUGMENTATIONS | {SCRATCH.augmentation: replace(plans.AUGMENTATIONS[SCRATCH.augmentation], zoom=0.5)}
    monkeypatch.setattr(plans, "AUGMENTATIONS", changed)
    assert key(plan) != before


def test_the_key_changes_with_the_code(plan, monkeypatch):
    before = key(plan)
    monkeypatch.setattr(provenance, "code_hash", lambda *modules: "other")
    assert key(plan) != before


# The modules that compute a run, by model; all others, such as those of figures and tables, may change without a new run.
_COMPUTE = {"batches", "models", "networks/blocks", "training", "augment"}
COMPUTE = {
    "shallow_cnn": _COMPUTE | {"networks/shallow_cnn"},
    "deep_cnn": _COMPUTE | {"networks/deep_cnn"},
    "mobilenetv2": _COMPUTE | {"networks/mobilenetv2", "features"},
}


def test_a_changed_module_makes_the_runs_new_that_it_computes_and_no_other(tiny, tmp_path, monkeypatch):
    helpers, split = tmp_path / "helpers", make_split(tiny)
    shutil.copytree(plans.paths.ROOT / "helpers", helpers, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance.paths, "ROOT", tmp_path)
    monkeypatch.setattr(provenance, "packages", functools.cache(provenance.packages))
    made = [make_plan(find_recipe(model, "improved"), 0, "smoke", tiny, split, WEIGHTS) for model in COMPUTE]

    def keys():
        provenance.code_hash.cache_clear()
        return {plan.recipe.model: key(plan) for plan in made}

    before, found = keys(), {model: set() for model in COMPUTE}
    for file in helpers.rglob("*.py"):
        source = file.read_text()
        file.write_text(f"{source}\nCHANGED = True\n")
        after = keys()
        file.write_text(source)
        for model in found:
            if after[model] != before[model]:
                found[model].add(file.relative_to(helpers).with_suffix("").as_posix())
    provenance.code_hash.cache_clear()
    assert found == COMPUTE


def test_profile_and_commit_are_no_part_of_the_key(plan, monkeypatch):
    before = key(plan)
    monkeypatch.setattr(provenance, "code_version", lambda: "another commit")
    assert key(plan) == key(replace(plan, profile="full")) == before
    assert replace(plan, profile="full").config()["profile"] == "full"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.name}")
def test_the_code_that_counts_is_that_which_the_recipe_uses(recipe, tiny, monkeypatch):
    counted = []
    monkeypatch.setattr(provenance, "code_hash", lambda *modules: counted.extend(modules) or "hash")
    make_plan(recipe, 0, "smoke", tiny, make_split(tiny), WEIGHTS).config()
    assert {"batches", "models", "networks/blocks", "training"} <= set(counted)
    family = {"shallow": "shallow_cnn", "deep_cn": "deep_cnn", "mobilen": "mobilenetv2"}[recipe.model[:7]]
    assert [name for name in counted if name.startswith("networks/")] == ["networks/blocks", f"networks/{family}"]
    assert ("augment" in counted) == (recipe.augmentation != "none" or recipe.mix > 0)
    assert ("features" in counted) == any(phase.frozen_below for phase in recipe.phases)
    assert all((plans.paths.ROOT / "helpers" / f"{name}.py").exists() for name in counted)


def test_folders_lie_below_runs_and_name_model_recipe_and_seed(plan, tmp_path):
    folder = plan.folder
    assert folder.parent == tmp_path / "runs" / "smoke"
    assert folder.name == f"mobilenetv2_improved_0_{key(plan)[:10]}"
    assert replace(plan, seed=1).folder != folder


def test_the_split_tells_images_apart_not_only_their_number(tiny):
    split = make_split(tiny)
    moved = replace(tiny, labels=np.roll(tiny.labels, 1))
    assert make_split(moved).fingerprint != split.fingerprint
