"""The optimizer of a phase."""

from typing import Any

import keras

from helpers.config.recipes import Phase
from helpers.core.tensorflow import tf


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
    adamw: Any = KernelAdam(rate, weight_decay=phase.weight_decay)  # decoupled [Loshchilov 2019]: Keras' AdamW is this
    adamw.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return adamw


def learning_rate(phase: Phase, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The rate of a phase: constant, or a warm-up over the first twentieth of its steps and a cosine down to zero."""
    rate = phase.learning_rate
    if phase.schedule != "cosine":
        return rate
    warmup = max(1, steps // 20)
    return keras.optimizers.schedules.CosineDecay(
        rate / 100, max(1, steps - warmup), warmup_target=rate, warmup_steps=warmup
    )
