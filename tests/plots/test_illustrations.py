from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

from helpers.config.profiles import find_recipe
from helpers.models import architecture
from helpers.plots import illustrations, layer_pictures
from helpers.plots.style import Plot

SHALLOW = find_recipe("shallow_cnn", "as_reported")


def texts(plot):
    return [text.get_text() for text in plot.figure.findobj(mpl.text.Text)]


@pytest.mark.parametrize(
    ("draw", "panels", "source"),
    [
        (layer_pictures.convolution, 8, "photograph: D. Büchele (china.jpg), CC BY 2.0, as scikit-learn ships it"),
        (layer_pictures.max_pooling, 6, "photograph: D. Büchele (china.jpg), CC BY 2.0, as scikit-learn ships it"),
        (layer_pictures.dropout, 4, "computed, no data"),
        (illustrations.batch_normalisation, 2, "random numbers, 2,000 a channel"),
        (illustrations.cross_entropy, 1, "computed, no data"),
        (illustrations.optimizers, 1, "computed, no data"),
    ],
)
def test_a_picture_of_an_idea_comes_with_words(draw, panels, source):
    plot = draw()
    assert isinstance(plot, Plot) and not plot.has_photographs and len(plot.figure.axes) == panels
    assert all(
        not words[0].islower() and words.endswith(".") and len(words.split()) > 5 for words in (plot.caption, plot.alt)
    )
    assert plot.figure.get_supxlabel() == source
    plot.figure.canvas.draw()


def test_the_example_image_is_always_the_same():
    first, again = illustrations.example_image(), illustrations.example_image()
    assert first.shape == (64, 64, 3) and first.dtype == np.uint8 and np.array_equal(first, again)
    assert first.std() > 10


def test_filters_and_poolings_give_the_sizes_in_their_titles():
    assert "vertical edges\n126 x 126" in texts(layer_pictures.convolution())
    axes = layer_pictures.max_pooling().figure.axes[3:]
    assert [axis.get_title() for axis in axes] == ["126 x 126", "63 x 63", "31 x 31"]
    fine, coarse, _ = (np.asarray(axis.images[0].get_array()) for axis in axes)
    assert np.array_equal(coarse, fine.reshape(63, 2, 63, 2).max((1, 3)))


def test_the_numbers_of_the_drawn_windows_are_right():
    patch, kernel, result = (
        np.asarray(axis.images[0].get_array()) for axis in layer_pictures.convolution().figure.axes[:3]
    )
    assert result[0, 2] == (patch[:3, 2:] * kernel).sum() == 25
    numbers, pooled = (np.asarray(axis.images[0].get_array()) for axis in layer_pictures.max_pooling().figure.axes[:2])
    assert pooled[1, 1] == numbers[2:, 2:].max() == 7


def test_the_edge_filters_see_no_edge_in_an_even_surface():
    sums = {name: kernel.sum() for name, kernel in layer_pictures.EDGES.items()}
    assert sums == pytest.approx({"vertical edges": 0, "horizontal edges": 0, "blur": 1})


def test_dropout_zeroes_other_units_in_each_step_and_none_in_use():
    plot = layer_pictures.dropout(0.4)
    before, first, second, in_use = (np.asarray(axis.images[0].get_array()) for axis in plot.figure.axes)
    for values in (first, second):
        kept = values != 0
        assert 0 < kept.sum() < kept.size and values[kept] == pytest.approx(before[kept] / 0.6)
    assert not np.array_equal(first == 0, second == 0) and np.array_equal(in_use, before)
    assert f"sets {(first == 0).sum()} and {(second == 0).sum()} of 16" in plot.figure.get_suptitle()


def test_the_dense_layer_costs_most_behind_flatten():
    table = illustrations.to_dense().set_index("layer")
    assert table.loc["Flatten"].tolist() == [16384, 4_194_560]
    assert (
        table.loc["GlobalMaxPooling2D"].tolist() == table.loc["GlobalAveragePooling2D"].tolist() == [64, 64 * 256 + 256]
    )


def test_layer_table_sums_to_the_parameters_of_the_network():
    network = architecture.build(SHALLOW, 6)
    table = illustrations.layer_table(network).set_index("layer")
    assert table.loc["sum", "parameters"] == network.count_params() == table["parameters"].iloc[:-1].sum()
    assert table.loc["conv_1"].tolist() == ["Conv2D", "64 x 64 x 32", 3 * 3 * 3 * 32 + 32]
    assert table.loc["logits", "output"] == "6"


def test_recipe_differences_are_only_what_differs():
    other = replace(SHALLOW, name="other", l2=0.5, phases=(replace(SHALLOW.phases[0], epochs=99),))
    table = illustrations.recipe_differences(SHALLOW, other).set_index("setting")
    assert table.to_dict("index") == {
        "l2": {"as_reported": "0.0", "other": "0.5"},
        "epochs": {"as_reported": "3", "other": "99"},
    }
    two = replace(SHALLOW, name="two", phases=SHALLOW.phases * 2)
    settings = illustrations.recipe_differences(SHALLOW, two)["setting"].tolist()
    assert "phase 2, epochs" in settings and "epochs" in settings


def test_keras_trains_every_output_layer_as_logits_but_predictions_differ():
    table = illustrations.output_layers(num_classes=10, n_images=64).set_index("output")
    assert np.ptp(table["evaluated_by_keras"]) < 1e-3
    for name in ("softmax", "linear"):
        assert table.loc[name, "from_predictions"] == pytest.approx(table.loc[name, "evaluated_by_keras"], abs=1e-3)
    assert abs(table.loc["sigmoid"].diff().iloc[1]) > 0.01


def test_cross_entropy_marks_a_guess_at_its_logarithm():
    assert "chance level: 2.30" in texts(illustrations.cross_entropy(10))
    assert "2.30" in illustrations.cross_entropy(10).caption


def test_both_paths_begin_together_and_descend():
    axis = illustrations.optimizers(steps=20).figure.axes[0]
    for line in axis.lines[:2]:
        path = line.get_xydata()
        heights = path**2 @ [1, 30]
        assert len(path) == 21 and path[0].tolist() == pytest.approx([-4, 0.9])
        assert heights[-1] < heights[0] / 4
