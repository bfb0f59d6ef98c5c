"""The model families as data: what their models are called, what their networks read, and what of them is pretrained.

The builders of a family stand in the module of `helpers.models` that has its name; names, colours and checks need neither
TensorFlow nor plotting and stand here. A new family is an entry here, a module with its builders, and a recipe.
"""

from dataclasses import dataclass, field

from helpers.core.errors import InputError

# From seaborn's "colorblind" palette, those that reach a contrast of 3:1 against white.
PALETTE = BLUE, ORANGE, GREEN, PINK, GREY = "#0173B2", "#D55E00", "#029E73", "#CC78BC", "#949494"


@dataclass(frozen=True)
class Reported:
    """What the report states about a model.

    Attributes:
        accuracy: fraction, its table 1; None where it gives no number.
        loss: its table 1; how it was measured is not known.
        parameters: stated in its text.
        seconds: training time, from its TensorBoard logs.
    """

    accuracy: float | None = None
    loss: float | None = None
    parameters: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Model:
    """A row of the results table.

    Attributes:
        title: display name.
        colour: in all figures, as "#rrggbb".
        reported: what the report states about it; empty for a model that it does not have.
    """

    title: str
    colour: str
    reported: Reported = Reported()


@dataclass(frozen=True)
class Network:
    """What a recipe can say about an architecture.

    Attributes:
        reads: attributes of a recipe that its builder reads, of those in `NETWORK_OPTIONS`.
        head_layers: layers above a pretrained base whose activations a phase can start from.
        regularised_output: the output layer takes the recipe's penalties as the other layers do.
    """

    reads: tuple[str, ...] = ()
    head_layers: tuple[str, ...] = ()
    regularised_output: bool = True


@dataclass(frozen=True)
class Family:
    """Models that share their architectures.

    Attributes:
        models: by name, as in the results table.
        networks: by the name of the builder.
        base_layers: names of the layers with pretrained weights, from the image upwards; none for networks trained from scratch.
    """

    models: dict[str, Model]
    networks: dict[str, Network]
    base_layers: tuple[str, ...] = field(default=(), repr=False)


# Attributes of a recipe that only some networks read; each network declares which.
NETWORK_OPTIONS = ("width", "l2", "activity_l1", "dropout")


def _mobilenetv2_layers() -> tuple[str, ...]:
    """Layer names of Keras' MobileNetV2 (Sandler et al. 2018, table 2) without its classification layer."""
    strided, residual = {1, 3, 6, 13}, {2, 4, 5, 7, 8, 9, 11, 12, 14, 15}
    names = ["Conv1", "bn_Conv1", "Conv1_relu"]
    for block in range(17):
        prefix = f"block_{block}_" if block else "expanded_conv_"
        parts = ["expand", "expand_BN", "expand_relu"] if block else []
        parts += ["pad"] if block in strided else []
        parts += ["depthwise", "depthwise_BN", "depthwise_relu", "project", "project_BN"]
        parts += ["add"] if block in residual else []
        names += [prefix + part for part in parts]
    return (*names, "Conv_1", "Conv_1_bn", "out_relu")


# E. Kran, "Final report on the TinyImage dataset classification", 2022: table 1 and section Methodology; seconds from
# the logs in its repository, esbenkc/tinyimage-classification. MobileNetV2's parameters follow from its text.
FAMILIES: dict[str, Family] = {
    "shallow_cnn": Family(
        models={
            "shallow_cnn": Model("Shallow CNN", BLUE, Reported(0.009, 6.5, 4_239_652)),
            "shallow_cnn_l2": Model("Shallow CNN, L2", GREY, Reported(None, None, 4_239_652)),
        },
        networks={
            "shallow_reported": Network(reads=("l2", "activity_l1")),
            "shallow_released": Network(reads=("l2", "activity_l1")),
            "shallow_wide": Network(reads=("dropout",)),
        },
    ),
    "deep_cnn": Family(
        models={
            "deep_cnn": Model("Deep CNN", GREEN, Reported(0.280, 2.9, 11_260_740)),
            "deep_cnn_l2": Model("Deep CNN, L2", PINK, Reported(None, None, 11_260_740)),
            "deep_cnn_batch_128": Model("Deep CNN, batch 128", GREY, Reported(None, None, 11_260_740)),
        },
        networks={
            # Code: L2 on all layers but the output.
            "deep_reported": Network(reads=("l2", "activity_l1"), regularised_output=False),
            "deep_coded": Network(reads=("l2", "activity_l1"), regularised_output=False),
            "deep_improved": Network(reads=("dropout",)),
        },
    ),
    "mobilenetv2": Family(
        models={"mobilenetv2": Model("MobileNetV2", ORANGE, Reported(0.456, 2.24, 3_672_228, 1972.0))},
        networks={
            "mobilenetv2_reported": Network(reads=("width",), head_layers=("global_max", "dense_1")),
            "mobilenetv2_coded": Network(
                reads=("width",), head_layers=("head_conv", "head_norm", "head_dropout", "global_average")
            ),
            "mobilenetv2_improved": Network(reads=("width", "dropout"), head_layers=("global_average", "dropout")),
        },
        base_layers=_mobilenetv2_layers(),
    ),
}
MODELS: dict[str, Model] = {name: model for family in FAMILIES.values() for name, model in family.models.items()}


def find_family_name(network: str) -> str:
    """The name of the family that has a network (architecture) of that name.

    Raises:
        InputError: none has.
    """
    for name, family in FAMILIES.items():
        if network in family.networks:
            return name
    known = [network for family in FAMILIES.values() for network in family.networks]
    raise InputError(f"There is no network {network!r}; choose one of {', '.join(known)}.")


def find_family(network: str) -> Family:
    """The family that has a network of that name.

    Raises:
        InputError: none has.
    """
    return FAMILIES[find_family_name(network)]
