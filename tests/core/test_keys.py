import json
import shutil
import subprocess
from dataclasses import dataclass, make_dataclass
from pathlib import Path

import pytest

from helpers.config.recipes import AUGMENTATIONS, RECIPES
from helpers.core import keys, paths

INPUTS = {
    "seed": 0,
    "data_fingerprint": "data",
    "split_fingerprint": "split",
    "weights_sha256": "",
    "packages": {"tensorflow": "2.21.0", "keras": "3.15.1"},
    "results_versions": {"training": 1},
}
SCRIPT = f"""
from helpers.config.recipes import AUGMENTATIONS, RECIPES
from helpers.core import keys
print([keys.run_key(recipe, AUGMENTATIONS[recipe.augmentation], **{INPUTS!r}) for recipe in RECIPES])
"""


@dataclass(frozen=True)
class Settings:
    rate: float
    momentum: float = 0.0


def interpreters():
    """Each Python 3.11 to 3.13 on PATH or managed by pyenv or uv, one a minor version."""
    managed = [Path("~/.pyenv/versions").expanduser(), Path("~/.local/share/uv/python").expanduser()]
    working = {}
    for name in ("python3.11", "python3.12", "python3.13"):
        for file in [shutil.which(name), *(file for root in managed for file in root.glob(f"*/bin/{name}"))]:
            if file and subprocess.run([file, "-c", ""], capture_output=True, check=False).returncode == 0:
                working[name] = file
    return working


def test_a_key_is_the_same_in_every_python_and_needs_only_python():
    here = [keys.run_key(recipe, AUGMENTATIONS[recipe.augmentation], **INPUTS) for recipe in RECIPES]
    assert len(set(here)) == len(RECIPES)
    pythons = interpreters()
    if not pythons:
        pytest.skip("no interpreter beside the environment's own")
    for python in pythons.values():
        answer = subprocess.run(
            [python, "-S", "-c", SCRIPT], cwd=paths.ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert json.loads(answer.replace("'", '"')) == here, python


def test_a_new_field_with_a_neutral_default_changes_no_key():
    wider = make_dataclass("Wider", [("rate", float), ("momentum", float, 0.0), ("nesterov", bool, False)], frozen=True)
    assert keys.plain(wider(0.1)) == keys.plain(Settings(0.1)) == {"rate": 0.1}
    assert keys.plain(wider(0.1, nesterov=True)) != keys.plain(Settings(0.1))


def test_a_whole_number_is_the_same_as_int_and_as_float():
    assert json.dumps(keys.plain([10.0, (0.5, True)])) == "[10, [0.5, true]]"
