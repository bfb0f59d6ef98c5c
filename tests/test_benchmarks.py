import os
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from benchmarks import commands, data, depthwise, inference, reported_way, run, training
from benchmarks.measure import LARGE_PAGES, Comparison, Way, compare, measured, timed, working
from benchmarks.replicas import RECIPES, _without_dropout
from helpers.analysis import costs
from helpers.config.profiles import find_recipe
from helpers.core import paths
from helpers.core.errors import InputError
from helpers.core.tensorflow import ONEDNN_VARIABLE
from helpers.models.architecture import build

DEEP, SHALLOW, MOBILE = (find_recipe(model, "as_reported") for model in ("deep_cnn", "shallow_cnn", "mobilenetv2"))


def logging(file, name, pause):
    def work():
        with file.open("a") as log:
            log.write(name)
        time.sleep(pause)

    return timed(work)


@pytest.mark.parametrize(("repeats", "order"), [(2, "opopop"), (1, "op")])
def test_both_ways_are_timed_in_turns_and_the_first_of_several_does_not_count(repeats, order, tmp_path):
    ours, peer = (Way(logging, (tmp_path / "log", name, pause)) for name, pause in (("o", 0.0), ("p", 0.2)))
    row = compare(Comparison("nothing", ours, peer, aim=2, repeats=repeats))
    assert (tmp_path / "log").read_text() == order
    assert row["ratio"] > 2 and row["lowest"] <= row["ratio"] <= row["highest"] and row["peer"] >= 0.2
    assert (row["unit"], row["repeats"], row["aim"], row["reached"]) == ("s", repeats, "at least 2 x", True)
    assert "cores, " in row["hardware"]


def variable(name):
    return lambda: float(os.environ[name])


def ending():
    return lambda: os._exit(3)


def test_a_way_has_its_environment_and_works_whenever_it_is_told_to(monkeypatch):
    monkeypatch.setenv("OMEN", "1")
    with working(Way(variable, ("OMEN",), {"OMEN": "1.5"})) as work:
        assert work() == work() == 1.5
    assert os.environ["OMEN"] == "1"


def test_a_process_that_ended_is_not_waited_for():
    with pytest.raises(RuntimeError, match="ended with status 3"):
        measured(Way(ending))


def test_pages_of_memory_are_those_of_the_makefile():
    [(name, value)] = LARGE_PAGES.items()
    assert f"export {name} ?= {value}\n" in (paths.ROOT / "Makefile").read_text()


@pytest.mark.parametrize(("sets", "default"), [({"avx2", "fma"}, "0"), ({"avx2", "avx512f", "avx512_vnni"}, "1")])
def test_the_default_of_tensorflow_depends_on_the_processor(sets, default, monkeypatch):
    monkeypatch.setattr("helpers.core.provenance.instruction_sets", lambda: sorted(sets))
    assert run.tensorflow_default()[ONEDNN_VARIABLE] == default


def test_a_photograph_is_named_by_the_command():
    assert commands.predict()() > 0


def test_every_comparison_has_a_name_of_its_own_and_differs_from_its_peer(kaggle_folder, tmp_path):
    comparisons = list(run.comparisons(kaggle_folder, tmp_path))
    assert len({comparison.name for comparison in comparisons}) == len(comparisons)
    assert all(comparison.ours != comparison.peer for comparison in comparisons)


def test_the_report_s_loop_reads_the_pixels_that_the_cache_holds(kaggle_folder, tiny):
    pixels = reported_way.read_all(kaggle_folder)
    assert pixels.shape == (len(tiny.images) + len(tiny.unlabelled_images), 64, 64, 3)
    assert sorted(image.tobytes() for image in pixels) == sorted(
        image.tobytes() for image in (*tiny.images, *tiny.unlabelled_images)
    )


def test_the_report_s_generator_gives_whole_batches(tiny):
    x, y = next(reported_way.generator(np.array(tiny.images), tiny.labels, DEEP, 6))
    assert x.shape == (20, 64, 64, 3) and y.shape == (20, 6) and x.max() > 1


def test_all_ways_of_reading_and_augmenting_do_the_same_work(kaggle_folder):
    def result(work):
        return work.args[0]()

    opened = result(data.reopen(kaggle_folder))
    assert len(opened.images) + len(opened.unlabelled_images) == len(result(data.read_as_reported(kaggle_folder))) == 84
    for drawn in (result(data.augment(40))[0], result(data.augment_as_reported(40))):
        assert [x.shape for x, _ in drawn] == [(20, 64, 64, 3)] * 2
    assert sum(map(len, result(data.interpolate(40)))) == 40
    assert data.decode(kaggle_folder)() > 0


@pytest.mark.parametrize("form", ["grouped", "shifted"])
def test_forms_of_a_depthwise_convolution_have_the_same_gradients(form):
    for ours, other in zip(
        depthwise.gradients("depthwise", (2, 5, 4, 3))(), depthwise.gradients(form, (2, 5, 4, 3))(), strict=True
    ):
        np.testing.assert_allclose(ours, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("steps_per_call", [1, 2])
def test_steps_train_from_pixels_and_from_frozen_activations(steps_per_call, monkeypatch):
    fitted = []
    monkeypatch.setattr(costs, "timed_fit", lambda *arguments: fitted.append(arguments))
    improved = find_recipe("mobilenetv2", "improved")
    for recipe, phase in ((SHALLOW, SHALLOW.phases[0]), (improved, improved.phases[0])):
        costs.training_steps(recipe, phase, 2, steps_per_call)
        network, stream, n_steps = fitted.pop()
        calls: list[int] = []
        count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs, calls=calls: calls.append(batch))
        network.fit(stream, steps_per_epoch=n_steps, verbose=0, shuffle=False, callbacks=[count])
        assert int(network.optimizer.iterations) == 2 and len(calls) == 2 // steps_per_call


def test_the_report_s_steps_are_timed():
    assert training.reported_steps(SHALLOW, 2)() > 0


def test_waiting_is_a_share_of_a_step():
    assert 0 <= training.waiting(SHALLOW, 2)() < 1


def test_memory_is_that_of_a_cold_cache_and_a_whole_epoch(kaggle_folder, tmp_path):
    assert 0 < measured(Way(training.memory, (kaggle_folder,), {"TINYIMAGE_CACHE": str(tmp_path)})) < 2


def test_both_libraries_evaluate_and_compute_features():
    for library in ("LiteRT", "Keras"):
        assert inference.frozen_features(library, 2)() > 0 and inference.evaluation(library, 2)() > 0


def test_a_command_that_fails_ends_the_measurement(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        commands.report("no-such-commit", tmp_path)


def test_a_command_does_not_inherit_what_the_benchmark_was_called_with(tmp_path, monkeypatch):
    called_with = {"TINYIMAGE_CACHE", "MAKEFLAGS", "MAKELEVEL", "DATA", "PROFILE", "GLIBC_TUNABLES"}
    called_with |= {"PYTHONDONTWRITEBYTECODE", ONEDNN_VARIABLE}
    for name in called_with:
        monkeypatch.setenv(name, "1")
    program = "import os, pathlib; pathlib.Path('seen').write_text(' '.join(os.environ))"
    commands._run([sys.executable, "-c", program], tmp_path, {"UV_CACHE_DIR": "x"})
    seen = (tmp_path / "seen").read_text().split()
    assert {"PATH", "UV_CACHE_DIR"} <= set(seen)
    assert not called_with & set(seen)


def test_timings_of_the_demo_are_not_written_over_those_of_the_real_data():
    with pytest.raises(InputError, match="name them with DATA"):
        run.run(profile="full")


def test_devices_are_compared_without_what_each_draws_for_itself():
    model = _without_dropout(build(DEEP, 4))
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert len(rates) == 5 and set(rates) == {0.0}
    assert all(find_recipe(*recipe) for recipe in RECIPES)
