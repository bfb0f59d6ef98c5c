"""Every figure of results and data, one function each: data in, a `Plot` out.

A function is loaded when it is first asked for: most of them load TensorFlow, which `plots.style` and `plots.layout` do without.
"""

from collections.abc import Callable
from importlib import import_module

from helpers.plots.style import Plot

_FUNCTIONS = {
    "augmentation": ("augmentation_grid", "cutmix", "interpolation"),
    "confusion_matrix": ("confusion",),
    "curves": ("training_curves",),
    "data": (
        "box_summary",
        "brightness_spread",
        "channel_summary",
        "correlation_spread",
        "image_grid",
        "nearest_pairs",
        "split",
    ),
    "image_map": ("embedding_map",),
    "network_blocks": ("blocks",),
    "network_boxes": ("architectures",),
    "networks": ("feature_maps", "filters", "grad_cam", "layer_activity", "neighbours"),
    "predictions": ("accuracy_by", "class_accuracies", "reliability", "risk_coverage"),
    "report_log": ("epoch_seconds", "logged_weights"),
    "results": ("accuracies", "cost", "differences"),
    "scaling_benchmark": ("scaling",),
    "training": ("gradient_noise", "learning_rates", "penalty_course"),
    "transfer": ("folds", "input_sweep", "learning_curve", "transfer_changes"),
}
_MODULE_OF = {function: module for module, functions in _FUNCTIONS.items() for function in functions}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Callable[..., Plot]:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
