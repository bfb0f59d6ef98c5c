"""Find the builder of a network: the function of that name in its family's module."""

from collections.abc import Callable
from importlib import import_module

import keras

from helpers.config.families import find_family_name
from helpers.config.recipes import Recipe

Builder = Callable[[keras.KerasTensor, Recipe], keras.KerasTensor]


def find_builder(network: str) -> Builder:
    """The builder of a network: from images scaled as the recipe says to what the output layer reads.

    Raises:
        InputError: there is no such network.
    """
    return getattr(import_module(f"helpers.models.{find_family_name(network)}"), network)
