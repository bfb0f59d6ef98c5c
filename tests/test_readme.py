import re

import pytest

from helpers import paths, readme, series

README = (paths.ROOT / "README.md").read_text()


def test_results_are_those_of_the_committed_records():
    assert readme.rendered(README) == README


def test_missing_markers_are_refused():
    with pytest.raises(ValueError, match="results: begin"):
        readme.rendered("# No markers\n")


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
    modules = {path.stem for path in (paths.ROOT / "helpers").glob("*.py")} - {"__init__"}
    assert {name for name in [*series.NOTEBOOKS, *modules] if name not in README} == set()
