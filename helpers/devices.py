"""Where, and with which precision, networks are trained."""

import tensorflow as tf


def strategy() -> tf.distribute.Strategy:
    """One copy of the network on each GPU where there are several; otherwise TensorFlow's only device."""
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def dtype_policy() -> str:
    """Keras' name of the precision: half precision where every GPU has units for it, which processors have not.

    Source: https://www.tensorflow.org/guide/mixed_precision, "compute capability of at least 7.0".
    """
    gpus = tf.config.list_physical_devices("GPU")
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    return "mixed_float16" if capabilities and min(capabilities) >= (7, 0) else "float32"
