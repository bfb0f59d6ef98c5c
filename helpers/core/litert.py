"""Run a LiteRT network; needs no TensorFlow, so that a prediction starts in a second."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from helpers.core.silence import silenced

Forward = Callable[[Any], np.ndarray]  # from an array, or rows of one, to an array

_BATCH = 8  # images: the fastest of 1 to 128 on two cores


def forward_pass(content: bytes, threads: int) -> Forward:
    """The forward pass of a network with one input and one output.

    Args:
        content: of a `.tflite` file.
        threads: that it computes with.

    Returns:
        A function from an array (n, ...) of any dtype to float32 (n, ...); n may differ between calls.
    """
    with silenced():
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def forward(batch: np.ndarray) -> np.ndarray:
        inputs = np.ascontiguousarray(batch, np.float32)
        if tuple(interpreter.get_input_details()[0]["shape"]) != inputs.shape:
            interpreter.resize_tensor_input(source, inputs.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(source, inputs)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return lambda inputs: np.concatenate([forward(inputs[i : i + _BATCH]) for i in range(0, len(inputs), _BATCH)])
