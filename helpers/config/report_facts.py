"""What the report states, as data with its source. Every reference value in tables and figures comes from here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reported:
    """What the report says of a model, with where it says it.

    Attributes:
        accuracy: fraction, its table 1; None where it gives no number.
        loss: its table 1; how it was measured is not known.
        parameters: given in its text.
        seconds: of its training, from its TensorBoard logs.
    """

    accuracy: float | None = None
    loss: float | None = None
    parameters: int | None = None
    seconds: float | None = None


# E. Kran, "Final report on the TinyImage dataset classification", 2022: table 1 and section Methodology; seconds from
# the logs in its repository, esbenkc/tinyimage-classification. MobileNetV2's parameters follow from its text.
REPORTED: dict[str, Reported] = {
    "shallow_cnn": Reported(0.009, 6.5, 4_239_652),
    "shallow_cnn_l2": Reported(None, None, 4_239_652),
    "deep_cnn": Reported(0.280, 2.9, 11_260_740),
    "deep_cnn_l2": Reported(None, None, 11_260_740),
    "mobilenetv2": Reported(0.456, 2.24, 3_672_228, 1972.0),
}


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


# The same source, figure 2, read by eye: the network with L2 in the first and in the last of ten epochs. The split is its code's.
REPORTED_L2_CURVE = LossCurve(14.0, 7.0, epochs=9, training_images=40_000)
# The same source, figure 3, read by eye: accuracies of the deep CNN in the last of its epochs.
REPORTED_DEEP_ENDS = {"accuracy": 0.31, "validation_accuracy": 0.255}
