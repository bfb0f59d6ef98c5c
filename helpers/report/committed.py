"""Protects the committed results on real data from those of other data."""

import csv
from pathlib import Path

from helpers.core import paths
from helpers.core.errors import InputError


def check_output(folder: Path, data_fingerprint: str, committed: Path = paths.FIGURES / "full") -> None:
    """Make sure that results on these data may be written to a folder.

    Args:
        folder: of figures and tables.
        data_fingerprint: of the data.
        committed: the folder whose results are committed.

    Raises:
        InputError: it is that folder, and its results are of other data.
    """
    results = committed / "results.csv"
    if folder.resolve() != committed.resolve() or not results.exists():
        return
    with results.open(newline="") as file:
        fingerprints = {row["data_fingerprint"] for row in csv.DictReader(file)}
    if fingerprints and data_fingerprint not in fingerprints:
        raise InputError(
            f"{paths.shown(committed)} holds results on other data (fingerprint {', '.join(sorted(fingerprints))}, these "
            f"have {data_fingerprint}); name another folder with OUTPUT=<folder>."
        )
