import pandas as pd
import pytest
from fake_runs import write_run

from helpers.analysis import costs
from helpers.report import claims, tables

NOTHING = pd.DataFrame()
CLAIMS = {
    "best": "MobileNetV2 transfer is the best of the three.",
    "plateau": "There is no sign of a plateau in learning.",
    "above": "Validation above training accuracy may be chance, or easier images.",
    "chance": "The shallow CNN is worse than chance.",
    "compute": "Transfer saves compute.",
    "epochs": "More epochs, perhaps grokking, would help.",
    "folds": "k-fold cross-validation costs too much.",
    "size": "64 x 64 images may show their class badly.",
    "labels": "The labels may be wrong.",
    "main": "`python main.py` reproduces the best result.",
    "memory": "Memory forces batches of 20 on the two big networks.",
}


@pytest.fixture
def make(tmp_path):
    return lambda *names, **settings: write_run(tmp_path / "fakes", *names, **settings)


def verdict(name, runs=(), folds=NOTHING, sweep=NOTHING, n_wrong_labels=0, seed=None, feature_seconds=90.0):
    """Verdict and evidence of one claim, where MobileNetV2 improved needs so many seconds for its frozen features.

    Trainings take a tenth of the time of the runs.
    """
    features = {("mobilenetv2", "improved"): feature_seconds}
    seconds = [
        (run.model, run.recipe, run.train_seconds / 10, features.get((run.model, run.recipe), 0.0)) for run in runs
    ]
    costs_of_recipes = pd.DataFrame(seconds, columns=["model", "recipe", "train_seconds", "feature_seconds"])
    table = claims.judge(list(runs), costs_of_recipes, folds, sweep, n_wrong_labels, seed).set_index("claim")
    return tuple(table.loc[CLAIMS[name], ["verdict", "evidence"]])


def test_every_claim_has_an_answer_even_without_a_run():
    table = claims.judge([], tables.costs([], costs.measure([])), NOTHING, NOTHING, 0)
    assert list(table.columns) == ["claim", "verdict", "evidence"]
    assert table["claim"].tolist() == list(CLAIMS.values())
    assert table["evidence"].str.endswith(".").all()
    missing = table[table["verdict"] == claims.NO_RUN]
    assert missing["evidence"].str.contains("Needs ").all()
    assert set(missing["claim"]) == {CLAIMS[name] for name in ("best", "compute", "epochs", "folds", "size", "main")}


@pytest.mark.parametrize(
    ("mine", "rival", "expected"), [(60, 30, "holds"), (30, 60, "not supported"), (31, 30, "inconclusive")]
)
def test_the_best_model_is_decided_by_a_test_on_the_same_images(make, mine, rival, expected):
    runs = [make("mobilenetv2", "improved", right=mine), make("deep_cnn", "as_reported", right=rival)]
    found, evidence = verdict("best", runs)
    assert found == expected
    assert f"{mine}.0%" in evidence and f"{rival}.0%" in evidence and "100 test images" in evidence


def test_the_best_run_of_each_side_is_compared(make):
    runs = [make("mobilenetv2", "as_coded", right=20), make("mobilenetv2", "improved", right=70)]
    runs += [make("deep_cnn", "as_reported", right=40), make("shallow_cnn", "as_reported", right=1)]
    _, evidence = verdict("best", runs)
    assert "test images MobileNetV2, improved, reaches 70.0%" in evidence
    assert "Deep CNN, as reported, 40.0%" in evidence


def test_the_plateau_is_read_from_the_report_s_own_log(make):
    found, evidence = verdict("plateau")
    assert found == "partly supported"  # 5.65 points at first, 0.41 a late epoch
    assert "5.6 points" in evidence and "0.4 points" in evidence and "Here" not in evidence
    run = make("mobilenetv2", "as_coded", validation=(0.1, 0.3, 0.35, 0.36), training=(0.1,) * 4)
    assert "Here, MobileNetV2, as coded: validation gains 20.0 points" in verdict("plateau", [run])[1]


@pytest.mark.parametrize(
    ("fit", "clean", "expected"),
    [
        (0.20, 0.50, "explained by dropout and augmentation"),  # right on 30 % of validation
        (0.20, 0.29, "explained by dropout and augmentation"),  # within the interval of validation
        (0.10, 0.15, "partly explained by dropout and augmentation"),
        (0.20, 0.18, "not explained"),
        (0.40, 0.50, "not reproduced"),
    ],
)
def test_training_images_as_they_are_explain_validation_above_training(make, fit, clean, expected):
    run = make("mobilenetv2", "as_coded", training=(0.1, fit), validation=(0.2, 0.3), train_clean=clean)
    found, evidence = verdict("above", [run])
    assert found == expected
    assert f"{fit:.1%}" in evidence and f"{clean:.1%}" in evidence and "10 of 10 epochs" in evidence


def test_validation_above_training_in_every_epoch_is_not_chance():
    assert verdict("above")[0] == "not explained by chance"


@pytest.mark.parametrize(("right", "where"), [(1, "below chance"), (20, "at chance"), (60, "above chance")])
def test_less_than_one_per_cent_is_what_a_constant_answer_scores_on_the_report_s_split(make, right, where):
    found, evidence = verdict("chance", [make("shallow_cnn", "as_reported", right=right)])
    assert found == verdict("chance")[0] == "true only on its uneven split"
    assert "79 of 10,000" in evidence and evidence.count("0.79%") == 2 and where in evidence
    assert "Here" not in verdict("chance")[1]


def test_transfer_is_judged_by_the_time_to_the_other_s_accuracy(make):
    scratch = make("deep_cnn", "improved", validation=(0.1, 0.2, 0.3), seconds=1000)
    quick = make("mobilenetv2", "improved", validation=(0.2, 0.35, 0.4), seconds=100)
    found, evidence = verdict("compute", [scratch, quick])
    assert found == "holds"
    assert "30.0% on validation, without test-time augmentation, after 5 min" in evidence
    assert "after 2 min in which its frozen features are computed and 20 s of epochs" in evidence


@pytest.mark.parametrize(
    ("validation", "seconds", "feature_seconds"),
    [
        ((0.1, 0.2, 0.29), 10, 0),  # never gets there
        ((0.1, 0.2, 0.4), 2000, 0),
        ((0.4, 0.4, 0.4), 10, 3600),
    ],
)
def test_transfer_that_takes_longer_saves_nothing(make, validation, seconds, feature_seconds):
    scratch = make("deep_cnn", "improved", validation=(0.1, 0.2, 0.3), seconds=1000)
    transfer = make("mobilenetv2", "improved", validation=validation, seconds=seconds)
    assert verdict("compute", [scratch, transfer], feature_seconds=feature_seconds)[0] == "not supported"


def test_recipes_are_not_mixed_when_compute_is_compared(make):
    runs = [make("deep_cnn", "as_reported"), make("mobilenetv2", "improved")]
    assert verdict("compute", runs)[0] == claims.NO_RUN
    assert verdict("compute", [*runs, make("mobilenetv2", "as_reported")])[0] != claims.NO_RUN


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((0.1, 0.20, 0.20, 0.21), (0.3, 0.5, 0.6, 0.7), "not supported"),
        ((0.1, 0.20, 0.50, 0.60), (0.1, 0.2, 0.4, 0.5), "holds"),
        ((0.1, 0.20, 0.45, 0.46), (0.3, 0.7, 0.8, 0.9), "partly supported"),
        ((0.1, 0.20, 0.20, 0.21), (0.1, 0.2, 0.2, 0.22), "inconclusive"),
    ],
)
def test_more_epochs_are_weighed_against_another_recipe(make, old, new, expected):
    runs = [
        make("deep_cnn", "as_reported", validation=old, training=(0.1,) * 4, train_clean=0.123),
        make("deep_cnn", "improved", validation=new, training=(0.1,) * 4, train_clean=0.99),
    ]
    found, evidence = verdict("epochs", runs)
    assert found == expected
    assert "12.3%" in evidence and "99" not in evidence  # grokking is about the report's recipes


def test_recipes_are_compared_at_the_same_epoch(make):
    runs = [
        make("deep_cnn", "as_reported", validation=(0.1, 0.2), training=(0.1,) * 2),
        make("deep_cnn", "improved", validation=(0.1, 0.3, 0.9), training=(0.1,) * 3),
    ]
    assert (
        "In its first 2 epochs it reaches 20.0%, the improved recipe, with a network of its own, 30.0%"
        in verdict("epochs", runs)[1]
    )


def test_folds_are_compared_with_chance_and_with_training_from_pixels(make):
    folds = pd.DataFrame({"fold": [1, 2, 3], "n": 400, "accuracy": [0.48, 0.50, 0.52], "low": 0.4, "high": 0.6})
    found, evidence = verdict("folds", folds=folds)
    assert found == "not supported for frozen features"
    assert (
        "48.0% to 52.0% with a standard deviation of 2.0 points; chance alone, with 400 images a fold, gives 2.5"
        in evidence
    )
    deep = make("deep_cnn", "as_reported", seconds=1000)
    assert "3 folds of the deep CNN as reported would take 15 min" in verdict("folds", [deep], folds)[1]


@pytest.mark.parametrize(("accuracy", "expected"), [(0.7, "partly supported"), (0.42, "inconclusive")])
def test_enlarging_shows_how_much_was_lost_in_feeding(accuracy, expected):
    sweep = pd.DataFrame(
        {
            "input_size": [64, 64, 128],
            "input_range": ["0 to 1", "-1 to 1", "-1 to 1"],
            "accuracy": [0.2, 0.4, accuracy],
            "low": [0.17, 0.37, accuracy - 0.03],
            "high": [0.23, 0.43, accuracy + 0.03],
        }
    )
    found, evidence = verdict("size", sweep=sweep)
    assert found == expected
    assert "40.0% (37.0% to 43.0%)" in evidence and f"{accuracy:.1%}" in evidence and "20.0%" not in evidence


def test_images_in_two_classes_are_wrong_labels():
    assert verdict("labels")[0] == "no evidence here"
    found, evidence = verdict("labels", n_wrong_labels=7)
    assert found == "holds"
    assert "at least 7 labels count as wrong" in evidence


def test_the_seed_chooses_the_run(make):
    runs = [make("shallow_cnn", "as_reported", seed, right=right) for seed, right in ((0, 1), (4, 9))]
    assert "gives 1.0%" in verdict("chance", runs)[1]
    assert "gives 9.0%" in verdict("chance", runs, seed=4)[1]


def test_a_sentence_has_the_interval(make):
    assert claims.sentence(make("deep_cnn", "improved", right=50)) == "Deep CNN, improved: 50.0% (40.4% to 59.6%)"


@pytest.mark.parametrize(("right", "expected"), [(45, "holds"), (90, "not supported")])
def test_the_released_code_reproduces_a_result_within_the_interval_of_ours(make, right, expected):
    found, evidence = verdict("main", [make("mobilenetv2", "as_coded", right=right)])
    assert found == expected
    assert "44.3% on validation" in evidence and "epoch 10 of 10" in evidence
    assert "66.6% agree with our network as coded and 41.5% with our network as reported" in evidence


def test_larger_batches_would_have_fitted_into_the_report_s_memory():
    found, evidence = verdict("memory")
    assert found == "not supported"
    assert "Shallow CNN 0.09 and 0.21 GB; Deep CNN 0.26 and 0.67 GB; MobileNetV2 0.20 and 0.99 GB" in evidence
