import json
import re
from dataclasses import replace

import hostile
import pandas as pd
import pytest
from fake_runs import write_run

from benchmarks.measure import row
from helpers.config import profiles
from helpers.core import paths
from helpers.report import generated, results, selection
from helpers.training import runs

README = (paths.ROOT / "README.md").read_text()


def test_results_are_those_of_the_committed_records():
    assert generated.rendered(README) == README


def test_a_run_whose_recipe_has_changed_says_so(tmp_path, monkeypatch):
    recipe = profiles.find_recipe("deep_cnn", "improved")
    run = write_run(tmp_path, "deep_cnn", "improved")
    monkeypatch.setattr(paths, "FIGURES", tmp_path)
    run = runs.write_record(run, tmp_path / "full" / "records")
    results.write_tables(tmp_path, [run])
    assert "changed" not in generated._results()
    assert "changed" not in (tmp_path / "results.md").read_text()
    monkeypatch.setattr(profiles, "RECIPES", (replace(recipe, batch_size=7),))
    monkeypatch.setattr(selection, "RECIPES", profiles.RECIPES)
    results.write_tables(tmp_path, [run])
    for text in (generated._results(), (tmp_path / "results.md").read_text()):
        assert "since its recipe changed:** Deep CNN, improved, seed 0." in text


def test_seeds_of_a_recipe_share_a_row_with_a_link_to_each_record(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "FIGURES", tmp_path)
    for seed in (1, 0):
        runs.write_record(write_run(tmp_path, "deep_cnn", "improved", seed), tmp_path / "full" / "records")
    rows = [line for line in generated._results().splitlines() if "records/" in line]
    links = [f"[seed {n}](figures/full/records/deep_cnn_improved_{n}/run.json)" for n in (0, 1)]
    assert len(rows) == 1 and ", ".join(links) in rows[0]


def test_runs_on_fewer_threads_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "FIGURES", tmp_path)
    runs.write_record(write_run(tmp_path, "deep_cnn", "improved"), tmp_path / "full" / "records")
    assert "threads" not in generated._results()
    runs.write_record(write_run(tmp_path, "deep_cnn", "improved", 1, threads=1), tmp_path / "full" / "records")
    assert "Runs had 2 threads, except Deep CNN, improved, seed 1 (1)." in generated._results()


def test_missing_markers_are_refused():
    with pytest.raises(ValueError, match="results: begin"):
        generated.rendered("# No markers\n")


def test_the_two_commands_come_first_and_every_command_exists():
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert set(commands[:2]) == {"report", "test"}
    targets = re.findall(r"^(\w+):", (paths.ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE)) <= set(targets)


def test_every_file_that_is_linked_exists():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert all((paths.ROOT / link).exists() for link in links)


def test_layout_lists_every_notebook_and_module():
    assert {name for name in [file.stem for file in paths.NOTEBOOKS.glob("*.ipynb")] if name not in README} == set()


def test_what_explains_the_report_is_read_from_the_tables_of_experiments(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "FIGURES", tmp_path)
    assert "No experiment has been run" in generated._explanations()
    columns = ["learning_rate", "validation_accuracy", "dead_share"]
    (tmp_path / "full" / "tables").mkdir(parents=True)
    pd.DataFrame([(0.001, 0.125, 0.5), (0.01, 0.02, 0.75)], columns=columns).to_csv(
        tmp_path / "full" / "tables" / "shallow_learning_rates_data_0_key.csv", index=False
    )
    [point] = generated._explanations().splitlines()
    assert "75% of the layer's units are dead and validation accuracy is 2.0%. With 0.001" in point and "12.5%" in point


def test_speed_is_the_table_of_the_benchmarks_and_leaves_blank_what_has_no_peer(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "FIGURES", tmp_path)
    assert "has not been run" in generated._speed()
    (tmp_path / "full").mkdir()
    times = {"ours": 0.0651, "peer": 178.35, "ratio": 2739.6, "lowest": 999.6, "highest": 2821.0}
    measured = [
        row("count", **times, unit="s", aim="at least 2 x", reached=True, repeats=3),
        row("least", **times, unit="s", aim="", reached=None, repeats=3),
        row("memory", ours=0.25, unit="GiB", aim="under 0.2", reached=False),
    ]
    pd.DataFrame(measured).to_csv(tmp_path / "full" / "benchmarks.csv", index=False)
    lines = generated._speed().splitlines()
    assert "| memory | 0.25 GiB |  |  |  | under 0.2 |" in lines
    assert "| count | 0.0651 s | 178 s | 2,740 x | 1,000 to 2,820 | at least 2 x |" in lines
    assert "| least | 0.0651 s | 178 s | 2,740 x | 1,000 to 2,820 |  |" in lines
    assert "Not reached: the aim of memory. Rows without an aim" in lines[-1]


def test_counts_of_reliability_are_those_of_runs_and_of_the_corpus_there_is():
    counted = json.loads(generated.reliability_file().read_text())
    assert set(counted) <= set(generated._KINDS)
    for counts in counted.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", counts["date"]) and counts["code_version"] != "unknown"
    bad = counted["bad_inputs"]
    assert bad["tried"] == bad["refused"] + bad["tolerated"] <= len(hostile.REFUSED | hostile.TOLERATED)
    assert counted["fuzzing"]["findings"] == 0 and min(counted["fuzzing"]["executions"].values()) > 1000
    if "torture" in counted:
        assert counted["torture"]["survived"] == counted["torture"]["kills"] > 0
        assert counted["torture"]["equal"] == counted["torture"]["runs"]
