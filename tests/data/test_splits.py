from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sources import fake_dataset

from helpers.core.errors import InputError
from helpers.data import decoding, splits
from helpers.data.dataset import open_source
from helpers.data.splits import check_split, make_split


@st.composite
def data_sets(draw):
    per_class = draw(st.lists(st.integers(14, 40), min_size=2, max_size=8))
    labels = np.random.default_rng(draw(st.integers(0, 99))).permutation(
        np.repeat(np.arange(len(per_class)), per_class)
    )
    digests = np.arange(len(labels))
    for first, second in draw(st.lists(st.tuples(st.integers(0, 27), st.integers(0, 27)), max_size=3)):
        digests[second] = digests[first]
    official = np.repeat(np.arange(len(per_class)), 5) if draw(st.booleans()) else ()
    return fake_dataset(labels, digests, official)


@given(data_sets())
def test_split_covers_everything_and_never_overlaps(data):
    split = make_split(data)
    parts = [split.train, split.validation] + ([split.test] if split.test_source == "split_off" else [])
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(data.labels)))
    assert all(np.array_equal(part, np.sort(part)) for part in parts)
    if len(data.official_labels):
        assert split.test_source == "official_val"
        assert np.array_equal(split.test, np.arange(len(data.official_labels)))


@given(data_sets())
def test_copies_stay_on_one_side(data):
    split = make_split(data)
    parts = [split.train, split.validation] + ([split.test] if split.test_source == "split_off" else [])
    sides = [set(data.digests[part].tolist()) for part in parts]
    assert sum(len(side) for side in sides) == len(set().union(*sides))


@given(data_sets())
def test_split_is_stratified(data):
    split = make_split(data)
    counts = np.bincount(data.labels)
    copies = len(data.digests) - len(set(data.digests.tolist()))
    shares = {"train": 0.8, "validation": 0.2 if len(data.official_labels) else 0.1}
    if not len(data.official_labels):
        shares["test"] = 0.1
    for name, share in shares.items():
        found = np.bincount(data.labels[getattr(split, name)], minlength=data.num_classes)
        assert np.abs(found - share * counts).max() <= 2 + copies, name


@given(st.lists(st.integers(10, 60), min_size=1, max_size=12), st.booleans())
def test_ten_images_of_each_class_are_always_enough(per_class, has_official):
    labels = np.repeat(np.arange(len(per_class)), per_class)
    split = make_split(fake_dataset(labels, official_labels=labels if has_official else ()))
    for part in (split.train, split.validation):
        assert set(labels[part]) == set(range(len(per_class)))


@given(data_sets())
def test_split_is_stable(data):
    first, second = make_split(data), make_split(data)
    assert first.fingerprint == second.fingerprint
    for name in splits.SPLITS:
        assert np.array_equal(getattr(first, name), getattr(second, name))


@given(data_sets(), st.integers(10, 13))
def test_subset_has_so_many_images_of_each_class(data, images_per_class):
    data = replace(data, digests=np.arange(len(data.labels), dtype=np.uint64))
    split = make_split(data, images_per_class)
    labelled = [split.train, split.validation] + ([split.test] if split.test_source == "split_off" else [])
    used = np.concatenate(labelled)
    assert len(set(used.tolist())) == len(used)
    assert set(np.bincount(data.labels[used], minlength=data.num_classes)) == {images_per_class}
    if split.test_source == "official_val":
        assert set(np.bincount(data.official_labels[split.test], minlength=data.num_classes)) == {1}
    assert split.fingerprint != make_split(data).fingerprint


def test_split_of_the_whole_size_is_the_report_s():
    split = make_split(fake_dataset(np.repeat(np.arange(100), 500)))
    assert (len(split.train), len(split.validation), len(split.test)) == (40_000, 5_000, 5_000)
    labels = np.repeat(np.arange(100), 500)
    assert set(np.bincount(labels[split.train])) == {400}
    assert set(np.bincount(labels[split.validation])) == set(np.bincount(labels[split.test])) == {50}


def test_split_with_an_official_test_keeps_all_the_rest_for_validation():
    split = make_split(fake_dataset(np.repeat(np.arange(100), 500), official_labels=np.repeat(np.arange(100), 50)))
    assert (len(split.train), len(split.validation), len(split.test)) == (40_000, 10_000, 5_000)
    without = make_split(fake_dataset(np.repeat(np.arange(100), 500)))
    assert np.array_equal(split.train, without.train)


def test_a_split_needs_ten_images_of_each_class():
    make_split(fake_dataset(np.repeat(np.arange(3), 10)))
    with pytest.raises(InputError, match=r"only 9 .*use more images"):
        make_split(fake_dataset([0] * 20 + [1] * 9))
    with pytest.raises(InputError, match="only 5 different"):
        make_split(fake_dataset([0] * 20 + [1] * 20), 5)


def test_training_images_that_stand_in_the_official_test_are_left_out():
    labels = np.repeat(np.arange(3), 20)
    data = fake_dataset(labels, official_labels=np.repeat(np.arange(3), 5))
    copies = data.digests.copy()
    copies[[4, 30]] = decoding.pixel_digests(data.official_images[:1])[0]
    split = make_split(replace(data, digests=copies))
    assert not {4, 30} & {*split.train.tolist(), *split.validation.tolist()}
    assert len(split.train) + len(split.validation) == 58 and len(split.test) == 15


@pytest.mark.parametrize("label", [-1, 3, 255])
def test_a_label_out_of_range_is_found(label):
    labels = np.repeat(np.arange(3), 20)
    data, split = fake_dataset(labels), make_split(fake_dataset(labels))
    labels[split.train[5]] = label
    data = replace(data, labels=labels)
    with pytest.raises(InputError, match=rf"^1 labels are not between 0 and 2, the first of them {label};.*again\.$"):
        make_split(data)
    with pytest.raises(InputError, match="not between 0 and 2"):
        check_split(data, split)


@pytest.mark.parametrize("name", splits.SPLITS)
def test_a_class_that_is_missing_from_a_split_is_found(name):
    data = fake_dataset(np.repeat(np.arange(3), 20))
    split = make_split(data)
    check_split(data, split)
    indices = getattr(split, name)
    poor = replace(split, **{name: indices[data.labels[indices] != 1]})
    with pytest.raises(InputError, match=rf"^The {name} images have none of class n1 .*use more images\.$"):
        check_split(data, poor)


@pytest.mark.parametrize(("first", "second"), [("train", "validation"), ("train", "test"), ("validation", "test")])
def test_an_image_in_two_splits_is_found(first, second):
    data = fake_dataset(np.repeat(np.arange(3), 20))
    split = make_split(data)
    copy = getattr(split, first)[2]
    digests = data.digests.copy()
    digests[getattr(split, second)[1]] = digests[copy]
    with pytest.raises(InputError, match=rf"^1 images are in {first} and in {second}, .* image {copy};.*make_split\.$"):
        check_split(replace(data, digests=digests), split)


def test_a_training_image_in_the_official_test_is_found(official):
    data = open_source(official)
    split = make_split(data)
    check_split(data, split)
    digests = data.digests.copy()
    digests[split.train[0]] = decoding.pixel_digests(data.official_images)[split.test[0]]
    with pytest.raises(InputError, match="1 images are in train and in test"):
        check_split(replace(data, digests=digests), split)
