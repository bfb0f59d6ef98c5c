"""What the report itself logged: its MobileNetV2 curves, and which weights changed while it trained."""

from pathlib import Path

import pandas as pd
import tensorflow as tf

from helpers import paths


def curves() -> pd.DataFrame:
    """The report's logged MobileNetV2 run, one row an epoch.

    Returns:
        Columns `phase`, `epoch` (from 1 in each phase), `train_accuracy`, `train_loss`, `validation_accuracy`,
        `validation_loss`, `epoch_end_unix_s`.
    """
    return pd.read_csv(paths.REPORTED_CURVES)


def logged_weights() -> pd.DataFrame:
    """How many different histograms each weight tensor of that run has over its ten epochs.

    Returns:
        Columns `tensor`, `epochs_logged`, `distinct_histograms`, `changed`.
    """
    frame = pd.read_csv(paths.LOGGED_WEIGHTS)
    return frame.assign(changed=frame["distinct_histograms"] > 1)


def write_tensorboard(folder: Path) -> Path:
    """Write the logged curves as TensorBoard logs, in the form that Keras writes those of a run.

    Args:
        folder: parent of the logs; what is in its `train` and `validation` is replaced.

    Returns:
        The folder.
    """
    frame = curves()
    for side in ("train", "validation"):
        for old in (folder / side).glob("events*"):
            old.unlink()
        writer = tf.summary.create_file_writer(str(folder / side))
        with writer.as_default():
            for step, row in enumerate(frame.to_dict("records")):
                tf.summary.scalar("epoch_accuracy", row[f"{side}_accuracy"], step)
                tf.summary.scalar("epoch_loss", row[f"{side}_loss"], step)
        writer.close()
    return folder
