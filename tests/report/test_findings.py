import keras
import numpy as np
import pandas as pd
import pytest
from fake_runs import NUM_CLASSES, write_run

from helpers.analysis import network_probes
from helpers.data.dataset import Split
from helpers.report import findings


@pytest.fixture
def sweep():
    return pd.DataFrame(
        {
            "learning_rate": [0.001, 0.01],
            "training_loss": [3.5, 4.6],
            "validation_accuracy": [0.2, 0.01],
            "dead_share": [0.1, 1.0],
        }
    )


@pytest.fixture
def network():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(3, name="dense_1")(inputs)  # 12 of 20 parameters
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


def course(accuracies, **columns):
    history = pd.DataFrame({"epoch": np.arange(len(accuracies)) + 1, "accuracy": accuracies, "loss": 4.0})
    return history.assign(validation_accuracy=history["accuracy"] / 2, validation_loss=4.5, **columns)


def test_lists_leave_out_empty_sentences():
    assert findings.numbered(["One.", "", "Two."]) == "1. One.\n2. Two."
    assert findings.bullets(["One.", "", "Two."]) == "- One.\n- Two."
    assert findings.bullets([]) == ""


def test_training_data_counts_images():
    split = Split(np.arange(4_000), np.arange(500), np.arange(10), "split_off", "split0")
    assert findings.training_data("demo data", split) == (
        "This run reads **demo data**: 4,000 training images, 500 validation images."
    )


def test_the_first_dense_layer_has_its_share_of_the_parameters(network):
    assert findings.parameter_count("deep_cnn", network).startswith(
        "The layers sum to 20 parameters; the report says 11,260,740."
    )
    assert findings.parameter_count("deep_cnn", network).endswith("holds 60.0% of them.")
    assert "20 parameters, the report's number, 60% of them" in findings.parameters_in_one_layer(network)


def test_gradient_noise_is_that_of_the_batch_size():
    noise = pd.DataFrame({"batch_size": [5, 20], "relative_noise": [8.0, 4.0]})
    assert "the gradient of 20 images strays from the mean gradient by 4.0 times" in findings.gradient_noise(noise)
    assert "of 5 images strays from the mean gradient by 8.0 times" in findings.gradient_noise(noise, 5)


def test_validation_results_say_whether_a_run_is_above_chance_level(tmp_path):
    good = write_run(tmp_path, "shallow_cnn", "improved", right=60)
    poor = write_run(tmp_path, "shallow_cnn", "as_reported", right=20)
    first, second = findings.validation_results([good, poor], NUM_CLASSES).splitlines()[2:]
    assert first.startswith("- Shallow CNN, improved, seed 0: 60.0 % (50.2 % to 69.1 %, n = 100), above chance")
    assert first.endswith("distinct classes predicted: 5.")
    assert ", at chance; " in second


def test_the_best_epoch_stands_beside_the_last(tmp_path):
    run = write_run(tmp_path, "deep_cnn", "as_reported", validation=(0.1, 0.28, 0.25))
    assert findings.last_and_best_epochs([run], NUM_CLASSES).endswith(
        "without test-time augmentation 25.0%, best of 3 epochs 28.0%."
    )


def test_dead_units_are_listed_untrained_where_most_are_dead_and_learn_and_as_reported():
    sweep = pd.DataFrame(
        {
            "learning_rate": [0.0, 0.001, 0.0001, 0.01],
            "validation_accuracy": [0.01, 0.2, 0.1, 0.01],
            "dead_share": [0.3, 0.6, 0.7, 1.0],
            "dead_conv_2": [0.0, 0.2, 0.1, 0.98],
        }
    )
    untrained, learning, as_reported = findings.dead_units(sweep, 1_000, 100).splitlines()
    assert untrained == (
        "- untrained: 0% of the filters of the second convolution and 30% of the dense units are dead; validation accuracy 1.0% (at chance)."
    )
    assert learning.startswith("- learning rate 0.0001: 10% of") and learning.endswith("10.0% (above chance).")
    assert as_reported.startswith("- learning rate 0.01: 98% of the filters of the second convolution and 100% of")


def test_another_learning_rate_is_enough_only_where_it_leaves_chance_level(sweep):
    text = findings.learning_rate_alone(sweep, 50, 1_000, 100)
    assert "from 0.01 to 0.001, validation accuracy after 50 steps is 20.0% (above chance) in place of 1.0%" in text
    assert text.endswith("That one change is enough to learn.")
    at_chance = sweep.assign(validation_accuracy=[0.011, 0.01])
    assert findings.learning_rate_alone(at_chance, 50, 1_000, 100).endswith(
        "does not show at which rate the network learns."
    )
    reported_is_best = sweep.assign(validation_accuracy=[0.01, 0.2])
    assert findings.learning_rate_alone(reported_is_best, 50, 1_000, 100).endswith(
        "does not show at which rate the network learns."
    )


def test_training_loss_by_rate_takes_the_lowest_loss(sweep):
    assert findings.training_loss_by_rate(sweep, 50) == (
        "After 50 steps the training loss is 4.60 at the report's learning rate, 0.01, and lowest at 0.001, with 3.50."
    )


def test_moving_averages_forget_their_start():
    assert "still hold 100% of" in findings.moving_average_lag(0)
    assert "still hold 37% of" in findings.moving_average_lag(100)
    assert findings.moving_average_lag(2_000).endswith("have lost their starting values.")


def test_layer_activity_names_the_layer_with_most_dead_units():
    layers = pd.DataFrame(
        {"layer": ["conv_1", "dense_1"], "dead_share": [0.5, 0.25], "spread_over_images": [1.0, 0.02]}
    )
    assert findings.layer_activity({"Shallow CNN, as reported": layers}) == (
        "- Shallow CNN, as reported: up to 50% of the units of a layer are dead (`conv_1`); "
        "spread over images in the last layer (`dense_1`): 0.02."
    )
    alive = findings.layer_activity({"Deep CNN, improved": layers.assign(dead_share=0.0)})
    assert "improved: no unit is dead; spread" in alive
    assert findings.layer_activity({}) == ""


def test_a_constant_answer_scores_on_the_reported_split_what_figure_2_shows():
    text = findings.constant_answer_of_reported_split()
    assert "Class 81 has 421 of its 40,000" in text and "only 79 of its 10,000" in text
    assert "1.05% of the training images and on **0.79%**" in text and "ends at 1.06% and 0.79%" in text


def test_an_accuracy_is_told_from_chance_level_by_its_interval():
    assert findings.accuracy_at_chance(0.009, 5_000) == (
        "The report's 0.9% cannot be told from 1%: its interval over 5,000 images is 0.7% to 1.2%."
    )
    assert "0.5% can be told from 1%" in findings.accuracy_at_chance(0.005, 5_000)


def test_the_penalty_is_weighted_by_the_weights_of_each_kernel():
    pull = pd.DataFrame({"weights": [100, 300], "penalty": [1.0, 2.5], "ruled_by_penalty": [0.0, 1.0]})
    text = findings.penalty_of_fresh_network(pull, 100)
    assert "is 3.5 nats, beside 4.6 of cross-entropy" in text
    assert text.endswith("on 75% of the weights.")


def test_the_course_of_a_penalty_has_start_highest_and_end():
    steps = pd.DataFrame({"penalty": [9.0, 30.0, 20.0], "cross_entropy": [5.0, 8.0, 4.7]})
    assert findings.penalty_course(steps) == (
        "The penalty is 9.0 nats after the first step, 30.0 at its highest and 20.0 after 3 steps; "
        "the cross-entropy of the batch is 5.0 in the first step and 4.7 in the last."
    )
    assert "peaks at 30.0 nats in the first 3 steps" in findings.highest_penalty(steps, 100)


def test_a_change_helps_where_its_interval_lies_above_that_of_the_unchanged_recipe():
    changes = pd.DataFrame(
        {
            "change": ["none", "no L2", "smaller L2"],
            "validation_accuracy": [0.01, 0.2, 0.012],
            "training_loss": [4.6, 3.0, 4.5],
        }
    )
    text = findings.changes_that_help(changes, steps=10, n_validation=1_000)
    assert "accuracy of 1.0% (training loss 4.60), while" in text
    assert text.endswith("intervals apart: no L2: 20.0% (training loss 3.00).")
    assert "smaller L2" not in text
    assert findings.changes_that_help(changes.iloc[:1], 1_000, 1_000).endswith(
        "(training loss 4.60). Single changes that raise it, with 95 % intervals apart: none of those tried."
    )


def test_batch_sizes_are_compared_epoch_by_epoch(tmp_path):
    short = {"training": (0.02, 0.1), "validation": (0.05, 0.08)}
    runs = [
        write_run(tmp_path, "deep_cnn", "as_reported", training=(0.04, 0.3, 0.2), validation=(0.1, 0.15, 0.12)),
        write_run(tmp_path, "deep_cnn_batch_128", "as_coded", **short),
    ]
    drawn = pd.DataFrame({"train_accuracy": [0.03, 0.3], "validation_accuracy": [0.28, 0.25]})
    assert findings.courses(runs, drawn).splitlines() == [
        "- The report, figure 3: 3.0% in training after the first epoch, 30.0% after 2; on validation 25.0% at the end and 28.0% in "
        "the best epoch.",
        "- Deep CNN, as reported, seed 0, 20 a batch: 4.0% in training after the first epoch, 20.0% after 3; on validation 12.0% at the "
        "end and 15.0% in the best epoch. Its training accuracy lies 0.5 points from the report's, on average over epochs.",
        "- Deep CNN, batch 128, as coded, seed 0, 128 a batch: 2.0% in training after the first epoch, 10.0% after 2; on validation 8.0% "
        "at the end and 8.0% in the best epoch. Its training accuracy lies 10.5 points from the report's, on average over epochs.",
    ]
    table = findings.epochs_side_by_side(runs)
    assert table.index.tolist() == [1, 2]
    assert table["Deep CNN, batch 128, as coded, seed 0", "accuracy"].tolist() == [0.02, 0.1]


def test_all_seeds_of_the_batch_sizes_are_named(tmp_path):
    plain = write_run(tmp_path, "deep_cnn", "as_reported", training=(0.1, 0.2), validation=(0.1, 0.15))
    another = write_run(tmp_path, "deep_cnn", "as_reported", seed=1, training=(0.1, 0.29), validation=(0.1, 0.28))
    coded = write_run(tmp_path, "deep_cnn", "as_coded", training=(0.1, 0.12), validation=(0.1, 0.11))
    larger = write_run(tmp_path, "deep_cnn_batch_128", "as_coded", training=(0.1, 0.3), validation=(0.1, 0.25))
    assert findings.larger_batches([plain, another, coded, larger]) == (
        "The deep CNN ends at a training accuracy, by seed, of 20.0% and 29.0% as reported, with batches of 20; as coded (dropout of 50% "
        "after the dense layers) of 12.0% with batches of 20 and 30.0% with 128. On validation: 15.0% and 28.0%; 11.0%; 25.0%."
    )
    assert findings.larger_batches([plain, coded]) == ""
    assert findings.listed(["a", "b", "c"]) == "a, b and c"


def test_improved_is_compared_with_reported_on_validation(tmp_path):
    plain = write_run(tmp_path, "deep_cnn", "as_reported", right=20, seconds=10.0)
    improved = write_run(tmp_path, "deep_cnn", "improved", right=60, seconds=25.0)
    text = findings.improved_beside_reported([plain, improved], "deep_cnn")
    assert "`improved` has 60.0 %" in text
    assert "`as_reported` 20.0 %" in text
    assert "(McNemar's exact test, p < 0.001), with 100% of the parameters." in text
    assert findings.improved_beside_reported([plain], "deep_cnn") == ""
    another = write_run(tmp_path / "another", "deep_cnn", "as_reported", seed=1, right=30)
    text = findings.improved_beside_reported([plain, another, improved], "deep_cnn")
    assert "`as_reported` 20.0 % to 30.0 % (2 seeds) (McNemar's exact test of the two nearest seeds" in text


def test_blur_is_mentioned_where_a_network_gains_by_more_than_chance():
    sharpness = pd.DataFrame(
        {
            "network": ["Deep CNN, as reported", "Deep CNN, improved"],
            "stored": [0.2, 0.5],
            "moved": [0.3, 0.7],
            "gain": [0.1, 0.2],
            "p_value": [0.002, 0.2],
        }
    )
    assert findings.cost_of_blur(sharpness).startswith(
        "The blur of interpolation matters most to Deep CNN, as reported: its accuracy is 20.0%"
    )
    assert findings.cost_of_blur(sharpness.assign(p_value=0.5)) == ""
    assert findings.cost_of_blur(sharpness.iloc[:0]) == ""


def test_what_moving_averages_cost_is_put_down_to_the_largest_step():
    table = pd.DataFrame(
        {
            "statistics": network_probes.STATISTICS,
            "seed": 1,
            "n": 5002,
            "loss": [20.0, 4.0, 3.5, 3.4],
            "accuracy": [0.20, 0.30, 0.32, 0.31],
            "p_value": [1.0, 1e-9, 1e-9, 0.02],
        }
    )
    text = findings.statistics_anew(table)
    assert text.startswith(
        "On 5,002 validation images the network of seed 1 has an accuracy of 20.0% (loss 20.00) with"
    )
    assert "30.0% (loss 4.00, p < 0.001) under the conditions of training, 32.0% (loss 3.50, p < 0.001) on" in text
    assert "comes from averages that lag behind the weights." in text
    blurred = table.assign(accuracy=[0.2, 0.2, 0.3, 0.3])
    assert "comes from training on augmented images." in findings.statistics_anew(blurred)
    assert "cost it nothing" in findings.statistics_anew(table.assign(accuracy=[0.3, 0.3, 0.2, 0.1]))
    assert findings.statistics_anew(table.head(0)) == ""
