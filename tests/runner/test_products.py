import shutil
from dataclasses import replace
from pathlib import Path

from helpers import plots
from helpers.runner.products import product_lines


def test_every_product_of_the_chosen_runs_is_named_and_exists(lab):
    lab = replace(lab, profile=replace(lab.profile, seeds={("shallow_cnn", "improved"): 2}))
    runs = lab.train("shallow_cnn", "improved")
    plots.training_curves(runs, "").save(lab.output, "figure_2_shallow_cnn")
    first, second = (f"{run.title}, seed {run.seed}" for run in runs)
    lines = [line.split(": ") for line in product_lines(lab)]
    assert [line[:2] for line in lines] == [
        [first, "network"], [first, "submission"], [first, "curves"], [second, "network"], [second, "curves"],
    ]  # fmt: skip
    assert all(Path(path).is_file() for _, _, path in lines)


def test_a_run_of_which_only_the_record_is_left_has_no_network_to_name(lab):
    full = replace(lab, profile=replace(lab.profile, name="full", seeds={("shallow_cnn", "improved"): 2}))
    runs = full.train("shallow_cnn", "improved")
    for run in runs:
        shutil.rmtree(run.folder)
    kept, not_kept = (line for line in product_lines(full) if ": network: " in line)
    assert Path(kept.split(": ")[2]).parent.name == "shallow_cnn_improved_0"
    assert not_kept.endswith("seed 1: network: not kept, only its record")
