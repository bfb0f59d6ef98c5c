"""Explorers in JupyterLab itself, moved with keyboard and mouse in a real Chromium."""

import nbformat
import pytest
from lab_server import TOKEN, lab, open_and_run
from playwright.sync_api import expect
from processes import TRAIN

from helpers.training import runs

EPOCHS = 150  # of a training that lasts until its page is closed
CELLS = (
    """
import numpy as np
from IPython.display import HTML, display
from helpers.explore import controls, widgets
from helpers.config.demo_data import DEMO
from helpers.data.demo import object_classes, render
kinds, rng = object_classes(6, 1), np.random.default_rng(0)
images = np.concatenate([render(kind, 10, DEMO.nuisance, rng)[0] for kind in kinds])
names, labels = ["ant", "bee", "cat", "dog", "eel", "fox"], np.repeat(range(6), 10)
""",
    'widgets.augmentation_lab(images[::10], names, "demo data").widget()',
    """
places = np.stack([np.arange(60) % 10, labels], axis=1)
walk = widgets.image_map(places, labels, np.arange(60)[::-1], images, names, "demo data")
display(walk.live(), raw=True)
display(HTML(controls.stand_in(walk.page(True))))
""",
)


def train_cell(source, folder):
    """A cell that trains a network for some seconds."""
    folders = {"TINYIMAGE_RUNS": str(folder / "runs"), "TINYIMAGE_CACHE": str(folder / "cache")}
    return f"import os, sys\nos.environ |= {folders}\nsys.argv[1:] = [{str(source)!r}, '{EPOCHS}']\n{TRAIN}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory, kaggle_folder, chromium):
    """Address of a JupyterLab with two notebooks; it asks for `chromium`, since without that nothing is to start."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    for name, sources in (("explore", CELLS), ("train", [train_cell(kaggle_folder, folder)])):
        cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / f"{name}.ipynb")
    with lab(folder, tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture(scope="module")
def page(server, chromium):
    """The notebook after Run All."""
    page = open_and_run(chromium, server, "explore.ipynb")
    page.locator(".js-plotly-plot").wait_for()
    yield page
    page.close()


def test_every_cell_ran(page):
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert page.locator(".jp-OutputArea-output .widget-slider").count() >= 7


@pytest.mark.parametrize("how", ["keyboard", "mouse"])
def test_a_moved_slider_changes_the_picture(page, how, tmp_path):
    row = page.locator(".widget-slider", has_text="rotation")
    handle, picture = row.locator(".noUi-handle"), page.locator("figure img").first
    picture.scroll_into_view_if_needed()
    value, source = row.locator(".widget-readout").inner_text(), picture.get_attribute("src")
    if how == "keyboard":
        handle.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        moved = str(int(value) + 5)
        expect(row.locator(".widget-readout")).to_have_text(moved)
        expect(page.locator("figcaption").first).to_contain_text(f"rotation {moved}")
    else:
        box = handle.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] - 40, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()
        expect(row.locator(".widget-readout")).not_to_have_text(value)
    expect(picture).not_to_have_attribute("src", source)
    page.screenshot(path=tmp_path / "page.png")


def test_the_image_under_the_pointer_shows_itself_on_the_map(page, tmp_path):
    point = page.locator(".js-plotly-plot .scatterlayer .point").nth(23)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.move(box["x"] - 30, box["y"])
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    expect(page.locator(".js-plotly-plot .hoverlayer .hovertext")).to_contain_text("cat")
    expect(page.locator("img[alt='cat']")).to_be_visible()
    expect(page.locator("img[alt='dog']")).to_be_visible()  # its nearest neighbour, by the arrays above
    page.screenshot(path=tmp_path / "map.png")


def test_the_map_is_walked_by_keyboard(page):
    page.get_by_label("highlight class").select_option("eel")
    page.get_by_title("next image").focus()
    page.keyboard.press("Enter")
    expect(page.locator("figcaption", has_text="image 42")).to_be_visible()


def test_nothing_is_cut_off_on_a_narrow_page(page):
    page.set_viewport_size({"width": 1000, "height": 1300})
    outputs = "[...document.querySelectorAll('.jp-OutputArea-output')]"
    page.wait_for_function(f"{outputs}.length == 3 && {outputs}.every(e => e.scrollWidth - e.clientWidth <= 1)")
    page.set_viewport_size({"width": 1400, "height": 1300})


def test_no_script_failed_and_nothing_was_asked_of_another_host(page, server):
    assert page.errors == []
    others = [url for url in page.requested if not url.startswith((server, "data:", "blob:"))]
    assert others == []


def test_a_training_outlives_its_page_and_is_not_repeated_by_run_all(server, folder, chromium):
    page = open_and_run(chromium, server, "train.ipynb")
    page.get_by_text(f"epoch 1/{EPOCHS}").first.wait_for()
    page.close()
    assert not list(folder.glob("runs/*/*/run.json"))
    page = open_and_run(chromium, server, "train.ipynb")
    page.get_by_text(": finished before").wait_for()
    [run] = runs.finished(next(folder.glob("runs/*")))
    assert run.record["resumed"] == 0 and run.epochs == EPOCHS
    assert page.get_by_text(f"epoch 1/{EPOCHS}").count() == 0
    page.close()


def test_a_saved_notebook_shows_the_still_figure_when_it_is_opened_without_its_kernel(page, server):
    figure = page.get_by_alt_text("images of the class")
    expect(figure).to_be_hidden()  # beside the living widget
    page.keyboard.press("Control+s")
    page.locator(".jp-mod-dirty").wait_for(state="detached")
    for session in page.request.get(f"{server}/api/sessions?token={TOKEN}").json():
        page.request.delete(f"{server}/api/sessions/{session['id']}?token={TOKEN}")
    page.goto(f"{server}/lab/tree/explore.ipynb?token={TOKEN}&reset")
    page.get_by_text("model not found").last.wait_for(state="attached")
    expect(figure).to_be_visible()
    expect(page.get_by_text("model not found").last).to_be_hidden()
