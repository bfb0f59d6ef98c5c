"""Build the networks. Every network takes pixels and gives logits; scaling and resizing happen inside it."""

from dataclasses import replace
from pathlib import Path

import keras
from keras import layers

from helpers.config.families import FAMILIES, find_family
from helpers.config.recipes import IMAGE_SIZE, NUM_CLASSES, Phase, Recipe
from helpers.core.tensorflow import tf
from helpers.models.blocks import penalties
from helpers.models.registry import find_builder
from helpers.models.weights import load_weights

LOGITS = "logits"


def build(recipe: Recipe, num_classes: int = NUM_CLASSES) -> keras.Model:
    """The network of a recipe, freshly initialised from Keras' global seed.

    The report ends its networks in a sigmoid (its code in a softmax) and Keras 3 computes the cross-entropy from the
    logits behind either, so both train as a softmax does; here every network ends in the logits themselves.

    Args:
        recipe: what to build.
        num_classes: width of the output layer.

    Returns:
        A functional model from float32 or uint8 pixels (n, 64, 64, 3), 0 to 255, RGB, to float32 logits
        (n, num_classes).
    """
    pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="pixels")
    x = _scale(pixels, recipe)
    x = find_builder(recipe.network)(x, recipe)
    network = find_family(recipe.network).networks[recipe.network]
    # The code penalises the outputs of its last layer behind the softmax. They sum to 1, so that penalty is a constant: left out.
    regularised = penalties(replace(recipe, activity_l1=0.0)) if network.regularised_output else {}
    # In half precision a softmax of many classes would lose digits.
    outputs = layers.Dense(num_classes, dtype="float32", name=LOGITS, **regularised)(x)
    return keras.Model(pixels, outputs, name=f"{recipe.model}_{recipe.name}")


def load_base_weights(model: keras.Model, width: float, file: Path) -> None:
    """Give a network's MobileNetV2 part pretrained weights; other layers are left as they are.

    Args:
        model: a network with the layers of MobileNetV2 in it.
        width: its multiplier alpha.
        file: weights of a MobileNetV2 without its classification layer, in one of Keras' HDF5 formats, whatever its name.

    Raises:
        ValueError: the file does not fit, or cannot be read.
    """
    # A file saved at 224 px fits every input size: convolutions do not know the size of the image.
    base = keras.applications.MobileNetV2(input_shape=(224, 224, 3), include_top=False, weights=None, alpha=width)
    load_weights(base, file)
    names = {layer.name for layer in model.layers}
    for layer in base.layers:
        if layer.weights and layer.name in names:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def base_layers(model: keras.Model) -> list[keras.Layer]:
    """The layers of a network with pretrained weights, from the image upwards; none in networks trained from scratch."""
    names = {name for family in FAMILIES.values() for name in family.base_layers}
    return [layer for layer in model.layers if layer.name in names]


def set_trainable(model: keras.Model, phase: Phase) -> None:
    """Freeze and unfreeze the pretrained base as a phase asks. Takes effect when the model is compiled next.

    Args:
        model: the whole network.
        phase: `trainable` and `freeze_batch_norm` are read.

    Raises:
        ValueError: the base has no layer of that name; nothing would be unfrozen.
    """
    base = base_layers(model)
    if phase.trainable not in ("", "head", *(layer.name for layer in base)):
        raise ValueError(f"The pretrained base of {model.name!r} has no layer {phase.trainable!r} to train from.")
    learns = phase.trainable == ""
    for layer in base:
        learns = learns or layer.name == phase.trainable
        is_norm = isinstance(layer, layers.BatchNormalization)
        layer.trainable = learns and not (phase.freeze_batch_norm and is_norm)


def tail(model: keras.Model, cut: str) -> keras.Model:
    """The part of a network above one layer, sharing its weights.

    Args:
        model: the whole network.
        cut: name of the layer whose output becomes the input; "" gives the model itself.
    """
    return keras.Model(model.get_layer(cut).output, model.output, name=f"above_{cut}") if cut else model


def trunk(model: keras.Model, cut: str) -> keras.Model:
    """The part of a network up to and with one layer, sharing its weights."""
    return keras.Model(model.input, model.get_layer(cut).output, name=f"up_to_{cut}")


def between(model: keras.Model, below: str, above: str) -> keras.Model:
    """The part of a network from the output of one layer to the output of another, sharing its weights."""
    name = f"{below}_to_{above}"
    return keras.Model(model.get_layer(below).output, model.get_layer(above).output, name=name)


def lowest_layer(model: keras.Model, names: list[str]) -> str:
    """Of these layers, the one nearest to the image; empty names are passed over."""
    order = [layer.name for layer in model.layers]
    return min((name for name in names if name), key=order.index)


def n_trainable(model: keras.Model) -> int:
    """How many numbers of a network its next compiled training step may change."""
    return sum(int(tf.size(weight.value)) for weight in model.trainable_weights)


def _scale(pixels: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    low, high = recipe.input_range
    x = pixels
    if recipe.input_size != IMAGE_SIZE:
        resize = layers.Resizing(recipe.input_size, recipe.input_size, interpolation="bicubic", name="resize")
        # By default this layer trains, and in Keras so do then the layers above it wherever the caller does not say.
        x = resize(x, training=False)
    return layers.Rescaling((high - low) / 255, low, name="scale")(x)
