from dataclasses import replace

import numpy as np
import pytest

from helpers.config.profiles import find_recipe
from helpers.data.batches import evaluation_batches, steps_per_epoch, training_batches

PLAIN = replace(find_recipe("deep_cnn", "improved"), batch_size=4, augmentation="none", mix=0.0)
AUGMENTED = replace(PLAIN, augmentation="mild", mix=0.5)


def numbered(n):
    """Images whose pixels are their number."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 64, 64, 3)).copy()


def take(n_batches, *arguments, **options):
    return [(x.numpy(), y.numpy()) for x, y in training_batches(*arguments, **options).take(n_batches)]


def visited(batches):
    return [x[:, 0, 0, 0].astype(int).tolist() for x, _ in batches]


@pytest.mark.parametrize(
    ("n", "epoch_images", "steps"),
    [(20, None, 5), (23, None, 5), (3, None, 1), (4, None, 1), (20, 9, 2), (20, 3, 1), (20, 40, 5)],
)
def test_steps_are_whole_batches_and_at_least_one(n, epoch_images, steps):
    assert steps_per_epoch(replace(PLAIN, epoch_images=epoch_images), n) == steps


def test_an_epoch_of_fewer_images_draws_others_each_time():
    recipe = replace(PLAIN, epoch_images=8)
    first, second = np.reshape(visited(take(4, numbered(40), np.zeros(40, int), recipe, 2, seed=0)), (2, 8))
    assert len(set(first)) == len(set(second)) == 8 and set(first) != set(second)
    resumed = visited(take(2, numbered(40), np.zeros(40, int), recipe, 2, seed=0, first_epoch=1))
    assert np.ravel(resumed).tolist() == second.tolist()


def test_every_epoch_visits_every_image_once():
    batches = visited(take(15, numbered(20), np.zeros(20, int), PLAIN, 2, seed=0))
    epochs = [sum(batches[start : start + 5], []) for start in (0, 5, 10)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_no_image_comes_twice_in_an_epoch_with_a_remainder():
    batches = visited(take(10, numbered(23), np.zeros(23, int), PLAIN, 2, seed=0))
    for start in (0, 5):
        epoch = sum(batches[start : start + 5], [])
        assert len(set(epoch)) == len(epoch) == 20
    assert set(sum(batches[:5], [])) != set(sum(batches[5:], []))


def test_fewer_images_than_a_batch_make_one_batch():
    (x, y), _ = take(2, numbered(3), np.arange(3), PLAIN, 3, seed=0)
    assert x.shape == (3, 64, 64, 3)
    assert sorted(y.argmax(axis=1)) == [0, 1, 2]


def test_targets_go_with_their_images():
    labels = np.random.default_rng(0).integers(0, 7, 20)
    for x, y in take(5, numbered(20), labels, PLAIN, 7, seed=0):
        assert x.dtype == y.dtype == np.float32 and y.shape == (4, 7)
        assert np.array_equal(y.argmax(axis=1), labels[x[:, 0, 0, 0].astype(int)])
        assert np.array_equal(y.sum(axis=1), np.ones(4))


@pytest.mark.parametrize("first_epoch", [1, 3])
def test_starting_later_gives_the_batches_of_an_uninterrupted_run(first_epoch):
    pixels = np.random.default_rng(0).integers(0, 256, (22, 64, 64, 3), np.uint8)
    labels = np.arange(22) % 3
    whole = take(20, pixels, labels, AUGMENTED, 3, seed=5)
    later = take(20 - 5 * first_epoch, pixels, labels, AUGMENTED, 3, seed=5, first_epoch=first_epoch)
    for (x, y), (later_x, later_y) in zip(whole[5 * first_epoch :], later, strict=True):
        assert np.array_equal(x, later_x) and np.array_equal(y, later_y)


def test_another_seed_gives_another_order_and_other_transforms():
    pixels, labels = numbered(20), np.zeros(20, int)
    assert visited(take(5, pixels, labels, PLAIN, 2, seed=0)) == visited(take(5, pixels, labels, PLAIN, 2, seed=0))
    assert visited(take(5, pixels, labels, PLAIN, 2, seed=0)) != visited(take(5, pixels, labels, PLAIN, 2, seed=1))
    same = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8), 8, axis=0)
    one, other = (take(1, same, labels[:8], replace(PLAIN, augmentation="mild"), 2, seed=s)[0][0] for s in (0, 1))
    assert not np.array_equal(one, other)


def test_the_same_image_is_transformed_differently_in_each_epoch():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    same = np.repeat(pixels[:1], 4, axis=0)
    first, second = take(2, same, np.zeros(4, int), replace(PLAIN, augmentation="mild"), 2, seed=0)
    assert not np.array_equal(first[0], second[0])


@pytest.mark.parametrize(("mix", "low", "high"), [(0.0, 0, 0), (0.5, 5, 25), (1.0, 30, 30)])
def test_the_recipe_s_share_of_batches_is_mixed(mix, low, high):
    recipe = replace(PLAIN, mix=mix)
    targets = [y for _, y in take(30, numbered(20), np.arange(20), recipe, 20, seed=0)]
    mixed = sum(bool((y.max(axis=1) < 1).any()) for y in targets)
    assert low <= mixed <= high
    assert all(np.allclose(y.sum(axis=1), 1) for y in targets)


def test_maps_are_mixed_and_rows_of_features_are_not():
    recipe, n = replace(PLAIN, mix=1.0), 8
    for shape, mixed in (((n, 6, 6, 2), True), ((n, 5), False)):
        sides = [np.random.default_rng(0).normal(size=shape).astype(np.float16)] * 2
        targets = [y for _, y in take(4, sides, np.arange(n), recipe, n, seed=0, from_pixels=False)]
        assert any(bool((y.max(axis=1) < 1).any()) for y in targets) == mixed


def test_activations_come_from_both_sides_of_an_image():
    n = 40
    images = np.arange(n, dtype=np.float16)[:, None] * np.ones((1, 3), np.float16)
    batches = take(20, [images, images + 100], np.arange(n) % 5, PLAIN, 5, seed=0, from_pixels=False)
    values = np.concatenate([x[:, 0] for x, _ in batches])
    mirrored = values >= 100
    assert 25 < mirrored.sum() < 55
    assert sorted(values[:n] % 100) == sorted(values[n:] % 100) == list(range(n))
    assert not np.array_equal(mirrored[np.argsort(values[:n] % 100)], mirrored[n + np.argsort(values[n:] % 100)])
    for x, y in batches:
        assert x.dtype == np.float32 and x.shape == (4, 3)
        assert np.array_equal(y.argmax(axis=1), x[:, 0] % 100 % 5)


def test_sides_are_the_same_after_starting_later():
    sides = [np.random.default_rng(side).normal(size=(12, 2, 2, 3)).astype(np.float16) for side in range(2)]
    whole = take(9, sides, np.arange(12), PLAIN, 12, seed=2, from_pixels=False)
    later = take(6, sides, np.arange(12), PLAIN, 12, seed=2, first_epoch=1, from_pixels=False)
    assert all(np.array_equal(x, y) for (x, _), (y, _) in zip(whole[3:], later, strict=True))


def test_no_tuning_of_the_pipeline_outlives_a_training():
    images, labels = np.zeros((20, 64, 64, 3), np.uint8), np.arange(20) % 4
    recipe = find_recipe("shallow_cnn", "as_reported")
    for stream in (training_batches(images, labels, recipe, 4, 0), evaluation_batches(images, labels, 4, 10)):
        assert stream.options().autotune.enabled is False
