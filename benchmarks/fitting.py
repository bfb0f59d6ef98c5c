"""`fit`, timed from its first step to its last."""

import time
from collections.abc import Callable

import keras


def timed_fit(model: keras.Model, stream: object, n_steps: int) -> Callable[[], float]:
    """A training of so many steps as one that returns its seconds.

    Args:
        model: compiled.
        stream: endless batches.
        n_steps: in each call.
    """

    def train() -> float:
        clock = _Clock()
        model.fit(stream, steps_per_epoch=n_steps, verbose=0, shuffle=False, callbacks=[clock])
        return clock.seconds

    return train


class _Clock(keras.callbacks.Callback):
    """Times the steps of a `fit`.

    What comes after the last step says nothing about a way: tf.data lets go of a stream when the thread that tunes it wakes,
    and that sleeps in periods that double, so that `fit` of 30 s may end after 41 s.
    """

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.seconds = time.perf_counter() - self.start
