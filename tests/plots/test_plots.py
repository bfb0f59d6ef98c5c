import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from fake_runs import NUM_CLASSES, write_run
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb

from helpers import plots
from helpers.analysis import comparison, reported
from helpers.config.profiles import find_recipe
from helpers.config.recipes import RECIPES
from helpers.models import architecture
from helpers.plots import style
from helpers.plots.style import Plot
from helpers.report import tables
from helpers.training import metrics

SOURCE = "made by a test"
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 64, 64, 3), np.uint8)
ROWS = {"flip": IMAGES.astype(np.float32), "shear": IMAGES[:2] * 1.5}
MARGINS = {"accuracy": [0.3, 0.4, 0.5], "low": [0.2, 0.3, 0.4], "high": [0.4, 0.5, 0.6], "n": 80}
SWEEP = pd.DataFrame({"input_size": [32, 32, 96], "input_range": ["0 to 1", "-1 to 1", "-1 to 1"], **MARGINS})
FOLDS = pd.DataFrame({"fold": [1, 2, 3], **MARGINS})
STEPS = pd.DataFrame(
    {
        "model": ["deep_cnn", "mobilenetv2"],
        "step": ["as reported", "improved"],
        "accuracy": [0.2, 0.41],
        "low": [0.18, 0.39],
        "high": [0.22, 0.43],
    }
)
LEVERS = pd.DataFrame(
    {"lever": ["frozen", "tuned"], "n": 99, "accuracy": [0.2, 0.4], "low": 0.1, "high": 0.5, "gain": [np.nan, 0.2]}
)
COUNTS = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
GROUPS = [("animal", 2), ("reel", 1)]
ACTIVITY = pd.DataFrame({"dead_share": [0.1, 0.9], "spread_over_images": [0.3, 0.0]})
RATES = pd.DataFrame(
    {
        "learning_rate": [1e-3, 1e-2, 1e-1],
        "training_loss": [1.2, 1.5, 90.0],
        "validation_accuracy": [0.5, 0.3, 0.2],
        "dead_share": [0.0, 0.4, 1.0],
    }
)
COURSE = pd.DataFrame({"step": [1, 2, 3], "penalty": [2.0, 3.0, 1.0], "cross_entropy": [1.7, 1.6, 1.5]})
CHANNELS = pd.DataFrame({"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.3]}, index=["red", "green", "blue"])
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


NOISE = pd.DataFrame({"batch_size": [4, 16, 64], "relative_noise": [8.0, 4.2, 2.0]})
CASES = {
    "image_grid": lambda runs: plots.image_grid(
        IMAGES, ["cat", "a dog with a very long name", "owl"], "One image of each of 3 classes", SOURCE, 2
    ),
    "channel_summary": lambda runs: plots.channel_summary(IMAGES[0] / 255, CHANNELS, 3, SOURCE),
    "brightness_spread": lambda runs: plots.brightness_spread(BRIGHTNESS, SOURCE),
    "box_summary": lambda runs: plots.box_summary(BOXES, np.full((64, 64), 0.4), SOURCE),
    "nearest_pairs": lambda runs: plots.nearest_pairs(IMAGES, IMAGES[::-1], ["r = 1", "r = 0.9", "r = 0.8"], SOURCE),
    "correlation_spread": lambda runs: plots.correlation_spread(pd.Series([0.5, 0.7, 0.99]), 0.95, SOURCE),
    "augmentation_grid": lambda runs: plots.augmentation_grid(ROWS, SOURCE),
    "embedding_map": lambda runs: plots.embedding_map(
        RNG.random((12, 2)), np.arange(12) % 3, ["cat", "dog", "owl"], SOURCE, shown=2
    ),
    "architectures": lambda runs: plots.architectures(
        {"shallow_cnn": architecture.build(find_recipe("shallow_cnn", "as_reported"), NUM_CLASSES)}, SOURCE
    ),
    "filters": lambda runs: plots.filters({"one": RNG.random((3, 3, 3, 40)), "flat": np.zeros((3, 3, 3, 8))}, SOURCE),
    "layer_activity": lambda runs: plots.layer_activity(
        {"Deep CNN, improved": ACTIVITY, "Shallow CNN, as coded": ACTIVITY / 2}, SOURCE
    ),
    "training_curves": lambda runs: plots.training_curves(runs[:3], SOURCE),
    "learning_rates": lambda runs: plots.learning_rates(RATES, 0.01, NUM_CLASSES, "deep_cnn", SOURCE),
    "gradient_noise": lambda runs: plots.gradient_noise(NOISE, SOURCE),
    "epoch_seconds": lambda runs: plots.epoch_seconds(runs, reported.epoch_seconds(), SOURCE),
    "logged_weights": lambda runs: plots.logged_weights(reported.logged_weights()),
    "table": lambda runs: plots.table(STEPS, "Steps", SOURCE),
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
        IMAGES[:2], ["cat; true: dog", "owl; true: cat"], IMAGES[[[0, 1, 2], [2, 1, 0]]], [["a", "b", "c"]] * 2, SOURCE
    ),
    "feature_maps": lambda runs: plots.feature_maps(
        {"conv_1": RNG.random((8, 8, 12)), "conv_2": RNG.random((4, 4, 3))}, IMAGES[0], SOURCE
    ),
    "learning_curve": lambda runs: plots.learning_curve(CURVE, SOURCE),
    "comparison": lambda runs: plots.comparison(comparison.compare(RIGHT), SOURCE),
    "penalties": lambda runs: plots.penalties(runs[3:], NUM_CLASSES, SOURCE),
    "penalty_course": lambda runs: plots.penalty_course(COURSE, NUM_CLASSES, SOURCE),
    "confusion": lambda runs: plots.confusion(COUNTS, GROUPS, "Deep CNN", SOURCE),
    "class_accuracies": lambda runs: plots.class_accuracies(PER_CLASS, "Deep CNN", SOURCE, shown=1),
    "input_sweep": lambda runs: plots.input_sweep(SWEEP, SOURCE),
    "folds": lambda runs: plots.folds(FOLDS, SOURCE),
    "reliability": lambda runs: plots.reliability(runs[:2], [0.5, 2.0], SOURCE),
    "risk_coverage": lambda runs: plots.risk_coverage(runs[:2], SOURCE),
    "scaling": lambda runs: plots.scaling(GROWN, SOURCE),
    "levers": lambda runs: plots.levers(LEVERS, SOURCE),
    "improvements": lambda runs: plots.improvements(STEPS, SOURCE),
}
PHOTOGRAPHS = {"feature_maps", "grad_cam", "image_grid", "nearest_pairs", "neighbours", "augmentation_grid"}
# How many images there were is in the source that these are given: what they draw does not tell.
COUNTED_BY_THE_CALLER = {
    "comparison",
    "cost",
    "gradient_noise",
    "improvements",
    "layer_activity",
    "learning_rates",
    "penalty_course",
    "table",
}
OF_NO_IMAGES = {"architectures", "filters", "logged_weights"}
NUMBER_OF_IMAGES = re.compile(r"\d (training |validation )?(images|boxes)\b")


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
        ("improvements", "x"),
        ("levers", "x"),
        ("cost", "y"),
        ("training_curves", "y"),
        ("input_sweep", "y"),
        ("folds", "y"),
    ],
)
def test_axes_of_accuracy_start_at_zero_and_show_per_cent(name, which, runs):
    axis = CASES[name](runs).figure.axes[0]
    assert getattr(axis, f"get_{which}lim")()[0] == 0
    assert isinstance(getattr(axis, f"{which}axis").get_major_formatter(), mpl.ticker.PercentFormatter)
    assert "accuracy" in getattr(axis, f"get_{which}label")()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.model}-{recipe.name}")
def test_colours_of_runs_stand_out_from_white(recipe):
    channels = np.array(to_rgb(style.run_colour(recipe.model, recipe.name)))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 3


def test_training_curves_dash_each_training_and_name_each_recipe_once(runs):
    figure = plots.training_curves(runs[:3], SOURCE).figure
    for axis, column in zip(figure.axes, ("accuracy", "loss"), strict=True):
        assert axis.get_xlabel() == "epoch" and len(dashed(axis)) == 3
        assert dashed(axis)[0].get_ydata().tolist() == runs[0].history[column].tolist()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["Deep CNN, as reported", "Deep CNN, improved", "report, table 1"]


def test_the_reports_curves_are_drawn_beside_a_run(tmp_path):
    run = write_run(tmp_path, "mobilenetv2", "as_reported")
    figure = plots.training_curves([run], SOURCE, {"the report's log": reported.curves()}).figure
    assert [len(dashed(axis)) for axis in figure.axes] == [2, 2]
    assert "the report's log" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_curves_of_both_networks_of_figure_2_are_drawn_beside_ours(runs):
    curves = {name: reported.figure_curves(name) for name in ("shallow_cnn", "shallow_cnn_l2")}
    plot = plots.training_curves(runs[:1], SOURCE, curves)
    assert [len(dashed(axis)) for axis in plot.figure.axes] == [3, 3]
    assert "Black: shallow_cnn; shallow_cnn_l2, on its own split" in plot.caption


def test_training_curves_name_the_recipes_that_another_one_covers(tmp_path):
    first = write_run(tmp_path, "shallow_cnn", "as_reported", validation=(0.01, 0.01), training=(0.01, 0.01))
    longer = write_run(tmp_path, "shallow_cnn_l2", "as_reported", validation=(0.01, 0.01, 0.01))
    above = write_run(tmp_path, "shallow_cnn", "improved", validation=(0.01, 0.2, 0.3))
    caption = plots.training_curves([first, longer, above], SOURCE).caption
    assert " Hidden behind another curve: Shallow CNN, as reported. " in caption
    assert caption.endswith(" The scores of Shallow CNN, improved include test-time augmentation, the curves do not.")
    assert "Hidden" not in plots.training_curves([longer, first, above], SOURCE).caption


def test_the_words_for_training_curves_name_each_recipe_once(tmp_path):
    ends = (0.01, 0.012, 0.01)
    runs = [
        write_run(tmp_path, "deep_cnn_l2", "as_reported", seed, validation=(0, 0, end)) for seed, end in enumerate(ends)
    ]
    alt = plots.training_curves(runs, SOURCE).alt
    assert alt == "Validation accuracy by epoch: Deep CNN, L2, as reported ends at 1.0%, 1.2%."


def test_training_curves_cut_and_name_losses_out_of_the_picture(tmp_path):
    plot = plots.training_curves([write_run(tmp_path, "deep_cnn", "improved", validation=(-30, 0.1, 0.2))], SOURCE)
    assert plot.figure.axes[1].get_ylim() == (0, 12)
    assert "above 12" in plot.caption


def test_no_bar_of_correlations_stands_on_both_sides_of_the_threshold():
    plot = plots.correlation_spread(pd.Series([0.5, 0.7, 0.949, 0.951]), 0.95, SOURCE)
    assert np.isclose(0.95, [bar.get_x() for bar in plot.figure.axes[0].patches]).any()
    assert plots.correlation_spread(pd.Series([0.7, 0.7]), 0.95, SOURCE).figure.axes[0].patches


@pytest.mark.parametrize("n", [1, 3])
def test_any_number_of_properties_is_drawn(runs, n):
    plot = plots.accuracy_by({f"property {i}": [BY] for i in range(n)}, runs[:1], SOURCE)
    assert sum(axis.axison for axis in plot.figure.axes) == n


def test_the_border_between_phases_is_drawn(tmp_path):
    run = write_run(tmp_path, "deep_cnn", "improved")
    run.history["phase"] = [1, 1, 2]
    plot = plots.training_curves([run], SOURCE)
    uprights = [line for line in plot.figure.axes[1].lines if set(line.get_xdata()) == {2.5}]
    assert len(uprights) == 1 and "borders between phases" in plot.caption


def test_accuracies_draw_the_report_and_the_mean_of_each_recipe_in_a_row_a_family(runs):
    plot = plots.accuracies(runs, SOURCE)
    axis = plot.figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["Deep CNN"]
    marks = sorted(float(line.get_xdata()[0]) for line in axis.lines if line.get_marker() == "o")
    assert marks == pytest.approx([0.2, 0.28, 0.42])
    assert {text.get_text() for text in axis.texts} == {"report 28.0%", "reproduced 20.0%", "improved 42.0%"}
    assert plot.alt == (
        "Within each family, the improved recipe gains 22 points: Deep CNN, report 28.0%, reproduced 20.0%, improved 42.0%."
    )
    assert axis.get_title(loc="left") == "Within each family, the improved recipe gains 22 points"


def test_cost_draws_each_run_in_its_colour_with_its_interval(tmp_path, runs):
    lonely = write_run(tmp_path, "deep_cnn", "as_reported", right=20, threads=1)
    table = tables.costs([lonely, *runs[1:3]], MEASURED)
    plot = plots.cost(table, SOURCE, "two cores")
    assert "speed of the networks on two cores" in plot.caption
    colours = [style.run_colour("deep_cnn", recipe) for recipe in ("as_reported", "improved")]
    for axis in plot.figure.axes:
        np.testing.assert_allclose(segments(axis)[:, :, 1], table[["low", "high"]])
        assert [line.get_color() for line in axis.lines] == colours
    assert plot.caption.endswith(" On fewer threads than the others: Deep CNN, as reported (1).")
    assert "fewer threads" not in CASES["cost"](runs).caption


def test_improvements_draw_runs_in_their_colours_and_every_step_with_its_interval():
    steps = STEPS.assign(step=["Deep CNN, as reported", "linear classifier"])
    axis = plots.improvements(steps, SOURCE).figure.axes[0]
    np.testing.assert_allclose(segments(axis)[:, :, 0], steps[["low", "high"]].iloc[::-1])
    colours = [to_hex(bar.get_facecolor()) for bar in axis.patches]
    assert colours == [style.run_colour("mobilenetv2", "improved"), style.run_colour("deep_cnn", "as_reported")]


def test_reliability_has_the_interval_of_each_bin(runs):
    for axis in plots.reliability(runs[1:2], [1.0], SOURCE).figure.axes:
        (ends,) = segments(axis)[:, :, 1]
        assert ends == pytest.approx(metrics.accuracy_interval(0.4, 100))


def test_risk_coverage_has_a_band_that_ends_in_the_interval_over_all_images(runs):
    plot = plots.risk_coverage(runs[:2], SOURCE)
    places = plot.figure.axes[0].collections[1].get_paths()[0].vertices
    at_end = places[places[:, 0] == 1, 1]
    assert (at_end.min(), at_end.max()) == pytest.approx(metrics.accuracy_interval(0.4, 100))
    assert "Deep CNN, improved, is right on 40.0% of all images and on " in plot.caption


def test_epoch_seconds_draw_the_first_seed_of_each_recipe(runs):
    plot = CASES["epoch_seconds"](runs)
    (legend,) = plot.figure.legends
    assert [text.get_text() for text in legend.get_texts()][1:] == [
        "Deep CNN, as reported",
        "Deep CNN, improved",
        "Deep CNN, L2, as reported",
    ]
    seconds = [run.history["seconds"].tolist() for run in (runs[0], runs[1], runs[3])]
    assert [line.get_ydata().tolist() for line in plot.figure.axes[0].lines[1:4]] == seconds
    assert "that of the first seed, 0 (" in plot.caption
    alone = plots.epoch_seconds([], reported.epoch_seconds(), SOURCE)
    assert len(alone.figure.legends[0].get_texts()) == 1 and "seed" not in alone.caption


def test_captions_say_where_seeds_have_lines_of_their_own(runs):
    said = "Where a recipe has several seeds, each has a line."
    assert said in plots.training_curves(runs[:3], SOURCE).caption
    assert said not in plots.training_curves(runs[:2], SOURCE).caption


@pytest.mark.parametrize("name", ["brightness_spread", "box_summary", "correlation_spread"])
def test_figures_of_data_have_no_colour_of_a_model(name, runs):
    bars = [bar for axis in CASES[name](runs).figure.axes for bar in axis.patches]
    assert {to_hex(bar.get_facecolor()).upper() for bar in bars} == {style.GREY}


def test_learning_rates_clip_the_loss_and_name_the_best(runs):
    plot = CASES["learning_rates"](runs)
    assert plot.figure.axes[0].lines[0].get_ydata().max() == pytest.approx(3 * np.log(NUM_CLASSES))
    assert "accuracy is 30.0%" in plot.alt and "0.001, reaches 50.0%" in plot.alt
    assert all(axis.get_xscale() == "log" for axis in plot.figure.axes)


def test_comparison_signs_each_pair_as_row_minus_column(runs):
    plot = CASES["comparison"](runs)
    words = [text.get_text() for text in plot.figure.axes[0].texts]
    assert [word.split("\n")[0] for word in words] == ["-50.0", "-49.0", "+1.0"]
    assert plot.alt == "2 of 3 pairs differ by more than chance."
    grey = [text.get_color() == style.FAINT for text in plot.figure.axes[0].texts]
    assert grey == [False, False, True]


def test_penalties_show_the_objective_above_the_cross_entropy(runs):
    axis = CASES["penalties"](runs).figure.axes[0]
    np.testing.assert_allclose(axis.lines[0].get_ydata() - axis.lines[1].get_ydata(), 3)


def test_penalties_have_ticks_as_high_as_the_curves_go(tmp_path):
    run = write_run(tmp_path, "deep_cnn_l2", "as_reported", penalty=12.0)
    axis = plots.penalties([run], NUM_CLASSES, SOURCE).figure.axes[0]
    assert any(10 < tick < axis.get_ylim()[1] for tick in axis.get_yticks())


def test_confusion_shows_shares_of_each_true_class(runs):
    plot = CASES["confusion"](runs)
    image = plot.figure.axes[0].images[0]
    np.testing.assert_allclose(image.get_array(), [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 0]])
    assert image.get_clim() == (0, 1) and plot.alt.startswith("75.0%")


def test_confusion_names_groups_of_classes_and_counts_the_mistakes_within_them():
    plot = plots.confusion(np.array([[6, 2, 0], [1, 3, 1], [0, 0, 4]]), GROUPS, "Deep CNN", SOURCE)
    assert [label.get_text() for label in plot.figure.axes[0].get_yticklabels()] == ["animal (2)", "reel (1)"]
    assert plot.alt.endswith(
        "Of the mistakes, 75% stay within one of 2 groups of related classes; of mistakes at random it would be 50%."
    )
    assert "groups" not in plots.confusion(COUNTS, [], "Deep CNN", SOURCE).alt


def test_class_accuracies_show_both_ends(runs):
    plot = CASES["class_accuracies"](runs)
    assert [label.get_text() for label in plot.figure.axes[0].get_yticklabels()] == ["owl", "cat"]
    assert plot.alt == "Best: cat at 100%. Worst: owl at 50%."


def test_class_accuracies_count_the_classes_on_either_side_of_all_images():
    ends = {"accuracy": [1.0, 0.5, 0.1], "low": [0.8, 0.3, 0.0], "high": [1.0, 0.7, 0.4]}
    per_class = pd.DataFrame({"class_name": ["cat", "dog", "owl"], "n": [10, 10, 20], **ends})
    plot = plots.class_accuracies(per_class, "Deep CNN", SOURCE, shown=1)
    (line,) = [line for line in plot.figure.axes[0].lines if line.get_linestyle() == "--"]
    assert set(line.get_xdata()) == {0.425} and line.get_label() == "over all images: 42.5%"
    assert plot.caption.endswith("Of all 3 classes, 1 have their interval above the dashed line and 1 below it.")


def test_scaling_shows_every_step_and_a_line_of_slope_one(runs):
    plot = CASES["scaling"](runs)
    left, right = plot.figure.axes
    assert left.get_xscale() == left.get_yscale() == right.get_xscale() == "log" and right.get_ylim()[0] == 0
    (guide,) = dashed(left)
    times = np.log(guide.get_ydata())
    assert np.ptp(times) / np.ptp(np.log(guide.get_xdata())) == pytest.approx(1)
    assert len(left.lines) == 7 and len(right.lines) == 6
    assert [text.get_text() for text in plot.figure.legends[0].get_texts()][0] == "decode into the cache"
    assert plot.alt.startswith("From 1,000 to 10,000 images: decode into the cache 1,000 to 10,000 s, 300 to 300 MiB;")


def test_a_step_that_was_not_measured_is_said_so(runs):
    assert "split not measured" in plots.scaling(GROWN[GROWN["step"] != "split"], SOURCE).alt


def test_input_sweep_ticks_are_the_sizes(runs):
    plot = CASES["input_sweep"](runs)
    assert plot.figure.axes[0].get_xticks().tolist() == [32, 96]
    assert plot.alt == "From 30.0% at 32 px (0 to 1) to 50.0% at 96 px (-1 to 1)."


def test_logged_weights_count_what_changed(runs):
    frame = reported.logged_weights()
    plot = CASES["logged_weights"](runs)
    for part, group in frame.groupby("part"):
        assert f"{part}: {group['changed'].sum()} of {len(group)} tensors changed" in plot.alt


def test_embedding_map_colours_the_closest_classes():
    labels = np.repeat([0, 1, 2], 4)
    places = RNG.normal(size=(12, 2)) * np.array([9, 0.1, 1])[labels][:, None]
    plot = plots.embedding_map(places, labels, ["cat", "dog", "owl"], SOURCE, shown=2)
    assert plot.alt.endswith("dog, owl.") and len(plot.figure.axes[0].collections) == 3


def test_the_dotted_line_of_noise_falls_with_the_root_of_the_batch_size():
    axis = plots.gradient_noise(NOISE, SOURCE).figure.axes[0]
    assert axis.lines[1].get_ydata().tolist() == pytest.approx([8, 4, 2])
    assert axis.get_xticks().tolist() == [4, 16, 64]
