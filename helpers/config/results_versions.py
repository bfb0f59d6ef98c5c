"""Versions of the parts that decide numbers. Raise one when the mathematics of its part changes, and only then.

A raised version gives a new key to every run, table and cache that the part decides, so that they are computed again; renaming,
moving and rewording code changes no key. `tests/test_golden.py` fails where numbers moved and a version was not raised.
A part that is not listed, such as a new model family, has version 1.
"""

RESULTS_VERSIONS: dict[str, int] = {
    "decoding": 1,  # data: from a file to pixels
    "demo": 2,  # data.demo: the drawn images
    "augmentation": 1,  # data.augment: random transforms and CutMix
    "batches": 1,  # data.batches: order and content of training batches
    "shallow_cnn": 1,  # models: the layers of each family, and what their builders share
    "deep_cnn": 1,
    "mobilenetv2": 1,
    "features": 1,  # models.features: activations of frozen layers
    "training": 1,  # training.fit: optimizers, loss, phases, evaluation
}

# Of the tables of small experiments, by the name that `Experiment.table` gets.
TABLE_VERSIONS: dict[str, int] = {
    "costs": 2,  # speed of predictions as a run makes them, by LiteRT where that pays
}


def versions_of(*parts: str) -> dict[str, int]:
    """The version of each part, by name."""
    return {part: RESULTS_VERSIONS.get(part, 1) for part in parts}


def table_versions(name: str) -> dict[str, int]:
    """The versions above 1 of a table and of the parts that small experiments use: all but the drawing of the demo.

    The drawn images are in the fingerprint of the data, so another drawing leaves the tables of real data as they are.
    """
    versions = RESULTS_VERSIONS | {"table": TABLE_VERSIONS.get(name, 1)}
    return {part: version for part, version in versions.items() if version > 1 and part != "demo"}
