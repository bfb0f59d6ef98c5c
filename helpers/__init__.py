"""Shared code of the TinyImage report series. Modules import one way; README.md, section Layout, lists them."""

import os

# TensorFlow's remarks about missing GPUs would fill the notebooks; errors of ours are exceptions, not log lines.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
