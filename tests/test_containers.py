import json
import re

from test_environment import pyproject

from helpers.core import paths

DOCKERFILE = (paths.ROOT / "Dockerfile").read_text()


def test_the_image_has_a_supported_python_and_calls_targets_that_exist():
    least, below = map(int, re.findall(r"3\.(\d+)", pyproject()["project"]["requires-python"]))
    assert least <= int(re.search(r"^FROM python:3\.(\d+)-", DOCKERFILE, re.M)[1]) < below
    called = set(re.findall(r"\bmake (?!&&)([a-z]+)", DOCKERFILE)) | set(re.findall(r'"make", "([a-z]+)"', DOCKERFILE))
    targets = set(re.findall(r"^([a-z]+):", (paths.ROOT / "Makefile").read_text(), re.M))
    assert {"setup", "report"} <= called <= targets


def test_the_development_container_is_built_on_a_stage_of_the_image():
    container = json.loads((paths.ROOT / ".devcontainer" / "devcontainer.json").read_text())
    dockerfile = (paths.ROOT / ".devcontainer" / container["build"]["dockerfile"]).resolve()
    assert dockerfile.read_text() == DOCKERFILE
    assert f" AS {container['build']['target']}\n" in DOCKERFILE
    assert container["postCreateCommand"] == "make setup"


def test_the_image_leaves_out_what_this_machine_made():
    ignored = (paths.ROOT / ".dockerignore").read_text().splitlines()
    assert {".venv", "runs", "build", "data/cache"} <= set(ignored)
