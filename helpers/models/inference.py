"""Run a network in inference mode over many images: with LiteRT where that pays, with Keras otherwise.

LiteRT (its XNNPACK delegate) computes MobileNetV2 two to three times as fast as TensorFlow on a CPU, with the same numbers up to
rounding; plain convolutions gain nothing. Converting a network takes seconds, so for few images Keras is faster.
"""

import keras
import numpy as np
from keras import layers

from helpers.core import litert
from helpers.core.litert import Forward
from helpers.core.tensorflow import tf
from helpers.models import conversion, runtime

# Converting MobileNetV2 takes about as long as Keras needs for so many pixels of input.
_PIXELS_WORTH_CONVERTING = 6e7
_KERAS_BATCH = 64  # images: the fastest of 1 to 128 on two cores


def forward_pass(network: keras.Model, n_images: int) -> Forward:
    """How to compute a network's outputs fastest for an amount of work.

    Args:
        network: a functional model with one input and one output.
        n_images: how many images it will see in all.

    Returns:
        A function from an array (n, ...) of any dtype to float32 (n, ...); n may differ between calls.
    """
    return with_litert(network) if _pays(network, n_images) else with_keras(network)


def with_keras(network: keras.Model) -> Forward:
    """The forward pass by a traced Keras graph; see `forward_pass`."""

    # Of any number of images: a last, smaller batch would be traced once more.
    @tf.function(input_signature=[tf.TensorSpec((None, *network.input.shape[1:]))])
    def forward(inputs: tf.Tensor) -> tf.Tensor:
        return network(inputs, training=False)

    return lambda inputs: np.concatenate(
        [
            forward(tf.constant(inputs[start : start + _KERAS_BATCH], tf.float32)).numpy()
            for start in range(0, len(inputs), _KERAS_BATCH)
        ]
    )


def with_litert(network: keras.Model) -> Forward:
    """The forward pass by LiteRT, in as many threads as TensorFlow has; see `forward_pass`."""
    return litert.forward_pass(conversion.to_litert(conversion.without_resizing(network)), runtime.threads())


def _pays(network: keras.Model, n_images: int) -> bool:
    is_depthwise = any(isinstance(layer, layers.DepthwiseConv2D) for layer in network.layers)
    return (
        is_depthwise
        and not runtime.n_gpus()
        and n_images * _pixels_of_largest_input(network) > _PIXELS_WORTH_CONVERTING
    )


def _pixels_of_largest_input(network: keras.Model) -> int:
    """Height times width of what the first convolution sees."""
    first = next(layer for layer in network.layers if isinstance(layer, layers.Conv2D))
    return int(np.prod(first.input.shape[1:3]))
