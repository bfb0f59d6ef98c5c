"""A new model is a module with its builder, an entry in the families and a recipe: a copy of helpers gets one."""

import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import helpers
from helpers.config import families
from helpers.core import paths
from helpers.core.errors import InputError

BUILDER = '''
"""One convolution."""

from keras import layers


def toy(x, recipe):
    x = layers.Conv2D(8, 3, strides=4, activation="relu", name="conv")(x)
    return layers.GlobalAveragePooling2D(name="global_average")(x)
'''
FAMILY = '    "toy_cnn": Family(models={"toy_cnn": Model("Toy CNN", "#CC78BC")}, networks={"toy": Network()}),\n'
RECIPE = '    Recipe("toy_cnn", "improved", "toy", (Phase(1, "adam", 0.01),), batch_size=50, augmentation="none"),\n'
NOTEBOOK = """
from helpers import plots
from helpers.experiment import open_experiment

lab = open_experiment("smoke", "", None, "figures", 0)
runs = lab.train("toy_cnn", "improved")
lab.show(plots.training_curves(runs, lab.source), "toy")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of helpers with a further family."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(helpers.__path__[0], root / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.ROOT / "pyproject.toml", root)
    (root / "data").symlink_to(paths.DATA)
    (root / "helpers" / "models" / "toy_cnn.py").write_text(BUILDER.lstrip())
    for module, marker, entry in (("families", "}\nMODELS: ", FAMILY), ("recipes", ")\n\n\ndef as_recipe", RECIPE)):
        file = root / "helpers" / "config" / f"{module}.py"
        text = file.read_text()
        assert text.count(marker) == 1
        file.write_text(text.replace(marker, entry + marker))
    return root


@pytest.mark.training
def test_a_new_family_is_trained_tabled_and_drawn(project):
    folders = {f"TINYIMAGE_{name}": str(project / name.lower()) for name in ("CACHE", "RUNS")}
    environment = os.environ | folders | {"PYTHONPATH": str(project), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = pd.read_csv(project / "figures" / "results.csv")
    assert set(zip(results["model"], results["recipe"], results["split"], strict=True)) == {
        ("toy_cnn", "improved", "validation"),
        ("toy_cnn", "improved", "test"),
    }
    assert results["reported_accuracy"].isna().all() and results["accuracy"].between(0, 1).all()
    assert "Toy CNN" in (project / "figures" / "results.md").read_text()
    assert "Toy CNN" in (project / "figures" / "toy.svg").read_text()


def test_a_network_belongs_to_one_family():
    networks = [network for family in families.FAMILIES.values() for network in family.networks]
    assert len(set(networks)) == len(networks)
    assert families.find_family_name("deep_improved") == "deep_cnn"
    with pytest.raises(InputError, match=r"no network 'resnet'"):
        families.find_family("resnet")
