import keras
import pytest
from fake_runs import NUM_CLASSES, write_run
from keras import layers

from helpers.analysis import costs
from helpers.config.profiles import find_recipe
from helpers.models import architecture


def test_multiply_adds_of_known_layers():
    pixels = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(pixels)  # 3 * 3 * 3 * 4 at 64 places
    x = layers.DepthwiseConv2D(3, strides=2, padding="same")(x)  # 3 * 3 * 4 at 16 places
    x = layers.Dense(5)(layers.Flatten()(layers.ReLU()(x)))  # 64 * 5
    assert costs.multiply_adds(keras.Model(pixels, x)) == 108 * 64 + 36 * 16 + 320


def test_mobilenetv2_has_the_multiply_adds_of_its_paper():
    """Sandler et al. 2018, table 4: 300 million at 224 px, with 1,000 classes in the last layer."""
    network = keras.applications.MobileNetV2(weights=None)
    assert costs.multiply_adds(network) == pytest.approx(300e6, rel=0.01)


def test_memory_of_a_training_step_counts_outputs_for_each_image_and_weights_four_times():
    pixels = keras.Input((4,))
    network = keras.Model(pixels, layers.Dense(3)(pixels))  # 4 + 3 numbers an image, 15 weights
    assert costs.training_bytes(network, 10) == 4 * (10 * 7 + 4 * 15)


def test_a_row_for_each_run(tmp_path):
    runs = [write_run(tmp_path, "shallow_cnn", "as_reported"), write_run(tmp_path, "deep_cnn", "improved")]
    for run in runs:
        network = architecture.build(find_recipe(run.model, run.recipe), NUM_CLASSES)
        run.record["parameters"] = network.count_params()
    table = costs.measure(runs)
    assert list(table) == ["model", "recipe", "parameters", "multiply_adds", "images_per_second"]
    assert table[["model", "recipe"]].agg(" ".join, axis=1).tolist() == ["shallow_cnn as_reported", "deep_cnn improved"]
    assert table["parameters"].iloc[1] == network.count_params()
    assert table["multiply_adds"].iloc[1] == 2 * costs.multiply_adds(network), "both sides of an image are looked at"
    assert (table["images_per_second"] > 0).all()


def test_the_time_of_a_training_is_that_of_all_steps_of_all_phases(monkeypatch):
    timed = []

    def training_steps(recipe, phase, n_steps, steps_per_call):
        calls = iter([100.0, 2.0])  # the first also traces the graph
        timed.append((phase.trainable, n_steps, steps_per_call))
        return lambda: next(calls)

    monkeypatch.setattr(costs, "training_steps", training_steps)
    recipe = find_recipe("mobilenetv2", "improved")  # 20 and 12 epochs with 128 a batch
    assert costs.training_seconds(recipe, 1_300, 4) == pytest.approx((20 + 12) * 10 * 2.0 / 4)
    assert timed == [("head", 4, 4), ("block_7_expand", 4, 4)]


def test_the_time_of_a_training_is_measured_where_it_is_asked_for(tmp_path):
    run = write_run(tmp_path, "shallow_cnn", "as_reported")
    run.record["parameters"] = architecture.build(run.settings, NUM_CLASSES).count_params()
    [row] = costs.measure([run], timed_steps=2).to_dict("records")
    assert row["train_seconds"] > 0 and row["timed_steps"] == 2 and "core" in row["hardware"]


def test_a_network_that_is_built_otherwise_today_is_left_out(tmp_path):
    run = write_run(tmp_path, "shallow_cnn", "as_reported")
    run.record["parameters"] = 1
    assert costs.measure([run]).empty


def test_a_network_that_no_longer_exists_is_left_out(tmp_path):
    run = write_run(tmp_path, "shallow_cnn", "as_reported")
    run.config["recipe"]["network"] = "shallow_of_last_year"
    assert costs.measure([run]).empty
    assert not run.has_known_network()
