"""Display names of models and recipes."""

from helpers.config.families import MODELS

MODEL_NAMES = {name: model.title for name, model in MODELS.items()}
RECIPE_NAMES = {"as_reported": "as reported", "as_coded": "as coded", "improved": "improved"}


def name_of(model: str, recipe: str) -> str:
    """For example "Deep CNN, improved"."""
    return f"{MODEL_NAMES[model]}, {RECIPE_NAMES[recipe]}"
