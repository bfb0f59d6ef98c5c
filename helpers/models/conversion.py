"""Networks in other forms: compact weights, LiteRT and ONNX files."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np
from keras import layers

from helpers.core import storage
from helpers.core.silence import silenced
from helpers.core.tensorflow import tf

PRECISIONS = ("float32", "float16", "int8")


def save_weights(network: keras.Model, file: Path) -> None:
    """Write the weights of a network as a compressed npz file, by their paths: kernels in half precision.

    Vectors (biases, batch normalisation) stay float32: they are few, and variances may exceed what float16 holds.
    """
    arrays = {weight.path: np.asarray(weight.value) for weight in network.weights}
    compact = {path: array.astype(np.float16) if array.ndim > 1 else array for path, array in arrays.items()}
    with storage.replacing(file) as partial:
        np.savez_compressed(partial, allow_pickle=False, **compact)


def load_weights(network: keras.Model, file: Path) -> None:
    """Give a network the weights that `save_weights` wrote.

    Raises:
        ValueError: the file holds the weights of another network.
    """
    with np.load(file) as arrays:
        expected, present = {weight.path for weight in network.weights}, set(arrays.files)
        if expected != present:
            differing = ", ".join(sorted(expected ^ present)[:3])
            raise ValueError(f"the weights are those of another network, which differ in {differing}")
        for weight in network.weights:
            weight.assign(arrays[weight.path])


def to_litert(network: keras.Model, precision: str = "float32", examples: Iterable[np.ndarray] = ()) -> bytes:
    """The content of a LiteRT file that computes what a network computes.

    Args:
        network: a functional model with one input and one output.
        precision: "float32"; "float16" for weights of half the size; "int8" for integer weights and activations. Input and
            output are float32 in each case.
        examples: for "int8": inputs (1, ...), whose activations decide the ranges of the integers.
    """
    with silenced(), tempfile.TemporaryDirectory() as folder:
        network.export(folder, format="tf_saved_model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            converter.representative_dataset = lambda: ([np.asarray(image, np.float32)] for image in examples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        return converter.convert()


def to_onnx(network: keras.Model, file: Path) -> None:
    """Write an ONNX file that computes what a network computes, on a batch of any size.

    Args:
        network: a functional model with one input and one output.
        file: where to write.
    """
    with silenced(), storage.replacing(file) as partial:
        network(np.zeros((1, *network.input.shape[1:]), np.float32))  # Keras refuses a network that was never called
        network.export(partial, format="onnx", verbose=False)


def without_resizing(network: keras.Model) -> keras.Model:
    """The same function without a resizing layer, for runtimes that have no bicubic interpolation.

    Interpolation is linear in the pixels and separable: a fixed matrix on the rows and on the columns. Weights are shared.

    Returns:
        The network itself where it has no such layer.
    """
    resizing = next((layer for layer in network.layers if isinstance(layer, layers.Resizing)), None)
    if resizing is None:
        return network
    size, channels = network.input.shape[2:]
    unit_rows = np.broadcast_to(np.eye(size, dtype=np.float32)[:, :, None, None], (size, size, size, channels))
    matrix = np.asarray(resizing(unit_rows))[:, :, 0, 0].T
    pixels = keras.Input(network.input.shape[1:], name="pixels")
    resized = keras.ops.einsum("hi,nijc,wj->nhwc", matrix, pixels, matrix)
    return keras.Model(pixels, keras.Model(resizing.output, network.output)(resized))
