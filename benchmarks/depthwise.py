"""Forms of a 3 x 3 depthwise convolution that compute the same.

MobileNetV2's last blocks, which its improved recipe trains among others, have one each. Here all of them have a stride of 1.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.measure import Work, timed
from helpers.core.tensorflow import tf

_MAPS = ((128, 10, 10, 576), (128, 5, 5, 960))  # what the blocks from 13 up convolve, at 160 px and 128 images a batch


def _own(maps: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.nn.depthwise_conv2d(maps, kernel, [1, 1, 1, 1], "SAME")


def _grouped(maps: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.nn.conv2d(maps, tf.transpose(kernel, [0, 1, 3, 2]), 1, "SAME")  # as many groups as channels


def _shifted(maps: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    height, width = maps.shape[1:3]
    padded = tf.pad(maps, [[0, 0], [1, 1], [1, 1], [0, 0]])
    parts = [padded[:, i : i + height, j : j + width] * kernel[i, j, :, 0] for i in range(3) for j in range(3)]
    return tf.add_n(parts)


FORMS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "depthwise": _own,
    "grouped": _grouped,
    "shifted": _shifted,
}


def gradients(form: str, shape: tuple[int, int, int, int]) -> Callable[[], list[tf.Tensor]]:
    """A function that convolves noise of a shape forward and back, and returns the gradients of maps and kernel.

    Args:
        form: a name in FORMS.
        shape: images, height, width, channels.
    """
    random = np.random.default_rng(0)
    maps = tf.constant(random.normal(size=shape), tf.float32)
    kernel = tf.constant(random.normal(size=(3, 3, shape[-1], 1)), tf.float32)

    @tf.function
    def step() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([maps, kernel])
            loss = tf.reduce_sum(FORMS[form](maps, kernel) ** 2)
        return tape.gradient(loss, [maps, kernel])

    return step


def training(form: str, n_steps: int) -> Work:
    """So many steps forward and back of the depthwise convolutions of MobileNetV2's last blocks."""
    steps = [gradients(form, shape) for shape in _MAPS]
    return timed(lambda: [gradient.numpy() for _ in range(n_steps) for step in steps for gradient in step()])
