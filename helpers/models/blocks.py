"""What networks of more than one family are built from."""

from typing import Any

import keras
from keras import layers

from helpers.config.recipes import Recipe


def penalties(recipe: Recipe) -> dict[str, Any]:
    """Keras arguments for the recipe's regularisation of a convolution or dense layer."""
    arguments = {}
    if recipe.l2:
        arguments["kernel_regularizer"] = keras.regularizers.L2(recipe.l2)
    if recipe.activity_l1:
        arguments["activity_regularizer"] = keras.regularizers.L1(recipe.activity_l1)
    return arguments


def norm_relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Batch normalisation (Ioffe & Szegedy 2015), then a rectifier.

    The moving statistics follow faster than with Keras' 0.99, since runs are short.
    """
    x = layers.BatchNormalization(momentum=0.9, name=f"norm_{name}")(x)
    return layers.ReLU(name=f"relu_{name}")(x)
