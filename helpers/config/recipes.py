"""How each model is trained: the hyperparameters of every run, as data, in one place.

A recipe is one way to train one model. `as_reported` follows the report's text; where the text is silent, its released code;
where both are, the default of Keras. `as_coded` follows the released code where it departs from the text. `improved` is the same
family trained as a good practitioner would today. The comment beside a value names its source. What belongs to a single layer
stands in `helpers.models`. A recipe that names something unknown, or sets an attribute that its network ignores, is refused
when it is made.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from helpers.config.families import NETWORK_OPTIONS, find_family
from helpers.config.report_facts import REPORTED_RATE
from helpers.core.errors import InputError

SPLIT_SEED = 42  # the report's random_state; nobody varies it
NUM_CLASSES = 100
IMAGE_SIZE = 64
OPTIMIZERS = ("adam", "adamw", "muon", "sgd")
SCHEDULES = ("constant", "cosine")


def _check_choice(kind: str, name: str, choices: Iterable[str]) -> None:
    if name not in choices:
        raise InputError(f"There is no {kind} {name!r}; choose one of {', '.join(choices)}.")


@dataclass(frozen=True)
class Phase:
    """One stretch of training with one optimizer.

    Attributes:
        epochs: passes over the training images.
        optimizer: "adam", "adamw", "muon" or "sgd".
        learning_rate: the peak where the schedule is "cosine".
        schedule: "constant", or "cosine": a warm-up over 5 % of the steps, then down to zero.
        weight_decay: decoupled, for "adamw" and "muon".
        momentum: for "sgd".
        trainable: first layer of the pretrained base that learns, with all above it; "" for all layers,
            "head" for none of the base.
        frozen_below: layer whose activations are computed once and kept, so that this phase trains only
            what lies above it, on the mirrored copy or the recipe's `views`, and its `mix`; "" to train from pixels.
        freeze_batch_norm: batch normalisation of the base stays in inference mode.

    Raises:
        InputError: there is no such optimizer or schedule, or the optimizer ignores an attribute that is set.
    """

    epochs: int
    optimizer: str
    learning_rate: float
    schedule: str = "constant"
    weight_decay: float = 0.0
    momentum: float = 0.0
    trainable: str = ""
    frozen_below: str = ""
    freeze_batch_norm: bool = False

    def __post_init__(self) -> None:
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        _check_choice("schedule", self.schedule, SCHEDULES)
        for name, optimizers in (("weight_decay", ("adamw", "muon")), ("momentum", ("sgd",))):
            if getattr(self, name) and self.optimizer not in optimizers:
                raise InputError(
                    f"The optimizer {self.optimizer!r} ignores {name}; it is for {' or '.join(optimizers)}."
                )


@dataclass(frozen=True)
class ViewAtTest:
    """A look at an image by a trained network.

    Attributes:
        scale: pixels of the image between two of the view; below 1 it is zoomed in.
        mirrored: left and right are exchanged.
    """

    scale: float = 1.0
    mirrored: bool = False


# No key holds these numbers: who changes one raises the version of "training" (`results_versions`).
VIEWS_AT_TEST = {
    "image": ViewAtTest(),
    "mirror image": ViewAtTest(mirrored=True),
    "zoomed in": ViewAtTest(0.9),
    "zoomed in, mirrored": ViewAtTest(0.9, mirrored=True),
    "zoomed out": ViewAtTest(1.1),
    "zoomed out, mirrored": ViewAtTest(1.1, mirrored=True),
}


@dataclass(frozen=True)
class Recipe:
    """One way to train one model.

    Attributes:
        model: the row's name in the results table.
        name: `as_reported`, `as_coded` or `improved`.
        network: its architecture, one of those in `families.FAMILIES`.
        phases: stretches of training, one after another.
        batch_size: images a step.
        epoch_images: training images that an epoch draws, others each time; None for all.
        augmentation: a name in AUGMENTATIONS.
        views: randomly augmented copies of each training image whose activations are kept for phases with `frozen_below`;
            0 for the image and its mirror image.
        input_size: images are resized to this many pixels inside the network.
        input_range: what pixel values 0 to 255 become inside the network.
        width: MobileNetV2's multiplier alpha.
        l2: factor of the squared kernel weights added to the objective.
        activity_l1: factor of the absolute outputs of every layer but the last added to the objective.
        dropout: rate before the output layer of the improved networks.
        label_smoothing: share of the target spread over all classes.
        mix: share of batches whose images, or maps of a frozen layer, are blended in pairs by CutMix.
        flip_at_test: probabilities are averaged over an image and its mirror image.
        zoom_at_test: they are averaged over copies of these that are zoomed in and out, too.

    Raises:
        InputError: the network, model, augmentation or a layer does not exist, or the network ignores an attribute that is set.
    """

    model: str
    name: str
    network: str
    phases: tuple[Phase, ...]
    batch_size: int
    augmentation: str
    epoch_images: int | None = None
    views: int = 0
    input_size: int = IMAGE_SIZE
    input_range: tuple[float, float] = (0.0, 1.0)
    width: float = 1.0
    l2: float = 0.0
    activity_l1: float = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0
    mix: float = 0.0
    flip_at_test: bool = False
    zoom_at_test: bool = False

    def __post_init__(self) -> None:
        family = find_family(self.network)
        network = family.networks[self.network]
        _check_choice(f"model of the network {self.network!r}", self.model, family.models)
        _check_choice("augmentation", self.augmentation, AUGMENTATIONS)
        for option in NETWORK_OPTIONS:
            is_set = getattr(self, option) != getattr(type(self), option)
            if is_set and option not in network.reads:
                raise InputError(
                    f"The network {self.network!r} ignores {option}; it reads {', '.join(network.reads) or 'none of them'}."
                )
        for phase in self.phases:
            self._check_layers(phase)
        if self.views and not any(phase.frozen_below for phase in self.phases):
            raise InputError(
                "`views` are of the images below a frozen layer, and no phase of the recipe names one in `frozen_below`."
            )

    def _check_layers(self, phase: Phase) -> None:
        """Refuse layers that a phase cannot freeze at: an unknown one would silently train the head alone."""
        family = find_family(self.network)
        if not family.base_layers:
            if phase.trainable or phase.frozen_below or phase.freeze_batch_norm:
                raise InputError(
                    f"The network {self.network!r} has no pretrained base: a phase of it names neither `trainable` nor "
                    "`frozen_below`, and does not set `freeze_batch_norm`."
                )
            return
        if phase.trainable not in ("", "head", *family.base_layers):
            raise InputError(
                f"The base of the network {self.network!r} has no layer {phase.trainable!r} to train from; `trainable` is one of "
                f'its layers ({family.base_layers[0]} to {family.base_layers[-1]}), "head", or "" for all layers.'
            )
        head_layers = family.networks[self.network].head_layers
        if phase.frozen_below not in ("", *family.base_layers, *head_layers):
            raise InputError(
                f"The network {self.network!r} has no layer {phase.frozen_below!r} to freeze below; `frozen_below` is a layer of "
                f"its base ({family.base_layers[0]} to {family.base_layers[-1]}), one of {', '.join(head_layers)}, or empty."
            )
        order = ("", *family.base_layers, *head_layers)
        is_of_base = phase.trainable != "head"
        if phase.frozen_below and is_of_base and order.index(phase.trainable) <= order.index(phase.frozen_below):
            raise InputError(
                f"A phase with `frozen_below` {phase.frozen_below!r} computes what lies up to this layer once, so it cannot train from "
                f"{phase.trainable or 'the first layer'!r} upwards; `trainable` is a layer above it."
            )

    @property
    def is_pretrained(self) -> bool:
        """Whether part of the network starts from pretrained weights."""
        return bool(find_family(self.network).base_layers)

    @property
    def views_at_test(self) -> tuple[str, ...]:
        """Names in VIEWS_AT_TEST of the views over which probabilities are averaged."""
        return tuple(
            name
            for name, view in VIEWS_AT_TEST.items()
            if (self.flip_at_test or not view.mirrored) and (self.zoom_at_test or view.scale == 1)
        )

    @property
    def epochs(self) -> int:
        """Epochs of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for `config.json` and for the key of a run."""
        return asdict(self)


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random transforms of a training image; all geometry is composed into one affine transform.

    Attributes:
        rotation_degrees: angle drawn from -value to value.
        shift: share of the image size, drawn for each axis from -value to value.
        shear_degrees: angle of the shear, drawn from -value to value.
        zoom: drawn for each axis from 1 - value to 1 + value.
        flip_horizontal: mirrored left to right, every second time.
        flip_vertical: upside down, every second time.
        contrast: contrast and brightness drawn from 1 - value to 1 + value.
        whole_pixels: share of images that are shifted by whole pixels, and neither turned, sheared nor zoomed.
            Interpolation blurs; these stay as sharp as the images that the network is used on.
    """

    rotation_degrees: float = 0.0
    shift: float = 0.0
    shear_degrees: float = 0.0
    zoom: float = 0.0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    contrast: float = 0.0
    whole_pixels: float = 0.0


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(),
    # The text, section Data augmentation. It calls the shear "up to 30 %"; what it passes to ImageDataGenerator is
    # shear_range=0.3, which Keras reads as degrees.
    "report": Augmentation(8, 0.1, 0.3, 0.1, flip_horizontal=True, flip_vertical=True),
    # Photographs are not seen upside down, so no vertical flip.
    "mild": Augmentation(10, 0.1, 0, 0.15, flip_horizontal=True, contrast=0.3),
    "mild_and_sharp": Augmentation(10, 0.1, 0, 0.15, flip_horizontal=True, contrast=0.3, whole_pixels=0.5),
}

_ADAM_001 = Phase(3, "adam", REPORTED_RATE)  # text: "Adam", "0.01 for the non-pretrained models"
_ADAM_1E5 = Phase(5, "adam", 1e-5)  # text: "1e-5 for the MobileNetV2 transfer learning"

_SHALLOW_AS_REPORTED = Recipe(
    "shallow_cnn",
    "as_reported",
    network="shallow_reported",
    phases=(_ADAM_001,),  # 3 epochs: read off its figure 2
    batch_size=20,  # the text gives none for this network; the code has 20
    augmentation="report",  # code: on for every model
)
_DEEP_AS_REPORTED = Recipe(
    "deep_cnn",
    "as_reported",
    network="deep_reported",
    phases=(replace(_ADAM_001, epochs=21),),  # figure 3
    batch_size=20,  # text
    augmentation="report",
)
# The released code has dropout of 50 % after the dense layers.
_DEEP_AS_CODED = replace(_DEEP_AS_REPORTED, name="as_coded", network="deep_coded")
_MOBILENET_AS_REPORTED = Recipe(
    "mobilenetv2",
    "as_reported",
    network="mobilenetv2_reported",
    phases=(
        # Text: "freeze all but the last four layers" of the base, which are these of Keras' MobileNetV2:
        # block_16_project_BN, Conv_1, Conv_1_bn, out_relu.
        replace(_ADAM_1E5, trainable="block_16_project_BN"),
        replace(_ADAM_1E5, trainable=""),  # text: "fine-tuning the whole model"
    ),
    batch_size=20,  # text
    augmentation="report",
    input_range=(0.0, 1.0),  # text: "rescale the pixel values within 0-1"; the weights expect -1 to 1
)

RECIPES: tuple[Recipe, ...] = (
    _SHALLOW_AS_REPORTED,
    replace(
        _SHALLOW_AS_REPORTED,
        model="shallow_cnn_l2",
        phases=(replace(_ADAM_001, epochs=10),),  # figure 2
        l2=0.01,  # the text gives no factor; the code has 0.01
    ),
    replace(
        _SHALLOW_AS_REPORTED,
        name="as_coded",
        network="shallow_released",  # He-uniform initialisation, a second ReLU after the second convolution
        phases=(Phase(10, "sgd", 0.01, momentum=0.1),),
        l2=0.01,
        activity_l1=0.01,  # code: of every layer; of the last, behind the softmax, it is a constant
    ),
    Recipe(
        "shallow_cnn",
        "improved",
        network="shallow_wide",
        phases=(Phase(26, "muon", 8e-3, "cosine", weight_decay=0.05),),
        batch_size=128,
        augmentation="mild_and_sharp",
        input_range=(-1.0, 1.0),
        dropout=0.3,
        label_smoothing=0.1,
        mix=0.5,
        flip_at_test=True,
        zoom_at_test=True,
    ),
    _DEEP_AS_REPORTED,
    replace(
        _DEEP_AS_REPORTED,
        model="deep_cnn_l2",
        phases=(replace(_ADAM_001, epochs=3),),  # a short run: the report gives neither length nor numbers
        l2=0.01,  # code: on all layers but the output
    ),
    _DEEP_AS_CODED,
    replace(
        _DEEP_AS_CODED,
        model="deep_cnn_batch_128",
        batch_size=128,  # text and code have 20; the report's figure 2 fits 128 (notebook 06)
    ),
    Recipe(
        "deep_cnn",
        "improved",
        network="deep_improved",
        phases=(Phase(26, "adamw", 2e-3, "cosine", weight_decay=0.05),),
        batch_size=128,
        augmentation="mild_and_sharp",
        input_range=(-1.0, 1.0),
        dropout=0.2,
        label_smoothing=0.1,
        mix=0.5,
        flip_at_test=True,
    ),
    replace(
        _MOBILENET_AS_REPORTED,
        name="as_coded",
        network="mobilenetv2_coded",
        # The second phase sets `trainable` without compiling again, which unfreezes nothing: written as what it was.
        phases=(replace(_ADAM_1E5, trainable="head"), replace(_ADAM_1E5, trainable="head")),
    ),
    _MOBILENET_AS_REPORTED,
    Recipe(
        "mobilenetv2",
        "improved",
        network="mobilenetv2_improved",
        phases=(
            Phase(
                20,
                "adamw",
                2e-3,
                "cosine",
                weight_decay=0.01,
                trainable="head",
                frozen_below="global_average",
            ),
            Phase(
                12,
                "adamw",
                3e-4,
                "cosine",
                weight_decay=0.05,
                trainable="block_7_expand",
                frozen_below="block_6_project_BN",
                freeze_batch_norm=True,
            ),
        ),
        batch_size=128,
        augmentation="mild_and_sharp",
        views=8,
        input_size=160,
        input_range=(-1.0, 1.0),  # what the weights expect
        dropout=0.3,
        label_smoothing=0.1,
        mix=0.5,  # of the maps that the second phase starts from
        flip_at_test=True,
        zoom_at_test=True,
    ),
)


def as_recipe(values: dict[str, Any]) -> Recipe:
    """The recipe whose `as_dict` these values are, also after a journey through JSON."""
    phases = tuple(Phase(**phase) for phase in values["phases"])
    return Recipe(**values | {"phases": phases, "input_range": tuple(values["input_range"])})
