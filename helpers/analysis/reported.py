"""What the report itself logged: its MobileNetV2 curves, and which weights changed while it trained."""

from pathlib import Path

import pandas as pd

from helpers.config.report_facts import REPORTED
from helpers.core import paths
from helpers.core.tensorflow import tf


def curves() -> pd.DataFrame:
    """The report's logged MobileNetV2 run, one row an epoch.

    Returns:
        Columns `phase`, `epoch` (from 1 in each phase), `train_accuracy`, `train_loss`, `validation_accuracy`,
        `validation_loss`, `epoch_end_unix_s`.
    """
    return pd.read_csv(paths.REPORTED_CURVES)


def epoch_seconds() -> pd.Series:
    """Seconds of each epoch of that run, float (10,): between the ends of epochs, the first from the known total."""
    ends = curves()["epoch_end_unix_s"]
    seconds = ends.diff()
    return seconds.fillna(REPORTED["mobilenetv2"].seconds - (ends.iloc[-1] - ends.iloc[0]))


def logged_weights() -> pd.DataFrame:
    """How many different histograms each weight tensor of that run has over its ten epochs.

    Returns:
        Columns `tensor`, `epochs_logged`, `distinct_histograms`, `changed`, `part` (pretrained base or new head),
        in the order from the image to the classes.
    """
    frame = pd.read_csv(paths.LOGGED_WEIGHTS)
    is_head = frame["tensor"].str.split("/").str[0].isin(["conv2d", "batch_normalization", "dense"])
    part = is_head.map({True: "new head", False: "pretrained base"})
    return frame.assign(changed=frame["distinct_histograms"] > 1, part=part)


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
