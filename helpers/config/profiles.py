"""How much of the data, and how many epochs and seeds, a run of the series gets.

Only `full` runs the recipes as they stand; the shorter profiles replace epochs and, for some recipes, batch size, mixing and
input size.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from helpers.config.demo_data import DEMO, DemoData
from helpers.config.recipes import RECIPES, Recipe
from helpers.core.errors import InputError


@dataclass(frozen=True)
class Profile:
    """How much of everything a run of the series gets.

    Attributes:
        name: what `PROFILE=` says.
        demo: size of the demo data, where no data is given.
        images_per_class: labelled images used, a stratified subset; None for all.
        seeds: for a (model, recipe), its number of runs, with consecutive seeds; one where it is not named.
        epochs: for a (model, recipe), epochs of its phases instead of the recipe's own.
        changes: for a (model, recipe), values of other attributes instead of the recipe's own.
        input_size: of `mobilenetv2` `improved`; None for the recipe's own.
        sweep_sizes: input sizes of the resolution sweep.
        sweep_images_per_class: images of the sweep and of other probes.
        sweep_steps: optimizer steps of each small experiment (learning-rate sweep, course of a penalty).
        map_images: images in the embedding map.
        timed_steps: optimizer steps by which the time of each training is measured anew, in one go, where runs come from several
            machines; 0 where one series trains them all.
    """

    name: str
    demo: DemoData = DEMO
    images_per_class: int | None = None
    seeds: dict[tuple[str, str], int] = field(default_factory=dict)
    epochs: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    changes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    input_size: int | None = None
    sweep_sizes: tuple[int, ...] = (64, 96, 128, 160, 192, 224)
    sweep_images_per_class: int = 100
    sweep_steps: int = 300
    map_images: int = 2000
    timed_steps: int = 0


# The short profiles run every recipe to show that it works; only the improved ones get enough steps to learn something.
_DEMO_EPOCHS = {
    ("shallow_cnn", "as_reported"): (2,),
    ("shallow_cnn_l2", "as_reported"): (1,),
    ("shallow_cnn", "as_coded"): (1,),
    ("shallow_cnn", "improved"): (1,),
    ("deep_cnn", "as_reported"): (1,),
    ("deep_cnn_l2", "as_reported"): (1,),
    ("deep_cnn", "as_coded"): (1,),
    ("deep_cnn_batch_128", "as_coded"): (1,),
    ("deep_cnn", "improved"): (4,),
    ("mobilenetv2", "as_coded"): (1, 1),
    ("mobilenetv2", "as_reported"): (1, 1),
    ("mobilenetv2", "improved"): (8, 2),
}
_QUICK_EPOCHS = _DEMO_EPOCHS | {
    ("deep_cnn", "improved"): (5,),
    ("mobilenetv2", "improved"): (20, 4),
}


def _short_epochs(epoch_images: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Epochs of so many images for the report's recipes; smaller batches without CutMix and augmented views for the improved ones.

    A few thousand images make too few large batches. CutMix and many views pay only in long trainings.
    """
    changes: dict[tuple[str, str], dict[str, Any]] = {
        (recipe.model, recipe.name): {"batch_size": 32, "mix": 0.0}
        if recipe.name == "improved"
        else {"epoch_images": epoch_images}
        for recipe in RECIPES
    }
    changes["mobilenetv2", "improved"] |= {"views": 0, "augmentation": "none"}
    return changes


# In so few steps augmentation slows learning down and cannot prevent overfitting yet.
_DEMO_CHANGES = _short_epochs(500) | {
    ("deep_cnn", "improved"): {"batch_size": 32, "mix": 0.0, "augmentation": "none", "dropout": 0.0}
}

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            demo=DemoData(images_per_class=12, test_images_per_class=1),
            epochs={(recipe.model, recipe.name): (1,) * len(recipe.phases) for recipe in RECIPES},
            changes={
                (recipe.model, recipe.name): {"batch_size": 50, "views": min(2, recipe.views)} for recipe in RECIPES
            },
            input_size=64,
            sweep_sizes=(32, 64),
            sweep_images_per_class=5,
            sweep_steps=4,
            map_images=200,
            timed_steps=2,
        ),
        Profile(
            "demo",
            epochs=_DEMO_EPOCHS,
            changes=_DEMO_CHANGES,
            input_size=64,  # what the demo's weights were trained at
            sweep_sizes=(64, 96),
            sweep_images_per_class=20,
            sweep_steps=10,
            map_images=500,
        ),
        Profile(
            "quick",
            images_per_class=60,
            epochs=_QUICK_EPOCHS,
            changes=_short_epochs(2000),
            input_size=96,
            sweep_sizes=(64, 96, 128),
            sweep_images_per_class=20,
            sweep_steps=30,
        ),
        Profile(
            "full",
            # Three where a run takes up to 30 minutes on two cores, and where one seed would mislead.
            seeds={
                (recipe.model, recipe.name): 3
                for recipe in RECIPES
                if recipe.model not in ("deep_cnn", "deep_cnn_batch_128")
            }
            | {("deep_cnn", "as_reported"): 3},
            sweep_steps=2000,  # an epoch of the report's batches
            timed_steps=20,
        ),
    )
}


def find_profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        InputError: there is none.
    """
    if name not in PROFILES:
        raise InputError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]


def find_recipe(model: str, name: str, profile: Profile | None = None) -> Recipe:
    """The recipe of that model and name, resolved for a profile.

    Args:
        model: for example "deep_cnn".
        name: `as_reported`, `as_coded` or `improved`.
        profile: its epochs, changes and input size replace the recipe's own; None for the recipe as it stands.

    Raises:
        InputError: there is no such recipe.
    """
    recipe = next((r for r in RECIPES if (r.model, r.name) == (model, name)), None)
    if recipe is None:
        known = ", ".join(f"{r.model} {r.name}" for r in RECIPES)
        raise InputError(f"There is no recipe {model} {name}; choose one of {known}.")
    if profile is None:
        return recipe
    epochs = profile.epochs.get((model, name), tuple(phase.epochs for phase in recipe.phases))
    changes = profile.changes.get((model, name), {})
    if profile.input_size and (model, name) == ("mobilenetv2", "improved"):
        changes = changes | {"input_size": profile.input_size}
    phases = tuple(replace(phase, epochs=n) for phase, n in zip(recipe.phases, epochs, strict=True))
    return replace(recipe, phases=phases, **changes)
