import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from fake_runs import NUM_CLASSES, write_run
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb

from helpers import plots
from helpers.analysis import comparison, exploration, reported
from helpers.analysis.comparison import RelatedConfusion
from helpers.config.profiles import find_recipe
from helpers.config.recipes import RECIPES
from helpers.models import architecture
from helpers.plots import labels, style
from helpers.plots.style import Plot
from helpers.report import tables
from helpers.report.scaling_facts import STEP_NAMES
from helpers.training import metrics

SOURCE = "made by a test"
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 64, 64, 3), np.uint8)
ROWS = {"flip": IMAGES.astype(np.float32), "shear": IMAGES[:2] * 1.5}
MARGINS = {"accuracy": [0.3, 0.4, 0.5], "low": [0.2, 0.3, 0.4], "high": [0.4, 0.5, 0.6], "n": 80}
SWEEP = pd.DataFrame({"input_size": [32, 32, 96], "input_range": ["0 to 1", "-1 to 1", "-1 to 1"], **MARGINS})
FOLDS = pd.DataFrame({"fold": [1, 2, 3], **MARGINS})
TRANSFER_CHANGES = pd.DataFrame(
    {"change": ["frozen", "tuned"], "n": 99, "accuracy": [0.2, 0.4], "low": 0.1, "high": 0.5, "gain": [np.nan, 0.2]}
)
COUNTS = np.array([[6, 2, 0], [1, 3, 1], [0, 0, 4]])
RELATED = RelatedConfusion(COUNTS, ["cat", "dog", "reel"], [("animal", 2), ("reel", 1)])
ACTIVITY = pd.DataFrame({"layer": ["conv_1", "dense_1"], "dead_share": [0.1, 0.9], "spread_over_images": [0.3, 0.0]})
RATES = pd.DataFrame(
    {
        "learning_rate": [1e-3, 1e-2, 1e-1],
        "training_loss": [1.2, 1.5, 90.0],
        "validation_accuracy": [0.5, 0.3, 0.2],
        "dead_share": [0.0, 0.4, 1.0],
    }
)
COURSE = pd.DataFrame({"step": [1, 2, 3], "penalty": [2.0, 3.0, 1.0], "cross_entropy": [1.7, 1.6, 1.5]})
BRIGHTNESS = pd.DataFrame({"brightness": RNG.random(50), "contrast": RNG.random(50) / 2})
BOXES = pd.DataFrame({"area": [0.1, 0.4, 0.9]})
BY = pd.DataFrame({"value": [0.1, 0.5], "n": 40, "accuracy": [0.3, 0.4], "low": 0.2, "high": 0.5})
CURVE = pd.DataFrame({"images_per_class": [10, 10, 50], "draw": [0, 1, 0], **MARGINS})
MEASURED = pd.DataFrame(
    {
        "model": "deep_cnn",
        "recipe": ["as_reported", "improved"],
        "parameters": [9_000_000, 1_000_000],
        "multiply_adds": [10**8, 10**7],
        "images_per_second": [300.0, 900.0],
    }
)
GROWN = pd.DataFrame(
    [
        {"images": n, "step": step, "seconds": n * 10.0**-k, "anonymous_mib": 300 + 20 * k}
        for n in (1000, 10_000)
        for k, step in enumerate(("decode", "reopen", "split", "batch", "extract", "evaluate"))
    ]
)
TREE = [("cat", "animal", "thing"), ("dog", "animal", "thing"), ("car", "vehicle", "thing")]
PLACES = np.repeat([[0.0, 0], [1, 0], [9, 9]], 4, axis=0) + RNG.random((12, 2)) / 2
RIGHT = {"first": np.arange(100) < 70, "second": np.arange(100) < 20, "third": np.arange(100) < 21}
PER_CLASS = comparison.class_accuracy(np.repeat([0, 1, 1, 2], 6), np.repeat([0, 1, 2, 2], 6), ["cat", "dog", "owl"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [
        write_run(folder, "deep_cnn", "as_reported", right=20),
        write_run(folder, "deep_cnn", "improved", right=40, seconds=5.0),
        write_run(folder, "deep_cnn", "improved", seed=1, right=44),
        write_run(folder, "deep_cnn_l2", "as_reported", right=30, penalty=3.0),
    ]


PARTS = pd.DataFrame({"split": ["train", "validation", "test", "unlabelled"], "images": [80, 10, 10, 7]})
COPIES = pd.DataFrame({"first_side": ["train", "train", "unused"], "second_side": ["train", "test", "train"]})
LOG = reported.curves().assign(seconds=reported.epoch_seconds())
NOISE = pd.DataFrame({"batch_size": [4, 16, 64], "relative_noise": [8.0, 4.2, 2.0]})
CASES = {
    "image_grid": lambda runs: plots.image_grid(
        IMAGES, ["cat", "a dog with a very long name", "owl"], "Three images of 3 classes", "Images", SOURCE, 2
    ),
    "channel_summary": lambda runs: plots.channel_summary(
        IMAGES[0] / 255, exploration.channel_densities(IMAGES), 3, SOURCE
    ),
    "brightness_spread": lambda runs: plots.brightness_spread(BRIGHTNESS, SOURCE),
    "box_summary": lambda runs: plots.box_summary(BOXES, np.full((64, 64), 0.4), SOURCE),
    "nearest_pairs": lambda runs: plots.nearest_pairs(
        IMAGES, IMAGES[::-1], ["r = 1", "r = 0.9", "r = 0.8"], "The most alike of 3 correlate by 1", "Pairs", SOURCE
    ),
    "correlation_spread": lambda runs: plots.correlation_spread(pd.Series([0.5, 0.7, 0.99]), 0.95, SOURCE),
    "split": lambda runs: plots.split(PARTS, COPIES, SOURCE),
    "blocks": lambda runs: plots.blocks(
        architecture.build(find_recipe("deep_cnn", "improved"), NUM_CLASSES),
        architecture.build(find_recipe("mobilenetv2", "as_reported"), NUM_CLASSES),
        SOURCE,
    ),
    "cutmix": lambda runs: plots.cutmix(IMAGES[:2], IMAGES, np.array([[0.7, 0.3]] * 3), ["cat", "dog"], SOURCE),
    "interpolation": lambda runs: plots.interpolation(
        dict(zip(("as stored", "moved", "turned"), IMAGES, strict=True)), [1, 1, 0.6], SOURCE
    ),
    "augmentation_grid": lambda runs: plots.augmentation_grid(ROWS, SOURCE),
    "embedding_map": lambda runs: plots.embedding_map(PLACES, np.arange(12) // 4, TREE, SOURCE),
    "architectures": lambda runs: plots.architectures(
        {"shallow_cnn": architecture.build(find_recipe("shallow_cnn", "as_reported"), NUM_CLASSES)}, SOURCE
    ),
    "filters": lambda runs: plots.filters({"one": RNG.random((3, 3, 3, 40)), "flat": np.zeros((3, 3, 3, 8))}, SOURCE),
    "layer_activity": lambda runs: plots.layer_activity(
        {"Deep CNN, improved": ACTIVITY, "Shallow CNN, as coded": ACTIVITY.assign(dead_share=[0.0, 0.4])}, SOURCE
    ),
    "training_curves": lambda runs: plots.training_curves(runs[:3], SOURCE),
    "learning_rates": lambda runs: plots.learning_rates(RATES, 0.01, NUM_CLASSES, "deep_cnn", SOURCE),
    "gradient_noise": lambda runs: plots.gradient_noise(NOISE, SOURCE),
    "epoch_seconds": lambda runs: plots.epoch_seconds([], LOG, SOURCE + ", 9 training images"),
    "logged_weights": lambda runs: plots.logged_weights(reported.logged_weights()),
    "accuracies": lambda runs: plots.accuracies(runs, SOURCE),
    "cost": lambda runs: plots.cost(tables.costs(runs[:2], MEASURED), SOURCE, "two cores"),
    "accuracy_by": lambda runs: plots.accuracy_by({"size": [BY] * 2, "contrast": [BY] * 2}, runs[:2], SOURCE),
    "grad_cam": lambda runs: plots.grad_cam(
        IMAGES,
        ["cat", "dog", "owl"],
        {"net": IMAGES[..., 0] / 255},
        {"net": ["cat, 90%", "owl, 20%", "owl, 99%"]},
        SOURCE,
    ),
    "neighbours": lambda runs: plots.neighbours(
        IMAGES[:2],
        ["cat", "owl"],
        ["dog", "cat"],
        IMAGES[[[0, 1, 2], [2, 1, 0]]],
        np.array([["cat", "dog", "cat"], ["cow", "owl", "owl"]]),
        SOURCE,
    ),
    "feature_maps": lambda runs: plots.feature_maps(
        {"conv_1": RNG.random((8, 8, 12)), "conv_2": RNG.random((4, 4, 3))}, IMAGES[0], SOURCE
    ),
    "learning_curve": lambda runs: plots.learning_curve(CURVE, SOURCE),
    "differences": lambda runs: plots.differences(comparison.gaps(RIGHT), SOURCE),
    "penalty_course": lambda runs: plots.penalty_course(COURSE, NUM_CLASSES, SOURCE),
    "confusion": lambda runs: plots.confusion(RELATED, "Deep CNN", SOURCE),
    "class_accuracies": lambda runs: plots.class_accuracies(PER_CLASS, "Deep CNN", SOURCE, shown=1),
    "input_sweep": lambda runs: plots.input_sweep(SWEEP, SOURCE),
    "folds": lambda runs: plots.folds(FOLDS, SOURCE),
    "reliability": lambda runs: plots.reliability(runs[:2], [0.5, 2.0], SOURCE),
    "risk_coverage": lambda runs: plots.risk_coverage(runs[:2], SOURCE),
    "scaling": lambda runs: plots.scaling(GROWN, SOURCE),
    "transfer_changes": lambda runs: plots.transfer_changes(TRANSFER_CHANGES, SOURCE),
}
PHOTOGRAPHS = {"grad_cam", "image_grid", "nearest_pairs", "neighbours"}
# How many images there were is in the source that these are given: what they draw does not tell.
COUNTED_BY_THE_CALLER = {
    "cost",
    "differences",
    "gradient_noise",
    "layer_activity",
    "learning_rates",
    "penalty_course",
}
OF_NO_IMAGES = {
    "architectures",
    "augmentation_grid",
    "blocks",
    "cutmix",
    "feature_maps",
    "filters",
    "interpolation",
    "logged_weights",
}  # of none of the data
NUMBER_OF_IMAGES = re.compile(r"\d (training |validation |test )?(images|boxes)\b")


def texts(plot):
    return [text.get_text() for text in plot.figure.findobj(mpl.text.Text)]


def segments(axis):
    """The lines of error bars, (n, 2 ends, x and y)."""
    bars = [found for found in axis.collections if isinstance(found, LineCollection)]
    return np.array([segment for found in bars for segment in found.get_segments()])


def dashed(axis):
    return [line for line in axis.lines if line.get_linestyle() == "--" and np.ptp(line.get_xdata()) > 0]


def test_every_figure_is_tested_here():
    assert set(plots.__all__) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_figure_has_words_a_source_and_the_right_mark(name, runs):
    plot = CASES[name](runs)
    assert isinstance(plot, Plot)
    assert plot.caption[0].isupper() and plot.caption.endswith(".") and len(plot.caption.split()) >= 3
    assert plot.alt == plot.alt.strip() and len(plot.alt.split()) >= 4
    assert "nan" not in plot.alt.lower().split() and "nan" not in plot.caption.lower().split()
    source = "the report's TensorBoard log" if name == "logged_weights" else SOURCE
    words = plot.figure.get_supxlabel()
    assert words.startswith(source)
    if name not in PHOTOGRAPHS | COUNTED_BY_THE_CALLER | OF_NO_IMAGES | {"scaling"}:  # which has them on its axis
        assert NUMBER_OF_IMAGES.search(words)
    assert plot.has_photographs == (name in PHOTOGRAPHS)
    assert plot.figure.get_size_inches()[0] <= style.PAGE


@pytest.mark.parametrize(
    ("name", "which"),
    [
        ("accuracies", "x"),
        ("transfer_changes", "x"),
        ("training_curves", "y"),
        ("input_sweep", "y"),
    ],
)
def test_axes_of_accuracy_start_at_zero_and_show_per_cent(name, which, runs):
    axis = CASES[name](runs).figure.axes[0]
    lowest = getattr(axis, f"get_{which}lim")()[0]
    assert lowest == 0 or lowest < 0 and min(getattr(axis, f"get_{which}ticks")()) == 0
    assert isinstance(getattr(axis, f"{which}axis").get_major_formatter(), mpl.ticker.PercentFormatter)
    assert "accuracy" in getattr(axis, f"get_{which}label")()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.name}")
def test_colours_of_runs_stand_out_from_white(recipe):
    channels = np.array(to_rgb(style.run_colour(recipe.model, recipe.name)))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 3


def words_of(axis):
    return [text.get_text() for text in axis.texts]


def overlapping(axis):
    """Pairs of labels of an axes that cover each other, after a drawing."""
    axis.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axis.texts]
    return [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


@pytest.mark.parametrize(
    "name", ["training_curves", "cost", "reliability", "risk_coverage", "accuracy_by", "input_sweep"]
)
def test_labels_at_the_data_do_not_cover_each_other(name, runs):
    assert not any(overlapping(axis) for axis in CASES[name](runs).figure.axes)


def test_a_label_covers_no_corner_of_a_mark():
    with style.theme():
        figure, axis = style.new_figure(4, 3)
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.plot(0.2, 0.5, "o", markersize=3)
        figure.draw_without_rendering()
        right = axis.transData.transform((0.2, 0.5)) + np.array([20, 9]) * figure.dpi / 72
        axis.plot(*axis.transData.inverted().transform(right), "s", markersize=10)
    labels.label_places(axis, [(0.2, 0.5)], ["a label of some length"], [style.INK])
    figure.draw_without_rendering()
    lower_edge = right - np.array([0, 5]) * figure.dpi / 72
    assert not axis.texts[0].get_window_extent().contains(*lower_edge)


def test_many_labels_at_one_place_find_room_without_covering_each_other():
    with style.theme():
        figure, axis = style.new_figure(4, 3)
        axis.plot([0, 1], [0.5, 0.5])
    labels.label_places(axis, [(0.5, 0.5)] * 6, [f"label {i}" for i in range(6)], [style.INK] * 6)
    assert len(axis.texts) == 6 and not overlapping(axis)


@pytest.mark.parametrize(
    "name", ["accuracies", "cost", "differences", "confusion", "transfer_changes", "input_sweep", "folds", "neighbours"]
)
def test_a_title_states_what_was_found(name, runs):
    figure = CASES[name](runs).figure
    title = figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    assert len(title.split()) > 5 and any(character.isdigit() for character in title)


def test_the_title_of_neighbours_counts_the_classes_that_were_named_and_the_true_ones(runs):
    title = CASES["neighbours"](runs).figure.get_suptitle().replace("\n", " ")
    assert title == "67% of the neighbours are of the class that was named, 17% of the true one"


def test_large_curves_and_maps_make_small_vector_files(runs, tmp_path):
    many = write_run(tmp_path, "deep_cnn", "improved", n=5000, right=3000)
    places, labels = RNG.random((2000, 2)), np.arange(2000) % 3
    for name, plot in (
        ("curve", plots.risk_coverage([many], SOURCE)),
        ("map", plots.embedding_map(places, labels, TREE, SOURCE)),
    ):
        plot.save(tmp_path, name)
        assert (tmp_path / f"{name}.svg").stat().st_size < 150_000


def test_training_curves_dash_each_training_and_name_each_recipe_once(runs):
    figure = plots.training_curves(runs[:3], SOURCE).figure
    for axis, column in zip(figure.axes, ("accuracy", "loss"), strict=True):
        assert len(dashed(axis)) == 3 and words_of(axis) == ["as reported", "improved"]
        assert dashed(axis)[0].get_ydata().tolist() == runs[0].history[column].tolist()
    assert [axis.get_xlabel() for axis in figure.axes] == ["", "epoch"]


def test_the_title_of_curves_has_where_each_recipe_ends(tmp_path):
    runs = [
        write_run(tmp_path, "deep_cnn_l2", "as_reported", seed, validation=(0, 0, end))
        for seed, end in enumerate((0.01, 0.012))
    ]
    runs.append(write_run(tmp_path, "deep_cnn", "as_reported", validation=(0, 0.1, 0.3)))
    plot = plots.training_curves(runs, SOURCE, {"report": reported.figure_curves("deep_cnn")})
    assert (
        plot.alt
        == "Deep CNN, validation accuracy at the end: 30.0% as reported; 25.6% report; 1.0% to 1.2% as reported + L2."
    )
    runs.append(write_run(tmp_path, "deep_cnn", "improved", validation=(0, 0.1, 0.4)))
    titles = [
        plots.training_curves(runs, SOURCE, drawn).figure.get_suptitle().replace("\n", " ")
        for drawn in ({"report": reported.figure_curves("deep_cnn")}, {})
    ]
    assert titles[0] == (
        "Deep CNN: validation accuracy ends at 40.0% with the improved recipe, at 1.0% to 30.0% with the others and in the report"
    )
    assert titles[1].endswith("with the improved recipe, at 1.0% to 30.0% with the others")


def test_the_objective_has_a_panel_with_the_curves_of_the_report(runs):
    curves = {"report with L2": reported.figure_curves("shallow_cnn_l2")}
    plot = plots.training_curves(runs[3:], SOURCE, curves, with_objective=True)
    accuracy, objective, loss = plot.figure.axes
    assert [axis.get_yscale() for axis in plot.figure.axes] == ["linear", "log", "log"]
    assert "report with L2" in words_of(objective) and "report with L2" not in words_of(loss)
    np.testing.assert_allclose(objective.lines[0].get_ydata() - loss.lines[0].get_ydata(), 3)
    assert "(in training: report with L2 from 14.1 to 7.0)" in plot.caption


def test_the_reports_curves_are_drawn_beside_a_run(tmp_path):
    run = write_run(tmp_path, "mobilenetv2", "as_reported")
    figure = plots.training_curves([run], SOURCE, {"report's log": reported.curves()}).figure
    assert [len(dashed(axis)) for axis in figure.axes] == [2, 2]
    assert all("report's log" in words_of(axis) for axis in figure.axes)


def test_no_bar_of_correlations_stands_on_both_sides_of_the_threshold():
    plot = plots.correlation_spread(pd.Series([0.5, 0.7, 0.949, 0.951]), 0.95, SOURCE)
    assert np.isclose(0.95, [bar.get_x() for bar in plot.figure.axes[0].patches]).any()
    assert plots.correlation_spread(pd.Series([0.7, 0.7]), 0.95, SOURCE).figure.axes[0].patches


@pytest.mark.parametrize("n", [1, 3])
def test_any_number_of_properties_is_drawn(runs, n):
    plot = plots.accuracy_by({f"property {i}": [BY] for i in range(n)}, runs[:1], SOURCE)
    assert sum(axis.axison for axis in plot.figure.axes) == n


def test_the_border_between_phases_is_drawn_and_named(tmp_path):
    run = write_run(tmp_path, "deep_cnn", "improved")
    run.history["phase"] = [1, 1, 2]
    plot = plots.training_curves([run], SOURCE)
    uprights = [line for line in plot.figure.axes[1].lines if set(line.get_xdata()) == {2.5}]
    assert len(uprights) == 1 and "border between two phases" in plot.caption
    assert {"phase 1", "phase 2"} <= set(words_of(plot.figure.axes[0]))
    assert plot.alt == "Deep CNN, improved: validation accuracy is 20.0% after phase 1 and 30.0% at the end."


def test_accuracies_draw_the_report_and_the_mean_of_each_recipe_in_a_row_a_family(runs):
    plot = plots.accuracies(runs, SOURCE)
    axis = plot.figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["Deep CNN"]
    marks = sorted(float(line.get_xdata()[0]) for line in axis.lines if line.get_marker() == "o")
    assert marks == pytest.approx([0.2, 0.28, 0.42])
    assert {text.get_text() for text in axis.texts} == {"report 28.0%", "reproduced 20.0%", "improved 42.0%"}
    assert plot.alt == (
        "The improved recipes gain 22 points over the report's, trained here: Deep CNN, report 28.0%, reproduced 20.0%, improved 42.0%."
    )
    assert plot.figure.get_suptitle() == "The improved recipes gain 22 points over the report's, trained here"


def test_cost_draws_each_run_in_its_colour_at_all_its_seconds(tmp_path, runs):
    lonely = write_run(tmp_path, "deep_cnn", "as_reported", right=20, threads=1)
    table = tables.costs([lonely, *runs[1:3]], MEASURED).assign(feature_seconds=[0.0, 100.0])
    plot = plots.cost(table, SOURCE, "two cores")
    axis = plot.figure.axes[0]
    np.testing.assert_allclose(segments(axis)[:, :, 1], table[["low", "high"]])
    np.testing.assert_allclose(segments(axis)[:, 0, 0], table["train_seconds"] + [0, 100])
    assert words_of(axis) == ["Deep CNN, as reported", "Deep CNN, improved"]
    assert "from the speed of the network on two cores: Deep CNN, improved (100 s)" in plot.caption
    assert plot.caption.endswith(". On fewer threads than the others: Deep CNN, as reported (1).")
    assert "fewer threads" not in CASES["cost"](runs).caption


def test_the_dashed_line_of_costs_joins_what_no_faster_recipe_reaches():
    rows = {
        "recipe": ["as_reported", "as_coded", "improved"],
        "accuracy": [0.3, 0.2, 0.5],
        "train_seconds": [5.0, 9.0, 30.0],
    }
    table = pd.DataFrame(rows).assign(model="deep_cnn", low=0.1, high=0.6, threads=2, feature_seconds=0.0)
    plot = plots.cost(table, SOURCE, "two cores")
    (line,) = dashed(plot.figure.axes[0])
    assert line.get_xydata().tolist() == [[5, 0.3], [30, 0.3], [30, 0.5]]
    assert plot.alt.startswith("Deep CNN, improved, is the most accurate, and takes longest.")


def test_differences_are_leads_over_the_next_in_rank():
    plot = plots.differences(comparison.gaps(RIGHT), SOURCE)
    assert [word.split(",")[0] for word in words_of(plot.figure.axes[0])] == ["+1.0", "+49.0"]
    assert plot.alt == (
        "1 of 2 steps down the ranking are more than chance. first leads third by 49.0 points; third leads second by 1.0 points."
    )


def test_reliability_has_intervals_a_histogram_and_the_error_before_and_after(runs):
    plot = plots.reliability(runs[1:2], [0.5], SOURCE)
    upper, lower = plot.figure.axes[:2], plot.figure.axes[2:]
    for axis in upper:
        (ends,) = segments(axis)[:, :, 1]
        assert ends == pytest.approx(metrics.accuracy_interval(0.4, 100))
    assert all(axis.patches[0].get_data().values.sum() == pytest.approx(1) for axis in lower)
    assert words_of(upper[0]) == ["Deep CNN\nECE 20.0%"] and words_of(upper[0]) != words_of(upper[1])
    assert plot.alt.startswith("Deep CNN, improved: one temperature brings the calibration error from 20.0% to ")


def test_risk_coverage_has_a_band_that_ends_in_the_interval_over_all_images(runs):
    plot = plots.risk_coverage(runs[:2], SOURCE)
    places = plot.figure.axes[0].collections[1].get_paths()[0].vertices
    at_end = places[places[:, 0] == 1, 1]
    assert (at_end.min(), at_end.max()) == pytest.approx(metrics.accuracy_interval(0.4, 100))
    assert plot.alt.startswith("Deep CNN, improved: 80% right on the more confident half, 40% on all.")


def test_epoch_seconds_compare_the_phases_without_their_first_epochs(tmp_path):
    run = write_run(tmp_path, "mobilenetv2", "as_reported", validation=(0.1,) * 4, training=(0.1,) * 4)
    run.history["phase"] = [1, 1, 2, 2]
    run.history["seconds"] = [99.0, 10.0, 99.0, 30.0]
    plot = plots.epoch_seconds([run], LOG, SOURCE)
    assert "where the base is unfrozen (MobileNetV2, as reported), 3.00 times" in plot.alt
    assert {"3.00 (10 s to 30 s)", "1.13 (194 s to 219 s)"} == set(words_of(plot.figure.axes[0]))
    assert "unfrozen" not in plots.epoch_seconds([], LOG, SOURCE).alt


@pytest.mark.parametrize("name", ["brightness_spread", "box_summary", "correlation_spread"])
def test_figures_of_data_have_no_colour_of_a_model(name, runs):
    bars = [bar for axis in CASES[name](runs).figure.axes for bar in axis.patches]
    assert {to_hex(bar.get_facecolor()).upper() for bar in bars} == {style.GREY}


def test_learning_rates_clip_the_loss_and_name_the_best(runs):
    plot = CASES["learning_rates"](runs)
    assert plot.figure.axes[0].lines[0].get_ydata().max() == pytest.approx(3 * np.log(NUM_CLASSES))
    assert f"Losses above {3 * np.log(NUM_CLASSES):.1f} (1 here)" in plot.caption
    assert "accuracy is 30.0%; at 0.001, 0% of dense_1, and 50.0%." in plot.alt
    assert all(axis.get_xscale() == "log" for axis in plot.figure.axes)


def test_confusion_counts_on_white_and_names_pairs_and_groups(runs):
    plot = CASES["confusion"](runs)
    matrix, listed, groups = (axis for axis in plot.figure.axes if axis.get_label() != "<colorbar>")
    shown = matrix.images[0].get_array()
    assert shown.filled(0).tolist() == COUNTS.tolist() and shown.mask.tolist() == (COUNTS == 0).tolist()
    assert words_of(listed) == ["Most confused pairs", "1  cat / dog: 3", "2  dog / reel: 1"]
    assert words_of(groups) == ["92", "8", "0", "100"]
    assert "75% of the mistakes stay within one of 2 groups of related classes; at random it would be 50%" in plot.alt
    alone = plots.confusion(RelatedConfusion(COUNTS, ["cat", "dog", "reel"], []), "Deep CNN", SOURCE)
    assert "group" not in alone.alt + alone.caption


def test_class_accuracies_count_the_classes_on_either_side_of_all_images():
    ends = {"accuracy": [1.0, 0.5, 0.1], "low": [0.8, 0.3, 0.0], "high": [1.0, 0.7, 0.4]}
    per_class = pd.DataFrame({"class_name": ["cat", "dog", "owl"], "n": [10, 10, 20], **ends})
    plot = plots.class_accuracies(per_class, "Deep CNN", SOURCE, shown=1)
    axis = plot.figure.axes[0]
    (line,) = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert set(line.get_xdata()) == {0.425} and words_of(axis) == [" all images: 42.5%"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["owl", "cat"]
    assert plot.alt == (
        "Deep CNN: of 3 classes, 1 lie clearly above the accuracy on all images and 1 clearly below. Best: cat at 100%. "
        "Worst: owl at 10%."
    )


def test_scaling_shows_every_step_and_a_line_of_slope_one(runs):
    plot = CASES["scaling"](runs)
    times_axis, memory = plot.figure.axes
    assert times_axis.get_xscale() == times_axis.get_yscale() == memory.get_xscale() == "log"
    assert memory.get_ylim()[0] == 0
    (guide,) = dashed(times_axis)
    times = np.log(guide.get_ydata())
    assert np.ptp(times) / np.ptp(np.log(guide.get_xdata())) == pytest.approx(1)
    for axis in (times_axis, memory):
        assert sorted(text.get_text() for text in axis.texts) == sorted(STEP_NAMES.values())
    assert plot.figure.get_suptitle().startswith("Time grows as the images do: of 10,000 images")
    assert ". From 1,000 to 10,000 images: decode into the cache 1,000 to 10,000 s, 300 to 300 MiB;" in plot.alt


def test_a_step_that_was_not_measured_is_said_so(runs):
    assert "split not measured" in plots.scaling(GROWN[GROWN["step"] != "split"], SOURCE).alt


def test_input_sweep_ticks_are_the_sizes(runs):
    plot = CASES["input_sweep"](runs)
    assert plot.figure.axes[0].get_xticks().tolist() == [32, 96]
    assert plot.alt == (
        "The range of pixel values is worth 10.0 points at 32 px, enlarging to 96 px another 10.0. From 30.0% at 32 px (0 to 1) to "
        "50.0% at 96 px (-1 to 1)."
    )
    assert "+10.0" in words_of(plot.figure.axes[0])


def test_steps_of_the_waterfall_are_differences_of_the_numbers_that_stand_there():
    frame = pd.DataFrame(
        {"change": ["a", "b"], "n": 99, "accuracy": [0.7564, 0.7676], "low": 0.7, "high": 0.8, "gain": [np.nan, 0.0112]}
    )
    assert words_of(plots.transfer_changes(frame, SOURCE).figure.axes[0]) == ["75.6%", "+1.2 to 76.8%"]


def test_folds_say_whether_they_spread_as_chance_would():
    frame = pd.DataFrame({"fold": [1, 2], "n": 100, "accuracy": [0.45, 0.55], "low": 0.4, "high": 0.6})
    assert plots.folds(frame, SOURCE).alt.startswith(
        "2 folds have 50.0% on average; they spread by 7.1 points, and chance alone by 5.0."
    )


def test_logged_weights_count_what_changed(runs):
    frame = reported.logged_weights()
    plot = CASES["logged_weights"](runs)
    for part, group in frame.groupby("part"):
        assert f"{part}: {group['changed'].sum()} of {len(group)} tensors changed" in plot.alt


def test_the_dotted_line_of_noise_falls_with_the_root_of_the_batch_size():
    axis = plots.gradient_noise(NOISE, SOURCE).figure.axes[0]
    assert axis.lines[1].get_ydata().tolist() == pytest.approx([8, 4, 2])
    assert axis.get_xticks().tolist() == [4, 16, 64]


def test_the_map_names_groups_where_their_images_lie():
    plot = plots.embedding_map(PLACES, np.arange(12) // 4, TREE, SOURCE)
    places = {text.get_text(): text.get_position() for text in plot.figure.axes[0].texts}
    assert set(places) <= {"cat", "dog", "car", "animal"} and np.allclose(
        places["car"], PLACES[8:].mean(axis=0), atol=0.5
    )
    assert "of the same group" in plot.alt
    assert not plots.embedding_map(PLACES, np.arange(12) // 4, None, SOURCE).figure.axes[0].texts


def test_architectures_have_a_bar_for_the_parameters_of_each_layer(runs):
    network = architecture.build(find_recipe("shallow_cnn", "as_reported"), NUM_CLASSES)
    plot = plots.architectures({"shallow_cnn": network}, SOURCE)
    boxes, bars = plot.figure.axes
    assert sum(bar.get_height() for bar in bars.patches) == pytest.approx(1)
    assert words_of(boxes)[2:4] == ["64 x 64\nx 32", "conv\n3 x 3"] and "4.19M" in words_of(bars)
    heights = [box.get_height() for box in boxes.patches]
    assert heights[0] / heights[2] == pytest.approx(2)  # the first pooling halves the side
    assert plot.alt.startswith("One layer holds most parameters: 100% in Shallow CNN.")


def test_the_picture_of_the_split_counts_copies_that_it_separates(runs):
    plot = CASES["split"](runs)
    assert plot.figure.get_suptitle() == "Of 2 pairs of copies, 1 lies on two sides of the split"
    assert "1 of the\npairs" in words_of(plot.figure.axes[0])
    widths = [bar.get_width() for bar in plot.figure.axes[0].patches]
    assert widths == PARTS["images"].tolist()


def test_blocks_are_as_wide_as_those_of_the_networks(runs):
    plot = CASES["blocks"](runs)
    heights = [[round(192 * box.get_height()) for box in axis.patches[:-1]] for axis in plot.figure.axes]
    assert heights == [[128, 128, 128], [32, 192, 192, 32]]
    assert "294,912" in plot.figure.axes[0].get_title(loc="left") and "14,016" in plot.figure.axes[1].get_title(
        loc="left"
    )


def test_an_untrained_network_stands_left_of_all_learning_rates():
    sweep = pd.concat([RATES.head(1).assign(learning_rate=0.0), RATES], ignore_index=True).assign(dead_conv_2=0.5)
    axis = plots.learning_rates(sweep, 0.01, NUM_CLASSES, "shallow_cnn", SOURCE).figure.axes[2]
    marks = [line for line in axis.lines if line.get_fillstyle() == "none"]
    assert len(marks) == 2 and all(mark.get_xdata()[0] < RATES["learning_rate"].min() for mark in marks)
    assert axis.get_xticklabels()[0].get_text() == "0" and "conv_2" in words_of(axis)
