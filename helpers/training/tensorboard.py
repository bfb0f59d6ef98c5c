"""TensorBoard logs written from tables of epochs, in the form of Keras' callback."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from helpers.core.tensorflow import tf


def write_logs(folder: Path, curves: Mapping[str, pd.DataFrame]) -> None:
    """Replace the logs of a folder.

    Args:
        folder: parent of the logs.
        curves: for `train` and `validation`, one row an epoch and a column for each tag, such as `epoch_loss`.
    """
    for side, frame in curves.items():
        for old in (folder / side).glob("events*"):
            old.unlink()
        if frame.empty:
            continue
        writer = tf.summary.create_file_writer(str(folder / side))
        with writer.as_default():
            for step, row in enumerate(frame.to_dict("records")):
                for tag, value in row.items():
                    tf.summary.scalar(tag, value, step)
        writer.close()
