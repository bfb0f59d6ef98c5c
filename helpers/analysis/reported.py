"""What the report itself logged: its MobileNetV2 curves, and which weights changed while it trained."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from helpers.config.recipes import SPLIT_SEED
from helpers.config.report_facts import (
    REPORTED,
    REPORTED_SPLIT_CLASSES,
    REPORTED_SPLIT_PER_CLASS,
    REPORTED_SPLIT_SHARE,
)
from helpers.core import paths
from helpers.training import tensorboard


def curves() -> pd.DataFrame:
    """The report's logged MobileNetV2 run, one row an epoch.

    Returns:
        Columns `phase`, `epoch` (from 1 in each phase), `train_accuracy`, `train_loss`, `validation_accuracy`,
        `validation_loss`, `epoch_end_unix_s`.
    """
    return pd.read_csv(paths.REPORTED_CURVES)


def figure_curves(model: str) -> pd.DataFrame:
    """The curves of a network in the report's figures 2 and 3, read off the picture, one row an epoch.

    Args:
        model: "shallow_cnn", "shallow_cnn_l2" or "deep_cnn".

    Returns:
        Columns `epoch`, `train_accuracy`, `train_loss`, `validation_accuracy`, `validation_loss`; losses include penalties.
    """
    points = pd.read_csv(paths.FIGURE_CURVES).query("model == @model")
    curves = points.assign(column=points["part"] + "_" + points["metric"]).pivot_table(
        index="epoch", columns="column", values="value"
    )
    return curves[["train_accuracy", "train_loss", "validation_accuracy", "validation_loss"]].reset_index()


@dataclass(frozen=True)
class ReportedSplit:
    """The report's split, which is not stratified.

    Attributes:
        n_train, n_validation: images of each part.
        most_frequent: label of the most frequent class in training.
        in_train, in_validation: images of that class in each part.
    """

    n_train: int
    n_validation: int
    most_frequent: int
    in_train: int
    in_validation: int

    @property
    def constant_answer(self) -> float:
        """Validation accuracy of a network that always names the most frequent training class."""
        return self.in_validation / self.n_validation


def split() -> ReportedSplit:
    """The report's split, drawn again as its code draws it, from labels in class order."""
    labels = np.repeat(np.arange(REPORTED_SPLIT_CLASSES), REPORTED_SPLIT_PER_CLASS)
    parts = train_test_split(labels, test_size=REPORTED_SPLIT_SHARE, random_state=SPLIT_SEED)
    train, validation = (np.bincount(part) for part in parts)
    most = int(train.argmax())
    return ReportedSplit(int(train.sum()), int(validation.sum()), most, int(train[most]), int(validation[most]))


def submission_agreement() -> pd.DataFrame:
    """How often our submissions give the answer of the one in the report's repository; see `evaluations.submission_agreement`."""
    return pd.read_csv(paths.SUBMISSION_AGREEMENT)


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
    columns = {"accuracy": "epoch_accuracy", "loss": "epoch_loss"}
    sides = ("train", "validation")
    tensorboard.write_logs(
        folder, {side: pd.DataFrame({tag: frame[f"{side}_{name}"] for name, tag in columns.items()}) for side in sides}
    )
    return folder
