import csv

import numpy as np
import pandas as pd
import pytest
from fake_runs import write_run

from helpers.analysis import calibration, comparison
from helpers.config.recipes import RECIPES
from helpers.config.report_facts import REPORTED
from helpers.core import paths
from helpers.report import evaluations, pages, results, selection, tables
from helpers.training import metrics
from helpers.training.runs import Run, fail

# Of the committed table, which others read.
COLUMNS = pd.read_csv(paths.FIGURES / "full" / "results.csv", nrows=0).columns.tolist()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "smoke"


@pytest.fixture
def some(folder):
    """Runs of four recipes, one of them with two seeds, out of order."""
    write_run(folder, "mobilenetv2", "improved", right=80)
    write_run(folder, "shallow_cnn", "as_reported", 1, right=3)
    write_run(folder, "shallow_cnn", "as_reported", 0, right=1)
    write_run(folder, "shallow_cnn_l2", "as_reported", right=1, penalty=2.5)
    write_run(folder, "deep_cnn", "improved", right=50)
    return selection.gather([folder], "data0", "split0")


def names(runs):
    return [(run.model, run.recipe, run.seed) for run in runs]


def test_rows_have_the_columns_that_are_fixed_and_one_row_a_run_and_split(some):
    table = results.by_split(some)
    assert list(table.columns) == COLUMNS == results.COLUMNS
    assert len(table) == 2 * len(some)
    row = table[(table["model"] == "deep_cnn") & (table["split"] == "test")].iloc[0]
    low, high = metrics.accuracy_interval(0.5, 100)
    assert row["accuracy":"accuracy_high"].tolist() == [0.5, low, high]
    assert row["reported_accuracy":"reported_loss"].tolist() == [
        REPORTED["deep_cnn"].accuracy,
        REPORTED["deep_cnn"].loss,
    ]
    assert (row["test_source"], row["n"], row["epochs"]) == ("split_off", 100, 3)
    assert (row["weights_origin"], row["data_fingerprint"]) == ("random initialisation", "data0")


def test_no_run_gives_the_columns_and_no_row():
    assert list(results.by_split([]).columns) == COLUMNS
    assert results.by_split([]).empty
    assert results.summary([]).empty


def test_what_the_report_does_not_give_stays_empty(some):
    table = results.by_split(some)
    assert table.loc[table["model"] == "shallow_cnn_l2", ["reported_accuracy", "reported_loss"]].isna().all(axis=None)


def test_gather_sorts_by_recipe_and_seed(some):
    assert names(some) == [
        ("shallow_cnn", "as_reported", 0),
        ("shallow_cnn", "as_reported", 1),
        ("shallow_cnn_l2", "as_reported", 0),
        ("deep_cnn", "improved", 0),
        ("mobilenetv2", "improved", 0),
    ]


def test_gather_takes_the_newest_and_other_versions_lists_the_rest(folder):
    older = write_run(folder, "deep_cnn", "improved", version="old", finished="2022-06-03T09:00:00+00:00")
    newer = write_run(folder, "deep_cnn", "improved", version="new", finished="2022-06-03T11:00:00+00:00")
    other_seed = write_run(folder, "deep_cnn", "improved", 1, version="old", finished="2022-06-03T09:00:00+00:00")
    where = [folder], "data0", "split0"
    assert [run.key for run in selection.gather(*where)] == [newer.key, other_seed.key]
    assert [run.key for run in selection.superseded(*where)] == [older.key]


def test_the_run_that_would_be_made_now_counts_whatever_a_clock_says(folder):
    """Code that returns to what it was, or a clock that goes back, must not bring another run's number into a table."""
    now = write_run(folder, "deep_cnn", "improved", version="now", finished="2022-06-03T09:00:00+00:00")
    other = write_run(folder, "deep_cnn", "improved", version="other", finished="2022-06-03T11:00:00+00:00")
    where = [folder], "data0", "split0", lambda run: run.key == now.key
    assert [run.key for run in selection.gather(*where)] == [now.key]
    assert [run.key for run in selection.superseded(*where)] == [other.key]


def test_permuted_labels_give_chance_in_every_number_that_is_read_from_a_run(folder):
    """200 of 500 answers would be right; with the labels permuted a fifth is, one in five classes."""
    runs = [write_run(folder, "deep_cnn", "improved", seed, right=200, n=500, permuted=True) for seed in range(10)]
    assert (
        results.by_split([write_run(folder, "deep_cnn", "as_reported", right=200, n=500)])["accuracy"].tolist()
        == [0.4] * 2
    )
    places, rng = np.arange(500), np.random.default_rng(0)
    found = {
        "rows": results.by_split(runs)["accuracy"].mean(),
        "summary": float(results.summary(runs)["Accuracy"].iloc[0].rstrip("%")) / 100,
        "leader board": tables.leader_board(runs)["accuracy"].mean(),
        "training beside validation": tables.training_and_validation(runs)["validation"].mean(),
        "images left out": tables.accuracy_without(runs, rng.choice(500, 100, replace=False))["accuracy_left"].mean(),
        "mistakes": 1 - tables.mistakes(runs, 1.0 - np.eye(5))["mistakes"].mean() / 500,
    }
    measures = {
        "images": lambda run, scores, labels: run.is_right().mean(),
        "confusion": lambda run, scores, labels: np.trace(comparison.confusion(scores.argmax(1), labels, 5)) / 500,
        "classes": lambda run, scores, labels: comparison.class_accuracy(scores.argmax(1), labels, list("abcde"))[
            "accuracy"
        ].mean(),
        "groups": lambda run, scores, labels: comparison.accuracy_by(places, run.is_right())["accuracy"].mean(),
        "bins": lambda run, scores, labels: (
            np.prod(calibration.reliability(scores, labels)[["accuracy", "n"]], axis=1).sum() / 500
        ),
        "all answered": lambda run, scores, labels: calibration.risk_coverage(scores, labels)["accuracy"].iloc[-1],
        "half answered": lambda run, scores, labels: calibration.risk_coverage(scores, labels)["accuracy"].iloc[249],
        "scaled": lambda run, scores, labels: metrics.accuracy(calibration.scaled(scores, 2.0), labels),
    }
    for name, measure in measures.items():
        per_run = [
            measure(run, *(run.predictions[f"test_{kind}"] for kind in ("probabilities", "labels"))) for run in runs
        ]
        found[name] = np.mean(per_run)
    assert found == pytest.approx(dict.fromkeys(found, 0.2), abs=0.04)
    assert (calibration.coverages(runs)["answered"] < 0.02).all()


def test_runs_on_other_data_or_another_split_are_left_out(folder):
    write_run(folder, "deep_cnn", "improved", data="data1")
    write_run(folder, "deep_cnn", "improved", split="split1")
    mine = write_run(folder, "deep_cnn", "improved")
    where = [folder], "data0", "split0"
    assert [run.key for run in selection.gather(*where)] == [mine.key]
    assert selection.superseded(*where) == []


def test_a_run_with_a_folder_and_a_record_counts_once(folder, tmp_path):
    run = write_run(folder, "deep_cnn", "improved")
    write_run(tmp_path / "records", "deep_cnn", "improved")
    found = selection.gather([folder, tmp_path / "records"], "data0", "split0")
    assert [found_run.folder for found_run in found] == [run.folder]


def test_no_folder_has_nothing_to_gather(tmp_path):
    assert selection.gather([tmp_path / "nowhere"], "data0", "split0") == []


def test_by_recipe_prefers_the_seed_named(some):
    assert [run.seed for run in selection.by_recipe(some).values()] == [0, 0, 0, 0]
    assert selection.by_recipe(some, 1)["shallow_cnn", "as_reported"].seed == 1
    assert selection.by_recipe(some, 1)["deep_cnn", "improved"].seed == 0
    assert selection.by_recipe(some, 7).keys() == selection.by_recipe(some).keys()


def test_the_best_run_is_the_best_on_validation(some):
    assert names([selection.best(some)]) == [("mobilenetv2", "improved", 0)]
    assert selection.best([]) is None


def test_the_inventory_has_every_recipe(some):
    table = selection.inventory(some)
    assert len(table) == len(RECIPES)
    assert table["Seeds"].tolist().count("not run") == len(RECIPES) - 4
    assert table.loc[0, ["Seeds", "Read from", "Code"]].tolist() == ["0, 1", "record", "abc123"]
    (some[0].folder / "model.keras").touch()
    assert selection.inventory(some).loc[0, "Read from"] == "record, run folder"
    assert (selection.inventory([])["Seeds"] == "not run").all()


def test_the_summary_has_the_mean_over_seeds(some):
    table = results.summary(some)
    assert table["Recipe"].tolist() == ["as reported", "as reported", "improved", "improved"]
    low, high = comparison.mean_interval([0.01, 0.03], 100)
    row = table.iloc[0]
    assert (row["Accuracy"], row["Seeds"]) == ("2.0%", "2")
    assert row["95 % interval"] == f"{low:.1%} to {high:.1%}"
    assert table["Range over seeds"].tolist() == ["1.0% to 3.0%", "one seed", "one seed", "one seed"]


def test_table_1_says_what_was_not_run(some):
    table = results.table_1(some).set_index("Model")
    assert table["Reported"].tolist() == ["0.9% / 6.5", "28.0% / 2.9", "45.6% / 2.24"]
    assert table.loc["Shallow CNN", "As reported"].startswith("2.0% / ")  # of 1 % and 3 %
    assert table.loc["Shallow CNN", ["As coded", "Improved"]].tolist() == ["not run", "not run"]
    assert table.loc["Deep CNN", "As coded"] == "not run"
    assert table.loc["Deep CNN", "As reported"] == "not run"
    assert table.loc["MobileNetV2", "Improved"].startswith("80.0% / ")
    assert "not run" in results.table_1([]).loc[2].tolist()


def test_markdown_has_a_line_a_row():
    frame = pd.DataFrame({"Model": ["a", "b"], "Accuracy": [1, "2.0%"]})
    assert pages.markdown_table(frame) == "| Model | Accuracy |\n|---|---:|\n| a | 1 |\n| b | 2.0% |\n"


def test_tables_are_written_for_readers_and_programs(some, tmp_path):
    others = [write_run(tmp_path / "old", "deep_cnn", "improved", version="older1")]
    results.write_tables(tmp_path / "out", some, others)
    table = pd.read_csv(tmp_path / "out" / "results.csv")
    assert list(table.columns) == COLUMNS
    pd.testing.assert_frame_equal(table, results.by_split(some), check_dtype=False)
    text = (tmp_path / "out" / "results.md").read_text()
    for part in (
        "demo data",
        "100 images, split off the labelled training images",
        "| MobileNetV2 | improved |",
        "not used above",
        "code older1",
    ):
        assert part in text


def test_tables_without_a_run_say_so(tmp_path):
    results.write_tables(tmp_path, [])
    assert (tmp_path / "results.md").read_text() == "No run has finished yet.\n"
    assert list(pd.read_csv(tmp_path / "results.csv").columns) == COLUMNS


def test_a_submission_keeps_the_order_of_the_sample(some, tmp_path):
    run = some[-1]
    n = len(run.predictions["unlabelled_probabilities"])
    images = [f"{number:018x}" for number in np.random.default_rng(0).permutation(n)]
    file = evaluations.write_submission(tmp_path / "out", run, images)
    assert file.name == "submission_mobilenetv2_improved.csv"
    with file.open(newline="") as stream:
        lines = list(csv.reader(stream))
    assert lines[0] == ["img_id", "label"]
    assert [line[0] for line in lines[1:]] == images
    expected = run.predictions["unlabelled_probabilities"].argmax(axis=1)
    assert [int(line[1]) for line in lines[1:]] == expected.tolist()
    assert b"\r" not in file.read_bytes()


def test_a_submission_with_names_missing_is_refused(some, tmp_path):
    with pytest.raises(ValueError, match="same length"):
        evaluations.write_submission(tmp_path, some[-1], ["only one"])


def test_the_agreement_of_submissions_is_counted_over_the_images_that_both_answer(tmp_path):
    def write(name, labels):
        pd.DataFrame({"img_id": list("abcd")[: len(labels)], "label": labels}).to_csv(tmp_path / name, index=False)

    write("reference.csv", [0, 1, 2, 3])
    write("submission_near.csv", [0, 1, 2, 0])
    write("submission_far.csv", [0, 0, 0])
    table = evaluations.submission_agreement(tmp_path / "reference.csv", tmp_path)
    assert table["submission"].tolist() == ["near", "far"] and table["n"].tolist() == [4, 3]
    assert table["agreement"].tolist() == pytest.approx([3 / 4, 1 / 3])
    assert (table["low"] < table["agreement"]).all() and (table["agreement"] < table["high"]).all()


def test_every_look_at_the_test_set_leaves_one_line(some, tmp_path):
    """A series that was killed before the line was written writes it when it is called again."""
    for run in (some[0], some[-1], some[0]):
        evaluations.log_test_evaluation(tmp_path / "out", run)
    log = pd.read_csv(tmp_path / "out" / "test_evaluations.csv")
    assert log["model"].tolist() == ["shallow_cnn", "mobilenetv2"]
    assert log["accuracy"].tolist() == [0.01, 0.8]
    assert log["validation_accuracy"].tolist() == [run.result("validation")["accuracy"] for run in (some[0], some[-1])]
    assert log["key"].tolist() == [some[0].key, some[-1].key]


def test_looks_are_counted_by_recipe_seed_and_data(some, tmp_path):
    assert evaluations.count_test_evaluations(tmp_path, some[0]) == 1, "its own, even where the log is lost"
    for run in some:
        evaluations.log_test_evaluation(tmp_path, run)
    assert evaluations.count_test_evaluations(tmp_path, some[0]) == 1
    file = tmp_path / "test_evaluations.csv"
    earlier = pd.read_csv(file, dtype=str).iloc[[0, 0]].assign(key=["earlier", "other"])
    earlier["data_fingerprint"] = [some[0].config["data_fingerprint"], "other data"]
    pd.concat([pd.read_csv(file, dtype=str), earlier]).to_csv(file, index=False)
    assert evaluations.count_test_evaluations(tmp_path, some[0]) == 2


def test_a_log_of_looks_without_today_s_columns_is_gone_on_with(some, tmp_path):
    evaluations.log_test_evaluation(tmp_path, some[0])
    file = tmp_path / "test_evaluations.csv"
    pd.read_csv(file).drop(columns="data_fingerprint").to_csv(file, index=False)
    for run in (some[0], some[-1]):
        evaluations.log_test_evaluation(tmp_path, run)
    log = pd.read_csv(file, keep_default_na=False)
    assert log["model"].tolist() == ["shallow_cnn", "mobilenetv2"]
    assert log["data_fingerprint"].tolist() == ["", some[-1].config["data_fingerprint"]]


def test_confident_mistakes_find_the_images_that_make_a_mean_loss(folder):
    run = write_run(folder, "deep_cnn", "as_reported", n=100)
    probabilities = np.full((100, 4), 0.25)
    probabilities[:2] = [0, 1, 0, 0]
    run.predictions["test_probabilities"], run.predictions["test_labels"] = probabilities, np.zeros(100, int)
    run.record["results"]["test"]["loss"] = (98 * np.log(4) + 2 * 200) / 100
    row = tables.confident_mistakes([run]).iloc[0]
    assert row["median_loss"] == pytest.approx(np.log(4)) and row["share_of_images"] == 0.02
    assert row["share_of_loss"] == pytest.approx(400 / (98 * np.log(4) + 400))
    probabilities[:2] = 0.25
    assert tables.confident_mistakes([run])["share_of_loss"].tolist() == [0]
    assert tables.confident_mistakes([]).empty


def test_a_loss_made_by_few_images_is_named_with_its_seed(folder):
    plain, few = (write_run(folder, "deep_cnn", "as_reported", seed, n=100) for seed in (0, 2))
    probabilities = np.full((100, 4), 0.25)
    probabilities[:2] = [0, 1, 0, 0]
    few.predictions["test_probabilities"], few.predictions["test_labels"] = probabilities, np.zeros(100, int)
    few.record["results"]["test"]["loss"] = (98 * np.log(4) + 2 * 200) / 100
    note = tables.concentrated_losses_note([plain, few])
    assert (
        "2.0% of the images account for" in note and "Deep CNN, as reported, seed 2," in note and "seed 0" not in note
    )
    assert tables.concentrated_losses_note([plain]) == ""


def test_training_is_listed_as_fit_shows_it_and_as_it_is(folder):
    run = write_run(folder, "mobilenetv2", "as_coded", training=(0.1, 0.35), validation=(0.2, 0.4), train_clean=0.45)
    row = tables.training_and_validation([run]).iloc[0]
    assert row.tolist() == ["MobileNetV2", "as coded", 0, 0.35, 0.45, 0.3]
    assert tables.training_and_validation([]).empty


def test_losses_name_what_is_beside_the_cross_entropy(some):
    table = tables.losses(some).set_index(["Model", "Recipe"])
    assert table.loc[("Shallow CNN, L2", "as reported"), "rest"] == pytest.approx(2.5)
    assert table.loc[("Shallow CNN, L2", "as reported"), "rest_is"] == "L2 of the weights"
    assert table.loc[("Shallow CNN", "as reported"), "rest_is"].tolist() == ["nothing", "nothing"]
    assert table.loc[("Deep CNN", "improved"), "rest_is"] == "label smoothing"
    coded = write_run(some[0].folder.parent, "shallow_cnn", "as_coded")
    assert tables.losses([coded])["rest_is"].tolist() == ["L2 of the weights, L1 of the activity"]


@pytest.mark.parametrize(("accuracy", "seconds"), [(0.1, 10), (0.15, 20), (0.3, 40), (0.31, None)])
def test_seconds_are_counted_to_the_first_epoch_that_is_good_enough(folder, accuracy, seconds):
    run = write_run(folder, "deep_cnn", "improved", validation=(0.1, 0.2, 0.15, 0.3), training=(0.1,) * 4)
    assert tables.seconds_to(run, accuracy) == seconds


def test_changes_go_from_a_frozen_base_through_the_phases_to_the_finished_recipe(folder):
    run = write_run(folder, "mobilenetv2", "improved", right=80, validation=(0.5, 0.6, 0.75))
    n_phases = len(run.config["recipe"]["phases"])
    history = run.history.assign(phase=[*range(1, n_phases), *[n_phases] * (4 - n_phases)])
    history.to_csv(run.folder / "history.csv", index=False)
    size = run.config["recipe"]["input_size"]
    sizes, ranges = [64, 64, 96, size], ["0 to 1", *["-1 to 1"] * 3]
    sweep = pd.DataFrame({"input_size": sizes, "input_range": ranges, "accuracy": [0.1, 0.2, 0.25, 0.3]})
    table = tables.transfer_changes(Run(run.folder), sweep)
    ends = history.groupby("phase")["validation_accuracy"].last().tolist()
    assert table["accuracy"].tolist() == [0.1, 0.2, 0.3, *ends, 0.8]
    assert table["change"].str.contains("96 px").sum() == 0
    assert table["gain"].sum() == pytest.approx(0.7) and np.isnan(table["gain"].iloc[0])
    assert (table["n"] == 100).all() and (table["low"] < table["accuracy"]).all()


def test_the_best_of_each_family_is_chosen_on_validation(some, folder):
    write_run(folder, "shallow_cnn", "improved", right=20)
    chosen = selection.best_of_each_family(selection.gather([folder], "data0", "split0"))
    assert [(run.model, run.recipe) for run in chosen] == [
        ("shallow_cnn", "improved"),
        ("deep_cnn", "improved"),
        ("mobilenetv2", "improved"),
    ]
    assert selection.best_of_each_family([]) == []


def test_mistakes_are_measured_on_the_tree(some):
    line = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    table = tables.mistakes(some[:1], line)
    run = some[0]
    wrong = ~run.is_right()
    far = np.where(
        run.predictions["test_labels"][wrong] == 4, 4, 1
    )  # the wrong answer is the next class, after 4 comes 0
    assert table["mistakes"].tolist() == [wrong.sum()]
    assert table["mean_distance"].iloc[0] == pytest.approx(far.mean())


def test_leader_board_says_which_differences_are_real(folder):
    runs = [
        write_run(folder, "shallow_cnn", "as_reported", right=30),
        write_run(folder, "mobilenetv2", "improved", right=90),
        write_run(folder, "deep_cnn", "as_reported", right=31),
    ]
    board = tables.leader_board(runs).set_index("place")
    assert board["Model"].tolist() == ["MobileNetV2", "Deep CNN", "Shallow CNN"]
    assert board["better_than"].tolist() == [2, 0, 0]
    assert board["like"].tolist() == ["", "3", "2"]
    assert board["macro_f1"].tolist() == sorted(board["macro_f1"], reverse=True)


def test_costs_join_what_was_measured(folder):
    runs = [
        write_run(folder, "deep_cnn", "improved", seed, right=right, seconds=seconds, threads=threads)
        for seed, (right, seconds, threads) in enumerate([(30, 2.0, 2), (40, 1.0, 1), (50, 90.0, 2)])
    ]
    measured = pd.DataFrame(
        {"model": ["deep_cnn"], "recipe": ["improved"], "parameters": [7], "multiply_adds": [9]}
    ).assign(images_per_second=10.0)
    (row,) = tables.costs(runs, measured).to_dict("records")
    low, high = comparison.mean_interval([0.3, 0.4, 0.5], 100)
    known = {"model": "deep_cnn", "recipe": "improved", "train_seconds": 6.0, "threads": 1}
    measured_too = {"parameters": 7, "multiply_adds": 9, "images_per_second": 10.0, "feature_seconds": 0.0}
    assert row == pytest.approx(known | measured_too | {"accuracy": 0.4, "low": low, "high": high})


def test_measured_seconds_of_training_are_in_place_of_those_of_the_runs(folder):
    run = write_run(folder, "deep_cnn", "improved", seconds=2.0, threads=1)
    measured = pd.DataFrame([{"model": run.model, "recipe": run.recipe, "images_per_second": 10.0}])
    table = tables.costs([run], measured.assign(train_seconds=7.0, timed_steps=20, threads=2))
    assert table[["train_seconds", "timed_steps", "threads"]].values.tolist() == [[7.0, 20, 2]]


def test_costs_hold_the_seconds_of_frozen_features(folder):
    run = write_run(folder, "mobilenetv2", "improved")
    measured = pd.DataFrame({"model": [run.model], "recipe": [run.recipe], "images_per_second": [50.0]})
    assert (run.settings.views, len(run.settings.views_at_test)) == (8, 6)
    # 8 views of 800 training images, one at a time; the measured speed is that of 6 views of an image, as 200 others have.
    assert tables.costs([run], measured)["feature_seconds"].tolist() == pytest.approx([(800 * 8 / 6 + 200) / 50])


def test_without_leaves_images_out(folder):
    run = write_run(folder, "deep_cnn", "improved", right=40)
    row = tables.accuracy_without([run], np.array([39, 40, 41, 42, 500])).iloc[0]
    assert row[["n", "n_left"]].tolist() == [100, 96]
    assert row[["accuracy", "accuracy_left", "accuracy_left_out"]].tolist() == [0.4, 39 / 96, 0.25]


def test_without_leaves_nothing_out_where_no_image_is_named(folder):
    row = tables.accuracy_without([write_run(folder, "deep_cnn", "improved")], np.array([], int)).iloc[0]
    assert row["accuracy"] == row["accuracy_left"]
    assert np.isnan(row["accuracy_left_out"])


def test_a_failed_run_is_in_the_table_without_a_number(folder, tmp_path):
    run = write_run(folder, "deep_cnn", "improved", right=40)
    broken = write_run(folder, "shallow_cnn", "as_coded", seed=2)
    (broken.folder / "run.json").unlink()
    fail(broken.folder, "shallow_cnn as_coded, seed 2: the loss was nan in epoch 1", broken.history)
    failures = selection.failures([folder], "data0", "split0")
    assert [failure.config["seed"] for failure in failures] == [2]
    assert selection.failures([folder], "other data", "split0") == []
    table = results.summary([run], failures=failures).set_index("Model")
    assert table.loc["Shallow CNN", ["Recipe", "Accuracy", "Seeds", "Loss"]].tolist() == [
        "as coded",
        "failed",
        "seed 2",
        "",
    ]
    results.write_tables(tmp_path / "out", [run], failures=failures)
    words = (tmp_path / "out" / "results.md").read_text()
    assert "Failed: shallow_cnn as_coded, seed 2: the loss was nan in epoch 1." in words
    assert selection.gather([folder], "data0", "split0") == [run]
