"""Build the networks. Every network takes pixels and gives logits; scaling and resizing happen inside it."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers

from helpers.config import IMAGE_SIZE, NUM_CLASSES, Phase, Recipe

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
    x = NETWORKS[recipe.network](x, recipe)
    outputs = layers.Dense(num_classes, name=LOGITS, **_penalties(recipe, output=True))(x)
    return keras.Model(pixels, outputs, name=f"{recipe.model}_{recipe.name}")


def mobilenetv2(x: keras.KerasTensor, width: float) -> keras.KerasTensor:
    """The convolutional part of MobileNetV2 on images scaled to -1..1 (Sandler et al. 2018), not yet trained.

    Args:
        x: float32 (n, size, size, 3), any size from 32.
        width: multiplier alpha of the number of channels.

    Returns:
        float32 (n, size / 32, size / 32, 1280). 2,257,984 parameters at width 1.0.
    """
    return keras.applications.MobileNetV2(input_tensor=x, include_top=False, weights=None, alpha=width).output


def load_base_weights(model: keras.Model, width: float, file: str) -> None:
    """Give a network's MobileNetV2 part pretrained weights; other layers are left as they are.

    Args:
        model: a network with the layers of MobileNetV2 in it.
        width: its multiplier alpha.
        file: weights of a MobileNetV2 without its classification layer, in one of Keras' HDF5 formats.

    Raises:
        ValueError: the file does not fit, or cannot be read.
    """
    # A file saved at 224 px fits every input size: convolutions do not know the size of the image.
    base = keras.applications.MobileNetV2(input_shape=(224, 224, 3), include_top=False, weights=None, alpha=width)
    base.load_weights(file)
    names = {layer.name for layer in model.layers}
    for layer in base.layers:
        if layer.weights and layer.name in names:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def base_layers(model: keras.Model) -> list[keras.Layer]:
    """The layers of a network that belong to MobileNetV2, from the image upwards; none in the other networks."""
    names = [layer.name for layer in model.layers]
    if "Conv1" not in names:
        return []
    return model.layers[names.index("Conv1") : names.index("out_relu") + 1]


def set_trainable(model: keras.Model, phase: Phase) -> None:
    """Freeze and unfreeze the pretrained base as a phase asks. Takes effect when the model is compiled next.

    Args:
        model: the whole network.
        phase: `trainable` and `freeze_batch_norm` are read.
    """
    learns = phase.trainable == ""
    for layer in base_layers(model):
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


def n_trainable(model: keras.Model) -> int:
    """How many numbers of a network its next compiled training step may change."""
    return sum(int(tf.size(weight.value)) for weight in model.trainable_weights)


def _scale(pixels: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    low, high = recipe.input_range
    x = pixels
    if recipe.input_size != IMAGE_SIZE:
        x = layers.Resizing(recipe.input_size, recipe.input_size, interpolation="bicubic", name="resize")(x)
    return layers.Rescaling((high - low) / 255, low, name="scale")(x)


def _penalties(recipe: Recipe, output: bool = False) -> dict:
    """Keras arguments for the recipe's regularisation of a layer."""
    if output and recipe.network == "deep_reported":
        return {}  # code: L2 on all layers but the output
    arguments = {}
    if recipe.l2:
        arguments["kernel_regularizer"] = keras.regularizers.L2(recipe.l2)
    if recipe.activity_l1:
        arguments["activity_regularizer"] = keras.regularizers.L1(recipe.activity_l1)
    return arguments


def _shallow(x: keras.KerasTensor, recipe: Recipe, coded: bool) -> keras.KerasTensor:
    arguments = _penalties(recipe) | {"activation": "relu"}
    if coded:
        arguments["kernel_initializer"] = "he_uniform"
    x = layers.Conv2D(32, 3, padding="same", name="conv_1", **arguments)(x)
    x = layers.MaxPooling2D(2, name="pool_1")(x)
    x = layers.Conv2D(64, 3, padding="same", name="conv_2", **arguments)(x)
    if coded:
        x = layers.ReLU(name="relu_2")(x)
    x = layers.MaxPooling2D(2, name="pool_2")(x)
    x = layers.Flatten(name="flatten")(x)
    return layers.Dense(256, name="dense_1", **arguments)(x)


def shallow_reported(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """Two convolutions (same padding) and a dense layer; 4,239,652 parameters with 100 classes, as the report says."""
    return _shallow(x, recipe, coded=False)


def shallow_coded(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """The released code's variant: He-uniform initialisation and a second ReLU, which changes nothing."""
    return _shallow(x, recipe, coded=True)


def shallow_improved(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """Two convolutions, each normalised (Ioffe & Szegedy 2015), pooled to 4 x 4 and classified; 0.5 million parameters."""
    x = layers.Conv2D(32, 5, strides=2, padding="same", use_bias=False, name="conv_1")(x)
    x = _norm_relu(x, "1")
    x = layers.Conv2D(256, 5, padding="same", use_bias=False, name="conv_2")(x)
    x = layers.MaxPooling2D(2, name="pool_2")(x)
    x = _norm_relu(x, "2")
    x = layers.AveragePooling2D(4, name="pool_3")(x)
    x = layers.Flatten(name="flatten")(x)
    return layers.Dropout(recipe.dropout, name="dropout")(x)


def deep_reported(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """Four convolutions (valid padding), each normalised, and two dense layers; 11,260,740 parameters in all."""
    arguments = _penalties(recipe) | {"activation": "relu"}
    for index, (filters, pool) in enumerate([(32, False), (32, True), (64, False), (128, True)], start=1):
        x = layers.Conv2D(filters, 3, name=f"conv_{index}", **arguments)(x)
        x = layers.BatchNormalization(name=f"norm_{index}")(x)
        if pool:
            x = layers.MaxPooling2D(2, name=f"pool_{index}")(x)
        if index > 1:
            x = layers.Dropout(0.25, name=f"dropout_{index}")(x)  # text: 25 % throughout (code: 50 % after dense)
    x = layers.Flatten(name="flatten")(x)
    for index, units in enumerate([512, 128], start=1):
        x = layers.Dense(units, name=f"dense_{index}", **arguments)(x)
        x = layers.BatchNormalization(name=f"norm_dense_{index}")(x)
        x = layers.Dropout(0.25, name=f"dropout_dense_{index}")(x)
    return x


def deep_improved(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """A small residual network (He et al. 2016) with pre-activation; 2.8 million parameters.

    A stride of 2 in the first convolution and four stages keep it at about 65 million multiply-adds an image.
    """
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="conv_1")(x)
    for stage, (filters, blocks) in enumerate([(32, 1), (64, 2), (128, 2), (256, 2)], start=1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _residual(x, filters, stride, f"{stage}_{block}")
    x = _norm_relu(x, "last")
    x = layers.GlobalAveragePooling2D(name="global_average")(x)
    return layers.Dropout(recipe.dropout, name="dropout")(x)


def mobilenetv2_reported(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """The text's head: global max pooling and 1,024 units; 3,672,228 parameters at width 1.0."""
    x = mobilenetv2(x, recipe.width)
    x = layers.GlobalMaxPooling2D(name="global_max")(x)
    return layers.Dense(1024, activation="relu", name="dense_1")(x)


def mobilenetv2_coded(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """The released code's head: a convolution, batch normalisation, dropout, global average pooling."""
    x = mobilenetv2(x, recipe.width)
    x = layers.Conv2D(512, 3, padding="same", activation="relu", name="head_conv")(x)
    x = layers.BatchNormalization(name="head_norm")(x)
    x = layers.Dropout(0.1, name="head_dropout")(x)
    return layers.GlobalAveragePooling2D(name="global_average")(x)


def mobilenetv2_improved(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """Global average pooling as in pretraining, dropout, and nothing else below the output layer."""
    x = mobilenetv2(x, recipe.width)
    x = layers.GlobalAveragePooling2D(name="global_average")(x)
    return layers.Dropout(recipe.dropout, name="dropout")(x)


def _norm_relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=0.9, name=f"norm_{name}")(x)
    return layers.ReLU(name=f"relu_{name}")(x)


def _residual(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    arguments = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    y = _norm_relu(x, f"{name}a")
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        pooled = layers.AveragePooling2D(2, name=f"shortcut_pool_{name}")(y) if stride > 1 else y
        shortcut = layers.Conv2D(filters, 1, use_bias=False, name=f"shortcut_{name}")(pooled)
    y = layers.Conv2D(filters, 3, strides=stride, name=f"conv_{name}a", **arguments)(y)
    y = _norm_relu(y, f"{name}b")
    y = layers.Conv2D(filters, 3, name=f"conv_{name}b", **arguments)(y)
    return layers.Add(name=f"add_{name}")([shortcut, y])


Network = Callable[[keras.KerasTensor, Recipe], keras.KerasTensor]

NETWORKS: dict[str, Network] = {
    network.__name__: network
    for network in (
        shallow_reported,
        shallow_coded,
        shallow_improved,
        deep_reported,
        deep_improved,
        mobilenetv2_reported,
        mobilenetv2_coded,
        mobilenetv2_improved,
    )
}
