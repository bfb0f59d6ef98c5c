import json
import re
from dataclasses import replace

import hostile
import pandas as pd
import pytest
from fake_runs import write_run

from benchmarks.measure import row
from helpers.config import profiles
from helpers.core import markers, paths
from helpers.report import evaluations, generated, results, selection, series_pages
from helpers.training import records

README = (paths.ROOT / "README.md").read_text()
DOCS = [file.relative_to(paths.ROOT).as_posix() for file in sorted(paths.DOCS.glob("*.md"))]
SERIES = [file.relative_to(paths.ROOT).as_posix() for file in sorted(series_pages.FOLDER.glob("*.md"))]


@pytest.fixture(scope="module")
def facts():
    return generated.committed_facts()


@pytest.mark.parametrize("page", generated.pages_with_markers())
def test_pages_are_those_of_the_committed_files(page, facts):
    text = (paths.ROOT / page).read_text()
    assert markers.names(text.replace("\\n", "").replace('"', "\n"))  # in a notebook, lines are strings
    assert generated.rendered(page, text, facts) == text


def test_pages_of_the_series_are_those_of_the_committed_outputs():
    committed = {file.stem: file.read_text() for file in series_pages.FOLDER.glob("*.md")}
    assert series_pages.pages() == committed


def test_a_marker_that_names_no_block_is_refused(facts):
    with pytest.raises(ValueError, match="no block 'weather'"):
        generated.rendered("README.md", "<!-- weather: begin -->\n<!-- weather: end -->\n", facts)
    with pytest.raises(ValueError, match="hero: end"):
        generated.rendered("README.md", "<!-- hero: begin -->\n", facts)


def run_facts(folder):
    runs = generated.runs_on_the_same_data(folder / "records")
    costs = {"train_seconds": 60.0, "feature_seconds": 30.0, "timed_steps": 20, "threads": 2, "hardware": "one core"}
    names = [{"model": run.model, "recipe": run.recipe} for run in selection.by_recipe(runs).values()]
    pd.DataFrame([name | costs for name in names]).to_csv(folder / "costs.csv", index=False)
    return generated.run_facts(runs, folder)


def test_a_run_whose_recipe_has_changed_says_so(tmp_path, monkeypatch):
    recipe = profiles.find_recipe("deep_cnn", "improved")
    run = records.write_record(write_run(tmp_path, "deep_cnn", "improved"), tmp_path / "records")
    results.write_tables(tmp_path, [run])
    assert run_facts(tmp_path)["changed_recipes"] == ""
    assert "changed" not in (tmp_path / "results.md").read_text()
    monkeypatch.setattr(profiles, "RECIPES", (replace(recipe, batch_size=7),))
    monkeypatch.setattr(selection, "RECIPES", profiles.RECIPES)
    results.write_tables(tmp_path, [run])
    for text in (run_facts(tmp_path)["changed_recipes"], (tmp_path / "results.md").read_text()):
        assert "since its recipe changed:** Deep CNN, improved, seed 0." in text


def test_seeds_of_a_recipe_share_a_row_with_a_link_to_each_record(tmp_path):
    for seed in (1, 0):
        records.write_record(write_run(tmp_path, "deep_cnn", "improved", seed), tmp_path / "records")
    [row] = [line for line in run_facts(tmp_path)["provenance"].splitlines() if "records/" in line]
    links = [f"[seed {n}](../figures/full/records/deep_cnn_improved_{n}/run.json)" for n in (0, 1)]
    assert ", ".join(links) in row and "| 1.5 min |" in row


def test_runs_on_fewer_threads_are_named(tmp_path):
    records.write_record(write_run(tmp_path, "deep_cnn", "improved"), tmp_path / "records")
    assert run_facts(tmp_path)["fewer_threads"] == ""
    records.write_record(write_run(tmp_path, "deep_cnn", "improved", 1, threads=1), tmp_path / "records")
    assert run_facts(tmp_path)["fewer_threads"] == "Deep CNN, improved, seed 1 (1)"


def test_the_spread_of_training_again_is_that_within_a_key(tmp_path):
    assert spread_of_log(tmp_path, []) == (0, 0.0)
    looks = [("a", 0.58), ("a", 0.575), ("b", 0.77), ("c", 0.48), ("c", 0.481), ("c", 0.479)]
    assert spread_of_log(tmp_path, looks) == (2, pytest.approx(0.005))


def spread_of_log(folder, looks):
    pd.DataFrame(looks, columns=["key", "accuracy"]).to_csv(folder / "test_evaluations.csv", index=False)
    return evaluations.spread_of_retraining(folder)


def test_the_report_s_submission_is_compared_with_each_one_here():
    submissions = {file.stem.removeprefix("submission_") for file in (paths.FIGURES / "full").glob("submission_*.csv")}
    assert set(pd.read_csv(paths.SUBMISSION_AGREEMENT)["submission"]) == submissions


def test_means_are_over_seeds_and_a_missing_recipe_is_blank(tmp_path, facts):
    for seed, right in ((0, 20), (1, 40)):
        records.write_record(write_run(tmp_path, "deep_cnn", "improved", seed, right=right), tmp_path / "records")
    mine = run_facts(tmp_path)
    assert mine["means"]["deep_cnn"] == {"improved": pytest.approx(0.3)}
    page = generated.rendered("README.md", "<!-- results: begin -->\n<!-- results: end -->\n", facts | mine)
    assert "| Deep CNN | 28.0% |  |  | **30.0%** |" in page


def test_the_two_commands_come_first_and_every_command_exists():
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    assert set(commands[:2]) == {"report", "test"}
    targets = re.findall(r"^(\w+):", (paths.ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in ("README.md", *DOCS):
        named = re.findall(r"(?:^|`)make (\w+)", (paths.ROOT / page).read_text(), re.MULTILINE)
        assert set(named) <= set(targets), page


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *DOCS, *SERIES])
def test_every_file_that_is_linked_exists(page):
    file = paths.ROOT / page
    text = file.read_text()
    links = re.findall(r"\]\(([^)#:]+)[)#]", text) + re.findall(r'(?:src|href)="([^"#:]+)"', text)
    assert [link for link in links if not (file.parent / link).exists()] == []


def test_readme_links_every_notebook_and_page():
    wanted = [f"docs/series/{file.stem}.md" for file in paths.NOTEBOOKS.glob("*.ipynb")] + DOCS
    assert [link for link in wanted if f"({link}" not in README] == []


def test_readme_is_short_and_its_generated_sentences_are_too():
    """A reader sees the result and how to run it without scrolling far."""
    assert sum(bool(line) and not line.startswith("<!--") for line in README.splitlines()) <= 100
    for name, most_words in (("takeaways", 25), ("explanations", 35)):
        part = README.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
        lengths = [len(line.split()) - 1 for line in part.splitlines() if line.startswith("- ")]
        assert lengths and max(lengths) <= most_words, (name, lengths)


def test_every_item_of_the_reforms_checklist_has_an_answer():
    items = re.findall(r"^- \*\*(\d[a-g]) .+\*\* \S.+$", (paths.DOCS / "reforms.md").read_text(), re.MULTILINE)
    counts = [3, 5, 7, 3, 6, 3, 3, 2]
    assert items == [f"{module}{letter}" for module, n in enumerate(counts, 1) for letter in "abcdefg"[:n]]
    assert len(items) == 32


def test_speed_shows_what_users_notice_apart_and_leaves_blank_what_has_no_peer():
    times = {"ours": 0.0651, "peer": 178.35, "ratio": 2739.6, "lowest": 999.6, "highest": 2821.0}
    measured = [
        row(
            "count",
            **times,
            noticed=True,
            beside="commit 1f3b82d",
            unit="s",
            aim="at least 2 x",
            reached=True,
            repeats=3,
        ),
        row("least", **times, beside="the report's way", unit="s", aim="", reached=None, repeats=3),
        row("decode all images, cold", ours=4.293, unit="s"),
        row("memory", ours=0.25, unit="GiB", aim="under 0.2", reached=False),
    ]
    speed = generated.speed(pd.DataFrame(measured).assign(onednn="on"))
    lines = speed["inside"].splitlines()
    assert "| memory | 0.25 GiB |  |  |  | under 0.2 |" in lines
    assert "| least | 0.0651 s | the report's way: 178 s | 2,740 x | 1,000 to 2,820 |  |" in lines
    assert speed["noticed"].splitlines()[2:] == [
        "| count | 0.0651 s | commit 1f3b82d: 178 s | 2,740 x | 1,000 to 2,820 | at least 2 x |"
    ]
    assert speed["missed"] == "memory" and speed["decoding"] == "4.29"


def test_counts_of_reliability_are_those_of_runs_and_of_the_corpus_there_is():
    counted = json.loads(generated.reliability_file().read_text())
    assert set(counted) == {"torture", "bad_inputs", "fuzzing"}
    for counts in counted.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", counts["date"]) and counts["code_version"] != "unknown"
    bad = counted["bad_inputs"]
    assert bad["tried"] == bad["refused"] + bad["tolerated"] <= len(hostile.REFUSED | hostile.TOLERATED)
    assert counted["fuzzing"]["findings"] == 0 and min(counted["fuzzing"]["executions"].values()) > 1000
    assert counted["torture"]["survived"] == counted["torture"]["kills"] > 0
    assert counted["torture"]["equal"] == counted["torture"]["runs"]
