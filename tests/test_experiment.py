import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import experiment
from helpers.config import profiles, recipes
from helpers.config.results_versions import RESULTS_VERSIONS, TABLE_VERSIONS, table_versions
from helpers.core import checksums, paths, storage
from helpers.core.errors import DivergenceError, InputError
from helpers.explore import widgets
from helpers.plots.style import Plot, new_figure, note, theme
from helpers.report import results
from helpers.training import fit


def open_smoke(tmp_path, data="", weights=None, seed=0, profile="smoke"):
    return experiment.open_experiment(profile, str(data), weights, str(tmp_path / "figures"), seed)


@pytest.fixture
def small(kaggle_folder, tmp_path):
    return open_smoke(tmp_path, kaggle_folder)


def plot(has_photographs=False):
    with theme():
        figure, axis = new_figure(2, 2)
        axis.plot([0, 1])
        note(figure, "demo data")
    return Plot(figure, "A line, made by a test.", "A line that rises from nought to one.", has_photographs)


def test_each_parameter_has_an_effect(kaggle_folder, tmp_path):
    demo, real = open_smoke(tmp_path), open_smoke(tmp_path, kaggle_folder)
    assert demo.dataset.fingerprint != real.dataset.fingerprint
    assert (demo.source, real.source) == ("demo data, profile smoke", "TinyImage, profile smoke")
    assert replace(real, profile=profiles.find_profile("full")).source == "TinyImage"
    assert open_smoke(tmp_path, kaggle_folder, profile="quick").recipe("deep_cnn", "improved").epochs != 1
    assert open_smoke(tmp_path, weights="").weights.file == paths.DEMO_WEIGHTS
    assert open_smoke(tmp_path, weights="none").weights.file is None
    assert open_smoke(tmp_path, seed=5).seed == 5
    assert experiment.open_experiment("smoke", "", None, "", 0).output == paths.FIGURES / "smoke"


def test_models_and_recipes_narrow_what_is_trained(small, monkeypatch, kaggle_folder, tmp_path, capsys):
    monkeypatch.setenv("TINYIMAGE_MODELS", "mobilenetv2")
    monkeypatch.setenv("TINYIMAGE_RECIPES", "improved, as_coded")
    lab = open_smoke(tmp_path, kaggle_folder)
    monkeypatch.setattr(fit, "train", lambda plan: pytest.fail("nothing was to be trained"))
    assert lab.train("deep_cnn", "improved") == []
    assert lab.train("mobilenetv2", "as_reported") == []
    assert "left out" in capsys.readouterr().out


def test_an_unknown_model_in_the_environment_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYIMAGE_MODELS", "vgg16")
    with pytest.raises(InputError, match="vgg16"):
        open_smoke(tmp_path)


def test_a_run_leaves_tables_a_submission_and_a_line_in_the_log_of_test_evaluations(small):
    first = small.train("shallow_cnn", "as_reported")[0]
    again = small.train("shallow_cnn", "as_reported")[0]
    assert first.folder == again.folder
    assert len(pd.read_csv(small.output / "test_evaluations.csv")) == 1
    table = pd.read_csv(small.output / "results.csv")
    assert list(table.columns) == list(results.COLUMNS)
    assert table["accuracy"].tolist() == [first.result(split)["accuracy"] for split in ("validation", "test")]
    submission = pd.read_csv(small.output / "submission_shallow_cnn_as_reported.csv")
    assert submission["img_id"].tolist() == small.dataset.unlabelled_names
    assert submission["label"].tolist() == first.predictions["unlabelled_probabilities"].argmax(1).tolist()


def test_a_table_is_computed_once_for_its_settings(small):
    calls = []

    def compute(size):
        calls.append(size)
        return pd.DataFrame({"size": [size], "value": [0.1 + 0.2]})

    assert small.table("sizes").empty
    for size in (1, 1, 2):
        assert small.table("sizes", compute, size=size)["size"].tolist() == [size]
    assert calls == [1, 2]
    assert small.table("sizes")["size"].tolist() == [2]
    assert small.table("sizes")["value"].iloc[0] == 0.1 + 0.2


def test_a_table_is_computed_again_for_another_recipe_or_another_augmentation(small, monkeypatch):
    calls = []

    def compute(recipes):
        calls.append(recipes)
        return pd.DataFrame({"n": [len(recipes)]})

    recipe = small.recipe("shallow_cnn", "as_reported")
    other = small.recipe("deep_cnn", "improved")
    for chosen in ([recipe], [recipe], [replace(recipe, batch_size=7)]):
        small.table("recipes", compute, recipes=chosen)
    assert len(calls) == 2
    mild = replace(recipes.AUGMENTATIONS[recipe.augmentation], rotation_degrees=1)
    monkeypatch.setitem(recipes.AUGMENTATIONS, recipe.augmentation, mild)
    small.table("recipes", compute, recipes=[recipe])
    assert len(calls) == 3
    monkeypatch.setitem(recipes.AUGMENTATIONS, other.augmentation, mild)
    small.table("recipes", compute, recipes=[recipe])
    assert len(calls) == 3


def test_a_table_of_a_network_is_read_where_no_run_has_its_network(small):
    [run] = small.train("shallow_cnn", "as_reported")
    seeds = []

    def compute(run):
        seeds.append(run.seed)
        return pd.DataFrame({"parameters": [run.network().count_params()]})

    assert small.network_table("size", [], compute).empty
    computed = small.network_table("size", [run], compute)
    (run.folder / "model.keras").rename(run.folder / "elsewhere.keras")
    assert small.network_table("size", [run], compute).equals(computed) and seeds == [run.seed]


def test_failures_are_listed_until_the_recipe_changes(small, monkeypatch):
    diverging = replace(small.recipe("shallow_cnn", "improved"), phases=(recipes.Phase(3, "sgd", 1e30),))
    with monkeypatch.context() as patch:
        patch.setattr(experiment.Experiment, "recipe", lambda lab, model, recipe: diverging)
        assert small.train("shallow_cnn", "improved") == []
        assert len(small.failures()) == 1
        assert (
            (small.output / "results.md")
            .read_text()
            .startswith("No run has finished yet.\n\nFailed: shallow_cnn improved")
        )
    assert small.failures() == []


def test_every_seed_has_a_run_and_one_that_diverges_does_not_stop_the_others(small, monkeypatch, capsys):
    """The first seed's submission is kept, and in `full` a record of every run."""
    lab = replace(small, profile=replace(small.profile, seeds={("shallow_cnn", "as_reported"): 3}))
    train = fit.train

    def diverging(plan):
        if plan.seed == 1:
            raise DivergenceError(f"{plan.name}: the loss was nan")
        return train(plan)

    monkeypatch.setattr(fit, "train", diverging)
    made = lab.train("shallow_cnn", "as_reported")
    assert [run.seed for run in made] == [0, 2]
    assert "seed 1: the loss was nan; the run has failed and has no result" in capsys.readouterr().out
    submission = pd.read_csv(lab.output / "submission_shallow_cnn_as_reported.csv")
    assert submission["label"].tolist() == made[0].predictions["unlabelled_probabilities"].argmax(1).tolist()
    assert pd.read_csv(lab.output / "test_evaluations.csv")["seed"].tolist() == [0, 2]
    assert not (lab.output / "records").exists()
    full = replace(lab, profile=replace(lab.profile, name="full"))
    for run in made:
        full.keep(run)
    assert sorted(path.name for path in (full.output / "records").iterdir()) == [
        "shallow_cnn_as_reported_0",
        "shallow_cnn_as_reported_2",
    ]


@pytest.mark.parametrize(("versions", "part"), [(RESULTS_VERSIONS, "training"), (TABLE_VERSIONS, "halves")])
def test_a_raised_results_version_computes_a_table_again(small, versions, part, monkeypatch):
    values = iter([1, 2])

    def compute():
        return pd.DataFrame({"value": [next(values)]})

    assert [small.table("halves", compute)["value"].item() for _ in range(2)] == [1, 1]
    monkeypatch.setitem(versions, part, 2)
    assert small.table("halves", compute)["value"].item() == 2


def test_another_drawing_of_the_demo_leaves_tables_as_they_are(monkeypatch):
    before = table_versions("halves")
    monkeypatch.setitem(RESULTS_VERSIONS, "demo", 99)
    assert table_versions("halves") == before


def test_a_damaged_table_is_named_and_made_again(small, capsys):
    def compute():
        return pd.DataFrame({"value": [0.25, 0.5]})

    small.table("halves", compute)
    [file] = (small.output / "tables").glob("halves_*.csv")
    file.write_text(file.read_text().replace("0.25", "0.75"))
    assert small.table("halves").empty
    assert small.table("halves", compute)["value"].tolist() == [0.25, 0.5]
    assert f"{file} is damaged and is computed again" in capsys.readouterr().out
    assert small.table("halves")["value"].tolist() == [0.25, 0.5]


def test_tables_take_the_run_that_would_be_made_now(small):
    """A later one of other code, or of other weights, is listed apart, also by a notebook that has no weights."""
    run = small.train("shallow_cnn", "as_reported")[0]
    other = run.folder.with_name("shallow_cnn_as_reported_0_other")
    shutil.copytree(run.folder, other)
    for name, change in (("config.json", {"key": "other", "results_versions": {}}), ("run.json", {"finished": "2999"})):
        storage.write_json(other / name, json.loads((other / name).read_text()) | change)
    checksums.write_all(other)
    assert [found.key for found in small.finished()] == [run.key]
    assert [found.key for found in small.other_versions()] == ["other"]


def test_photographs_of_real_data_are_shown_but_not_saved(small, tmp_path):
    small.show(plot(has_photographs=True), "photographs")
    small.show(plot(), "chart")
    assert sorted(file.name for file in small.output.iterdir()) == ["chart.json", "chart.png", "chart.svg"]
    demo = open_smoke(tmp_path)
    demo.show(plot(has_photographs=True), "drawings")
    assert (demo.output / "drawings.png").exists()


def test_a_displayed_figure_carries_its_name_for_the_published_copy_only_if_it_was_saved(small, monkeypatch):
    told = []
    monkeypatch.setattr(experiment, "display", lambda value, metadata: told.append(metadata))
    small.show(plot(has_photographs=True), "photographs")
    small.show(plot(), "chart")
    assert told == [{"figure": ""}, {"figure": "chart"}]


def test_a_probe_gets_what_it_asks_for_of_the_experiment(small):
    def images_of_each_class(dataset, seed, factor):
        return pd.DataFrame({"images": np.bincount(dataset.labels) * factor, "seed": seed})

    table = small.probe("images_of_each_class", images_of_each_class, factor=2)
    assert table["images"].tolist() == [24] * 6
    assert set(table["seed"]) == {small.seed}
    assert small.table("images_of_each_class").equals(table)


def test_a_table_is_saved_with_all_digits_and_displayed_rounded(small, displayed):
    small.show(pd.DataFrame({"accuracy": [1 / 3]}), "accuracies")
    assert pd.read_csv(small.output / "accuracies.csv")["accuracy"].tolist() == [1 / 3]
    assert displayed[0]["accuracy"].tolist() == [0.333]


def test_a_text_is_displayed_as_markdown_and_an_empty_one_is_not(small, displayed):
    small.show("**29** runs")
    small.show("")
    assert [text.data for text in displayed] == ["**29** runs"]


def test_a_view_without_enough_inputs_says_what_it_needs_and_computes_nothing(small, displayed, capsys):
    def make():
        return pytest.fail("nothing was to be computed")

    small.present("figure 2", [], make, "figure_2")
    small.present("the comparison", ["a run"], make, needs="two finished runs", at_least=2)
    assert capsys.readouterr().out == (
        "Not shown: figure 2. It needs a finished run, and there is none.\n"
        "Not shown: the comparison. It needs two finished runs, and there is only 1.\n"
    )
    small.present("figure 2", ["a run"], plot, "figure_2")
    assert len(displayed) == 1
    assert (small.output / "figure_2.png").exists()


@pytest.fixture
def headless(monkeypatch):
    monkeypatch.setenv("TINYIMAGE_HEADLESS", "1")


@pytest.fixture
def displayed(monkeypatch):
    """What is displayed."""
    outputs = []
    monkeypatch.setattr(experiment, "display", lambda output, **options: outputs.append(output))
    return outputs


def browser(lab):
    data = lab.dataset
    return widgets.class_browser(data.images, data.labels, data.class_names, lab.source)


def test_an_explorer_is_alive_where_somebody_is_there_and_a_figure_elsewhere(tmp_path, displayed, monkeypatch):
    lab = open_smoke(tmp_path)
    monkeypatch.delenv("TINYIMAGE_HEADLESS", raising=False)
    lab.explore(browser(lab), "class_browser")
    living, stand_in = displayed
    assert "application/vnd.jupyter.widget-view+json" in living
    assert living["text/plain"] == f"In JupyterLab: {browser(lab).hint}"
    assert 'class="stand-in"' in stand_in.data and "<img" in stand_in.data
    assert not lab.output.exists()
    monkeypatch.setenv("TINYIMAGE_HEADLESS", "1")
    lab.explore(browser(lab), "class_browser")
    assert isinstance(displayed[2], Plot)
    assert (lab.output / "class_browser.png").exists()


def test_pages_get_no_photographs_of_real_data(small, displayed, headless, capsys):
    small.explore(browser(small), "class_browser")
    assert not displayed and not small.output.exists()
    assert capsys.readouterr().out.startswith("Not on this page: photographs of TinyImage. In JupyterLab: choose")


def test_neither_has_a_notebook_that_is_opened_again(small, displayed, monkeypatch):
    monkeypatch.delenv("TINYIMAGE_HEADLESS", raising=False)
    small.explore(browser(small), "class_browser")
    assert "Not on this page: photographs of TinyImage." in displayed[1].data and "<img" not in displayed[1].data


def test_equal_plots_give_equal_files_on_opaque_white(tmp_path):
    for folder in ("a", "b"):
        plot().save(tmp_path / folder, "line")
    for ending in ("png", "svg", "json"):
        assert (tmp_path / "a" / f"line.{ending}").read_bytes() == (tmp_path / "b" / f"line.{ending}").read_bytes()
    image = np.asarray(Image.open(tmp_path / "a" / "line.png").convert("RGBA"))
    assert (image[0, 0] == 255).all()
