import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial

import keras
import numpy as np
import pytest

from benchmarks import data, epochs, limits, replicas, worker
from benchmarks.epochs import waiting
from benchmarks.measure import Comparison, compare, timed
from benchmarks.reported_way import generator, read_all
from helpers.config.profiles import find_recipe
from helpers.core import paths
from helpers.data.splits import make_split
from helpers.models.architecture import build
from helpers.models.weights import find_weights


def test_both_ways_are_timed_in_turns_and_the_first_turn_does_not_count():
    order = []
    row = compare(
        Comparison(
            "nothing",
            ours=timed(lambda: order.append("ours")),
            peer=timed(lambda: (order.append("peer"), time.sleep(0.01))),
            aim=2,
            repeats=2,
        )
    )
    assert order == ["ours", "peer"] * 3
    assert row["ratio"] > 2 and row["lowest"] <= row["ratio"] <= row["highest"]
    assert (row["unit"], row["repeats"], row["aim"], row["reached"]) == ("s", 2, "at least 2 x", True)
    assert row["peer"] >= 0.01


def test_the_report_s_loop_reads_the_pixels_that_the_cache_holds(kaggle_folder, tiny):
    pixels = read_all(kaggle_folder)
    assert pixels.shape == (len(tiny.images) + len(tiny.unlabelled_images), 64, 64, 3)
    assert sorted(image.tobytes() for image in pixels) == sorted(
        image.tobytes() for image in (*tiny.images, *tiny.unlabelled_images)
    )


def test_the_report_s_generator_gives_whole_batches(tiny):
    recipe = find_recipe("deep_cnn", "as_reported")
    x, y = next(generator(np.array(tiny.images), tiny.labels, recipe, 6))
    assert x.shape == (20, 64, 64, 3) and y.shape == (20, 6) and x.max() > 1


def made_by(way: partial) -> object:
    """What the work inside a `timed` returns."""
    return way.args[0]()


def test_both_ways_of_each_comparison_of_data_do_the_same_work(kaggle_folder, monkeypatch):
    monkeypatch.setattr(data, "_IMAGES", 40)
    cold, warm, augmented, interpolated = data.comparisons(kaggle_folder)
    assert made_by(cold.ours) is None and len(made_by(cold.peer)) == len(made_by(warm.peer)) == 84
    opened = made_by(warm.ours)
    assert len(opened.images) + len(opened.unlabelled_images) == 84
    for drawn in (made_by(augmented.ours)[0], made_by(augmented.peer)):
        assert [x.shape for x, _ in drawn] == [(20, 64, 64, 3)] * 2
    assert sum(map(len, made_by(interpolated.ours))) == 40 and interpolated.peer == augmented.peer


def test_waiting_is_a_share_of_a_step(tiny, monkeypatch):
    monkeypatch.setattr("benchmarks.epochs._WAIT_STEPS", 2)
    rows = waiting(tiny, make_split(tiny), find_weights("", is_demo=True))
    assert len(rows) == 3 and all(0 <= row["ours"] < 1 for row in rows)


def test_devices_are_compared_without_what_each_draws_for_itself():
    model = replicas._without_dropout(build(find_recipe("deep_cnn", "as_reported"), 4))
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert len(rates) == 5 and set(rates) == {0.0}
    assert all(find_recipe(*recipe) for recipe in replicas.RECIPES)


def test_large_and_small_pages_have_a_process_each_and_both_train():
    with limits.large_pages(n_steps=2) as comparison:
        assert comparison.ours() > 0 and comparison.peer() > 0
    assert f"export {worker.TUNABLE} ?= {worker.LARGE}\n" in (paths.ROOT / "Makefile").read_text()


@pytest.mark.parametrize("by_a_call", [1, 10])
def test_ten_steps_by_a_call_train_as_many_steps_as_one_by_one(by_a_call, monkeypatch):
    fitted = []
    monkeypatch.setattr(limits, "timed_fit", lambda *arguments: fitted.append(arguments))
    limits._fitted(by_a_call, n_steps=20)
    ((network, stream, n_steps),) = fitted
    calls = []
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: calls.append(batch))
    network.fit(stream, steps_per_epoch=n_steps, verbose=0, shuffle=False, callbacks=[clock])
    assert int(network.optimizer.iterations) == 20 and len(calls) == 20 // by_a_call


def test_what_an_optimizer_costs_is_what_gradient_descent_does_without():
    with limits.optimizer("shallow_cnn", n_steps=2) as comparison:
        assert comparison.ours() > 0 and comparison.peer() > 0
    assert comparison.aim is None


def test_the_step_that_bounds_a_faster_adam_has_none(monkeypatch):
    asked = []

    @contextmanager
    def recorded(tunable, prepare, *arguments):
        asked.append((prepare, *arguments))
        yield None

    monkeypatch.setattr(limits, "worker", recorded)
    with limits.optimizer("deep_cnn", n_steps=2):
        pass
    (ours, _, phase, _), (peer, *_) = asked
    assert phase.optimizer == "sgd" and phase.momentum == 0
    assert (ours, peer) == (limits._steps, limits._reported_steps)


def test_both_ways_of_an_epoch_from_scratch_train(kaggle_folder):
    with epochs.from_scratch(kaggle_folder, "shallow_cnn") as comparison:
        assert comparison.ours() > 0 and comparison.peer() > 0


def test_both_ways_of_an_epoch_of_a_frozen_base_train_the_same_head(kaggle_folder):
    weights = find_weights("", is_demo=True)
    with epochs.frozen(kaggle_folder, weights, find_recipe("mobilenetv2", "as_coded")) as comparison:
        assert 0 < comparison.ours() < comparison.peer()
    assert " at 64 px, " in comparison.name and ", 20 a batch, " in comparison.name


def test_memory_is_that_of_a_cold_cache_and_a_whole_epoch(kaggle_folder):
    row = epochs.memory(kaggle_folder)
    assert 0 < row["ours"] < 2 and row["reached"]


def _tunable() -> Callable[[], float]:
    assert os.environ[worker.TUNABLE] == "glibc.malloc.check=0"
    return lambda: 1.5


def _ending() -> Callable[[], float]:
    return lambda: os._exit(3)


def test_a_worker_has_its_tunable_and_works_whenever_it_is_told_to():
    with worker.worker("glibc.malloc.check=0", _tunable) as work:
        assert work() == work() == 1.5


def test_a_worker_that_ended_is_not_waited_for():
    with worker.worker("", _ending) as work, pytest.raises(RuntimeError, match="ended with status 3"):
        work()
