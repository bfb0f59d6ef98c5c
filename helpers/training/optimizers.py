"""The optimizer of a phase."""

from typing import Any

import keras

from helpers.config.recipes import Phase
from helpers.core.tensorflow import tf

_MUON_MOMENTUM = 0.95
_SIZE_OF_ADAM_STEPS = 0.2  # root mean square of what Adam moves a weight by, in learning rates


@keras.saving.register_keras_serializable("helpers")
class KernelAdam(keras.optimizers.Adam):
    """Adam [Kingma 2015] whose step is one kernel of TensorFlow a variable, where Keras has a dozen operations.

    The formula is the same, the rounding is not. On millions of dense weights the operations of Keras read and write memory
    several times over.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Update one variable and its two moments in place."""
        index = self._get_variable_index(variable)
        kind = variable.dtype
        step = tf.cast(self.iterations + 1, kind)
        beta_1, beta_2 = tf.constant(self.beta_1, kind), tf.constant(self.beta_2, kind)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=tf.cast(learning_rate, kind),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, kind),
            grad=tf.cast(gradient, kind),
        )


@keras.saving.register_keras_serializable("helpers")
class Muon(KernelAdam):
    """Muon [Jordan 2024] for the kernels of convolutions, Adam for all other variables.

    A step takes a kernel's momentum as a matrix, a column an output channel, and brings its singular values close to 1: it changes
    the kernel equally in all directions, where the gradient knows only a few. It is scaled to the size of Adam's steps
    [Liu 2025, arXiv 2502.16982], so that both share learning rate and weight decay. Keras' own Muon leaves convolutions to Adam.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Update one variable and its momentum in place."""
        if len(variable.shape) != 4:
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = tf.cast(gradient, variable.dtype)
        momentum = self._momentums[self._get_variable_index(variable)]
        self.assign(momentum, _MUON_MOMENTUM * momentum + gradient)
        ahead = tf.reshape(gradient + _MUON_MOMENTUM * momentum, (-1, variable.shape[-1]))  # Nesterov's
        step = orthogonalized(ahead) * (_SIZE_OF_ADAM_STEPS * max(ahead.shape) ** 0.5)
        self.assign_sub(variable, tf.cast(learning_rate, variable.dtype) * tf.reshape(step, variable.shape))


def orthogonalized(matrix: tf.Tensor) -> tf.Tensor:
    """A matrix with the singular vectors of the one given, and singular values between 0.7 and 1.2.

    Five steps of the Newton-Schulz iteration with the coefficients of [Jordan 2024], which reach that interval fastest. Singular
    values below a thousandth of the largest stay smaller.

    Args:
        matrix: float (m, n).
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = tf.transpose(matrix) if is_tall else matrix
    x = x / (tf.norm(x) + 1e-7)
    for _ in range(5):
        squares = tf.matmul(x, x, transpose_b=True)
        x = 3.4445 * x + tf.matmul(-4.7750 * squares + 2.0315 * tf.matmul(squares, squares), x)
    return tf.transpose(x) if is_tall else x


def optimizer(phase: Phase, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of a phase, with its schedule.

    Args:
        phase: optimizer, learning rate, schedule, momentum and weight decay.
        steps: in the whole phase, for the schedule.
    """
    rate = learning_rate(phase, steps)
    if phase.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=phase.momentum)
    if phase.optimizer == "adam":
        return KernelAdam(rate)
    # Decoupled weight decay [Loshchilov 2019]: Keras' AdamW is this.
    decayed: Any = {"adamw": KernelAdam, "muon": Muon}[phase.optimizer](rate, weight_decay=phase.weight_decay)
    decayed.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return decayed


def learning_rate(phase: Phase, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The rate of a phase: constant, or a warm-up over the first twentieth of its steps and a cosine down to zero."""
    rate = phase.learning_rate
    if phase.schedule != "cosine":
        return rate
    warmup = max(1, steps // 20)
    return keras.optimizers.schedules.CosineDecay(
        rate / 100, max(1, steps - warmup), warmup_target=rate, warmup_steps=warmup
    )
