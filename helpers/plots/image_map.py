"""The map of images by their features, with the places of related classes by name."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox
from scipy.spatial import cKDTree

from helpers.data import wordnet
from helpers.plots.labels import lay_out
from helpers.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, PINK, Plot, headline, new_figure, theme

_COARSE, _FINE = 6, 40  # groups that share a colour, and groups that may be named
_AROUND = 0.05  # of the map's width: what is around an image
_LEAST_SHARE = 0.5  # of the images around, which a group that is named has there
_GROUPS = "Colours and marks are groups of related classes in the tree of concepts; names stand where the images of smaller groups lie densest. "
_LOOKS = tuple(zip((BLUE, ORANGE, GREEN, PINK, INK, GREY), "o^sDvP", strict=True))


def embedding_map(
    places: np.ndarray, labels: np.ndarray, tree: Sequence[wordnet.ConceptPath] | None, source: str
) -> Plot:
    """Images as points, like ones together; groups of related classes in colour, named where their images lie densest.

    Args:
        places: float (n, 2).
        labels: integer (n,).
        tree: of `wordnet.class_paths`; None where no relation is known.
        source: what the images are.
    """
    groups = np.array(wordnet.group_of_each(tree, _COARSE) if tree else ["image"] * (labels.max() + 1))[labels]
    finding = _neighbours(places, labels, groups)
    with theme():
        figure, axis = new_figure(PAGE, 5.2)
        for name, (colour, marker) in zip(dict.fromkeys(sorted(groups)), _LOOKS, strict=False):
            axis.scatter(
                *places[groups == name].T, s=5, color=colour, marker=marker, linewidths=0, label=name, zorder=0
            )
        axis.set_rasterization_zorder(1)  # thousands of points make a large vector file
        if tree:
            _name_groups(axis, places, labels, tree)
        axis.set(xticks=[], yticks=[])
        axis.axis("off")
        axis.legend(loc="upper left", bbox_to_anchor=(0, 0), ncols=3, markerscale=2, handletextpad=0.1)
        headline(figure, finding, f"{source}, {len(places):,} training images")
    listed = f"The groups are {', '.join(sorted(set(groups)))}." if tree else ""
    return Plot(
        figure,
        f"Map of images by t-SNE of frozen MobileNetV2 features ({source}). {_GROUPS if tree else ''}Distances between far places mean "
        "little.",
        f"{finding}. {listed}".strip(),
    )


def _name_groups(axis: Axes, places: np.ndarray, labels: np.ndarray, tree: Sequence[wordnet.ConceptPath]) -> None:
    """Names of groups where most images around are of the group; the densest first, none over another."""
    coarse, fine = wordnet.group_of_each(tree, _COARSE), wordnet.group_of_each(tree, _FINE)
    colours = {name: look[0] for name, look in zip(sorted(set(coarse)), _LOOKS, strict=False)}
    radius, everywhere, found = _AROUND * np.ptp(places, axis=0).mean(), cKDTree(places), []
    for name in dict.fromkeys(fine):
        members = [label for label, group in enumerate(fine) if group == name]
        members_places = places[np.isin(labels, members)]
        if not len(members_places):
            continue
        near = max(cKDTree(members_places).query_ball_point(members_places, radius), key=len)
        centre = members_places[near].mean(axis=0)
        share = len(near) / max(len(everywhere.query_ball_point(centre, radius)), 1)
        if share > _LEAST_SHARE:
            found.append((len(near), name, centre, colours[coarse[members[0]]]))
    lay_out(axis)
    taken: list[Bbox] = []
    for _, name, (x, y), colour in sorted(found, key=lambda group: -group[0]):
        text = axis.text(
            x, y, name, ha="center", va="center", fontsize=8, weight="bold", color=colour,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8},
        )  # fmt: skip
        text.set_in_layout(False)
        extent = text.get_window_extent().padded(1)
        if any(extent.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(extent)


def _neighbours(places: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> str:
    """How often the nearest image on the map is of the same class and of the same group, beside chance."""
    nearest = cKDTree(places).query(places, k=2)[1][:, 1]
    same_class, same_group = ((values == values[nearest]).mean() for values in (labels, groups))
    shares = np.unique(groups, return_counts=True)[1] / len(groups)
    by_group = (
        f", and of the same group in {same_group:.0%} ({(shares**2).sum():.0%} at random)" if len(shares) > 1 else ""
    )
    return f"The nearest image on the map is of the same class in {same_class:.0%} of the cases{by_group}"
