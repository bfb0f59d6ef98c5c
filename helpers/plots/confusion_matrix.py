"""The figure of which class is taken for which."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from helpers.analysis import comparison
from helpers.analysis.comparison import RelatedConfusion
from helpers.plots.layout import short
from helpers.plots.style import FAINT, INK, LIGHT, ORANGE, PAGE, Plot, headline, new_figure, theme

_NAMED = 8  # pairs
_MAP = "Blues"


def confusion(related: RelatedConfusion, run_name: str, source: str) -> Plot:
    """The confusion matrix in logarithmic counts on white, with the most confused pairs by name and an inset by group.

    Args:
        related: of `comparison.confusion_by_relation`.
        run_name: whose mistakes.
        source: what was evaluated.
    """
    counts, n = related.counts, related.counts.sum()
    names = [f"{place}" for place in range(len(counts))]  # two classes may share a name
    pairs = comparison.confused_pairs(counts, names, _NAMED)
    finding = f"{run_name}: {_mistakes(related)}"
    with theme():
        figure = new_figure(PAGE, 6.8, 1, 1)[0]
        figure.clear()
        grid = figure.add_gridspec(2, 2, width_ratios=[1.8, 1], height_ratios=[2.5, 1])
        axis, listed = figure.add_subplot(grid[0, :]), figure.add_subplot(grid[1, 0])
        _draw_counts(axis, related)
        _list_pairs(axis, listed, pairs, related.class_names)
        inset = figure.add_subplot(grid[1, 1])
        if len(related.groups) > 1:
            _draw_groups(inset, related)
        else:
            inset.axis("off")
        headline(figure, finding, f"{source}, {n:,} test images")
    named = "; ".join(
        f"{related.class_names[int(row.first)]} and {related.class_names[int(row.second)]} ({row.mistakes})"
        for row in pairs.itertuples()
    )
    by_group = (
        " Lower right: the same by group of related classes, as the share of a group's images (in per cent; diagonal: predicted "
        "within the group)."
        if len(related.groups) > 1
        else ""
    )
    return Plot(
        figure,
        f"Predicted classes by true class, in images, on a logarithmic scale; white is none, the diagonal is correct: {run_name} "
        f"({source}). Circled: the pairs that are taken for each other most often, in both directions.{by_group}",
        f"{np.trace(counts) / n:.1%} of the images lie on the diagonal. {finding}. Most confused: {named or 'none'}.",
    )


def _draw_counts(axis: Axes, related: RelatedConfusion) -> None:
    counts = related.counts
    picture = axis.imshow(
        np.ma.masked_equal(counts, 0),
        cmap=_MAP,
        norm=LogNorm(0.3, max(counts.max(), 2)),  # one image is seen as well
        interpolation="nearest",
    )
    axis.set(xlabel="predicted class", ylabel="true class", xticks=[])
    ends = np.cumsum([size for _, size in related.groups])
    middles = [end - size / 2 - 0.5 for (_, size), end in zip(related.groups, ends, strict=True)]
    axis.set_yticks(middles, [name.replace(" ", "\n") for name, _ in related.groups], fontsize=7)
    axis.tick_params(length=0)
    for end in ends[:-1] - 0.5:
        axis.axhline(end, color=LIGHT, linewidth=0.6)
        axis.axvline(end, color=LIGHT, linewidth=0.6)
    bar = axis.figure.colorbar(picture, ax=axis, shrink=0.5, aspect=25, pad=0.02)
    bar.set_ticks([tick for tick in (1, 2, 5, 10, 20, 50, 100, 1000) if tick <= counts.max()])
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.ax.minorticks_off()
    bar.set_label("images")


def _list_pairs(axis: Axes, listed: Axes, pairs: pd.DataFrame, class_names: list[str]) -> None:
    """Number the pairs in the matrix, and name them beside it."""
    listed.axis("off")
    listed.text(0, 1.02, "Most confused pairs", va="top", weight="bold")
    for place, row in enumerate(pairs.itertuples(), start=1):
        first, second = int(row.first), int(row.second)
        axis.plot(
            [second, first], [first, second], "o", color=ORANGE, fillstyle="none", markersize=6, markeredgewidth=0.9
        )
        axis.annotate(
            str(place), (second, first), (4, 3), textcoords="offset points", fontsize=7, color=ORANGE, weight="bold"
        )
        words = f"{place}  {short(class_names[first], 16)} / {short(class_names[second], 16)}: {row.mistakes}"
        listed.text(0, 1 - 0.115 * place, words, va="top", fontsize=7.5)


def _draw_groups(axis: Axes, related: RelatedConfusion) -> None:
    """The matrix summed over groups, as shares of the images of each."""
    ends = np.cumsum([size for _, size in related.groups])
    starts = np.concatenate([[0], ends[:-1]])
    summed = np.add.reduceat(np.add.reduceat(related.counts, starts, axis=0), starts, axis=1)
    shares = summed / np.maximum(summed.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap=_MAP, vmin=0, vmax=1, interpolation="nearest")
    for (row, column), value in np.ndenumerate(shares):
        axis.text(
            column,
            row,
            f"{100 * value:.0f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if value > 0.5 else INK if value >= 0.005 else FAINT,
        )
    names = [name for name, _ in related.groups]
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.set_title("by group, % of its images", fontsize=8, loc="left")


def _mistakes(related: RelatedConfusion) -> str:
    """How many mistakes stay within their group of classes, beside mistakes at random."""
    counts, sizes = related.counts, [size for _, size in related.groups]
    wrong = counts.sum() - np.trace(counts)
    if len(sizes) < 2 or not wrong:
        return f"{np.trace(counts) / counts.sum():.1%} of the images are right"
    group = np.repeat(np.arange(len(sizes)), sizes)
    is_inside = group[:, None] == group
    inside = counts[is_inside].sum() - np.trace(counts)
    mistakes = counts.sum(axis=1) - np.diag(counts)
    blind = (mistakes * (is_inside.sum(axis=1) - 1)).sum() / (len(counts) - 1)
    return (
        f"{inside / wrong:.0%} of the mistakes stay within one of {len(sizes)} groups of related classes; at random it would be "
        f"{blind / wrong:.0%}"
    )
