"""Keys of results: a hash of plain data that decides a number. Needs only Python, and every Python gives the same key."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass

from helpers.core.provenance import digest


def plain(value: object) -> object:
    """A setting as plain data in which only what differs from a field's default stands.

    A field that a dataclass gains later, with a default that changes nothing, therefore changes no key. A whole number is the
    same as int and as float.

    Args:
        value: numbers, strings, None, dataclasses, and lists, tuples and mappings of these.
    """
    if is_dataclass(value):
        defaults = {field.name: field.default for field in fields(value)}
        values = {name: getattr(value, name) for name in defaults}
        return {
            name: plain(item) for name, item in values.items() if defaults[name] is MISSING or item != defaults[name]
        }
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def run_key(
    recipe: object,
    augmentation: object,
    seed: int,
    data_fingerprint: str,
    split_fingerprint: str,
    weights_sha256: str,
    packages: Mapping[str, str],
    results_versions: Mapping[str, int],
) -> str:
    """Key of a training run, 16 hexadecimal digits.

    Source text, Python, the git commit and the versions of other packages are no part of it. Nor are the number of threads and
    oneDNN, which change last digits only; `run.json` records both.

    Args:
        recipe: a `Recipe`, resolved for the profile and the weights.
        augmentation: the `Augmentation` that it names.
        seed: of initialisation, order and augmentation.
        data_fingerprint: of the source of the images.
        split_fingerprint: of what each image is for.
        weights_sha256: of pretrained weights; "" without.
        packages: versions of TensorFlow and Keras.
        results_versions: of the parts that decide this run, by name.
    """
    inputs = [data_fingerprint, split_fingerprint, weights_sha256]
    return digest([plain(recipe), plain(augmentation), seed, inputs, packages, results_versions])


def table_key(
    settings: Mapping[str, object],
    weights_sha256: str,
    packages: Mapping[str, str],
    results_versions: Mapping[str, int],
) -> str:
    """Key of the table of a small experiment, 16 hexadecimal digits.

    Args:
        settings: plain values and dataclasses that decide the table, by name.
        weights_sha256: of pretrained weights; "" without.
        packages: versions of TensorFlow and Keras.
        results_versions: versions above 1, by part.
    """
    return digest([plain(settings), weights_sha256, packages, results_versions])
