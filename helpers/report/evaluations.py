"""What leaves a run for others: its submission, and a line in the log of test evaluations."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from helpers.core import storage
from helpers.training.metrics import accuracy_interval
from helpers.training.runs import Run

_LOG = "test_evaluations.csv"

_LOG_COLUMNS = (
    "utc",
    "model",
    "recipe",
    "seed",
    "validation_accuracy",
    "accuracy",
    "key",
    "code_version",
    "data_fingerprint",
)


def submission_file(folder: Path, run: Run) -> Path:
    """Where the submission of a run's recipe is in the profile's figures: `submission_<model>_<recipe>.csv`."""
    return folder / f"submission_{run.model}_{run.recipe}.csv"


def write_submission(folder: Path, run: Run, names: Sequence[str]) -> Path:
    """Write the most probable class of every unlabelled image, in the order of the source's sample.

    Args:
        folder: of the profile's figures.
        run: a finished run with `unlabelled_probabilities`.
        names: of the images.

    Returns:
        The file, columns `img_id`, `label`; see `submission_file`.
    """
    labels = run.predicted("unlabelled")
    file = submission_file(folder, run)
    folder.mkdir(parents=True, exist_ok=True)
    with storage.replacing(file) as partial:
        pd.DataFrame({"img_id": list(names), "label": labels}).to_csv(partial, index=False, lineterminator="\n")
    return file


def submission_agreement(reference: Path, folder: Path) -> pd.DataFrame:
    """How often the submissions of a folder give the answer of another submission.

    Args:
        reference: a file as `write_submission` writes them, such as the report's `submission.csv`.
        folder: of the profile's figures.

    Returns:
        One row a submission, the nearest first: `submission`, `n` (images that both answer), `agreement` and its interval `low`, `high`.
    """
    answers = pd.read_csv(reference).set_index("img_id")["label"]
    rows = []
    for file in folder.glob("submission_*.csv"):
        both = pd.concat([answers, pd.read_csv(file).set_index("img_id")["label"]], axis=1, join="inner")
        agreement = float((both.iloc[:, 0] == both.iloc[:, 1]).mean())
        name = file.stem.removeprefix("submission_")
        rows.append((name, len(both), agreement, *accuracy_interval(agreement, len(both))))
    table = pd.DataFrame(rows, columns=["submission", "n", "agreement", "low", "high"])
    return table.sort_values("agreement", ascending=False, ignore_index=True)


def log_test_evaluation(folder: Path, run: Run) -> None:
    """Add a line to `test_evaluations.csv`, where the run has none yet: every look at the test set leaves one."""
    folder.mkdir(parents=True, exist_ok=True)
    look = [run.finished, run.model, run.recipe, run.seed]
    look += [run.result(split)["accuracy"] for split in ("validation", "test")]
    look += [run.key, run.code_version, run.config["data_fingerprint"]]
    new = dict(zip(_LOG_COLUMNS, map(str, look), strict=True))
    with storage.locked(folder / ".evaluations.lock"):  # notebooks side by side add to one log
        looks = _read_log(folder)
        if (looks[["utc", "key"]] == [new["utc"], new["key"]]).all(axis=1).any():
            return
        with storage.replacing(folder / _LOG) as partial:
            pd.concat([looks, pd.DataFrame([new])]).to_csv(partial, index=False)


def count_test_evaluations(folder: Path, run: Run) -> int:
    """How many runs of this one's recipe and seed were judged on test of its data, itself with them; see `log_test_evaluation`."""
    this = {"model": run.model, "recipe": run.recipe, "seed": str(run.seed)}
    this["data_fingerprint"] = run.config["data_fingerprint"]
    return max(1, int((_read_log(folder)[list(this)] == list(this.values())).all(axis=1).sum()))


def spread_of_retraining(folder: Path) -> tuple[int, float]:
    """How far test accuracy moves when a run of one key is trained again, on another machine or by newer code.

    Returns:
        How many keys were trained more than once, and the largest difference between two runs of one key, a fraction.
    """
    looks = _read_log(folder)
    by_key = looks["accuracy"].astype(float).groupby(looks["key"])
    differences = (by_key.max() - by_key.min())[by_key.size() > 1]
    return len(differences), float(differences.max()) if len(differences) else 0.0


def _read_log(folder: Path) -> pd.DataFrame:
    """The log of looks at the test set, as text; columns that an older version did not write are empty."""
    file = folder / _LOG
    empty = pd.DataFrame(columns=list(_LOG_COLUMNS), dtype=str)
    if not file.exists():
        return empty
    return pd.read_csv(file, dtype=str, keep_default_na=False).reindex(columns=empty.columns, fill_value="")
