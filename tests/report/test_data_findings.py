import numpy as np
import pandas as pd
import pytest

from helpers.analysis import exploration
from helpers.data.duplicates import duplicate_pairs
from helpers.report import data_findings

SAME_CLASS = pd.DataFrame(
    {"nearest image is of the same class": [0.05, 0.6], "low": [0.03, 0.5], "high": [0.08, 0.7]},
    index=["pixels", "frozen features"],
)
BOXES = pd.DataFrame({"area": [0.2, 0.4, 0.9]})


@pytest.fixture
def duplicates(tiny, split):
    return data_findings.with_sides(duplicate_pairs(tiny), tiny, split)


@pytest.fixture
def nearest(tiny, split):
    n = len(split.test)
    return pd.DataFrame(
        {
            "position": np.arange(n),
            "nearest": split.test,  # of the same class, since it is the image itself
            "correlation": np.where(np.arange(n) < 2, 0.99, 0.5),
        }
    )


def test_images_and_classes_are_counted(tiny):
    assert data_findings.labelled_images("demo data", tiny) == (
        "This run reads **demo data**: 72 labelled images of 6 classes."
    )


def test_the_two_flips_are_compared():
    text = data_findings.mirror_image({"left_right": 0.01, "upside_down": 0.05})
    assert text.endswith("from itself upside down by 0.0500, 5.0 times as much.")


def test_grey_images_are_counted(tiny):
    n_grey = int(tiny.is_grey.sum())
    assert data_findings.grey_images(tiny).startswith(f"{n_grey} of 72 labelled images (")


def test_copies_on_both_sides_of_the_split_are_counted(duplicates):
    assert "separates **0** of these" in data_findings.copies(duplicates)
    [pair] = duplicates.index
    separated = duplicates.assign(first_side="train", second_side="test")
    assert "both images of 1; the split separates **1** of these" in data_findings.copies(separated)
    assert "both images of 0;" in data_findings.copies(separated.assign(second_side="unused"))


def test_near_copies_bound_what_they_can_be_worth(tiny, split, nearest):
    n = len(nearest)
    text = data_findings.near_copies(nearest, tiny, split)
    assert text.startswith(
        f"2 of {n} test images ({2 / n:.2%}) correlate above 0.95 with a training image; for 2 of them"
    )
    assert text.endswith(f"no more than {200 / n:.2f} points.")


def test_the_reported_shear_hardly_moves_a_pixel():
    changes = pd.DataFrame({"transform": ["rotation", "shear 0.3", "shear 16.7"], "mean_change": [9.0, 0.25, 12.0]})
    text = data_findings.shear(changes)
    assert "moves the outermost row of pixels by 0.16 pixels; one by 30 % would move it by 9.1" in text
    assert "a pixel value changes by 0.25 of 255, against 12.0." in text


def test_the_share_of_nearest_images_of_the_same_class_has_an_interval():
    directions = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    vectors = {"alike": directions, "mixed": directions[[0, 2, 1, 3]]}
    table = data_findings.nearest_of_same_class(vectors, np.array([0, 0, 1, 1]))
    assert table["nearest image is of the same class"].tolist() == [1.0, 0.0]
    assert (table["low"] <= table.iloc[:, 0]).all()
    assert table.index.tolist() == ["alike", "mixed"]


def test_summary_and_findings_have_the_numbers(tiny, split, duplicates, nearest):
    summary = data_findings.summary(tiny, split, duplicates, nearest, BOXES, SAME_CLASS)
    assert summary["training images"] == str(len(split.train))
    assert summary["median share of the image inside the box"] == "40%"
    assert summary["same class nearest, frozen features"] == "60.0%"
    light = pd.DataFrame({"brightness": np.linspace(0, 1, 101)})
    counts = exploration.split_counts(tiny, split)
    text = data_findings.findings(tiny, counts, light, duplicates, nearest, BOXES, SAME_CLASS, 500)
    assert len(text.splitlines()) == 5
    assert "chance level is 17%" in text
    assert "brightness runs from 0.05 to 0.95 for 90 % of the images" in text
    assert "at most 2 of" in text
    assert (
        "in 60.0% of 500 cases (95 % interval 50.0% to 70.0%); the nearest in the pixels in 5.0% of 500 cases" in text
    )
