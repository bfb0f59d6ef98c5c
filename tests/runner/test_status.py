import shutil
from dataclasses import replace

import pytest

from helpers.models import runtime
from helpers.runner import status
from helpers.training import fit


def test_status_lists_runs_that_exist_and_says_why_one_is_trained_again(lab):
    [plan] = lab.plans(1)
    lines = status.status_lines(lab)
    assert lines[0].startswith("shallow_cnn improved, seed 0: to train, about ")
    assert "differs" not in lines[0] and lines[-1] == "Executed notebooks: none"
    fit.train(plan)
    assert status.status_lines(lab)[:2] == [
        "shallow_cnn improved, seed 0: finished", "To come: no training; every run is finished",
    ]  # fmt: skip
    changed = {("shallow_cnn", "improved"): {"batch_size": 20}}
    lines = status.status_lines(replace(lab, profile=replace(lab.profile, changes=changed)))
    assert lines[0].endswith(" differs: another value of batch_size")


def test_a_full_run_whose_record_is_current_is_not_trained_again(lab, monkeypatch, capsys):
    full = replace(lab, profile=replace(lab.profile, name="full"))
    [plan] = full.plans(1)
    [run] = full.train("shallow_cnn", "improved")
    shutil.rmtree(run.folder)
    assert status.status_lines(full)[0] == "shallow_cnn improved, seed 0: finished, as its record says"
    monkeypatch.setattr(fit, "train", lambda plan: pytest.fail("nothing was to be trained"))
    [record] = full.train("shallow_cnn", "improved")
    assert record.folder.parent == full.output / "records" and record.key == plan.config()["key"]
    assert "not trained again" in capsys.readouterr().out
    changed = replace(full, profile=replace(full.profile, changes={("shallow_cnn", "improved"): {"batch_size": 20}}))
    assert "to train" in status.status_lines(changed)[0]


class Measured:
    model, recipe = "shallow_cnn", "improved"
    finished, training_images = "2026-01-01", 1000

    def __init__(self, plan, hardware, seconds):
        phases = tuple(replace(phase, epochs=10) for phase in plan.recipe.phases)
        self.settings = replace(plan.recipe, phases=phases, epoch_images=500)
        self.hardware, self.train_seconds = hardware, seconds
        self.is_known = True

    def has_known_network(self):
        return self.is_known


def test_an_estimate_scales_the_speed_of_this_machine_where_it_was_measured(lab):
    [plan] = lab.plans(1)
    images = len(plan.split.train) * plan.recipe.epochs
    elsewhere, here = Measured(plan, "another", 100.0), Measured(plan, runtime.hardware(), 500.0)
    assert status.estimate(plan, []) is None
    assert status.estimate(plan, [elsewhere]) == pytest.approx(100 * images / 5_000)
    assert status.estimate(plan, [here, elsewhere]) == pytest.approx(500 * images / 5_000)
    here.is_known = False
    assert status.estimate(plan, [here, elsewhere]) == pytest.approx(100 * images / 5_000)


def test_differences_name_what_decides_a_run(lab):
    now = lab.plans(1)[0].config()
    before = now | {"data_fingerprint": "x", "recipe": now["recipe"] | {"dropout": 0.9}, "key": "y", "profile": "z"}
    assert status.differences(before, now) == ["other data", "another value of dropout"]
