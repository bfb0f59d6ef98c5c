import keras
import pytest

from helpers.analysis import fine_tuning, linear_probes
from helpers.models import architecture
from helpers.models.weights import find_weights


@pytest.fixture(scope="module")
def weights():
    return find_weights("", True)


@pytest.fixture
def small_network(monkeypatch):
    """In the place of MobileNetV2: its base has one convolution and one batch normalisation."""

    def build(recipe, weights, num_classes, seed):
        keras.utils.set_random_seed(seed)
        pixels = keras.Input((64, 64, 3))
        x = keras.layers.Conv2D(4, 3, strides=4, use_bias=False, name="Conv1")(pixels)
        x = keras.layers.BatchNormalization(name="bn_Conv1")(x)
        x = keras.layers.ReLU(name="out_relu")(x)
        x = keras.layers.GlobalAveragePooling2D(name="global_average")(x)
        return keras.Model(pixels, keras.layers.Dense(num_classes, name=architecture.LOGITS)(x))

    for module in (fine_tuning, linear_probes):
        monkeypatch.setattr(module, "pretrained", build)
