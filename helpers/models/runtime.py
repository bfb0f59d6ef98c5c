"""Where, with how many threads and with which precision, networks are trained."""

import functools
from typing import Any

from helpers.core import provenance
from helpers.core.tensorflow import is_onednn_on, tf


def limit_threads(threads: int) -> None:
    """Let TensorFlow compute with so many threads in this process; to be called before it computes anything.

    Sums are divided among threads, so another number of them gives other last digits.

    Raises:
        RuntimeError: it has computed already, with another number.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def apply_limits() -> None:
    """Let TensorFlow compute with the threads that THREADS asks for, else with those that the container's quota allows.

    Raises:
        InputError: THREADS is no whole number from 1.
    """
    if n_threads := provenance.wanted_threads() or (provenance.cores() if provenance.core_quota() else 0):
        limit_threads(n_threads)


def threads() -> int:
    """Threads that TensorFlow divides an operation among: as `limit_threads` said, else one for each usable core."""
    return tf.config.threading.get_intra_op_parallelism_threads() or provenance.cores()


def n_gpus() -> int:
    """GPUs that TensorFlow sees."""
    return len(tf.config.list_physical_devices("GPU"))


def describe_gpus() -> str:
    """One line for a machine that has a GPU: whether it is used, and if not, what is missing."""
    if n := n_gpus():
        return f"Training on {n} GPU{'s' if n > 1 else ''}"
    return (
        "This machine has a GPU, and it is not used, since requirements.lock has TensorFlow without NVIDIA's libraries; "
        f"`.venv/bin/python -m pip install 'tensorflow[and-cuda]=={tf.__version__}'` adds them"
    )


@functools.cache
def strategy() -> tf.distribute.Strategy:
    """One copy of the network on each GPU where there are several; otherwise TensorFlow's only device.

    The same for all networks of a process: sums over devices are numbered by the strategy, and those of two would mix.
    """
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def hardware() -> str:
    """What a number was computed on: "AMD EPYC, 2 cores", and the GPUs with their precision where there are some."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return ", ".join([provenance.hardware(), *names, *([dtype_policy()] if gpus else [])])


def start_record() -> dict[str, Any]:
    """When and on what a training starts or is resumed: `utc`, `cpu`, `instruction_sets`, `threads`, `onednn`."""
    return {
        "utc": provenance.utc_now(),
        "cpu": provenance.cpu_model(),
        "instruction_sets": provenance.instruction_sets(),
        "threads": threads(),
        "onednn": is_onednn_on(),
    }


def dtype_policy() -> str:
    """Keras' name of the precision: half precision where every GPU has units for it, which processors have not.

    Source: https://www.tensorflow.org/guide/mixed_precision, "compute capability of at least 7.0".
    """
    gpus = tf.config.list_physical_devices("GPU")
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    return "mixed_float16" if capabilities and min(capabilities) >= (7, 0) else "float32"
