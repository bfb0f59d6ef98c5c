from dataclasses import replace

import numpy as np
import pytest

from helpers.analysis import exploration
from helpers.data.splits import make_split

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (7, 8, 8, 3), np.uint8)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(exploration, "_CHUNK", 3)


@pytest.fixture(scope="module")
def with_official(tiny):
    labels = np.repeat(np.arange(6), 3)
    return replace(tiny, official_images=np.zeros((18, 64, 64, 3), np.uint8), official_labels=labels)


def test_split_counts_are_those_of_the_labels(tiny, split):
    table = exploration.split_counts(tiny, split).set_index("split")
    assert table.index.tolist() == ["train", "validation", "test", "unlabelled"]
    for name in ("train", "validation", "test"):
        counts = [int((tiny.labels[getattr(split, name)] == label).sum()) for label in range(6)]
        assert table.loc[name].tolist() == [sum(counts), min(counts), max(counts)]
    assert table["images"].iloc[:3].sum() == 72 and table.loc["unlabelled", "images"] == 12
    assert table.loc["unlabelled"].isna().tolist() == [False, True, True]


def test_official_test_images_are_counted_by_their_own_labels(with_official):
    table = exploration.split_counts(with_official, make_split(with_official)).set_index("split")
    assert table.loc["test"].tolist() == [18, 3, 3]


def test_each_labelled_image_is_on_the_side_of_its_split(tiny, split, with_official):
    sides = exploration.sides(tiny, split)
    for name in ("train", "validation", "test"):
        assert np.array_equal(np.flatnonzero(sides == name), getattr(split, name))
    assert "test" not in exploration.sides(with_official, make_split(with_official))
    fewer = exploration.sides(tiny, make_split(tiny, 11))
    assert (fewer == "unused").sum() == 72 - 66


def test_class_table_reads_down_the_columns(tiny):
    named = replace(tiny, class_names=list("abcdef"), wnids=list("abcdef"))
    table = exploration.class_table(named, columns=4)
    assert table.to_numpy().tolist() == [["0 a", "2 c", "4 e", ""], ["1 b", "3 d", "5 f", ""]]


def test_examples_are_one_a_class_and_in_colour_where_there_is_one(tiny, split):
    is_grey = np.zeros(72, bool)
    mine = split.train[tiny.labels[split.train] == 2]
    is_grey[mine[:2]] = True
    is_grey[tiny.labels == 4] = True
    chosen = exploration.examples(replace(tiny, is_grey=is_grey), split)
    assert tiny.labels[chosen].tolist() == list(range(6))
    assert chosen[2] == mine[2]
    assert set(chosen) <= set(split.train)


def test_channel_densities_integrate_to_one_and_have_the_means(small_chunks):
    densities = exploration.channel_densities(IMAGES)
    assert densities.sum().tolist() == pytest.approx([64] * 3)
    means = (densities.mul(densities.index, axis=0)).sum() / 64
    assert means.tolist() == pytest.approx(exploration.channel_statistics(IMAGES)["mean"].tolist(), abs=0.01)


def test_channel_statistics_are_those_of_all_pixels(small_chunks):
    table = exploration.channel_statistics(IMAGES)
    pixels = IMAGES.reshape(-1, 3) / 255
    assert table.index.tolist() == ["red", "green", "blue"]
    np.testing.assert_allclose(table["mean"], pixels.mean(0))
    np.testing.assert_allclose(table["std"], pixels.std(0))


def test_mean_image_is_the_mean(small_chunks):
    np.testing.assert_allclose(exploration.mean_image(IMAGES), IMAGES.mean(0) / 255)


def test_brightness_and_contrast_are_mean_and_deviation_of_grey_values(small_chunks):
    table = exploration.brightness_and_contrast(IMAGES)
    grey = IMAGES.mean(3).reshape(7, -1) / 255
    np.testing.assert_allclose(table["brightness"], grey.mean(1), rtol=1e-5)
    np.testing.assert_allclose(table["contrast"], grey.std(1), rtol=1e-5)


def test_mirror_differences_tell_the_axes_apart():
    mean = np.repeat(np.linspace(0, 1, 8)[:, None, None], 8, 1) * np.ones(3)
    found = exploration.mirror_differences(mean)
    assert found["left_right"] == 0
    assert found["upside_down"] == pytest.approx(np.abs(mean - mean[::-1]).mean())
    turned = exploration.mirror_differences(mean.transpose(1, 0, 2))
    assert (turned["left_right"], turned["upside_down"]) == (found["upside_down"], 0)


def test_box_statistics_of_known_boxes(tiny):
    boxes = np.array([[0, 0, 63, 63], [0, 0, 31, 15], [-1, -1, -1, -1], [63, 63, 63, 63]])
    table = exploration.box_statistics(replace(tiny, boxes=boxes), np.arange(4))
    assert table["area"].tolist() == [1, 32 * 16 / 64**2, 1 / 64**2]
    assert table["centre_x"].tolist() == [0.5, 0.25, 63.5 / 64]
    assert table["centre_y"].tolist() == [0.5, 0.125, 63.5 / 64]


def test_coverage_is_the_same_as_painting_every_box(tiny):
    ends = np.random.default_rng(0).integers(0, 64, (20, 2, 2))
    boxes = np.concatenate([ends.min(1), ends.max(1)], axis=1) + [0, -3, 4, 0]  # some reach over the border
    boxes[4] = -1
    painted = np.zeros((64, 64))
    for x_min, y_min, x_max, y_max in np.delete(boxes, [4, 19], axis=0):
        painted[max(y_min, 0) : y_max + 1, x_min : x_max + 1] += 1
    found = exploration.coverage(replace(tiny, boxes=boxes), np.arange(19))
    np.testing.assert_allclose(found, painted / 18)


def test_coverage_without_any_box_is_zero(tiny):
    assert not exploration.coverage(replace(tiny, boxes=np.full((3, 4), -1)), np.arange(3)).any()


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_planted_near_copy_is_the_nearest(tiny, split, part):
    images = np.array(tiny.images)
    original = images[getattr(split, part)[2]].astype(int)
    changed = original + np.random.default_rng(0).integers(-2, 3, original.shape)
    images[split.train[5]] = np.clip(changed, 0, 255)
    table = exploration.nearest_in_training(replace(tiny, images=images), split, part)
    assert table["position"].iloc[0] == 2 and table["nearest"].iloc[0] == split.train[5]
    assert table["correlation"].is_monotonic_decreasing and 0.99 < table["correlation"].iloc[0] <= 1
    assert sorted(table["position"]) == list(range(len(getattr(split, part))))
    last = table.iloc[-1]
    small = [
        images[index].reshape(16, 4, 16, 4, 3).mean((1, 3, 4)).ravel()
        for index in (getattr(split, part)[int(last["position"])], int(last["nearest"]))
    ]
    assert last["correlation"] == pytest.approx(np.corrcoef(small)[0, 1], abs=1e-3)


def test_augmentation_rows_begin_with_the_image_and_repeat_by_seed(tiny):
    image = tiny.images[0]
    rows = exploration.augmentation_rows(image, seed=1, draws=3)
    assert all(np.array_equal(row[0], image) for row in rows.values())
    assert rows["report, at random"].shape == (4, 64, 64, 3)
    np.testing.assert_allclose(rows["flip, vertical"][1], image[::-1], atol=0.01)
    again, other = (exploration.augmentation_rows(image, seed, 3)["improved, at random"] for seed in (1, 2))
    assert np.array_equal(again, rows["improved, at random"]) and not np.array_equal(again, other)


def test_augmentation_changes_measure_a_flip_and_tell_the_shears_apart(tiny):
    images = tiny.images[:3]
    table = exploration.augmentation_changes(images).set_index("transform")
    change, sharpness = table["mean_change"], table["sharpness"]
    flipped = np.abs(images.astype(float) - images[:, :, ::-1]).mean()
    assert change["flip, horizontal"] == pytest.approx(flipped, abs=0.01)
    assert 0 < change["shear, 0.3 degrees"] < change["shear, 30 % (16.7 degrees)"] / 5
    assert sharpness[["flip, horizontal", "flip, vertical"]].tolist() == pytest.approx([1, 1])
    assert sharpness["rotation, 8 degrees"] < 0.9  # it interpolates


def test_the_nearest_other_image_points_the_same_way():
    vectors = np.array([[1, 0], [5, 0.1], [0, 1], [0.1, 9]])
    assert exploration.nearest_others(vectors).tolist() == [1, 0, 3, 2]


def test_embedding_map_repeats_by_seed_and_keeps_clusters_apart():
    features = np.random.default_rng(0).normal(size=(40, 6)) + np.repeat([[0], [30]], 20, axis=0)
    first, again = (exploration.embedding_map(features, seed=4) for _ in range(2))
    assert first.shape == (40, 2) and np.array_equal(first, again)
    labels = np.repeat([0, 1], 20)
    assert np.mean(labels[exploration.nearest_others(first - first.mean(0))] == labels) > 0.9


def test_image_properties_of_known_images(tiny, split):
    table = exploration.image_properties(tiny, split)
    assert len(table) == len(split.test)
    first = tiny.images[split.test[0]].astype(float) / 255
    assert table["brightness"].iloc[0] == pytest.approx(first.mean(), abs=1e-5)
    x_min, y_min, x_max, y_max = tiny.boxes[split.test[0]]
    assert table["area"].iloc[0] == (x_max - x_min + 1) * (y_max - y_min + 1) / 64**2


def test_a_flat_image_has_no_sharpness_and_an_unknown_box_no_area(tiny):
    images = np.full(tiny.images.shape, 9, np.uint8)
    images[:, ::2] = 200
    images[tiny.labels == 0] = 9
    flat = replace(tiny, images=images, boxes=np.full_like(tiny.boxes, -1))
    table = exploration.image_properties(flat, make_split(tiny))
    labels = tiny.labels[make_split(tiny).test]
    assert (table["sharpness"][labels == 0] == 0).all()
    assert (table["sharpness"][labels != 0] > 0.5).all()
    assert table["area"].isna().all()


def test_only_moves_by_whole_pixels_keep_an_image_sharp():
    noise = RNG.integers(0, 256, (40, 40, 3), np.uint8)
    crops, sharpness = exploration.interpolated(noise, side=8)
    stored, moved, *blurred = crops.values()
    assert np.array_equal(stored, noise[16:24, 16:24]) and np.array_equal(
        moved[1:, 1:], stored[:-1, :-1]
    ) ^ np.array_equal(moved[:-1, :-1], stored[1:, 1:])
    assert sharpness[:2] == pytest.approx([1, 1], abs=0.05) and max(sharpness[2:]) < 0.9 and len(blurred) == 2


def test_labels_of_mixed_images_are_the_areas_in_them():
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    images, shares = exploration.mixed(black, white, seed=1)
    assert images.shape == (4, 16, 16, 3) and shares.sum(1) == pytest.approx(np.ones(4))
    assert images.mean((1, 2, 3)) / 255 == pytest.approx(shares[:, 1], abs=1e-6) and np.ptp(shares[:, 1]) > 0.05
