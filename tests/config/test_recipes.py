import json
from dataclasses import replace

import pytest

from helpers.config.profiles import PROFILES, find_profile, find_recipe
from helpers.config.recipes import AUGMENTATIONS, RECIPES, Phase, as_recipe
from helpers.core.errors import InputError

EACH_RECIPE = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.name}")


@EACH_RECIPE
@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_recipe_resolves_for_every_profile(recipe, profile):
    resolved = find_recipe(recipe.model, recipe.name, profile)
    assert len(resolved.phases) == len(recipe.phases)
    assert all(phase.epochs >= 1 for phase in resolved.phases)
    expected = profile.epochs.get((recipe.model, recipe.name), tuple(phase.epochs for phase in recipe.phases))
    assert tuple(phase.epochs for phase in resolved.phases) == expected
    assert resolved.epochs == sum(expected)


@EACH_RECIPE
def test_full_runs_recipes_as_they_stand(recipe):
    assert find_recipe(recipe.model, recipe.name, PROFILES["full"]) == recipe
    assert find_recipe(recipe.model, recipe.name) == recipe


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_profiles_name_only_recipes_that_exist(profile):
    known = {(recipe.model, recipe.name) for recipe in RECIPES}
    assert set(profile.epochs) | set(profile.changes) <= known


def test_only_the_improved_transfer_is_resized_by_a_profile():
    assert find_recipe("mobilenetv2", "improved", PROFILES["smoke"]).input_size == 64
    assert find_recipe("mobilenetv2", "improved", PROFILES["quick"]).input_size == 96
    assert find_recipe("deep_cnn", "improved", PROFILES["quick"]).input_size == 64
    assert find_recipe("mobilenetv2", "as_reported", PROFILES["quick"]).input_size == 64


def test_unknown_profile_names_the_choices():
    with pytest.raises(InputError, match=r"'fast'.*smoke, demo, quick, full"):
        find_profile("fast")
    assert find_profile("quick") is PROFILES["quick"]


@pytest.mark.parametrize(("model", "name"), [("deep_cnn", "best"), ("resnet", "improved"), ("deep_cnn_l2", "as_coded")])
def test_unknown_recipe_names_the_choices(model, name):
    with pytest.raises(InputError, match=rf"{model} {name}.*shallow_cnn as_reported.*mobilenetv2 improved"):
        find_recipe(model, name)


def test_recipes_are_unique():
    names = [(recipe.model, recipe.name) for recipe in RECIPES]
    assert len(set(names)) == len(names)


@EACH_RECIPE
def test_improved_recipes_scale_to_minus_one_to_one_and_reported_ones_to_zero_to_one(recipe):
    assert recipe.input_range == ((-1.0, 1.0) if recipe.name == "improved" else (0.0, 1.0))


@pytest.mark.parametrize(
    ("model", "epochs", "learning_rate"),
    [
        ("shallow_cnn", (3,), 0.01),
        ("shallow_cnn_l2", (10,), 0.01),
        ("deep_cnn", (21,), 0.01),
        ("deep_cnn_l2", (3,), 0.01),
        ("mobilenetv2", (5, 5), 1e-5),
    ],
)
def test_as_reported_has_the_values_of_the_report(model, epochs, learning_rate):
    recipe = find_recipe(model, "as_reported")
    assert tuple(phase.epochs for phase in recipe.phases) == epochs
    assert {phase.learning_rate for phase in recipe.phases} == {learning_rate}
    assert {phase.optimizer for phase in recipe.phases} == {"adam"}
    assert {phase.schedule for phase in recipe.phases} == {"constant"}
    assert recipe.batch_size == 20
    assert recipe.augmentation == "report"
    assert recipe.l2 == (0.01 if model.endswith("_l2") else 0)
    assert (recipe.dropout, recipe.label_smoothing, recipe.mix, recipe.flip_at_test) == (0, 0, 0, False)


def test_the_report_s_augmentation_shears_by_a_third_of_a_degree():
    report = AUGMENTATIONS["report"]
    assert (report.rotation_degrees, report.shift, report.shear_degrees, report.zoom) == (8, 0.1, 0.3, 0.1)
    assert report.flip_horizontal and report.flip_vertical and not report.contrast


def test_as_coded_transfer_never_unfreezes_the_base():
    assert [phase.trainable for phase in find_recipe("mobilenetv2", "as_coded").phases] == ["head", "head"]
    assert [phase.trainable for phase in find_recipe("mobilenetv2", "as_reported").phases] == [
        "block_16_project_BN",
        "",
    ]


@EACH_RECIPE
def test_a_recipe_comes_back_from_json(recipe):
    assert as_recipe(json.loads(json.dumps(recipe.as_dict()))) == recipe


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamax"}, "no optimizer 'adamax'; choose one of adam, adamw, muon, sgd"),
        ({"schedule": "step"}, "no schedule 'step'; choose one of constant, cosine"),
        ({"momentum": 0.9}, "'adam' ignores momentum; it is for sgd"),
        ({"weight_decay": 0.1}, "'adam' ignores weight_decay; it is for adamw or muon"),
    ],
)
def test_a_phase_that_cannot_be_trained_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Phase(**{"epochs": 1, "optimizer": "adam", "learning_rate": 0.1} | settings)


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (
            "deep_cnn",
            {"network": "resnet"},
            r"no network 'resnet'; choose one of shallow_reported.*mobilenetv2_improved",
        ),
        ("deep_cnn", {"model": "mobilenetv2"}, "no model of the network 'deep_improved' 'mobilenetv2'"),
        ("deep_cnn", {"augmentation": "strong"}, "no augmentation 'strong'; choose one of none"),
        ("deep_cnn", {"l2": 0.01}, "'deep_improved' ignores l2; it reads dropout"),
        ("deep_cnn", {"width": 0.5}, "'deep_improved' ignores width"),
        ("mobilenetv2", {"activity_l1": 0.01}, "'mobilenetv2_improved' ignores activity_l1; it reads width, dropout"),
    ],
)
def test_a_recipe_that_names_or_sets_what_its_network_lacks_is_refused(model, settings, message):
    with pytest.raises(InputError, match=message):
        replace(find_recipe(model, "improved"), **settings)


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        ("mobilenetv2", {"trainable": "block_17_add"}, "no layer 'block_17_add' to train from"),
        ("mobilenetv2", {"trainable": "global_average"}, "no layer 'global_average' to train from"),
        ("mobilenetv2", {"frozen_below": "global_max"}, "no layer 'global_max' to freeze below"),
        ("mobilenetv2", {"trainable": "block_6_project_BN"}, "cannot train from 'block_6_project_BN' upwards"),
        ("mobilenetv2", {"trainable": ""}, "cannot train from 'the first layer' upwards"),
        ("deep_cnn", {"trainable": "head"}, "'deep_improved' has no pretrained base"),
        ("deep_cnn", {"frozen_below": "conv_1"}, "'deep_improved' has no pretrained base"),
        ("deep_cnn", {"freeze_batch_norm": True}, "'deep_improved' has no pretrained base"),
    ],
)
def test_a_recipe_whose_phase_names_an_unknown_layer_is_refused(model, settings, message):
    recipe = find_recipe(model, "improved")
    with pytest.raises(InputError, match=message):
        replace(recipe, phases=(replace(recipe.phases[0], **settings),))


def test_views_without_a_frozen_layer_to_keep_them_below_are_refused():
    with pytest.raises(InputError, match="no phase of the recipe names one in `frozen_below`"):
        replace(find_recipe("deep_cnn", "improved"), views=4)
