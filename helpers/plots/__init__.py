"""Every figure of results and data, one function each: data in, a `Plot` out.

A function is loaded when it is first asked for: most of them load TensorFlow, which `plots.style` and `plots.layout` do without.
"""

from collections.abc import Callable
from importlib import import_module

from helpers.plots.style import Plot

_FUNCTIONS = {
    "data": (
        "augmentation_grid",
        "box_summary",
        "brightness_spread",
        "channel_summary",
        "correlation_spread",
        "embedding_map",
        "image_grid",
        "nearest_pairs",
    ),
    "networks": ("architectures", "feature_maps", "filters", "grad_cam", "layer_activity", "neighbours"),
    "predictions": ("accuracy_by", "class_accuracies", "confusion", "reliability", "risk_coverage"),
    "results": ("accuracies", "comparison", "cost", "table"),
    "scaling_benchmark": ("scaling",),
    "training": (
        "epoch_seconds",
        "gradient_noise",
        "learning_rates",
        "logged_weights",
        "penalties",
        "penalty_course",
        "training_curves",
    ),
    "transfer": ("folds", "improvements", "input_sweep", "learning_curve", "levers"),
}
_MODULE_OF = {function: module for module, functions in _FUNCTIONS.items() for function in functions}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Callable[..., Plot]:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
