"""Options that name several things, such as MODELS=shallow_cnn,deep_cnn."""

from helpers.config.recipes import RECIPES
from helpers.core.errors import InputError


def split_names(option: str) -> tuple[str, ...]:
    """The names in an option, which are separated by commas."""
    return tuple(name.strip() for name in option.split(",") if name.strip())


def check_names(models: tuple[str, ...], recipes: tuple[str, ...]) -> None:
    """Check names that narrow a run.

    Raises:
        InputError: a model or recipe of that name does not exist.
    """
    known_models = dict.fromkeys(recipe.model for recipe in RECIPES)
    known_recipes = dict.fromkeys(recipe.name for recipe in RECIPES)
    for kind, names, known in (("model", models, known_models), ("recipe", recipes, known_recipes)):
        for name in names:
            if name not in known:
                raise InputError(f"There is no {kind} {name!r}; choose from {', '.join(known)}.")
