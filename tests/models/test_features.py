import keras
import numpy as np
import pytest
from keras import layers

from helpers.core import paths
from helpers.models import features


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    pixels = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, strides=2, name="conv")(pixels)
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(pixels, layers.Dropout(0.5)(x), name="small")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (150, 8, 8, 3), np.uint8)


class Watched:
    """An array that notes which rows are asked for, and can be cut off at one."""

    def __init__(self, array, cut_off=None):
        self.array, self.cut_off, self.starts = array, cut_off, []

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        if rows.start == self.cut_off:
            raise KeyboardInterrupt
        self.starts.append(rows.start)
        return self.array[rows]


def quiet(line):
    pass


def test_activations_are_those_of_the_network_at_inference(network, images):
    result = features.activations(network, images, "name", progress=quiet)
    assert result.dtype == np.float16 and result.shape == (150, 3, 3, 4)
    assert isinstance(result, np.memmap) and not result.flags.writeable
    expected = network(images.astype(np.float32), training=False).numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_mirrored_images_are_turned_left_to_right(network, images):
    plain = features.activations(network, images, "plain", progress=quiet)
    mirrored = features.activations(network, images, "mirrored", mirrored=True, progress=quiet)
    turned = features.activations(network, images[:, :, ::-1].copy(), "turned", progress=quiet)
    assert np.array_equal(mirrored, turned)
    assert not np.array_equal(mirrored, plain)


def test_the_second_time_nothing_is_computed(network, images):
    lines = []
    first = features.activations(network, images, "name", progress=lines.append)
    watched = Watched(images)
    second = features.activations(network, watched, "name", progress=lines.append)
    assert np.array_equal(first, second)
    assert watched.starts == [] and len(lines) == 1
    assert "small" in lines[0] and "150 images" in lines[0]


@pytest.mark.parametrize("cut_off", [0, 20, 80, 140])
def test_cut_off_in_the_middle_it_goes_on(cut_off, network, images, monkeypatch):
    monkeypatch.setattr(features, "_CHUNK", 20)
    whole = features.activations(network, images, "whole", mirrored=True, progress=quiet)
    with pytest.raises(KeyboardInterrupt):
        features.activations(network, Watched(images, cut_off), "cut", mirrored=True, progress=quiet)
    assert not (paths.cache() / "activations" / "cut.npy").exists()
    watched = Watched(images)
    resumed = features.activations(network, watched, "cut", mirrored=True, progress=quiet)
    assert watched.starts == list(range(cut_off, 150, 20))
    assert np.array_equal(resumed, whole)


def test_nothing_but_the_array_and_its_lock_is_left(network, images):
    features.activations(network, images, "name", progress=quiet)
    left = {file.name for file in (paths.cache() / "activations").iterdir()}
    assert left - {"name.lock"} == {"name.npy", "name.npy.sha256"}


def test_activations_can_be_computed_from_activations(network, images):
    below = features.activations(network, images, "below", progress=quiet)
    inputs = keras.Input((3, 3, 4))
    above = keras.Model(inputs, layers.GlobalAveragePooling2D()(inputs), name="above")
    result = features.activations(above, below, "above", progress=quiet)
    np.testing.assert_allclose(result, np.asarray(below, np.float32).mean(axis=(1, 2)), rtol=2e-3, atol=0.1)


def test_what_was_computed_before_is_had_without_a_network_unless_it_is_damaged(network, images):
    assert features.kept("once") is None
    result = features.activations(network, images, "once", progress=quiet)
    assert np.array_equal(features.kept("once"), result)
    file = paths.cache() / "activations" / "once.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert features.kept("once") is None
