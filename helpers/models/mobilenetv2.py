"""MobileNetV2 with one head or another."""

import keras
from keras import layers

from helpers.config.recipes import Recipe


def _base(x: keras.KerasTensor, width: float) -> keras.KerasTensor:
    """The convolutional part of MobileNetV2 on images scaled to -1..1 (Sandler et al. 2018), not yet trained.

    Args:
        x: float32 (n, size, size, 3), any size from 32.
        width: multiplier alpha of the number of channels.

    Returns:
        float32 (n, size / 32, size / 32, 1280). 2,257,984 parameters at width 1.0.
    """
    return keras.applications.MobileNetV2(input_tensor=x, include_top=False, weights=None, alpha=width).output


def mobilenetv2_reported(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """The text's head: global max pooling and 1,024 units; 3,672,228 parameters at width 1.0."""
    x = _base(x, recipe.width)
    x = layers.GlobalMaxPooling2D(name="global_max")(x)
    return layers.Dense(1024, activation="relu", name="dense_1")(x)


def mobilenetv2_coded(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """The released code's head: a convolution, batch normalisation, dropout, global average pooling."""
    x = _base(x, recipe.width)
    x = layers.Conv2D(512, 3, padding="same", activation="relu", name="head_conv")(x)
    x = layers.BatchNormalization(name="head_norm")(x)
    x = layers.Dropout(0.1, name="head_dropout")(x)
    return layers.GlobalAveragePooling2D(name="global_average")(x)


def mobilenetv2_improved(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """Global average pooling as in pretraining, dropout, and nothing else below the output layer."""
    x = _base(x, recipe.width)
    x = layers.GlobalAveragePooling2D(name="global_average")(x)
    return layers.Dropout(recipe.dropout, name="dropout")(x)
