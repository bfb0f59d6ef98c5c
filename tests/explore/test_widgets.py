import re

import ipywidgets
import numpy as np
import pytest
from fake_runs import encoded, write_run
from PIL import Image

from helpers.config import profiles, recipes
from helpers.explore import asking, views, widgets
from helpers.explore.controls import Turner
from helpers.explore.matching import matching
from helpers.explore.widgets import PER_PAGE
from helpers.models import architecture
from helpers.plots.style import Plot

N = 90
NAMES = ["reel", "goldfish", "bullfrog"]
LABELS = np.repeat([0, 1, 2], [60, 20, 10])
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 64, 64, 3), np.uint8)
SHALLOW, DEEP = ("shallow_cnn", "as_reported"), ("deep_cnn", "improved")


def probabilities(right, confidence):
    """Answers that are right where `right` says so, as sure as `confidence` says."""
    answer = np.where(right, LABELS, (LABELS + 1) % 3)
    values = np.repeat(((1 - confidence) / 2)[:, None], 3, axis=1)
    values[np.arange(N), answer] = confidence
    return values


ANSWERS = {
    SHALLOW: probabilities(np.arange(N) % 3 == 0, np.linspace(0.4, 0.6, N)),
    DEEP: probabilities(np.arange(N) % 2 == 0, np.linspace(0.95, 0.5, N)),
}


def controls(widget):
    """Every control inside, by its description."""
    found, inside = {}, [widget]
    while inside:
        part = inside.pop()
        inside += getattr(part, "children", [])
        if getattr(part, "description", ""):
            found[part.description.strip()] = part
    return found


def picture(widget):
    """The HTML that shows a figure."""
    inside, found = [widget], []
    while inside:
        part = inside.pop()
        inside += getattr(part, "children", [])
        found += [part] if isinstance(part, ipywidgets.HTML) else []
    return found[0]


def caption(widget):
    return re.search("<figcaption>(.*)</figcaption>", picture(widget).value, re.DOTALL)[1]


@pytest.fixture
def browser():
    return widgets.class_browser(IMAGES, LABELS, NAMES, "demo data")


@pytest.fixture
def answers():
    return widgets.answer_browser(ANSWERS, LABELS, IMAGES, NAMES, "demo data")


@pytest.fixture
def image_map():
    places = np.random.default_rng(0).normal(size=(N, 2))
    return widgets.image_map(places, LABELS, np.arange(N)[::-1], IMAGES, NAMES, "demo data")


def test_every_explorer_has_a_page_that_says_what_could_be_done(browser, answers, image_map):
    lab = widgets.augmentation_lab(IMAGES[:3], NAMES, "demo data")
    for explorer in (browser, answers, image_map, lab):
        plot = explorer.page(True)
        assert isinstance(plot, Plot)
        assert plot.caption.endswith(f"In JupyterLab: {explorer.hint}")
    assert not answers.page(False).has_photographs


def test_pages_of_a_class_are_turned_and_start_again_with_another(browser):
    widget = browser.widget()
    menu, page = (controls(widget)[name] for name in ("class", "page"))
    assert menu.options == (("bullfrog", 2), ("goldfish", 1), ("reel", 0))
    menu.value = 0
    assert page.max == -(-60 // PER_PAGE)
    page.value = 2
    assert f"reel, images {PER_PAGE + 1} to 60 of 60" in caption(widget)
    menu.value = 1
    assert page.value == page.max == 1
    assert "goldfish, images 1 to 20 of 20" in caption(widget)


def test_one_page_has_nothing_to_turn_and_buttons_stop_at_the_ends(browser):
    widget = browser.widget()
    menu, page = (controls(widget)[name] for name in ("class", "page"))
    turner = next(part for part in widget.children[0].children if isinstance(part, Turner))
    menu.value = 0
    _, back, on = turner.children
    assert turner.layout.display == "flex" and back.disabled and not on.disabled
    on.click()
    assert page.value == 2 and on.disabled and not back.disabled
    menu.value = 1
    assert turner.layout.display == "none"


def drawings(monkeypatch, name):
    """Every drawing of one of the views, as its arguments."""
    drawn, view = [], getattr(views, name)
    monkeypatch.setattr(views, name, lambda *arguments: drawn.append(arguments) or view(*arguments))
    return drawn


def test_another_class_draws_once_also_where_the_page_changes_with_it(browser, monkeypatch):
    found = controls(browser.widget())
    found["class"].value = 0
    found["page"].value = 2
    drawn = drawings(monkeypatch, "class_page")
    found["class"].value = 1
    assert len(drawn) == 1


def test_a_slider_of_the_augmentation_changes_the_picture():
    widget = widgets.augmentation_lab(IMAGES[:3], NAMES, "demo data").widget()
    found = controls(widget)
    found["None"].click()
    assert "no change" in caption(widget)
    before = picture(widget).value
    found["rotation °"].value = 15
    assert "(rotation 15)" in caption(widget)
    assert picture(widget).value != before
    found["flip vertical"].value = True
    assert "(rotation 15, flip vertical)" in caption(widget)


def test_the_augmentation_starts_at_the_limits_of_the_report():
    found = controls(widgets.augmentation_lab(IMAGES[:1], NAMES, "demo data").widget())
    report = recipes.AUGMENTATIONS["report"]
    assert found["rotation °"].value == report.rotation_degrees
    assert found["shear °"].value == report.shear_degrees
    assert found["shift right"].value == report.shift
    assert found["zoom"].value == 1 - report.zoom
    assert found["contrast"].value == 1


def test_a_button_sets_every_slider_and_draws_once(monkeypatch):
    found = controls(widgets.augmentation_lab(IMAGES[:1], NAMES, "demo data").widget())
    drawn = drawings(monkeypatch, "augmentation")
    found["None"].click()
    assert found["rotation °"].value == 0 and not found["flip vertical"].value
    found["30 % shear"].click()
    assert found["shear °"].value == 16.7 and found["rotation °"].value == 8
    found["Report"].click()
    assert found["shear °"].value == 0.3
    assert len(drawn) == 3
    found["Report"].click()
    assert len(drawn) == 3


def test_each_slider_says_what_the_recipes_draw():
    widget = widgets.augmentation_lab(IMAGES[:1], NAMES, "demo data").widget()
    rows = {row.children[0].description: row.children[1].value for row in widget.children[0].children[2:]}
    assert rows["rotation °"] == "<small>report ±8, improved ±10</small>"
    assert rows["shear °"] == "<small>report ±0.3, improved 0</small>"
    assert rows["contrast"] == "<small>report 1, improved 0.7 to 1.3</small>"
    assert rows["flip vertical"] == "<small>report on or off, improved off</small>"


def test_menus_have_room_for_the_longest_class(browser):
    assert controls(browser.widget())["class"].layout.width == "30em"


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, np.ones(N, bool)),
        ({"answer": "right"}, np.arange(N) % 2 == 0),
        ({"answer": "wrong"}, np.arange(N) % 2 == 1),
        ({"label": 1}, LABELS == 1),
        ({"confidence": (0.9, 1.0)}, np.linspace(0.95, 0.5, N) >= 0.9),
        ({"confidence": (0.0, 0.6)}, np.linspace(0.95, 0.5, N) <= 0.6),
        ({"answer": "wrong", "other": SHALLOW, "other_answer": "right"}, np.isin(np.arange(N) % 6, [3])),
        ({"other": SHALLOW}, np.ones(N, bool)),
    ],
)
def test_matching_keeps_what_meets_every_condition_the_surest_first(conditions, expected):
    found = matching(ANSWERS, LABELS, DEEP, **conditions)
    assert found.tolist() == np.flatnonzero(expected).tolist()  # confidence falls with the index
    assert matching(ANSWERS, LABELS, SHALLOW).tolist() == list(range(N))[::-1]


def test_confidence_above_one_by_rounding_is_kept():
    rounded = {DEEP: np.array([[1.0005, 0, 0]], np.float32)}
    assert matching(rounded, np.array([0]), DEEP).tolist() == [0]


def test_answers_start_with_the_surest_mistake_of_the_best_network(answers):
    widget = answers.widget()
    found = controls(widget)
    assert found["network"].value == DEEP
    assert [found[name].label for name in ("other network", "true class")] == ["none", "any"]
    assert found["image"].max == N // 2
    assert "is framed" in caption(widget)
    assert answers.page(True).alt == answers.page(False).alt
    assert answers.page(True).alt in picture(widget).value


def test_filters_change_which_images_there_are_to_see(answers):
    widget = answers.widget()
    found = controls(widget)
    found["true class"].value = 2
    assert found["image"].max == 5
    first = picture(widget).value
    found["image"].value = 3
    assert picture(widget).value != first
    found["its confidence"].value = (0.99, 1)
    assert picture(widget).value == "No image meets all of these conditions."
    found["its confidence"].value = (0, 1)
    assert found["image"].value == 1
    assert picture(widget).value == first


def hover(figure, index):
    """What the front end sends when the pointer stands on a point."""
    points = {"trace_indexes": [0], "point_indexes": [index], "xs": [0], "ys": [0]}
    figure._js2py_pointsCallback = {
        "event_type": "plotly_hover", "points": points, "device_state": None, "selector": None,
    }  # fmt: skip


def test_the_map_shows_the_image_under_the_pointer_its_neighbour_and_a_class(image_map):
    widget = image_map.widget()
    [figure] = widget.children[0].children
    legend, shown = (part for part in widget.children[1].children if isinstance(part, ipywidgets.HTML))
    assert "Point at an image" in shown.value
    hover(figure, 61)
    assert shown.value.count('<img src="data:image/png') == 2
    assert "image 62:<br><b>goldfish</b>" in shown.value and "nearest other image:<br><b>reel</b>" in shown.value
    assert len(figure.data[1].x) == 1
    assert set(figure.data[0].marker.symbol) == {"circle"}
    controls(widget)["highlight class"].value = 1
    assert list(figure.data[0].marker.symbol).count("x") == 20
    assert "another class (20)" in legend.value
    assert "image 61:<br><b>goldfish</b>" in shown.value


def test_the_map_can_be_walked_without_a_pointer(image_map):
    widget = image_map.widget()
    found, shown = controls(widget), widget.children[1].children[-1]
    found["highlight class"].value = 2
    assert found["image"].max == 10
    found["image"].value = 3
    assert "image 83:<br><b>bullfrog</b>" in shown.value


@pytest.fixture
def networks(tmp_path):
    """A run with its network, and one of which only a record is here."""
    run = write_run(tmp_path, "shallow_cnn", "as_reported")
    architecture.build(profiles.find_recipe("shallow_cnn", "as_reported"), 3).save(run.folder / "model.keras")
    return [run, write_run(tmp_path, "mobilenetv2", "improved")]


def drop(widget, name, content):
    """What the front end sends when a file was chosen."""
    file = {"name": name, "type": "", "size": len(content), "content": memoryview(content), "last_modified": 0}
    controls(widget)["Choose a photograph"].set_state({"value": [file]})


def test_a_file_of_ones_own_is_answered_by_every_network_that_is_there(networks):
    widget = asking.own_photograph(networks, NAMES).widget()
    _, missing, shown = widget.children
    assert "MobileNetV2, improved (its record has no network)" in missing.value
    drop(widget, "me.png", encoded(Image.new("RGB", (100, 80), "green")))
    assert "me.png" in shown.value and "Shallow CNN, as reported" in shown.value and "<img" in shown.value
    drop(widget, "<b>.txt", b"no image")
    assert shown.value == "&lt;b&gt;.txt cannot be read as an image; try a JPEG or PNG file."


def test_of_a_recipe_the_first_seed_with_a_network_is_asked(networks, tmp_path, monkeypatch):
    shallow, record = networks
    others = [write_run(tmp_path, "mobilenetv2", "improved", seed) for seed in (1, 2)]
    for run in others:
        (run.folder / "model.keras").touch()
    asked = []
    uniform = np.full(len(NAMES), 1 / len(NAMES))
    monkeypatch.setattr(asking, "network", lambda run: asked.append(run) or (lambda image: uniform))
    widget = asking.own_photograph([shallow, record, *others], NAMES).widget()
    drop(widget, "me.png", encoded(Image.new("RGB", (100, 80), "green")))
    assert asked == [shallow, others[0]]


@pytest.mark.parametrize(("is_demo", "source"), [(True, "a drawing by the demo"), (False, "CC BY 2.0")])
def test_the_page_of_the_own_photograph_has_an_image_that_anybody_may_see(networks, is_demo, source):
    plot = asking.own_photograph(networks, NAMES).page(is_demo)
    assert not plot.has_photographs
    assert source in plot.caption


@pytest.mark.parametrize("is_demo", [True, False])
def test_the_page_of_the_augmentation_has_no_photograph_of_the_real_data(is_demo):
    plot = widgets.augmentation_lab(np.zeros((2, 64, 64, 3), np.uint8), ["cat", "dog"], "source").page(is_demo)
    assert plot.has_photographs == is_demo
