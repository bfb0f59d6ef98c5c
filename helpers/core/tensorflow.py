"""TensorFlow, loaded without its messages about missing GPUs. Import `tf` from here, never `tensorflow` itself.

TensorFlow 2.21 writes some messages before it reads its own log level; they would stand in every notebook and error. Standard
error is therefore closed to it while it loads; real problems are still raised as exceptions.

oneDNN is on wherever the processor has AVX2. TensorFlow's own default is on with AVX-512 and off without, where training steps
are 1.1 to 1.9 times as fast with it. It changes last digits only, so it is not part of a run's key; `run.json` records it.
TF_ENABLE_ONEDNN_OPTS in the environment wins.
"""

import os
from types import ModuleType
from typing import TYPE_CHECKING

from helpers.core import provenance
from helpers.core.silence import silenced

ONEDNN_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"


def enable_onednn() -> None:
    """Switch oneDNN on where the processor has AVX2 and the user has not chosen; TensorFlow reads this as it loads."""
    if "avx2" in provenance.instruction_sets():
        os.environ.setdefault(ONEDNN_VARIABLE, "1")


def is_onednn_on() -> bool | None:
    """Whether oneDNN computes, as the environment says; None where it is left to TensorFlow, as on other processors."""
    setting = os.environ.get(ONEDNN_VARIABLE, "").lower()
    return setting in ("1", "true") if setting else None


def _load() -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    enable_onednn()
    with silenced():
        import tensorflow
    # Every run builds its own network, so functions are traced again on purpose.
    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = _load()
