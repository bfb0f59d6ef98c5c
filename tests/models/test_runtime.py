import subprocess
import sys

import pytest
import tensorflow as tf

from helpers.core import paths, provenance
from helpers.models import runtime

# The gradients of a batch divided between two processors are those of the whole batch, but for rounding: the shallow
# network has no batch normalisation, whose statistics would come from the halves.
TWO_DEVICES = """
import tensorflow as tf
[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from dataclasses import replace
import numpy as np
from helpers.data import batches
from helpers.config import profiles, recipes
from helpers.models import runtime, architecture
from helpers.training import fit
import keras

recipe = replace(profiles.find_recipe("shallow_cnn", "as_reported"), batch_size=8, augmentation="none")
images = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), np.uint8)
adamw = recipes.Phase(1, "adamw", 1e-5, weight_decay=0.1)
for phase in (recipes.Phase(1, "sgd", 1e-4), adamw, replace(adamw, optimizer="muon")):
    losses = []
    for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
        with strategy.scope():
            keras.utils.set_random_seed(0)
            model = fit.compiled(architecture.build(recipe, 4), phase, 12)
            stream = batches.training_batches(images, np.arange(32) % 4, recipe, 4, 0)
            losses.append(model.fit(stream, epochs=3, steps_per_epoch=4, verbose=0).history["loss"])
            assert fit.predict(model, images).shape == (32, 4)
    print(strategy.num_replicas_in_sync, np.abs(np.subtract(*losses)).max(), losses[0][0] - losses[0][-1])
"""


def test_two_devices_share_a_batch_and_train_as_one():
    result = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES], cwd=paths.ROOT, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    for line in result.stdout.splitlines():
        replicas, difference, learned = map(float, line.split())
        assert replicas == 2
        assert learned > 1e-3
        assert difference < 1e-4


def test_one_processor_is_used_as_it_is():
    assert runtime.strategy() is tf.distribute.get_strategy()
    assert runtime.dtype_policy() == "float32"


@pytest.mark.parametrize(
    ("option", "quota", "threads"), [("", 1, [1]), ("3", 1, [3]), ("", 0, [])], ids=["quota", "option", "neither"]
)
def test_threads_follow_the_option_else_the_quota_of_the_container(option, quota, threads, monkeypatch):
    limited = []
    monkeypatch.setattr(runtime, "limit_threads", limited.append)
    monkeypatch.setattr(provenance, "core_quota", lambda: quota)
    monkeypatch.setenv("TINYIMAGE_THREADS", option)
    runtime.apply_limits()
    assert limited == threads


@pytest.mark.parametrize(
    ("capabilities", "policy"),
    [([(8, 0)], "mixed_float16"), ([(8, 0), (6, 1)], "float32"), ([None], "float32")],
    ids=["new", "one is old", "unknown"],
)
def test_half_precision_needs_units_for_it_on_every_gpu(monkeypatch, capabilities, policy):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(range(len(capabilities))))
    details = [{"compute_capability": value} if value else {} for value in capabilities]
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details.__getitem__)
    assert runtime.dtype_policy() == policy
