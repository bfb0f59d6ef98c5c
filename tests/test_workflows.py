import re

import pytest
import yaml
from test_environment import pyproject

from helpers.core import paths

WORKFLOWS = sorted((paths.ROOT / ".github" / "workflows").glob("*.yml"))


def jobs(file):
    return yaml.safe_load(file.read_text())["jobs"].values()


def test_the_test_matrix_is_every_supported_python():
    least, below = map(int, re.fullmatch(r">=3\.(\d+),<3\.(\d+)", pyproject()["project"]["requires-python"]).groups())
    [job] = jobs(paths.ROOT / ".github" / "workflows" / "tests.yml")
    assert job["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(least, below)]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_calls_targets_that_exist_and_only_reads_the_repository(workflow):
    content = yaml.safe_load(workflow.read_text())
    assert content["permissions"] == {"contents": "read"} and "concurrency" in content
    commands = "\n".join(step["run"] for job in jobs(workflow) for step in job["steps"] if "run" in step)
    called = set(re.findall(r"\bmake ([a-z]+)", commands))
    targets = set(re.findall(r"^([a-z]+):", (paths.ROOT / "Makefile").read_text(), re.M))
    assert called and called <= targets


def test_the_site_that_is_published_is_the_one_that_is_built():
    steps = [step for job in jobs(paths.ROOT / ".github" / "workflows" / "site.yml") for step in job["steps"]]
    [upload] = [step for step in steps if step.get("uses", "").startswith("actions/upload-pages-artifact")]
    assert upload["with"]["path"].startswith(paths.BUILD.relative_to(paths.ROOT).as_posix())
