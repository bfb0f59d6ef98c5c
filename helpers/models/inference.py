"""Run a network in inference mode over many images: with LiteRT where that pays, with Keras otherwise.

LiteRT (its XNNPACK delegate) computes MobileNetV2 two to three times as fast as TensorFlow on a CPU, with the same numbers up to
rounding; plain convolutions gain nothing. Converting a network takes seconds, so for few images Keras is faster.
"""

import tempfile
from collections.abc import Callable

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from helpers.core.tensorflow import silenced, tf
from helpers.data.dataset import Rows
from helpers.models import runtime

Forward = Callable[[np.ndarray | Rows], np.ndarray]

# Converting MobileNetV2 takes about as long as Keras needs for so many pixels of input.
_PIXELS_WORTH_CONVERTING = 6e7
_KERAS_BATCH, _LITERT_BATCH = 64, 8  # images: the fastest of 1 to 128 on two cores


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

    @tf.function(reduce_retracing=True)
    def forward(inputs: tf.Tensor) -> tf.Tensor:
        return network(tf.cast(inputs, tf.float32), training=False)

    return lambda inputs: _in_batches(lambda batch: forward(tf.constant(batch)).numpy(), inputs, _KERAS_BATCH)


def with_litert(network: keras.Model) -> Forward:
    """The forward pass by LiteRT, in as many threads as TensorFlow has; see `forward_pass`.

    LiteRT has no bicubic interpolation, so Keras resizes the images.
    """
    resize, above = _split_after_resizing(network)
    with silenced(), tempfile.TemporaryDirectory() as folder:
        above.export(folder, format="tf_saved_model", verbose=False)
        content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
        interpreter = Interpreter(model_content=content, num_threads=runtime.threads())
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def forward(batch: np.ndarray) -> np.ndarray:
        inputs = np.ascontiguousarray(resize(batch) if resize else batch, np.float32)
        if tuple(interpreter.get_input_details()[0]["shape"]) != inputs.shape:
            interpreter.resize_tensor_input(source, inputs.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(source, inputs)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return lambda inputs: _in_batches(forward, inputs, _LITERT_BATCH)


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


def _split_after_resizing(network: keras.Model) -> tuple[Forward | None, keras.Model]:
    """The part up to a resizing layer as a Keras function, if there is one, and the network above it."""
    resizing = next((layer for layer in network.layers if isinstance(layer, layers.Resizing)), None)
    if resizing is None:
        return None, network
    return with_keras(keras.Model(network.input, resizing.output)), keras.Model(resizing.output, network.output)


def _in_batches(forward: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray | Rows, size: int) -> np.ndarray:
    return np.concatenate([forward(inputs[start : start + size]) for start in range(0, len(inputs), size)])
