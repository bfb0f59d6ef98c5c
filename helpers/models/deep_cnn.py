"""Many convolutions, trained from scratch."""

import keras
from keras import layers

from helpers.config.recipes import Recipe
from helpers.models.blocks import norm_relu, penalties


def _deep(x: keras.KerasTensor, recipe: Recipe, dense_dropout: float) -> keras.KerasTensor:
    arguments = penalties(recipe) | {"activation": "relu"}
    for index, (filters, pool) in enumerate([(32, False), (32, True), (64, False), (128, True)], start=1):
        x = layers.Conv2D(filters, 3, name=f"conv_{index}", **arguments)(x)
        x = layers.BatchNormalization(name=f"norm_{index}")(x)
        if pool:
            x = layers.MaxPooling2D(2, name=f"pool_{index}")(x)
        if index > 1:
            x = layers.Dropout(0.25, name=f"dropout_{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    for index, units in enumerate([512, 128], start=1):
        x = layers.Dense(units, name=f"dense_{index}", **arguments)(x)
        x = layers.BatchNormalization(name=f"norm_dense_{index}")(x)
        x = layers.Dropout(dense_dropout, name=f"dropout_dense_{index}")(x)
    return x


def deep_reported(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """Four convolutions (valid padding), each normalised, and two dense layers; 11,260,740 parameters in all."""
    return _deep(x, recipe, dense_dropout=0.25)  # text: 25 % throughout


def deep_coded(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """The released code's variant: dropout of 50 % after the two dense layers."""
    return _deep(x, recipe, dense_dropout=0.5)


def deep_improved(x: keras.KerasTensor, recipe: Recipe) -> keras.KerasTensor:
    """A small residual network (He et al. 2016) with pre-activation; 2,805,060 parameters with 100 classes.

    A stride of 2 in the first convolution and four stages keep it at about 120 million multiply-adds an image.
    """
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="conv_1")(x)
    for stage, (filters, blocks) in enumerate([(32, 1), (64, 2), (128, 2), (256, 2)], start=1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _residual(x, filters, stride, f"{stage}_{block}")
    x = norm_relu(x, "last")
    x = layers.GlobalAveragePooling2D(name="global_average")(x)
    return layers.Dropout(recipe.dropout, name="dropout")(x)


def _residual(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    arguments = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    y = norm_relu(x, f"{name}a")
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        pooled = layers.AveragePooling2D(2, name=f"shortcut_pool_{name}")(y) if stride > 1 else y
        shortcut = layers.Conv2D(filters, 1, use_bias=False, name=f"shortcut_{name}")(pooled)
    y = layers.Conv2D(filters, 3, strides=stride, name=f"conv_{name}a", **arguments)(y)
    y = norm_relu(y, f"{name}b")
    y = layers.Conv2D(filters, 3, name=f"conv_{name}b", **arguments)(y)
    return layers.Add(name=f"add_{name}")([shortcut, y])
