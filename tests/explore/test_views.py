import re

import matplotlib as mpl
import numpy as np
import pytest

from helpers.explore import views
from helpers.plots.style import INK, ORANGE, run_colour

NAMES = ["reel", "goldfish", "bullfrog", "a class whose name has very many words in it, far too many for one bar"]
PROBABILITIES = {
    ("shallow_cnn", "as_reported"): np.array([0.4, 0.3, 0.2, 0.1], np.float16),
    ("mobilenetv2", "improved"): np.array([0.05, 0.9, 0.04, 0.01], np.float32),
}


def texts(figure):
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


@pytest.fixture
def image():
    """Dark, with one bright spot left of the middle and above it."""
    picture = np.full((64, 64, 3), 20, np.uint8)
    picture[20:24, 12:16] = 220
    return picture


def spot(picture):
    """Row and column of the middle of what is bright."""
    return np.argwhere(picture[:, :, 0] > 150).mean(axis=0)


def test_a_page_of_a_class_says_where_it_stands_and_shows_every_image():
    images = np.arange(1, 11, dtype=np.uint8)[:, None, None, None] * np.ones((1, 6, 6, 3), np.uint8)
    plot = views.class_page(images, "reel", 41, 500, "demo data")
    assert plot.has_photographs
    assert "reel: images 41 to 50 of 500" in texts(plot.figure)
    sheet = np.asarray(plot.figure.axes[0].images[0].get_array())
    assert set(np.unique(sheet)) == {*range(1, 11), 255}
    assert sheet[0, 0, 0] == 1 and sheet[0, 10, 0] == 2 and sheet[10, 0, 0] == 9  # eight in a row, four pixels apart


def test_no_change_is_the_image_itself(image):
    assert np.array_equal(views.transformed(image, {}), image)
    assert np.array_equal(views.transformed(image, views.UNCHANGED), image)
    unchanged = views.augmentation(image, views.UNCHANGED, "demo data").figure.get_suptitle().replace("\n", " ")
    assert unchanged == "Under this transform pixels change by 0 of 255 levels on average"


@pytest.mark.parametrize(
    ("values", "row", "column"),
    [
        ({"shift_right": 0.25}, 21.5, 29.5),
        ({"shift_down": 0.25}, 37.5, 13.5),
        ({"flip_horizontal": True}, 21.5, 49.5),
        ({"flip_vertical": True}, 41.5, 13.5),
        ({"rotation": 180}, 41.5, 49.5),
        ({"zoom": 2.0}, 26.5, 22.5),
    ],
)
def test_every_transform_moves_the_spot_where_it_should(image, values, row, column):
    assert spot(views.transformed(image, values)) == pytest.approx([row, column], abs=0.6)


def test_shear_contrast_and_brightness_change_the_image(image):
    mean = image.mean()
    assert spot(views.transformed(image, {"shear": 20}))[1] != pytest.approx(13.5, abs=1)
    brighter = views.transformed(image, {"brightness": 1.1})
    assert brighter.mean() == pytest.approx(1.1 * mean, rel=0.05)
    flatter = views.transformed(image, {"contrast": 0.5})
    assert flatter.std() == pytest.approx(image.std() / 2, rel=0.05)
    assert flatter.mean() == pytest.approx(mean, abs=1)


def test_an_unknown_transform_is_refused(image):
    with pytest.raises(ValueError, match="got rotate"):
        views.transformed(image, {"rotate": 3})


def test_the_caption_of_an_augmentation_names_what_was_changed(image):
    plot = views.augmentation(image, {"rotation": 8.0, "zoom": 1.0, "flip_vertical": True}, "demo data")
    assert "transformed (rotation 8, flip vertical)" in plot.caption
    left, right = (np.asarray(axis.images[0].get_array()) for axis in plot.figure.axes)
    assert np.array_equal(left, image) and not np.array_equal(right, image)


def test_answers_are_bars_in_the_colour_of_the_model_with_the_truth_framed(image):
    plot = views.answers(PROBABILITIES, NAMES, "demo data", 1, image)
    words = texts(plot.figure)
    assert {
        "Shallow CNN, as reported: wrong",
        "MobileNetV2, improved: right",
        "True class goldfish: 1 of 2 networks right",
    } <= set(words)
    axes = [axis for axis in plot.figure.axes if axis.patches]
    for axis, (model, recipe), values in zip(axes, PROBABILITIES, PROBABILITIES.values(), strict=True):
        frames, bars = axis.patches[:4], axis.patches[4:]
        assert [bar.get_width() for bar in bars] == pytest.approx(sorted(values, reverse=True))
        assert {mpl.colors.to_hex(bar.get_facecolor()).upper() for bar in bars} == {run_colour(model, recipe).upper()}
        framed = [mpl.colors.to_hex(bar.get_edgecolor(), True) == f"{INK}ff" for bar in frames]
        assert framed == [answer == 1 for answer in np.argsort(values)[::-1]]
    assert "MobileNetV2, improved: goldfish (90%)" in plot.alt
    assert max(len(word) for word in words) < 60


def test_answers_without_truth_or_image_claim_neither():
    plot = views.answers(PROBABILITIES, NAMES, "demo data")
    assert not plot.has_photographs and not any(axis.images for axis in plot.figure.axes)
    assert "true class" not in plot.caption
    assert "MobileNetV2, improved" in texts(plot.figure)


LABELS, PREDICTED = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
PLACES = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)


def test_the_map_counts_what_stands_out():
    plot = views.class_on_map(PLACES, LABELS, PREDICTED, 0, NAMES, "answer", "demo data")
    words = texts(plot.figure)
    assert {"answer: same class (1)", "answer: another class (1)"} <= set(words)
    assert "reel: 1 of 2 are taken for their own class" in words
    assert plot.alt.startswith("Of 2 images of the class reel, 1 ")
    assert not plot.has_photographs


def test_points_under_the_pointer_say_their_class_and_what_they_were_taken_for():
    figure = views.hover_map(PLACES, LABELS, PREDICTED, NAMES, "answer")
    assert len(figure.data[1].x) == 0  # the ring
    assert figure.data[0].text[3] == "<b>bullfrog</b><br>answer: reel"
    assert set(figure.data[0].marker.symbol) == {"circle"}


def test_the_map_has_no_background_of_its_own():
    layout = views.hover_map(PLACES, LABELS, PREDICTED, NAMES, "answer").layout
    assert {layout.paper_bgcolor, layout.plot_bgcolor, layout.modebar.bgcolor} == {"rgba(0,0,0,0)"}


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(colour)]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("page", ["white", "#111111"])
def test_every_colour_of_the_map_shows_on_light_and_dark_pages(page):
    """At least 3:1, as WCAG asks of graphics."""
    colours = {
        *views.markers(LABELS, PREDICTED, 0)["color"],
        *re.findall("#......", views.map_legend(True, 4, 2, "answer")),
    }
    assert len(colours) == 2
    for colour in colours:
        bright, dark = sorted([luminance(page), luminance(colour)], reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 2.95, colour


def test_the_class_that_stands_out_has_a_colour_with_crosses_for_mistakes():
    shown = views.markers(LABELS, PREDICTED, 0)
    assert [colour == ORANGE for colour in shown["color"]] == [True, True, False, False]
    assert shown["symbol"] == ["circle", "x", "circle", "circle"]
    assert shown["size"][0] > shown["size"][2]
    assert ORANGE not in views.markers(LABELS, PREDICTED)["color"]


def test_the_legend_of_the_map_counts_both_kinds():
    assert "answer: same class (3)" in views.map_legend(True, 5, 2, "answer")
    assert "answer: another class (2)" in views.map_legend(True, 5, 2, "answer")
    assert "1,500" in views.map_legend(False, 1500, 20, "answer")
