"""Obtain the official Tiny ImageNet-200 archive. Nothing here runs unasked."""

from pathlib import Path

import pooch

from helpers.core.errors import InputError, first_line

OFFICIAL_URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
OFFICIAL_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"


def download_official(folder: Path, url: str = OFFICIAL_URL, md5: str = OFFICIAL_MD5) -> Path:
    """Download the archive, with progress, unless it is there already with the right content.

    A file appears only when complete and checked.

    Args:
        folder: where to put it.
        url: of the archive.
        md5: its expected hash.

    Returns:
        Path of the zip.

    Raises:
        InputError: it cannot be fetched, or is another file than expected.
    """
    name = url.rsplit("/", 1)[-1]
    try:
        return Path(pooch.retrieve(url, f"md5:{md5}", fname=name, path=folder, progressbar=True))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{url} could not be downloaded to {folder} ({first_line(error)}); try again later, or use the Kaggle archive "
            "(see data/README.md)."
        ) from error
