"""Every figure of results and data, one function each: data in, a `Plot` out."""

from helpers.plots.comparison import (
    accuracies,
    accuracy_by,
    class_accuracies,
    comparison,
    confusion,
    cost,
    reliability,
    risk_coverage,
    table,
)
from helpers.plots.data import (
    augmentation_grid,
    box_summary,
    brightness_spread,
    channel_summary,
    correlation_spread,
    embedding_map,
    image_grid,
    nearest_pairs,
)
from helpers.plots.networks import architectures, feature_maps, filters, grad_cam, layer_activity, neighbours
from helpers.plots.scaling import scaling
from helpers.plots.training import (
    epoch_seconds,
    gradient_noise,
    learning_rates,
    logged_weights,
    penalties,
    penalty_course,
    training_curves,
)
from helpers.plots.transfer import folds, improvements, input_sweep, learning_curve, levers

__all__ = [
    "accuracies",
    "accuracy_by",
    "architectures",
    "augmentation_grid",
    "box_summary",
    "brightness_spread",
    "channel_summary",
    "class_accuracies",
    "comparison",
    "confusion",
    "correlation_spread",
    "cost",
    "embedding_map",
    "epoch_seconds",
    "feature_maps",
    "filters",
    "folds",
    "grad_cam",
    "gradient_noise",
    "image_grid",
    "improvements",
    "input_sweep",
    "layer_activity",
    "learning_curve",
    "learning_rates",
    "levers",
    "logged_weights",
    "nearest_pairs",
    "neighbours",
    "penalties",
    "penalty_course",
    "reliability",
    "risk_coverage",
    "scaling",
    "table",
    "training_curves",
]
