"""Find the pretrained weights of MobileNetV2 that a run asks for, and say where they come from.

Weights are numbers in HDF5 and nothing else: files that can hold code (`.keras`, pickles) are not opened. The checksum of
a fetched file is written beside it at its first use and verified at every later one; a user who knows the hash
that a file should have names it with WEIGHTS_SHA256.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras

from helpers.config.demo_data import PRETRAINING
from helpers.core import paths, provenance, storage
from helpers.core.environment import NO_LOCKS
from helpers.core.errors import InputError, first_line

# The file that keras.applications.MobileNetV2(weights="imagenet", include_top=False) fetches at 224 px.
IMAGENET_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
)
_IMAGENET = "ImageNet (Keras)"


@dataclass(frozen=True)
class BaseWeights:
    """Weights for the MobileNetV2 part of a network.

    Attributes:
        origin: where they come from, for the results table.
        file: None for none.
        sha256: of the file; "" for none.
        width: multiplier alpha of the network that they fit.
    """

    origin: str
    file: Path | None
    sha256: str
    width: float


def find_weights(name: str, is_demo: bool, url: str = IMAGENET_URL) -> BaseWeights:
    """The weights that `WEIGHTS=` names.

    Args:
        name: path of a file, "imagenet", "none", or "" for the demo's own weights with the demo data and for
            "imagenet" with real data.
        is_demo: the data are the demo.
        url: where "imagenet" is fetched from.

    Raises:
        InputError: no such file, a file that does not fit or is not the one expected, or no way to fetch it.
    """
    if name == "none":
        return BaseWeights("none (random initialisation)", None, "", PRETRAINING.width if is_demo else 1.0)
    if name == "" and is_demo:
        origin = "this project's procedural pretraining"
        file, width = paths.DEMO_WEIGHTS, PRETRAINING.width
    elif name in ("", "imagenet"):
        origin, file, width = _IMAGENET, _fetch(url), 1.0
    else:
        file, width = paths.resolve(name), 1.0
        origin = f"file {file.name}"
    if not file.is_file():
        raise InputError(f"There is no weights file {file}; WEIGHTS must name one, or be `imagenet` or `none`.")
    try:
        sha256 = _checked_hash(file, was_fetched=origin == _IMAGENET)
    except PermissionError as error:
        raise InputError(
            f"{file} is a file that you may not read; make it readable, or name another one with WEIGHTS=<file>."
        ) from error
    _check_fit(file, width, was_fetched=origin == _IMAGENET)
    if origin == _IMAGENET and not storage.has_checksum(file):
        storage.write_checksum(file, sha256)
    return BaseWeights(origin, file, sha256, width)


def load_weights(base: keras.Model, file: Path) -> None:
    """Load a file of weights into a network.

    Keras chooses the format by the name of a file; here the content decides, so that a file may have any name. Keras reads a
    copy, since it would lock the file, which some network mounts refuse.

    Args:
        base: the network.
        file: weights in HDF5, in the format of Keras 3 or the one before.

    Raises:
        BlockingIOError: another program has the file open for writing.
        ValueError, OSError, KeyError: the file does not fit, or cannot be read.
    """
    with _opened(file) as content:
        is_older_format = "layer_names" in content.attrs or "model_weights" in content
    with tempfile.TemporaryDirectory() as folder:
        named_by_format = Path(folder) / ("base.h5" if is_older_format else "base.weights.h5")
        shutil.copyfile(file, named_by_format)
        base.load_weights(named_by_format)


def _opened(file: Path) -> h5py.File:
    """A file in HDF5, locked against writers where its mount has locks."""
    try:
        return h5py.File(file)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return h5py.File(file, locking=False)


def _fetch(url: str) -> Path:
    """The file in Keras' own cache, under the name that Keras gives it."""
    print(f"ImageNet weights of MobileNetV2 (9 MB): {url}", flush=True)
    try:
        return Path(keras.utils.get_file(url.rsplit("/", 1)[-1], url, cache_subdir="models"))
    except Exception as error:  # Keras raises a bare Exception here
        raise InputError(
            f"The ImageNet weights of MobileNetV2 cannot be fetched ({error}); name a file with WEIGHTS=<file>, or ask "
            "for a network without pretraining with WEIGHTS=none."
        ) from error


def _checked_hash(file: Path, was_fetched: bool) -> str:
    """SHA-256 of a weights file, compared with WEIGHTS_SHA256 and, for a fetched file, with that of its first use."""
    sha256 = provenance.file_hash(file)
    wanted = os.environ.get("TINYIMAGE_WEIGHTS_SHA256", "").strip().lower()
    if wanted and sha256 != wanted:
        raise InputError(
            f"{file} has the SHA-256 {sha256}, not {wanted} as WEIGHTS_SHA256 says; obtain the right file."
        )
    if was_fetched and storage.has_checksum(file) and not storage.is_intact(file):
        raise InputError(
            f"{file} has changed since it was used first: its SHA-256 is now {sha256} and was another; delete it and "
            f"{storage.checksum_file(file).name} beside it, and it is fetched again."
        )
    return sha256


def _check_fit(file: Path, width: float, was_fetched: bool) -> None:
    if not h5py.is_hdf5(file):
        _forget(file, was_fetched)
        raise InputError(
            f"{file} does not hold weights in HDF5, the only form that is read, since it cannot hold code; name another "
            "file with WEIGHTS=<file>."
        )
    base = keras.applications.MobileNetV2(input_shape=(224, 224, 3), include_top=False, weights=None, alpha=width)
    try:
        load_weights(base, file)
    except BlockingIOError as error:
        raise InputError(
            f"Another program has {file} open for writing; wait until it has closed the file, and call again."
        ) from error
    except (ValueError, OSError, KeyError) as error:
        _forget(file, was_fetched)
        raise InputError(
            f"{file} does not hold weights of MobileNetV2 (alpha {width}, without its classification layer): "
            f"{first_line(error)}; name another file with WEIGHTS=<file>."
        ) from error


def _forget(file: Path, was_fetched: bool) -> None:
    """Remove a damaged download, so that the next call fetches it again; a user's file is left as it is."""
    if was_fetched:
        file.unlink()
