"""What runs and data show: calibration, probes, label errors, attribution, cost."""

import helpers.core.tensorflow  # noqa: F401 - before any module here imports Keras, which loads TensorFlow
