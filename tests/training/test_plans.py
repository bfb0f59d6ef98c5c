import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.config.profiles import find_recipe
from helpers.config.recipes import AUGMENTATIONS
from helpers.config.results_versions import RESULTS_VERSIONS
from helpers.core import keys, paths, provenance
from helpers.data.splits import make_split
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


@pytest.mark.parametrize("package", ["tensorflow", "keras"])
def test_the_key_changes_with_the_version_of_tensorflow_and_keras(plan, package, monkeypatch):
    before, packages = key(plan), provenance.key_packages()
    monkeypatch.setattr(provenance, "key_packages", lambda: packages | {package: "0"})
    assert key(plan) != before


def test_the_key_changes_with_the_ranges_of_the_augmentation(tiny, monkeypatch):
    plan = make_plan(SCRATCH, 0, "smoke", tiny, make_split(tiny), None)
    before = key(plan)
    changed = plans.AUGMENTATIONS | {SCRATCH.augmentation: replace(plans.AUGMENTATIONS[SCRATCH.augmentation], zoom=0.5)}
    monkeypatch.setattr(plans, "AUGMENTATIONS", changed)
    assert key(plan) != before


# The parts that decide a run, by model; a new version of any other leaves its key as it is.
SHARED = {"decoding", "batches", "training", "augmentation"}
PARTS = {
    "shallow_cnn": SHARED | {"shallow_cnn"},
    "deep_cnn": SHARED | {"deep_cnn"},
    "mobilenetv2": SHARED | {"mobilenetv2", "features"},
}


@pytest.mark.parametrize("model", PARTS)
def test_a_raised_results_version_renews_the_runs_that_its_part_decides(model, tiny, monkeypatch):
    plan = make_plan(find_recipe(model, "improved"), 0, "smoke", tiny, make_split(tiny), WEIGHTS)
    before, deciding = key(plan), set()
    for part, version in RESULTS_VERSIONS.items():
        monkeypatch.setitem(RESULTS_VERSIONS, part, version + 1)
        deciding |= {part} if key(plan) != before else set()
        monkeypatch.setitem(RESULTS_VERSIONS, part, version)
    assert deciding == PARTS[model]


def test_every_committed_record_has_the_key_of_its_recipe_today():
    """A changed key would train twelve hours of runs again; raise a version only where the mathematics changed."""
    for file in (paths.FIGURES / "full" / "records").glob("*/config.json"):
        config = json.loads(file.read_text())
        recipe = find_recipe(config["recipe"]["model"], config["recipe"]["name"])
        inputs = ("seed", "data_fingerprint", "split_fingerprint", "weights_sha256", "packages")
        parts = {name: RESULTS_VERSIONS.get(name, 1) for name in config["results_versions"]}
        augmentation = AUGMENTATIONS[recipe.augmentation]
        assert (
            keys.run_key(recipe, augmentation, **{n: config[n] for n in inputs}, results_versions=parts)
            == config["key"]
        )


def test_profile_and_commit_are_no_part_of_the_key(plan, monkeypatch):
    before = key(plan)
    monkeypatch.setattr(provenance, "code_version", lambda: "another commit")
    assert key(plan) == key(replace(plan, profile="full")) == before
    assert replace(plan, profile="full").config()["profile"] == "full"


def test_folders_lie_below_runs_and_name_model_recipe_and_seed(plan, tmp_path):
    folder = plan.folder
    assert folder.parent == tmp_path / "runs" / "smoke"
    assert folder.name == f"mobilenetv2_improved_0_{key(plan)[:10]}"
    assert replace(plan, seed=1).folder != folder


def test_the_split_tells_images_apart_not_only_their_number(tiny):
    split = make_split(tiny)
    moved = replace(tiny, labels=np.roll(tiny.labels, 1))
    assert make_split(moved).fingerprint != split.fingerprint
