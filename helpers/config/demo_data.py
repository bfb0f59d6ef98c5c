"""Size and difficulty of the procedural demo images, and how the demo's MobileNetV2 weights were trained."""

from dataclasses import dataclass


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
    # Less than in pretraining: networks from scratch have to learn the classes from 2,000 images within a minute.
    nuisance: Nuisance = Nuisance(hue_drift=0.02, noise=(0.01, 0.04), scale=(0.6, 0.85), reach=0.15, clutter=1)
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
