import numpy as np
import pandas as pd
import pytest

from helpers.analysis import comparison


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0009, "p < 0.001"), (0.001, "p = 0.001"), (0.0099, "p = 0.010"), (0.24, "p = 0.24"), (1.0, "p = 1.00")],
)
def test_p_values_in_few_characters(value, text):
    assert comparison.p_value_text(value) == text


def test_related_classes_stand_next_to_each_other_in_the_confusion_matrix():
    tree = [
        ["cat", "animal", "thing"],
        ["car", "vehicle", "thing"],
        ["dog", "animal", "thing"],
        ["bus", "vehicle", "thing"],
    ]
    labels = np.array([0, 0, 1, 2, 2, 2, 3])
    predicted = np.array([0, 2, 1, 2, 2, 0, 1])
    counts, groups = comparison.confusion_by_relation(predicted, labels, 4, tree)
    assert counts.sum() == counts[:2, :2].sum() + counts[2:, 2:].sum() == 7
    assert sum(size for _, size in groups) == 4
    in_label_order, no_groups = comparison.confusion_by_relation(predicted, labels, 4, None)
    assert in_label_order.tolist() == comparison.confusion(predicted, labels, 4).tolist()
    assert no_groups == []


def test_a_property_that_no_image_has_is_left_out():
    rising = np.arange(20.0)
    properties = pd.DataFrame({"area": np.nan, "sharpness": rising, "brightness": rising, "contrast": rising})
    tables = comparison.accuracy_by_properties(properties, [rising >= 10, rising < 10])
    assert list(tables) == ["sharpness", "mean brightness", "contrast"]
    first, second = tables["contrast"]
    assert first["accuracy"].iloc[[0, -1]].tolist() == [0, 1]
    assert second["accuracy"].iloc[[0, -1]].tolist() == [1, 0]
