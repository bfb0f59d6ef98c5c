import numpy as np
from sources import fake_dataset

from helpers.data.duplicates import certainly_wrong_labels, duplicate_pairs


def test_copies_are_listed_with_both_classes(tiny):
    pairs = duplicate_pairs(tiny)
    assert len(pairs) == 1
    row = pairs.iloc[0]
    assert np.array_equal(tiny.images[row["first"]], tiny.images[row["second"]])
    assert row["first_class"] == tiny.class_names[tiny.labels[row["first"]]]
    assert row["second_class"] == tiny.class_names[tiny.labels[row["second"]]]
    assert row["first_class"] != row["second_class"] and row["in_two_classes"]
    assert certainly_wrong_labels(tiny) == 1


def test_without_copies_the_list_is_empty_with_its_columns():
    pairs = duplicate_pairs(fake_dataset([0] * 10 + [1] * 10))
    assert len(pairs) == 0
    assert list(pairs.columns) == ["first", "second", "first_class", "second_class", "in_two_classes"]


def test_of_equal_images_all_but_those_of_their_most_frequent_label_are_wrong():
    alike = fake_dataset([0, 1, 1, 0, 0, 1, 0, 1], digests=[5, 5, 5, 6, 6, 7, 8, 8])
    assert certainly_wrong_labels(alike) == 2  # one of the first three, and one of the last two
    assert duplicate_pairs(alike)["in_two_classes"].tolist() == [True, True, False, True]
