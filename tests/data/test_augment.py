from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from scipy import stats

from helpers.config.recipes import AUGMENTATIONS, Augmentation
from helpers.data.augment import PARAMETERS, View, augment, cutmix, draw, transform

REPORT = AUGMENTATIONS["report"]
KEY = tf.constant([3, 5])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)


def reference(image, parameters):
    return ImageDataGenerator(fill_mode="nearest").apply_transform(image, parameters)


def ours(image, parameters):
    return transform(image[None], {name: tf.constant([value], tf.float32) for name, value in parameters.items()})[0]


@pytest.mark.parametrize(
    "parameters",
    [
        {"theta": 8.0},
        {"theta": -33.0},
        {"tx": 5.3},
        {"ty": -6.4},
        {"tx": 70.0},
        {"shear": 0.3},
        {"shear": 25.0},
        {"zx": 0.9},
        {"zy": 1.1},
        {"flip_horizontal": 1.0},
        {"flip_vertical": 1.0},
        {},
    ],
    ids=str,
)
def test_single_transforms_are_those_of_image_data_generator(images, parameters):
    expected = reference(images[0], parameters)
    np.testing.assert_allclose(ours(images[0], parameters), expected, atol=0.01)
    assert bool(parameters) != np.array_equal(expected, images[0])


@settings(max_examples=30)
@given(
    st.fixed_dictionaries(
        {
            "theta": st.floats(-40, 40, width=32),
            "tx": st.floats(-12, 12, width=32),
            "ty": st.floats(-12, 12, width=32),
            "shear": st.floats(-30, 30, width=32),
            "zx": st.floats(0.75, 1.5, width=32),
            "zy": st.floats(0.75, 1.5, width=32),
            "flip_horizontal": st.sampled_from([0.0, 1.0]),
            "flip_vertical": st.sampled_from([0.0, 1.0]),
        }
    )
)
def test_composed_transforms_are_those_of_image_data_generator(parameters):
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(ours(image, parameters), reference(image, parameters), atol=0.01)


def test_each_image_of_a_batch_gets_its_own_transform(images):
    parameters = draw(REPORT, 4, 64, KEY)
    together = transform(images, parameters)
    for index in range(4):
        alone = {name: float(values[index]) for name, values in parameters.items()}
        np.testing.assert_allclose(together[index], ours(images[index], alone), atol=1e-3)


@pytest.fixture(scope="module")
def generator_draws():
    generator = ImageDataGenerator(
        rotation_range=8,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=0.3,
        zoom_range=0.1,
        horizontal_flip=True,
        vertical_flip=True,
    )
    np.random.seed(0)  # noqa: NPY002 - the generator draws from the global state
    draws = [generator.get_random_transform((64, 64, 3)) for _ in range(4000)]
    return {name: np.array([float(one[name]) for one in draws]) for name in PARAMETERS[:8]}


@pytest.fixture(scope="module")
def our_draws():
    return {name: values.numpy() for name, values in draw(REPORT, 4000, 64, KEY).items()}


@pytest.mark.parametrize("name", ["theta", "tx", "ty", "shear", "zx", "zy"])
def test_draws_are_distributed_as_those_of_image_data_generator(name, generator_draws, our_draws):
    assert stats.ks_2samp(generator_draws[name], our_draws[name]).pvalue > 0.001


@pytest.mark.parametrize("name", ["flip_horizontal", "flip_vertical"])
def test_flips_come_every_second_time(name, generator_draws, our_draws):
    assert set(our_draws[name]) == {0.0, 1.0}
    assert abs(our_draws[name].mean() - 0.5) < 0.03
    assert abs(generator_draws[name].mean() - our_draws[name].mean()) < 0.04


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("theta", -8, 8), ("tx", -6.4, 6.4), ("ty", -6.4, 6.4), ("shear", -0.3, 0.3), ("zx", 0.9, 1.1), ("zy", 0.9, 1.1)],
)
def test_draws_fill_the_report_s_ranges(name, low, high, our_draws):
    values = our_draws[name]
    margin = (high - low) * 0.01
    assert low - 1e-5 <= values.min() < low + margin
    assert high - margin < values.max() <= high + 1e-5


def test_draws_of_different_parameters_are_unrelated(our_draws):
    varying = [name for name in PARAMETERS if our_draws[name].std() > 0]
    assert varying == list(PARAMETERS[:8])
    related = np.corrcoef([our_draws[name] for name in varying]) - np.eye(len(varying))
    assert np.abs(related).max() < 0.06


def test_flips_are_not_drawn_where_not_asked_for():
    values = draw(AUGMENTATIONS["mild"], 200, 64, KEY)
    assert values["flip_vertical"].numpy().max() == 0
    assert values["flip_horizontal"].numpy().max() == 1


@pytest.mark.parametrize("name", ["report", "mild", "mild_and_sharp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_augmented_images_keep_shape_and_range(name, dtype, images):
    extremes = np.where(images > 127, 255, 0).astype(dtype)
    result = augment(extremes, AUGMENTATIONS[name], KEY).numpy()
    assert result.shape == images.shape and result.dtype == np.float32
    assert result.min() >= -1e-3 and result.max() <= 255.001
    assert not np.array_equal(result, extremes)


@given(seed=st.integers(0, 2**31 - 1))
@settings(max_examples=20, deadline=None)
def test_images_that_stay_sharp_are_moved_by_whole_pixels(seed):
    # Where no pixel has its neighbour's value, interpolation gives values that the image does not have.
    image = np.arange(16 * 16 * 3, dtype=np.float32).reshape(1, 16, 16, 3) % 251
    sharp = replace(AUGMENTATIONS["mild_and_sharp"], contrast=0, whole_pixels=1)
    moved = augment(image, sharp, tf.constant([seed, 0])).numpy()[0]
    steps = range(-2, 3)  # a tenth of 16 pixels, rounded
    places = [(np.arange(16) + step).clip(0, 15) for step in steps]
    both = [image[0], image[0, :, ::-1]]
    assert any(np.array_equal(moved, side[rows][:, columns]) for side in both for rows in places for columns in places)


def test_a_share_of_the_images_stays_sharp():
    values = draw(AUGMENTATIONS["mild_and_sharp"], 4000, 64, KEY)
    is_sharp = values["theta"].numpy() == 0
    assert abs(is_sharp.mean() - 0.5) < 0.03
    for name in ("zx", "zy"):
        assert np.array_equal(values[name].numpy() == 1, is_sharp)
    for name in ("tx", "ty"):
        shift = values[name].numpy()
        assert np.array_equal(shift == shift.round(), is_sharp)


def test_none_changes_nothing_but_the_dtype(images):
    result = augment(images.astype(np.uint8), AUGMENTATIONS["none"], KEY)
    assert result.dtype == tf.float32
    assert np.array_equal(result, images)


@pytest.mark.parametrize("name", ["report", "mild", "mild_and_sharp"])
def test_same_key_same_images_other_key_other_images(name, images):
    augmentation = AUGMENTATIONS[name]
    once, again = (augment(images, augmentation, tf.constant([1, 2])).numpy() for _ in range(2))
    assert np.array_equal(once, again)
    for other in ([2, 2], [1, 3]):
        assert not np.array_equal(once, augment(images, augmentation, tf.constant(other)).numpy())


def test_a_view_is_the_same_each_time_and_unlike_other_views_and_rows(images):
    def pixels(number, start):
        return View(np.concatenate([images, images]), AUGMENTATIONS["mild"], number)[start : start + 4]

    np.testing.assert_array_equal(pixels(1, 0), pixels(1, 0))
    assert pixels(1, 0).shape == images.shape and len(View(images, REPORT, 1)) == len(images)
    assert np.abs(pixels(1, 0) - pixels(2, 0)).max() > 50
    assert np.abs(pixels(1, 0) - pixels(1, 4)).max() > 50


def test_images_of_a_batch_are_transformed_differently(images):
    same = np.repeat(images[:1], 4, axis=0)
    result = augment(same, REPORT, KEY).numpy()
    assert len({image.tobytes() for image in result}) == 4


def test_contrast_and_brightness_are_factors_around_the_mean(images):
    factors = {"contrast": tf.constant([0.5]), "brightness": tf.constant([0.8])}
    result = transform(images[:1], factors).numpy()
    mean = images[:1].mean()
    np.testing.assert_allclose(result, ((images[:1] - mean) * 0.5 + mean) * 0.8, atol=0.01)


def test_augmenting_within_a_graph_gives_the_same(images):
    graph = tf.function(lambda x, key: augment(x, AUGMENTATIONS["mild"], key))
    np.testing.assert_allclose(graph(images, KEY), augment(images, AUGMENTATIONS["mild"], KEY), atol=0.01)


def test_only_what_the_augmentation_has_is_changed(images):
    flipped = augment(images, Augmentation(flip_horizontal=True), KEY).numpy()
    for before, after in zip(images, flipped, strict=True):
        assert np.allclose(after, before, atol=0.01) or np.allclose(after, before[:, ::-1], atol=0.01)


def solid(n):
    """Images of one value each, which is also their class."""
    pixels = np.broadcast_to(np.arange(n, dtype=np.float32)[:, None, None, None], (n, 64, 64, 3))
    return tf.constant(pixels), tf.one_hot(tf.range(n), n)


def test_cutmix_targets_sum_to_one_and_match_the_pasted_area():
    images, targets = solid(8)
    for seed in range(5):
        mixed, blended = (value.numpy() for value in cutmix(images, targets, tf.constant([seed, 0])))
        assert mixed.shape == images.shape and blended.shape == targets.shape
        np.testing.assert_allclose(blended.sum(axis=1), 1, atol=1e-6)
        for index in range(8):
            share = [(mixed[index, :, :, 0] == value).mean() for value in range(8)]
            np.testing.assert_allclose(blended[index], share, atol=1e-6)


def test_cutmix_pastes_one_rectangle_and_leaves_the_rest():
    images, targets = solid(8)
    mixed = cutmix(images, targets, tf.constant([1, 0]))[0].numpy()
    for index in range(8):
        pasted = mixed[index, :, :, 0] != index
        rows, columns = pasted.any(axis=1), pasted.any(axis=0)
        assert np.array_equal(pasted, rows[:, None] & columns[None])


def test_cutmix_shares_cover_the_whole_range():
    images, targets = solid(8)
    own = np.concatenate([np.diag(cutmix(images, targets, tf.constant([seed, 0]))[1]) for seed in range(40)])
    assert own.min() < 0.35 and own.max() > 0.97 and 0.5 < own.mean() < 0.8


def test_cutmix_follows_its_key():
    images, targets = solid(8)
    once, again, other = (cutmix(images, targets, tf.constant(key))[1].numpy() for key in ([0, 1], [0, 1], [0, 2]))
    assert np.array_equal(once, again) and not np.array_equal(once, other)
