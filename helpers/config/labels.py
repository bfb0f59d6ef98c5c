"""Display names of models and recipes."""

MODEL_NAMES = {
    "shallow_cnn": "Shallow CNN",
    "shallow_cnn_l2": "Shallow CNN, L2",
    "deep_cnn": "Deep CNN",
    "deep_cnn_l2": "Deep CNN, L2",
    "mobilenetv2": "MobileNetV2",
}
RECIPE_NAMES = {"as_reported": "as reported", "as_coded": "as coded", "improved": "improved"}


def name_of(model: str, recipe: str) -> str:
    """For example "Deep CNN, improved"."""
    return f"{MODEL_NAMES[model]}, {RECIPE_NAMES[recipe]}"
