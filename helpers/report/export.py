"""A trained network in the formats of other runtimes, each checked against Keras."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pandas as pd

from helpers.core import litert, storage
from helpers.core.silence import silenced
from helpers.core.tensorflow import tf
from helpers.data.dataset import Rows
from helpers.models import conversion, inference, runtime
from helpers.training import metrics

N_CHECKED = 100  # images on which a format is compared with Keras
_N_EXAMPLES = 200  # training images that decide the ranges of int8


def export(
    network: keras.Model, images: np.ndarray, labels: np.ndarray, examples: np.ndarray | Rows, folder: Path
) -> pd.DataFrame:
    """Write a network as SavedModel, as LiteRT in three precisions and as ONNX, and `formats.csv`.

    Every file takes pixels, 0 to 255, float32 (n, 64, 64, 3), and gives logits, without test-time augmentation.

    Args:
        network: a functional model from pixels to logits.
        images: of validation, uint8 (n, 64, 64, 3).
        labels: integer (n,).
        examples: training images, uint8 (n, 64, 64, 3); some of them decide the ranges of the integers of int8.
        folder: where to write.

    Returns:
        One row a format, Keras' own first: `format`, `megabytes` (of its file or folder), `largest_difference` (of a probability, from Keras, on
        `N_CHECKED` images spread over all), `same_answer` (share of these), `accuracy` on all images.
    """
    folder.mkdir(parents=True, exist_ok=True)
    saved_model, portable = folder / "saved_model", conversion.without_resizing(network)
    with silenced():
        portable.export(saved_model, format="tf_saved_model", verbose=False)
    # Kept by name: without a reference to the loaded object, its function loses its variables.
    loaded = tf.saved_model.load(saved_model)
    outputs = {
        "Keras": (None, inference.with_keras(network)(images)),
        "SavedModel": (saved_model, _in_batches(loaded.serve, images)),
    }
    for precision in conversion.PRECISIONS:
        file = folder / f"network_{precision}.tflite"
        content = conversion.to_litert(portable, precision, (image[None] for image in _spread(examples, _N_EXAMPLES)))
        with storage.replacing(file) as partial:
            partial.write_bytes(content)
        outputs[f"LiteRT {precision}"] = (file, litert.forward_pass(content, runtime.threads())(images))
    file = folder / "network.onnx"
    conversion.to_onnx(portable, file)
    outputs["ONNX"] = (file, _in_batches(_with_onnx_runtime(file), images))
    reference = tf.nn.softmax(outputs["Keras"][1]).numpy()
    table = pd.DataFrame([_row(name, *output, reference, labels) for name, output in outputs.items()])
    table.to_csv(folder / "formats.csv", index=False)
    return table


def _with_onnx_runtime(file: Path) -> Callable[[np.ndarray], np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.threads()
    session = onnxruntime.InferenceSession(file, options)
    [pixels] = session.get_inputs()
    return lambda images: session.run(None, {pixels.name: images})[0]


def _in_batches(compute: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    starts = range(0, len(images), N_CHECKED)
    return np.concatenate([np.asarray(compute(images[i : i + N_CHECKED].astype(np.float32))) for i in starts])


def _spread(rows: np.ndarray | Rows, n: int) -> np.ndarray:
    """So many rows at equal distances, or all where there are fewer: images stand in the order of their classes."""
    return rows[np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int)]


def _row(
    name: str, path: Path | None, logits: np.ndarray, reference: np.ndarray, labels: np.ndarray
) -> dict[str, object]:
    probabilities = tf.nn.softmax(logits).numpy()
    checked, expected = _spread(probabilities, N_CHECKED), _spread(reference, N_CHECKED)
    files = [] if path is None else [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {
        "format": name,
        "megabytes": sum(file.stat().st_size for file in files) / 1e6 if files else np.nan,
        "largest_difference": float(np.abs(checked - expected).max()),
        "same_answer": float(np.mean(checked.argmax(axis=1) == expected.argmax(axis=1))),
        "accuracy": metrics.accuracy(probabilities, labels),
    }
