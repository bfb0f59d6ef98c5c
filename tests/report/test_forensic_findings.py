import numpy as np
import pandas as pd
from fake_runs import write_run

from helpers.config.recipes import RECIPES
from helpers.report import forensic_findings

[CODED] = [recipe for recipe in RECIPES if (recipe.model, recipe.name) == ("shallow_cnn", "as_coded")]


def test_the_reported_curve_fits_batches_of_128_and_misses_the_loss_of_table_1_by_an_epoch():
    assert forensic_findings.reported_batch_size(CODED) == 128
    text = forensic_findings.batch_size_of_reported_curve(CODED)
    assert "**128 images a batch**" in text and "validation curve gives 129" in text
    assert "ends at 6.8 after 10 epochs; one more would have brought it to **6.5**. Table 1 says 6.5." in text


def test_training_with_larger_batches_says_where_the_training_here_ended():
    text = forensic_findings.training_with_larger_batches(
        CODED, pd.DataFrame({"validation_objective": [9.0, 7.25]}), 1_000
    )
    assert f"about {forensic_findings.reported_batch_size(CODED)} images a batch" in text
    assert "Trained here on 1,000 images (epochs: 2), the objective ends at 7.2 on validation." in text


def test_first_epochs_are_ranges_beside_the_printed_one():
    trained = pd.DataFrame(
        {"variant": [0, 0, 1], "objective": [4.7, 4.81, 6.0], "validation_objective": [4.61, 4.612, 4.7]}
    )
    printed, *here = forensic_findings.first_epochs(trained, ["as reported", "as coded, without L2"]).splitlines()
    assert "**7.15** in training, 4.61 on validation" in printed
    assert here == [
        "- As reported: 4.70 to 4.81 in training, 4.61 on validation.",
        "- As coded, without L2: 6.00 in training, 4.70 on validation.",
    ]


def test_epoch_seconds_are_compared_between_phases(tmp_path):
    run = write_run(tmp_path, "mobilenetv2", "as_coded", validation=(0.1,) * 4, training=(0.1,) * 4)
    run.history["phase"], run.history["seconds"] = [1, 1, 2, 2], [10.0, 12.0, 20.0, 24.0]
    log = pd.DataFrame({"phase": [1, 1, 1, 2, 2, 2], "seconds": [90.0, 200.0, 200.0, 900.0, 220.0, 220.0]})
    logged, here = forensic_findings.epoch_seconds(log, [run]).splitlines()
    assert (
        logged == "- The report's log: 1,830 s in all; an epoch of phase 2 takes 1.10 times as long as one of phase 1."
    )
    assert here == "- `as_coded`, seed 0, here: 66 s in all on 800 training images; 2.00 times."


def test_the_clock_has_the_ratio_of_the_log_and_of_a_run_that_unfroze_its_base(tmp_path):
    log = pd.DataFrame({"phase": [1, 1, 1, 2, 2, 2], "seconds": [90.0, 200.0, 200.0, 900.0, 220.0, 220.0]})
    run = write_run(tmp_path, "mobilenetv2", "as_reported", validation=(0.1,) * 4, training=(0.1,) * 4)
    run.history["phase"], run.history["seconds"] = [1, 1, 2, 2], [10.0, 12.0, 20.0, 36.0]
    text = forensic_findings.clock(log, [run])
    assert (
        "takes 1.10 times as long as one of the first; with the base unfrozen it takes 3.00 times as long here." in text
    )
    assert "unfrozen" not in forensic_findings.clock(log, [])


def test_candidates_are_worth_what_the_test_of_the_method_says():
    noise = pd.DataFrame([{"precision": 0.46}])
    text = forensic_findings.worth_of_candidates(pd.DataFrame({"index": [3, 8]}), noise, 40)
    assert (
        text.startswith("Confident learning names 2 of 40 labels, 5.0%.") and "46% of those that it named had" in text
    )


def test_candidates_are_checked_on_known_errors():
    noise = pd.DataFrame([{"images": 1_000, "planted": 50, "candidates": 70, "found": 32}])
    text = forensic_findings.label_candidates(
        pd.DataFrame({"index": [3, 8]}), noise, n_images=40, copies=np.array([[3, 5], [6, 7], [8, 9]])
    )
    assert text.startswith("2 of 40 images are candidates, 5.0%")
    assert "with 5.0% of the labels replaced, the method names " in text
    assert "others (4.0%): 46% of those that it names are wrong." in text
    assert (
        "Of the 3 images that stand in two classes, where one of the two labels counts as wrong, 2 have a copy" in text
    )


def test_the_submission_is_that_of_the_code():
    agreement = pd.DataFrame(
        {"submission": ["mobilenetv2_as_reported", "mobilenetv2_as_coded"], "n": 5_000, "agreement": [0.4, 0.7]}
    )
    assert forensic_findings.submission(agreement) == (
        "Of the 5,000 answers that the report submitted, 70.0% agree with our network as coded and 40.0% with our network as reported: "
        "they come from the released code."
    )
