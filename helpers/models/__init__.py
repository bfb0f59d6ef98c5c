"""The three families of networks, and how they are built, cut, loaded and run."""

import helpers.core.tensorflow  # noqa: F401 - before any module here imports Keras, which loads TensorFlow
