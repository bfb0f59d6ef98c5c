"""Figures that compare the results of runs: accuracy, cost, differences that are more than chance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from helpers.analysis.comparison import SIGNIFICANCE, mean_interval, p_value_text
from helpers.config.labels import MODEL_NAMES, name_of
from helpers.config.report_facts import REPORTED
from helpers.plots.style import (
    COLUMN,
    FAINT,
    INK,
    PAGE,
    RECIPE_MARKERS,
    Plot,
    chance_line,
    new_figure,
    note,
    percent_axis,
    run_colour,
    theme,
)
from helpers.training.runs import Run

_MARKED = {"as_reported": "reproduced", "improved": "improved"}  # recipes that `accuracies` draws


def table(frame: pd.DataFrame, title: str, source: str) -> Plot:
    """A table of text as a figure.

    Args:
        frame: text in every cell.
        title: above it.
        source: what its numbers were measured on.
    """
    with theme():
        figure, axis = new_figure(PAGE, 0.55 + 0.26 * len(frame))
        axis.axis("off")
        drawn = axis.table(
            cellText=frame.astype(str).values,
            colLabels=frame.columns,
            loc="center",
            cellLoc="center",
            edges="horizontal",
        )
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(8)
        drawn.scale(1, 1.35)
        drawn.auto_set_column_width(range(len(frame.columns)))
        axis.set_title(title, loc="left")
        note(figure, source)
    lines = "; ".join(
        ", ".join(f"{c} {v}" for c, v in zip(frame.columns, row, strict=True)) for row in frame.to_numpy()
    )
    return Plot(figure, f"{title} ({source}).", lines)


def accuracies(runs: Sequence[Run], source: str) -> Plot:
    """Test accuracy by family: the report's, that of its recipe here, and that of the improved recipe.

    Args:
        runs: of one or several seeds; a mark is their mean.
        source: what they were evaluated on.
    """
    n = runs[0].result()["n"]
    groups: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        groups.setdefault(run.model, {}).setdefault(run.recipe, []).append(run.result()["accuracy"])
    rows = {
        model: groups[model] for model in groups if REPORTED[model].accuracy is not None or "improved" in groups[model]
    }
    means = {(model, recipe): float(np.mean(values)) for model, by in rows.items() for recipe, values in by.items()}
    with theme():
        figure, axis = new_figure(PAGE, 1.1 + 0.55 * len(rows))
        chance_line(axis, runs[0].probabilities().shape[1], horizontal=False)
        for place, model in enumerate(reversed(rows)):
            reported, colour = REPORTED[model].accuracy, run_colour(model, "improved")
            ends = [means[model, recipe] for recipe in ("as_reported", "improved") if (model, recipe) in means]
            axis.plot([min(ends, default=0), max(ends, default=0)], [place] * 2, color=colour, linewidth=3, alpha=0.3)
            if reported is not None:
                axis.plot(reported, place, "o", color=INK, fillstyle="none", markersize=8)
                axis.text(reported, place + 0.24, f"report {reported:.1%}", ha="left", color=INK)
            for recipe, words in _MARKED.items():
                if (mean := means.get((model, recipe))) is None:
                    continue
                axis.plot(mean, place, "o", color=colour, markersize=9 if recipe == "improved" else 5)
                axis.plot(mean_interval(rows[model][recipe], n), [place] * 2, color=INK, linewidth=1)
                at, weight = ((0, -0.36), "normal") if recipe == "as_reported" else ((0.022, -0.07), "bold")
                axis.text(mean + at[0], place + at[1], f"{words} {mean:.1%}", color=colour, weight=weight)
        axis.set_yticks(range(len(rows)), [MODEL_NAMES[model] for model in reversed(rows)])
        axis.tick_params(axis="y", length=0)
        axis.set(xlabel="accuracy on test (dotted: chance level)", ylim=(-0.6, len(rows) - 0.4))
        axis.set_xlim(0, max(*means.values(), *(REPORTED[model].accuracy or 0 for model in rows)) + 0.19)
        percent_axis(axis, "x")
        axis.set_title(_gains(means), loc="left")
        note(figure, f"{source}, n = {n:,} images")
    intervals = "images and seeds" if len(runs) > len({(run.model, run.recipe) for run in runs}) else "images"
    return Plot(
        figure,
        f"Accuracy on the test images ({source}): hollow, the report's table 1, measured on other images; small, the report's "
        f"recipe trained here; large, the improved recipe of the same family. Lines in the marks: 95 % intervals over {intervals}.",
        f"{_gains(means)}: "
        + "; ".join(
            ", ".join(
                [
                    MODEL_NAMES[model],
                    *([f"report {REPORTED[model].accuracy:.1%}"] if REPORTED[model].accuracy is not None else []),
                    *(
                        f"{words} {means[model, recipe]:.1%}"
                        for recipe, words in _MARKED.items()
                        if (model, recipe) in means
                    ),
                ]
            )
            for model in rows
        )
        + ".",
    )


def _gains(means: dict[tuple[str, str], float]) -> str:
    """What the improved recipes gain over the reported ones, as the title of a figure."""
    models = [model for model, recipe in means if recipe == "improved" and (model, "as_reported") in means]
    gains = sorted(round(100 * (means[model, "improved"] - means[model, "as_reported"])) for model in models)
    if not gains:
        return "Test accuracy by family"
    sizes = dict.fromkeys(f"{gain:d}" if gains[0] > 0 else f"{gain:+d}" for gain in (gains[0], gains[-1]))
    verb = "gains" if gains[0] > 0 else "changes accuracy by"
    return f"Within each family, the improved recipe {verb} {' to '.join(sizes)} points"


def cost(table: pd.DataFrame, source: str, hardware: str) -> Plot:
    """Accuracy against four costs of a network.

    Args:
        table: of `report.tables.costs`.
        source: what was evaluated.
        hardware: where images per second were measured.
    """
    prices = {
        "train_seconds": "seconds of training epochs",
        "parameters": "parameters",
        "multiply_adds": "multiply-adds per image",
        "images_per_second": "images classified per second",
    }
    with theme():
        figure, axes = new_figure(PAGE, 5.0, 2, 2, sharey=True)
        for axis, (column, title) in zip(axes.flat, prices.items(), strict=True):
            for row in table.itertuples():
                axis.errorbar(
                    getattr(row, column),
                    row.accuracy,
                    [[row.accuracy - row.low], [row.high - row.accuracy]],
                    fmt=RECIPE_MARKERS[row.recipe],
                    color=run_colour(row.model, row.recipe),
                    elinewidth=1,
                    markersize=7,
                    fillstyle="none",
                    clip_on=False,
                    label=name_of(row.model, row.recipe),
                )
            axis.set(xscale="log", xlabel=title, ylim=(0, None))
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.xaxis.set_major_formatter(EngFormatter(sep=""))
            axis.xaxis.set_minor_formatter(NullFormatter())
        for axis in axes[:, 0]:
            axis.set(ylabel="test accuracy")
        percent_axis(axes[0, 0])
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        note(figure, source)
    best, largest = table.loc[table["accuracy"].idxmax()], table.loc[table["parameters"].idxmax()]
    fewer = table[table["threads"] < table["threads"].max()]
    alone = "; ".join(f"{name_of(row.model, row.recipe)} ({row.threads})" for row in fewer.itertuples())
    return Plot(
        figure,
        "Test accuracy with 95 % intervals against seconds of training, size, operations and speed of the networks on "
        f"{hardware} ({source}). Operations and speed include test-time augmentation (horizontal flip) where a recipe has it. "
        f"The best, {name_of(best.model, best.recipe)}, has {best.parameters / 1e6:.1f} million parameters, "
        f"the largest, {name_of(largest.model, largest.recipe)}, {largest.parameters / 1e6:.1f}. Seconds are medians "
        "over seeds, accuracies their means. Pretraining and the computing of frozen features are not in the seconds."
        f"{f' On fewer threads than the others: {alone}.' if alone else ''}",
        "; ".join(
            f"{name_of(row.model, row.recipe)}: {row.accuracy:.1%} after {row.train_seconds:.0f} s, "
            f"{row.images_per_second:.0f} images per second"
            for row in table.itertuples()
        ),
    )


def comparison(pairs: pd.DataFrame, source: str) -> Plot:
    """Differences in accuracy between all pairs, in colour where they are more than chance.

    Args:
        pairs: of `comparison.compare`.
        source: what was evaluated.
    """
    names = list(dict.fromkeys([*pairs["first"], *pairs["second"]]))
    values = np.full((len(names), len(names)), np.nan)
    texts = np.full(values.shape, "", object)
    for pair in pairs.itertuples():
        place = names.index(pair.second), names.index(pair.first)
        values[place] = -pair.difference if pair.p_holm < SIGNIFICANCE else 0
        texts[place] = f"{0.0 - 100 * pair.difference:+.1f}\n{p_value_text(pair.p_holm)}"
    values, texts = values[1:, :-1], texts[1:, :-1]
    limit = 1.8 * max(np.nanmax(np.abs(values)), 0.01)  # the map's lighter part, on which dark text is legible
    with theme():
        figure, axis = new_figure(min(PAGE, max(COLUMN, 1.9 + 0.68 * len(texts))), 1.6 + 0.4 * len(texts))
        sns.heatmap(
            values,
            annot=texts,
            fmt="",
            cmap="vlag",
            vmin=-limit,
            vmax=limit,
            linewidths=1,
            cbar=False,
            ax=axis,
            annot_kws={"fontsize": 7},
        )
        for text, value in zip(axis.texts, values[~np.isnan(values)], strict=True):
            text.set_color(INK if value else FAINT)
        axis.set_yticks(np.arange(len(texts)) + 0.5, names[1:], rotation=0)
        axis.set_xticks(np.arange(len(texts)) + 0.5, names[:-1], rotation=35, ha="right", rotation_mode="anchor")
        axis.tick_params(length=0)
        note(figure, source)
    n_clear = int((pairs["p_holm"] < SIGNIFICANCE).sum())
    return Plot(
        figure,
        f"Test accuracy of the row minus that of the column, in percentage points, and the p-value of McNemar's exact test on "
        f"the same images, corrected by Holm for {len(pairs)} pairs ({source}). Grey text: no significant difference at "
        f"{SIGNIFICANCE:g}. One run of each recipe.",
        f"{n_clear} of {len(pairs)} pairs differ by more than chance.",
    )
