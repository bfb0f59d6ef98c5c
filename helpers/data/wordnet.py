"""How far classes lie apart in a tree of concepts: WordNet's for photographs, the generator's own for the demo.

`python -m helpers.data.wordnet <folder of WordNet 3.0> <wnids.txt>` makes `data/wordnet_hypernyms.csv` again.
"""

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from helpers.core import paths
from helpers.data.dataset import Dataset

TABLE = paths.DATA / "wordnet_hypernyms.csv"

# From a class up to the root, by names.
ConceptPath = tuple[str, ...]


def class_paths(dataset: Dataset) -> list[ConceptPath] | None:
    """For each class its concepts, from the class itself up to the root.

    Args:
        dataset: its wnids, or for the demo its class names, are looked up.

    Returns:
        A path for each label; None where a class stands in no known tree.
    """
    if dataset.is_demo:
        return [_demo_path(name) for name in dataset.class_names]
    table = pd.read_csv(TABLE).set_index("wnid")
    if not set(dataset.wnids) <= set(table.index):
        return None
    parents = table["parent"].dropna().to_dict()
    return [tuple(_upwards(wnid, parents)) for wnid in dataset.wnids]


def distances(class_paths: Sequence[ConceptPath]) -> np.ndarray:
    """One minus the similarity of Wu and Palmer (1994): 0 for the same class, near 1 where only the root is shared.

    The similarity of two concepts is twice the depth of their lowest common ancestor over the sum of their own depths,
    the root having depth 1.

    Args:
        class_paths: of `class_paths`.

    Returns:
        float64 (n_classes, n_classes), symmetric.
    """
    n = len(class_paths)
    result = np.zeros((n, n))
    for i, first in enumerate(class_paths):
        above = set(first)
        for j, second in enumerate(class_paths[:i]):
            shared = sum(concept in above for concept in second)  # all from the lowest common one up to the root
            result[i, j] = result[j, i] = 1 - 2 * shared / (len(first) + len(second))
    return result


def order(distance: np.ndarray) -> np.ndarray:
    """Labels in an order that keeps near classes together: the leaves of an average-linkage clustering.

    Args:
        distance: of `distances`.

    Returns:
        int64 (n_classes,), a permutation.
    """
    return leaves_list(_clustering(distance)).astype(np.int64)


def groups(class_paths: Sequence[ConceptPath], most: int = 6) -> list[tuple[str, int]]:
    """The classes in their `order`, cut into groups of related ones.

    Args:
        class_paths: of `class_paths`.
        most: clusters to cut into; neighbours that share their name are one group.

    Returns:
        For each group the name of the nearest concept above all of its classes, with "other" before it where that is above
        another group as well, and how many classes it has.
    """
    clustering = _clustering(distances(class_paths))
    clusters = fcluster(clustering, most, "maxclust")
    names = pd.read_csv(TABLE).set_index("wnid")["name"].to_dict()
    members = {cluster: np.flatnonzero(clusters == cluster).tolist() for cluster in set(clusters)}
    shared = {cluster: _nearest_shared(class_paths, found) for cluster, found in members.items()}

    def name(cluster: int) -> str:
        concept = shared[cluster]
        others = [found for other, found in members.items() if shared[other] != concept]
        is_above = any(all(concept in class_paths[place] for place in found) for found in others)
        return ("other " if is_above else "") + names.get(concept, concept)

    in_order = [name(cluster) for cluster in clusters[leaves_list(clustering)]]
    return [(words, len(list(found))) for words, found in groupby(in_order)]


def group_of_each(class_paths: Sequence[ConceptPath], most: int = 6) -> list[str]:
    """The name of the group in `groups` that each class belongs to, by label.

    Args:
        class_paths: of `class_paths`.
        most: clusters to cut into, as in `groups`.
    """
    in_order = [name for name, size in groups(class_paths, most) for _ in range(size)]
    names = dict(zip(order(distances(class_paths)).tolist(), in_order, strict=True))
    return [names[label] for label in range(len(class_paths))]


def severity(predicted: np.ndarray, labels: np.ndarray, distance: np.ndarray) -> dict[str, float]:
    """How far from the truth the mistakes of a classifier lie, beside mistakes made blindly.

    Args:
        predicted: integer (n,).
        labels: integer (n,).
        distance: of `distances`.

    Returns:
        `mistakes` (their number), `mean_distance`, `low` and `high` (95 % interval of that mean, by the normal distribution),
        `blind_distance`: the mean if each mistake fell on any other class equally often. Means are nan without mistakes, the
        interval with fewer than two.
    """
    wrong = predicted != labels
    distances_of_mistakes = distance[labels[wrong], predicted[wrong]]
    random_distances = distance[labels[wrong]].sum(axis=1) / (len(distance) - 1)
    mean = distances_of_mistakes.mean() if len(distances_of_mistakes) else np.nan
    half_width = stats.norm.ppf(0.975) * stats.sem(distances_of_mistakes) if len(distances_of_mistakes) > 1 else np.nan
    return {
        "mistakes": len(distances_of_mistakes),
        "mean_distance": float(mean),
        "low": float(mean - half_width),
        "high": float(mean + half_width),
        "blind_distance": float(random_distances.mean()) if len(distances_of_mistakes) else float("nan"),
    }


def read_wordnet(folder: Path, wnids: Sequence[str]) -> pd.DataFrame:
    """All concepts above some nouns, from the files of WordNet 3.0, whose offsets the wnids are.

    Where a concept has several parents, the first that the file names is followed.

    Args:
        folder: with `data.noun` in it, as Debian's package `wordnet-base` installs it.
        wnids: "n" and eight digits each.

    Returns:
        Columns `wnid`, `parent` (nan for the root), `name` (first lemma), sorted by wnid.
    """
    lines = (folder / "data.noun").read_bytes().splitlines()
    entries = {line[:8].decode(): line.decode() for line in lines if line[:1].isdigit()}
    concepts: dict[str, tuple[str | None, str]] = {}
    waiting = [wnid.removeprefix("n") for wnid in wnids]
    while waiting:
        offset = waiting.pop()
        if f"n{offset}" in concepts:
            continue
        fields = entries[offset].split(" | ")[0].split()
        parents = [fields[i + 1] for i, field in enumerate(fields) if field in ("@", "@i")]
        concepts[f"n{offset}"] = (f"n{parents[0]}" if parents else None, fields[4].replace("_", " "))
        waiting += parents[:1]
    rows = [(wnid, *concepts[wnid]) for wnid in sorted(concepts)]
    return pd.DataFrame(rows, columns=["wnid", "parent", "name"])


def _clustering(distance: np.ndarray) -> np.ndarray:
    return linkage(squareform(distance, checks=False), "average", optimal_ordering=True)


def _nearest_shared(class_paths: Sequence[ConceptPath], labels: Sequence[int]) -> str:
    above = set(class_paths[labels[0]]).intersection(*(class_paths[label] for label in labels))
    return next(concept for concept in class_paths[labels[0]] if concept in above)


def _upwards(concept: str, parents: dict[str, str]) -> list[str]:
    path = [concept]
    while path[-1] in parents:
        path.append(parents[path[-1]])
    return path


def _demo_path(name: str) -> ConceptPath:
    """From "violet and azure dotted star with five points": the outline, its corners and its texture above the class."""
    look, corners = name.split(" with ")
    texture, outline = look.split()[-2:]
    corners = " ".join(corners.split()[:2])
    return name, f"{texture} {outline} with {corners}", f"{outline} with {corners}", outline, "object"


if __name__ == "__main__":
    wordnet, classes = map(Path, sys.argv[1:])
    read_wordnet(wordnet, classes.read_text().split()).to_csv(TABLE, index=False, lineterminator="\n")
