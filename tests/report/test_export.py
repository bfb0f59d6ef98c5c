import keras
import numpy as np
import pytest

from helpers.config.profiles import find_recipe
from helpers.core import litert
from helpers.models import architecture
from helpers.report.export import export

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), np.uint8)
LABELS = np.arange(12) % 5


@pytest.mark.training
def test_every_format_computes_what_keras_computes(tmp_path):
    keras.utils.set_random_seed(0)
    network = architecture.build(find_recipe("shallow_cnn", "improved"), 5)
    table = export(network, IMAGES, LABELS, IMAGES, tmp_path / "formats").set_index("format")
    assert table.index.tolist() == ["Keras", "SavedModel", "LiteRT float32", "LiteRT float16", "LiteRT int8", "ONNX"]
    assert (table["largest_difference"] < [1e-9, 1e-4, 1e-4, 5e-3, 0.1, 1e-4]).all()
    assert table["same_answer"]["LiteRT float32"] == table["same_answer"]["ONNX"] == 1
    megabytes = table["megabytes"]
    assert megabytes["LiteRT int8"] < 0.6 * megabytes["LiteRT float16"] < 0.4 * megabytes["LiteRT float32"]
    expected = np.mean(network(IMAGES.astype(np.float32)).numpy().argmax(axis=1) == LABELS)
    assert table["accuracy"]["Keras"] == pytest.approx(expected)
    content = (tmp_path / "formats" / "network_int8.tflite").read_bytes()
    assert litert.forward_pass(content, 1)(IMAGES[:1]).shape == (1, 5)
