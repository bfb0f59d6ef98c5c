"""What the report states, as data with its source. Every reference value in tables and figures comes from here."""

from dataclasses import dataclass

from helpers.config.families import MODELS, Reported

# By model; the values and their source stand with the families.
REPORTED: dict[str, Reported] = {name: model.reported for name, model in MODELS.items()}


@dataclass(frozen=True)
class LossCurve:
    """Two points of a curve of loss by epoch.

    Attributes:
        first: loss of the earlier epoch, in nats.
        last: loss of the later one.
        epochs: from the one to the other.
        training_images: of an epoch.
    """

    first: float
    last: float
    epochs: int
    training_images: int


# Figure 2 of the report, read by eye: the network with L2 in the first and in the last of ten epochs. The split is its
# code's.
REPORTED_L2_CURVE = LossCurve(14.0, 7.0, epochs=9, training_images=40_000)
# Figure 3, read by eye: accuracies of the deep CNN in the last of its epochs.
REPORTED_DEEP_ENDS = {"accuracy": 0.31, "validation_accuracy": 0.255}
