"""From a plan to a run folder."""

import helpers.core.tensorflow  # noqa: F401 - before any module here imports Keras, which loads TensorFlow
