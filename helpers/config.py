"""The hyperparameters of every run, as data, in one place; what belongs to a single layer stands in `networks`.

A recipe is one way to train one model. `as_reported` follows the report's text; where the text is silent, its
released code; where both are, the default of Keras. `as_coded` follows the released code where it departs from
the text. `improved` is what a good practitioner would do today with a network of the same family. The comment
beside a value says which of these sources it has.

A profile says how much of the data and how many epochs a run of the series gets. Only `full` runs recipes as they
stand here; the shorter profiles replace epochs and, of some recipes, batch size, mixing and input size by what
stands in `PROFILES`.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from helpers.errors import InputError

SPLIT_SEED = 42  # the report's random_state; nobody varies it
NUM_CLASSES = 100
IMAGE_SIZE = 64


@dataclass(frozen=True)
class Phase:
    """One stretch of training with one optimizer.

    Attributes:
        epochs: passes over the training images.
        optimizer: "adam", "adamw" or "sgd".
        learning_rate: the peak where the schedule is "cosine".
        schedule: "constant", or "cosine": a warm-up over 5 % of the steps, then down to zero.
        weight_decay: decoupled, for "adamw".
        momentum: for "sgd".
        trainable: first layer of the pretrained base that learns, with all above it; "" for all layers,
            "head" for none of the base.
        frozen_below: layer whose activations are computed once and kept, so that this phase trains only
            what lies above it, without augmentation other than the mirrored copy and the recipe's `mix`; "" to
            train from pixels.
        freeze_batch_norm: batch normalisation of the base stays in inference mode.
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


@dataclass(frozen=True)
class Recipe:
    """One way to train one model.

    Attributes:
        model: the row's name in the results table.
        name: `as_reported`, `as_coded` or `improved`.
        network: a builder in `models.NETWORKS`.
        phases: stretches of training, one after another.
        batch_size: images a step.
        augmentation: a name in AUGMENTATIONS.
        input_size: images are resized to this many pixels inside the network.
        input_range: what pixel values 0 to 255 become inside the network.
        width: MobileNetV2's multiplier alpha.
        l2: factor of the squared kernel weights added to the objective.
        activity_l1: factor of the absolute outputs of every layer added to the objective.
        dropout: rate before the output layer of the improved networks.
        label_smoothing: share of the target spread over all classes.
        mix: share of batches whose images, or maps of a frozen layer, are blended in pairs by CutMix.
        flip_at_test: probabilities are averaged over an image and its mirror image.
    """

    model: str
    name: str
    network: str
    phases: tuple[Phase, ...]
    batch_size: int
    augmentation: str
    input_size: int = IMAGE_SIZE
    input_range: tuple[float, float] = (0.0, 1.0)
    width: float = 1.0
    l2: float = 0.0
    activity_l1: float = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0
    mix: float = 0.0
    flip_at_test: bool = False

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

_ADAM_001 = Phase(3, "adam", 0.01)  # text: "Adam", "0.01 for the non-pretrained models"
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
        network="shallow_coded",  # He-uniform initialisation, a second ReLU after the second convolution
        phases=(Phase(10, "sgd", 0.01, momentum=0.1),),
        l2=0.01,
        activity_l1=0.01,  # on the activity of every layer
    ),
    Recipe(
        "shallow_cnn",
        "improved",
        network="shallow_improved",
        phases=(Phase(22, "adamw", 3e-3, "cosine", weight_decay=0.05),),
        batch_size=128,
        augmentation="mild_and_sharp",
        input_range=(-1.0, 1.0),
        dropout=0.3,
        label_smoothing=0.1,
        flip_at_test=True,
    ),
    _DEEP_AS_REPORTED,
    replace(
        _DEEP_AS_REPORTED,
        model="deep_cnn_l2",
        phases=(replace(_ADAM_001, epochs=3),),  # a short run: the report gives neither length nor numbers
        l2=0.01,  # code: on all layers but the output
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
                trainable="block_13_expand",
                frozen_below="block_12_add",
                freeze_batch_norm=True,
            ),
        ),
        batch_size=128,
        augmentation="none",
        input_size=160,
        input_range=(-1.0, 1.0),  # what the weights expect
        dropout=0.3,
        label_smoothing=0.1,
        mix=0.5,  # of the maps that the second phase starts from
        flip_at_test=True,
    ),
)


@dataclass(frozen=True)
class Nuisance:
    """What varies within a class of procedural images, and makes it hard to learn.

    Attributes:
        hue_drift: standard deviation of an object's hues, in turns.
        noise: standard deviation of the pixel noise of an image, drawn between these, on the scale 0 to 1.
        scale: radius of the object, drawn between these; 1 is half the image.
        reach: its centre lies at most so far from the image's, along each axis.
        clutter: other small objects in the image.
    """

    hue_drift: float = 0.07
    noise: tuple[float, float] = (0.01, 0.07)
    scale: tuple[float, float] = (0.32, 0.75)
    reach: float = 0.35
    clutter: int = 2


@dataclass(frozen=True)
class DemoData:
    """Size, nuisance and seed of the procedural demo."""

    num_classes: int = 100
    images_per_class: int = 25
    test_images_per_class: int = 5
    grey_per_class: int = 1
    duplicate_pairs: int = 7
    # Less than in pretraining: networks from scratch have to learn something from few images in a minute.
    nuisance: Nuisance = Nuisance(hue_drift=0.06, noise=(0.01, 0.04), scale=(0.5, 0.8), reach=0.2, clutter=1)
    seed: int = 2022


@dataclass(frozen=True)
class Pretraining:
    """How the demo's MobileNetV2 weights were made: on other procedural classes than the demo's."""

    num_classes: int = 250
    images_per_class: int = 160
    class_seed: int = 7
    width: float = 0.35
    batch_size: int = 128
    epochs: int = 16
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    nuisance: Nuisance = Nuisance()
    seed: int = 0


DEMO = DemoData()
PRETRAINING = Pretraining()


@dataclass(frozen=True)
class Profile:
    """How much of everything a run of the series gets.

    Attributes:
        name: what `PROFILE=` says.
        demo: size of the demo data, where no data is given.
        images_per_class: labelled images used, a stratified subset; None for all.
        seeds: for a (model, recipe), its number of runs, with consecutive seeds; one where it is not named.
        epochs: for a (model, recipe), epochs of its phases instead of the recipe's own.
        changes: for a (model, recipe), values of other attributes instead of the recipe's own.
        input_size: of `mobilenetv2` `improved`; None for the recipe's own.
        sweep_sizes: input sizes of the resolution sweep.
        sweep_images_per_class: images of the sweep and of other probes.
        sweep_steps: optimizer steps of each small experiment (learning-rate sweep, course of a penalty).
        map_images: images in the embedding map.
    """

    name: str
    demo: DemoData = DEMO
    images_per_class: int | None = None
    seeds: dict[tuple[str, str], int] = field(default_factory=dict)
    epochs: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    changes: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    input_size: int | None = None
    sweep_sizes: tuple[int, ...] = (64, 96, 128, 160, 192, 224)
    sweep_images_per_class: int = 100
    sweep_steps: int = 300
    map_images: int = 2000


_SHORT_EPOCHS = {
    ("shallow_cnn_l2", "as_reported"): (2,),
    ("shallow_cnn", "as_coded"): (2,),
    ("shallow_cnn", "improved"): (4,),
    ("deep_cnn", "as_reported"): (2,),
    ("deep_cnn_l2", "as_reported"): (1,),
    ("deep_cnn", "improved"): (7,),
    ("mobilenetv2", "as_coded"): (2, 1),
    ("mobilenetv2", "as_reported"): (1, 1),
    ("mobilenetv2", "improved"): (20, 4),
}
# A few thousand images make too few large batches an epoch, and CutMix pays only in long trainings.
_SHORT_CHANGES = {
    (model, "improved"): {"batch_size": 32, "mix": 0.0} for model in ("shallow_cnn", "deep_cnn", "mobilenetv2")
}

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            demo=DemoData(images_per_class=12, test_images_per_class=1),
            epochs={(recipe.model, recipe.name): (1,) * len(recipe.phases) for recipe in RECIPES},
            changes={(recipe.model, recipe.name): {"batch_size": 50} for recipe in RECIPES},
            input_size=64,
            sweep_sizes=(32, 64),
            sweep_images_per_class=5,
            sweep_steps=4,
            map_images=200,
        ),
        Profile(
            "demo",
            epochs=_SHORT_EPOCHS,
            changes=_SHORT_CHANGES,
            input_size=64,  # what the demo's weights were trained at
            sweep_sizes=(64, 96),
            sweep_images_per_class=20,
            sweep_steps=25,
            map_images=1000,
        ),
        Profile(
            "quick",
            images_per_class=60,
            epochs=_SHORT_EPOCHS,
            changes=_SHORT_CHANGES,
            input_size=96,
            sweep_sizes=(64, 96, 128),
            sweep_images_per_class=48,
            sweep_steps=100,
        ),
        Profile(
            "full",
            # Three where a run takes up to 30 minutes on two cores.
            seeds={(recipe.model, recipe.name): 3 for recipe in RECIPES if recipe.model != "deep_cnn"},
            sweep_steps=2000,  # an epoch of the report's batches
        ),
    )
}


def find_profile(name: str) -> Profile:
    """The profile of that name.

    Raises:
        InputError: there is none.
    """
    if name not in PROFILES:
        raise InputError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]


def find_recipe(model: str, name: str, profile: Profile | None = None) -> Recipe:
    """The recipe of that model and name, resolved for a profile.

    Args:
        model: for example "deep_cnn".
        name: `as_reported`, `as_coded` or `improved`.
        profile: its epochs, changes and input size replace the recipe's own; None for the recipe as it stands.

    Raises:
        InputError: there is no such recipe.
    """
    recipe = next((r for r in RECIPES if (r.model, r.name) == (model, name)), None)
    if recipe is None:
        known = ", ".join(f"{r.model} {r.name}" for r in RECIPES)
        raise InputError(f"There is no recipe {model} {name}; choose one of {known}.")
    if profile is None:
        return recipe
    epochs = profile.epochs.get((model, name), tuple(phase.epochs for phase in recipe.phases))
    changes = profile.changes.get((model, name), {})
    if profile.input_size and recipe.network == "mobilenetv2_improved":
        changes = changes | {"input_size": profile.input_size}
    phases = tuple(replace(phase, epochs=n) for phase, n in zip(recipe.phases, epochs, strict=True))
    return replace(recipe, phases=phases, **changes)


def as_recipe(values: dict[str, Any]) -> Recipe:
    """The recipe whose `as_dict` these values are, also after a journey through JSON."""
    phases = tuple(Phase(**phase) for phase in values["phases"])
    return Recipe(**values | {"phases": phases, "input_range": tuple(values["input_range"])})


def listed(names: str) -> tuple[str, ...]:
    """The names in an option such as MODELS, which are parted by commas."""
    return tuple(name.strip() for name in names.split(",") if name.strip())


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
