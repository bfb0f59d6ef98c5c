"""Two convolutions."""

import keras
from keras import layers

from helpers.config.recipes import Recipe
from helpers.models.blocks import norm_relu, penalties


def _shallow(x: keras.KerasTensor, recipe: Recipe, coded: bool) -> keras.KerasTensor:
    arguments = penalties(recipe) | {"activation": "relu"}
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


def shallow_released(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """The released code's variant: He-uniform initialisation and a second ReLU, which changes nothing."""
    return _shallow(x, recipe, coded=True)


def shallow_wide(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """Two convolutions, each normalised and pooled, averaged to 4 x 4 and classified; 1,121,316 parameters with 100 classes.

    Pooling before the second convolution keeps it at 81 million multiply-adds an image.
    """
    x = layers.Conv2D(64, 5, strides=2, padding="same", use_bias=False, name="conv_1")(x)
    x = layers.MaxPooling2D(2, name="pool_1")(x)
    x = norm_relu(x, "1")
    x = layers.Conv2D(512, 3, padding="same", use_bias=False, name="conv_2")(x)
    x = layers.MaxPooling2D(2, name="pool_2")(x)
    x = norm_relu(x, "2")
    x = layers.AveragePooling2D(2, name="pool_3")(x)
    x = layers.Flatten(name="flatten")(x)
    return layers.Dropout(recipe.dropout, name="dropout")(x)
