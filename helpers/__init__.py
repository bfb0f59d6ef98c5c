"""Shared code of the TinyImage report series. Modules import one way; README.md, section Layout, lists them."""

import os


def _import_tensorflow_quietly() -> None:
    """Load TensorFlow without its remarks about missing GPUs, which would stand in every notebook and error.

    TensorFlow 2.21 writes some of them before it reads its own log level, so standard error is closed to it meanwhile. What
    goes wrong is raised as an exception all the same.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        import tensorflow as tf
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
    # Every run has networks of its own, so functions are traced anew on purpose.
    tf.get_logger().setLevel("ERROR")


_import_tensorflow_quietly()
