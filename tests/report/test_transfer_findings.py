import pandas as pd
from fake_runs import write_run

from helpers.models.weights import BaseWeights
from helpers.report import transfer_findings

TRAP = pd.DataFrame(
    {
        "second_phase": ["not compiled again", "saved and loaded", "compiled again"],
        "trainable_weights": [5_000] * 3,
        "base_tensors": [260] * 3,
        "base_tensors_changed": [0, 156, 208],
    }
)
SWEEP = pd.DataFrame(
    {
        "input_size": [64, 64, 96],
        "input_range": ["0 to 1", "-1 to 1", "-1 to 1"],
        "accuracy": [0.40, 0.45, 0.60],
        "low": [0.38, 0.43, 0.58],
        "high": [0.42, 0.47, 0.62],
    }
)
FOLDS = pd.DataFrame({"accuracy": [0.4, 0.5, 0.6], "n": [100] * 3, "seconds": [1.0, 2.0, 3.0]})
LOG = pd.DataFrame({"validation_accuracy": [0.2, 0.45], "train_accuracy": [0.1, 0.46]})


def with_phases(run, **columns):
    """A run whose history has two phases of two epochs; `columns` replace those of the history."""
    run.history["phase"] = [1, 1, 2, 2]
    for name, values in columns.items():
        run.history[name] = values
    return run


def run_of(tmp_path, recipe, **changes):
    return write_run(tmp_path, "mobilenetv2", recipe, validation=(0.1,) * 4, training=(0.1,) * 4, **changes)


def test_origin_and_size_of_the_base_are_named():
    weights = BaseWeights("ImageNet", None, "sha", 0.35)
    assert transfer_findings.origin_of_weights(weights, 400_000) == (
        "Origin of the weights in this run: **ImageNet**. Width of the network: 0.35. Parameters of the base: 400,000."
    )


def test_the_difference_of_poolings_has_a_sign():
    accuracies = pd.DataFrame({"pooling": ["global_max", "global_average"], "accuracy": [0.5, 0.45], "n": [2_000] * 2})
    text = transfer_findings.poolings(accuracies)
    assert text.startswith(
        "On 2,000 validation images the average gives 45.0%, the maximum 50.0%, a difference of +5.0 points."
    )


def test_fine_tuning_compares_the_ends_of_the_phases(tmp_path):
    run = with_phases(
        run_of(tmp_path, "improved"), validation_accuracy=[0.3, 0.4, 0.35, 0.5], accuracy=[0.3, 0.6, 0.2, 0.4]
    )
    assert transfer_findings.fine_tuning([run]) == (
        "Phase 1 ends at a validation accuracy of 40.0%, phase 2 at 50.0%: fine-tuning changes it by +10.0 points. "
        "The first epoch after the border has 20.0% in training and 35.0% on validation."
    )
    assert transfer_findings.fine_tuning([]) == ""


def test_final_accuracies_name_log_and_runs(tmp_path):
    text = transfer_findings.final_accuracies(LOG, [run_of(tmp_path, "as_coded")])
    assert "the report's log 45.0% after 2 epochs; `as_coded`, seed 0, 10.0% after 4." in text
    assert text.endswith("table 1 has 45.6% on test.")


def test_a_base_changes_only_after_compiling_again():
    assert transfer_findings.released_base(TRAP) == (
        "Each time the model reports the same 5,000 trainable parameters. Without compiling again, 0 of 260 tensors of the base "
        "change; after saving and loading, which compiles in passing, 156; after compiling again, 208."
    )
    logged = pd.DataFrame({"changed": [False] * 260 + [True] * 8})
    text = transfer_findings.nothing_fine_tuned(logged, TRAP)
    assert "260 of 268 logged tensors never changed" in text
    assert text.endswith("changes 0 tensors of the base.")


def test_range_and_size_have_their_gains():
    assert transfer_findings.input_size_and_range(SWEEP) == (
        "At 64 pixels the range -1..1 instead of 0..1 changes accuracy by +5.0 points. Of the sizes tried, 96 pixels do best, "
        "+15.0 points from 64 pixels. The 95 % intervals are about ±2.0 points."
    )
    assert "worth +5.0 points at 64 pixels; the best size, 96 pixels, is worth +15.0 points" in (
        transfer_findings.worth_of_input(SWEEP)
    )


def test_the_learning_curve_has_means_over_draws():
    curve = pd.DataFrame({"images_per_class": [5, 5, 10], "accuracy": [0.1, 0.3, 0.4]})
    assert transfer_findings.learning_curve(curve).endswith(
        "20.0% with 5 images per class; 40.0% with 10 images per class."
    )


def test_folds_scatter_beside_what_chance_explains():
    text = transfer_findings.folds(FOLDS)
    assert text.startswith(
        "3 folds take 6 s of fitting. Their accuracies have mean 50.0% and standard deviation 10.0 points"
    )
    assert text.endswith("chance alone, with 100 images a fold, gives 5.0 points.")
    assert transfer_findings.cost_of_folds(FOLDS) == (
        "3 folds on frozen features scatter by 10.0 points (standard deviation) and take 6 s of fitting."
    )


def test_seconds_are_medians_of_each_phase(tmp_path):
    run = with_phases(run_of(tmp_path, "as_coded"), seconds=[10.0, 12.0, 20.0, 24.0])
    assert transfer_findings.seconds_of_phases([run])["median_epoch_seconds"].tolist() == [11.0, 22.0]
    assert transfer_findings.seconds_of_phases([]).empty


def test_frozen_features_are_compared_run_by_run(tmp_path):
    cached = with_phases(run_of(tmp_path, "improved"), seconds=[0.5, 0.5, 9.0, 9.0])
    coded = with_phases(run_of(tmp_path, "as_coded"), seconds=[10.0, 10.0, 9.0, 9.0])
    text = transfer_findings.saved_by_frozen_features([cached], [coded])
    assert text.startswith(
        "An epoch of phase 1 in `improved` and in `as_coded`: 0.50 s and 10.0 s (seed 0), a ratio of 20. "
    )
    assert f"at {cached.settings.input_size} pixels" in text
    assert transfer_findings.saved_by_frozen_features([cached], []) == ""


def test_the_training_gap_is_measured_on_clean_images():
    gap = pd.DataFrame(
        [
            {"Recipe": "improved", "seed": 0, "fit": 0.3, "train_clean": 0.5, "validation": 0.4},
            {"Recipe": "as coded", "seed": 0, "fit": 0.3, "train_clean": 0.5, "validation": 0.4},
            {"Recipe": "as coded", "seed": 1, "fit": 0.3, "train_clean": 0.35, "validation": 0.4},
        ]
    )
    one, several, log = transfer_findings.training_gap(gap, LOG).splitlines()
    assert one.startswith("- improved: ") and "(`fit`) by +20.0 points, and validation by +10.0 points." in one
    assert "(`fit`) by +5.0 to +20.0 points, and validation by -5.0 to +10.0 points." in several
    assert log == "- The report's log: validation is above training in 1 of 2 epochs."


def test_paired_tests_have_p_values_as_text(tmp_path):
    runs = [run_of(tmp_path, "improved", right=90), run_of(tmp_path, "as_coded", right=30)]
    [pair] = transfer_findings.paired_tests(runs).itertuples()
    assert (pair.first, pair.second, pair.p_holm) == ("improved", "as_coded", "p < 0.001")


def test_every_recipe_has_a_sentence_on_its_test_result():
    row = {
        "Model": "MobileNetV2",
        "Recipe": "improved",
        "Accuracy": "77.0%",
        "95 % interval": "76% to 78%",
        "Seeds": "3",
    }
    [sentence] = transfer_findings.test_results(pd.DataFrame([row | {"Wall time": "8.0 min"}]), 5_000)
    assert sentence.startswith(
        "MobileNetV2, improved, reaches 77.0% on 5,000 test images (95 % interval 76% to 78%; seeds: 3)"
    )
