"""TensorFlow, loaded without its messages about missing GPUs. Import `tf` from here, never `tensorflow` itself.

TensorFlow 2.21 writes some messages before it reads its own log level; they would stand in every notebook and error. Standard
error is therefore closed to it while it loads; real problems are still raised as exceptions.
"""

import os
from types import ModuleType


def _load_quietly() -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        import tensorflow
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        os.close(silence)
    # Every run builds its own network, so functions are traced again on purpose.
    tensorflow.get_logger().setLevel("ERROR")
    return tensorflow


tf = _load_quietly()
