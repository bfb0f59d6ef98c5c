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
    names = [path[0] for path in tree]
    related = comparison.confusion_by_relation(predicted, labels, names, tree)
    assert related.counts.sum() == related.counts[:2, :2].sum() + related.counts[2:, 2:].sum() == 7
    assert sum(size for _, size in related.groups) == 4
    assert related.counts[related.class_names.index("dog"), related.class_names.index("cat")] == 1
    in_label_order = comparison.confusion_by_relation(predicted, labels, names, None)
    assert in_label_order.counts.tolist() == comparison.confusion(predicted, labels, 4).tolist()
    assert in_label_order.class_names == names and in_label_order.groups == []


def test_gaps_lead_from_the_best_to_the_worst_with_paired_intervals():
    right = {"low": np.arange(100) < 20, "high": np.arange(100) < 70, "same": np.arange(100) < 20}
    gaps = comparison.gaps(right)
    assert gaps[["first", "second"]].to_numpy().tolist() == [["high", "low"], ["low", "same"]]
    first, second = gaps.to_dict("records")
    assert first["difference"] == pytest.approx(0.5) and first["low"] < 0.5 < first["high"]
    assert second["low"] == second["high"] == 0 and second["p_holm"] == 1
    assert first["p_holm"] == comparison.compare(right).set_index(["first", "second"]).loc[("low", "high"), "p_holm"]


def test_a_property_that_no_image_has_is_left_out():
    rising = np.arange(20.0)
    properties = pd.DataFrame({"area": np.nan, "sharpness": rising, "brightness": rising, "contrast": rising})
    tables = comparison.accuracy_by_properties(properties, [rising >= 10, rising < 10])
    assert list(tables) == ["sharpness", "mean brightness", "contrast"]
    first, second = tables["contrast"]
    assert first["accuracy"].iloc[[0, -1]].tolist() == [0, 1]
    assert second["accuracy"].iloc[[0, -1]].tolist() == [1, 0]
