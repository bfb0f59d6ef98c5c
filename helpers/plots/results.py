"""Figures that compare the results of runs: accuracy, cost, differences that are more than chance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.analysis.comparison import SIGNIFICANCE, mean_interval, p_value_text
from helpers.config.labels import MODEL_NAMES, name_of
from helpers.config.report_facts import REPORTED
from helpers.plots.labels import label_places
from helpers.plots.style import (
    FAINT,
    INK,
    PAGE,
    RECIPE_MARKERS,
    Plot,
    chance_line,
    headline,
    log_ticks,
    new_figure,
    percent_axis,
    run_colour,
    theme,
)
from helpers.training.runs import Run

_LEFTMOST = 0.02  # of a label, so that it does not cover the line of chance level
_MARKED = {"as_reported": "reproduced", "improved": "improved"}  # recipes that `accuracies` draws


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
                axis.text(max(reported, _LEFTMOST), place + 0.24, f"report {reported:.1%}", ha="left", color=INK)
            for recipe, words in _MARKED.items():
                if (mean := means.get((model, recipe))) is None:
                    continue
                axis.plot(mean, place, "o", color=colour, markersize=9 if recipe == "improved" else 5)
                axis.plot(mean_interval(rows[model][recipe], n), [place] * 2, color=INK, linewidth=1)
                at, weight = ((0, -0.36), "normal") if recipe == "as_reported" else ((0.022, -0.07), "bold")
                axis.text(
                    max(mean + at[0], _LEFTMOST), place + at[1], f"{words} {mean:.1%}", color=colour, weight=weight
                )
        axis.set_yticks(range(len(rows)), [MODEL_NAMES[model] for model in reversed(rows)])
        axis.tick_params(axis="y", length=0)
        axis.set(xlabel="accuracy on test (dotted: chance level)", ylim=(-0.6, len(rows) - 0.4))
        axis.set_xlim(0, max(*means.values(), *(REPORTED[model].accuracy or 0 for model in rows)) + 0.19)
        percent_axis(axis, "x")
        headline(figure, _gains(means), f"{source}, {n:,} test images")
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
    verb = "gain" if gains[0] > 0 else "change accuracy by"
    return f"The improved recipes {verb} {' to '.join(sizes)} points over the report's, trained here"


def cost(table: pd.DataFrame, source: str, hardware: str) -> Plot:
    """Accuracy against the seconds that a network takes to train, its frozen features among them.

    Args:
        table: of `report.tables.costs`.
        source: what was evaluated.
        hardware: where the speed behind the seconds of features was measured.
    """
    table = table.assign(seconds=table["train_seconds"] + table["feature_seconds"])
    front = _cheapest(table)
    with theme():
        figure, axis = new_figure(PAGE, 4.4)
        corners = front["seconds"].repeat(2).iloc[1:], front["accuracy"].repeat(2).iloc[:-1]  # a step at each of them
        axis.plot(*corners, color=FAINT, linewidth=1, linestyle="--")
        for row in table.itertuples():
            axis.errorbar(
                row.seconds,
                row.accuracy,
                [[row.accuracy - row.low], [row.high - row.accuracy]],
                fmt=RECIPE_MARKERS[row.recipe],
                color=run_colour(row.model, row.recipe),
                elinewidth=1,
                markersize=6,
            )
        low, high = table["seconds"].min(), table["seconds"].max()
        axis.set(xscale="log", xlabel="seconds of training, logarithmic", ylabel="test accuracy")
        axis.set(xlim=(low / 1.5, high * 2.5), ylim=(-0.13, 1.15 * table["high"].max()))
        log_ticks(axis.xaxis, numbers="{x:,.0f}")
        axis.set_yticks([tick for tick in axis.get_yticks() if tick >= 0])
        percent_axis(axis, decimals=0)
        headline(figure, _best_for_its_time(table), source)
        label_places(
            axis,
            list(zip(table["seconds"], table["accuracy"], strict=True)),
            [name_of(row.model, row.recipe) for row in table.itertuples()],
            [run_colour(row.model, row.recipe) for row in table.itertuples()],
        )
    most_threads = table["threads"].max()
    alone = ", ".join(
        f"{name_of(row.model, row.recipe)} ({row.threads})" for row in table.itertuples() if row.threads < most_threads
    )
    computed = ", ".join(
        f"{name_of(row.model, row.recipe)} ({row.feature_seconds:.0f} s)"
        for row in table.itertuples()
        if row.feature_seconds
    )
    return Plot(
        figure,
        f"Test accuracy with 95 % intervals against seconds of training ({source}). No faster recipe is more accurate than those on the "
        f"dashed line. Accuracies are means over seeds. {_about_seconds(table)} Evaluation and pretraining are not included"
        f"{f'; computing frozen features once is, estimated from the speed of the network on {hardware}: {computed}' if computed else ''}."
        f"{f' On fewer threads than the others: {alone}.' if alone else ''}",
        f"{_best_for_its_time(table)}. "
        + "; ".join(
            f"{name_of(row.model, row.recipe)}: {row.accuracy:.1%} after {row.seconds:,.0f} s"
            for row in table.itertuples()
        )
        + ".",
    )


def _about_seconds(table: pd.DataFrame) -> str:
    if "timed_steps" not in table:
        return "Seconds are medians over seeds."
    return (
        f"Seconds are extrapolated from {table['timed_steps'].iloc[0]} steps of each phase, all timed on one machine."
    )


def _cheapest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that no faster one reaches in accuracy, fastest first."""
    ordered = table.sort_values(["seconds", "accuracy"], ascending=[True, False])
    return ordered[ordered["accuracy"] > ordered["accuracy"].cummax().shift(fill_value=-1.0)]


def _best_for_its_time(table: pd.DataFrame) -> str:
    best = table.loc[table["accuracy"].idxmax()]
    slower = int((table["seconds"] > best["seconds"]).sum())
    place = f"in less time than {slower} of the {len(table) - 1} others" if slower else "and takes longest"
    return f"{name_of(best['model'], best['recipe'])}, is the most accurate, {place}"


def differences(gaps: pd.DataFrame, source: str) -> Plot:
    """How far each run is ahead of the next one in rank, on the same images.

    Args:
        gaps: of `comparison.gaps`.
        source: what was evaluated.
    """
    n_clear = int((gaps["p_holm"] < SIGNIFICANCE).sum())
    finding = f"{n_clear} of {len(gaps)} steps down the ranking are more than chance"
    with theme():
        figure, axis = new_figure(PAGE, 1.0 + 0.3 * len(gaps))
        for place, row in enumerate(gaps.iloc[::-1].itertuples()):
            is_clear = row.p_holm < SIGNIFICANCE
            axis.plot([row.low, row.high], [place] * 2, color=INK if is_clear else FAINT, linewidth=1)
            axis.plot(
                row.difference, place, "o", color=INK if is_clear else FAINT, fillstyle="full" if is_clear else "none"
            )
            axis.annotate(
                f"{100 * row.difference:+.1f}, {p_value_text(row.p_holm)}",
                (row.high, place),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                color=INK if is_clear else FAINT,
            )
        axis.axvline(0, color=FAINT, linestyle=":", linewidth=1)
        axis.set_yticks(
            range(len(gaps)), [f"{row.first}\nover {row.second}" for row in gaps.iloc[::-1].itertuples()], fontsize=7
        )
        axis.tick_params(axis="y", length=0)
        axis.set(
            xlabel="lead in test accuracy, percentage points",
            xlim=(gaps["low"].min() - 0.01, gaps["high"].max() * 1.25 + 0.02),
        )
        axis.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
        headline(figure, finding, source)
    return Plot(
        figure,
        f"Lead in test accuracy of each network over the next in rank, with 95 % intervals over the same images and the p-value of "
        f"McNemar's exact test, corrected by Holm for all pairs ({source}). Hollow: no significant difference at {SIGNIFICANCE:g}. "
        "One run of each recipe.",
        f"{finding}. "
        + "; ".join(f"{row.first} leads {row.second} by {100 * row.difference:.1f} points" for row in gaps.itertuples())
        + ".",
    )
