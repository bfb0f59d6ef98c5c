"""The numbers in README.md: written between markers from committed files, never by hand."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.analysis import penalties
from helpers.analysis.reported import logged_weights
from helpers.config.profiles import PROFILES, find_recipe
from helpers.config.recipes import NUM_CLASSES
from helpers.config.report_facts import REPORTED, REPORTED_DEEP_ENDS, REPORTED_L2_CURVE
from helpers.core import markers, paths, storage
from helpers.report import evaluations, pages, results, selection, tables
from helpers.training.runs import Run, finished


def rendered(text: str) -> str:
    """The text of README.md with results, explanations, claims, speed and reliability as the committed files have them.

    Raises:
        ValueError: the markers are not there, once each and in order.
    """
    blocks = {
        "results": _results,
        "explanations": _explanations,
        "claims": _claims,
        "speed": _speed,
        "reliability": _reliability,
    }
    for name, block in blocks.items():
        text = markers.filled(text, name, block())
    return text


def reliability_file() -> Path:
    """What `make torture`, `make fuzz` and `make hostile` have counted."""
    return paths.FIGURES / "full" / "fault_counts.json"


def update() -> None:
    """Write what is generated into README.md."""
    file = paths.ROOT / "README.md"
    text = rendered(file.read_text())
    with storage.replacing(file) as partial:
        partial.write_text(text)


def _results() -> str:
    folder = paths.FIGURES / "full"
    runs = _on_the_same_data(folder / "records")
    if not runs:
        return "No full run has been recorded yet.\n"
    n = runs[0].result()["n"]
    parts = [
        "",
        pages.markdown_table(results.table_1(runs).replace("not run", "not run yet")),
        f"Accuracy / loss on test: the report's as it gives them (on which images is not fully known), ours on {n:,} images, "
        f"{results.TEST_SOURCES[runs[0].record['test_source']]}, "
        "used neither for training nor for any choice; means where there are several seeds."
        f"{tables.concentrated_losses_note(runs)}",
        "",
        "The deep CNN has no recipe as coded: its code differs from the text in the dropout after the two dense layers, 50 % "
        "in place of 25 %, which was not tried.",
        "",
        *(_figure(folder, name) for name in results.MAIN_FIGURES if (folder / f"{name}.png").exists()),
        "### What each number came from",
        "",
        pages.markdown_table(_provenance(runs)),
        f"- {results.ABOUT_INTERVALS}; `full` trains three seeds where a run takes up to 30 minutes, and one where it takes longer.",
        f"- {results.ABOUT_SECONDS}, on {', '.join(sorted({run.record['hardware'] for run in runs}))}.{_on_fewer_threads(runs)}",
        f"- Weights: {_weights(runs)}. Data: {runs[0].record['data']['description']}, fingerprint {runs[0].config['data_fingerprint']}.",
        f"- Each recipe was evaluated on test {_test_evaluations(folder, runs)}; [every evaluation is logged](figures/full/test_evaluations.csv).",
        "- A record has the recipe, the history, all probabilities and versions. Of the best network there is a "
        "[model card](figures/full/model_card.md).",
    ]
    if changed := selection.changed_recipes_note(runs):
        parts += ["", changed]
    return "\n".join([*parts, ""]) + "\n"


def _test_evaluations(folder: Path, runs: list[Run]) -> str:
    counts = {f"{run.title}, seed {run.seed}": evaluations.count_test_evaluations(folder, run) for run in runs}
    repeated = "; ".join(f"{name} ({n} times)" for name, n in counts.items() if n > 1)
    return "once" + (
        ", except where it was retrained after a change of recipe or code or after the loss of its network, each time with the "
        f"recipe chosen on validation: {repeated}"
        if repeated
        else ""
    )


def _on_the_same_data(records: Path) -> list[Run]:
    """The runs on the data and split that most of them have: one table never mixes two."""
    counts = Counter((run.config["data_fingerprint"], run.config["split_fingerprint"]) for run in finished(records))
    return selection.gather([records], *max(counts, key=counts.get)) if counts else []


def _provenance(runs: list[Run]) -> pd.DataFrame:
    """One row a recipe, as text: its test accuracy, and the runs and weights that it came from."""
    recipes = selection.by_recipe(runs)
    return results.summary(runs)[
        ["Model", "Recipe", "Accuracy", "95 % interval", "Range over seeds", "Top-5", "Epochs", "Training"]
    ].assign(
        Weights=[_short(run.record["weights"]["sha256"]) for run in recipes.values()],
        Records=[", ".join(_link(run) for run in runs if (run.model, run.recipe) == recipe) for recipe in recipes],
    )


def _on_fewer_threads(runs: list[Run]) -> str:
    """A sentence on runs that had fewer cores than others."""
    most = max(run.record["threads"] for run in runs)
    fewer = [f"{run.title}, seed {run.seed} ({run.record['threads']})" for run in runs if run.record["threads"] < most]
    return f" Runs had {most} threads, except {'; '.join(fewer)}." if fewer else ""


def _short(sha256: str) -> str:
    return sha256[:8] or "random"


def _link(run: Run) -> str:
    return f"[seed {run.seed}](figures/full/records/{run.folder.name}/run.json)"


def _weights(runs: list[Run]) -> str:
    """What stands in the column of weights."""
    found = {_short(run.record["weights"]["sha256"]): run.record["weights"]["origin"] for run in runs}
    return "; ".join(f"{short}: {origin}" for short, origin in sorted(found.items()))


def _figure(folder: Path, name: str) -> str:
    words = json.loads((folder / f"{name}.json").read_text())
    return f"![{words['alt']}](figures/full/{name}.png)\n\n*{words['caption']}*\n"


def _explanations() -> str:
    """Why the report's numbers came out as they did: one point an experiment that has been run on all of the data."""
    fitting = penalties.batch_size_of_curve(find_recipe("shallow_cnn", "as_coded"), REPORTED_L2_CURVE, NUM_CLASSES)
    points = [_dead_units(), _shallow_loss(fitting), _deep_with_larger_batches(fitting), _what_transfer_lacked()]
    lines = [f"- {point}\n" for point in points if point]
    return "".join(lines) or "No experiment has been run on all of the data yet.\n"


def _dead_units() -> str:
    found = _experiment("shallow_learning_rates")
    if found is None:
        return ""
    sweep, link = found
    rate = find_recipe("shallow_cnn", "as_reported").phases[0].learning_rate
    reported = sweep.loc[(sweep["learning_rate"] - rate).abs().idxmin()]
    best = sweep.loc[sweep["validation_accuracy"].idxmax()]
    return (
        f"**The shallow CNN's {REPORTED['shallow_cnn'].accuracy:.1%}.** Adam's first steps at {rate:g} are larger than the typical weight of its dense layer: after "
        f"{PROFILES['full'].sweep_steps:,} steps {reported['dead_share']:.0%} of the layer's units are dead and validation accuracy is "
        f"{reported['validation_accuracy']:.1%}. With {best['learning_rate']:g}, and nothing else changed, it is {best['validation_accuracy']:.1%} "
        f"(notebook 02, {link})."
    )


def _shallow_loss(fitting: float) -> str:
    found = _experiment("shallow_larger_batch")
    if found is None:
        return ""
    table, link = found
    first, last, curve = table.iloc[0], table.iloc[-1], REPORTED_L2_CURVE
    return (
        f"**The shallow CNN's loss of {REPORTED['shallow_cnn'].loss}**, where chance level is {math.log(NUM_CLASSES):.2f}, is most likely that of a penalised network. The speed "
        f"at which the report's curve with L2 falls fits about {fitting:.0f} images a batch and the recipe of the released code. Trained so, the objective of "
        f"cross-entropy and penalties falls from {first['objective']:.1f} to {last['objective']:.1f} in {len(table)} epochs, where figure 2 falls from "
        f"{curve.first:g} to {curve.last:g}, and ends at {last['validation_objective']:.1f} on validation. The batch was fitted to that curve, not to the "
        f"number in table 1 (notebook 02, {link})."
    )


def _deep_with_larger_batches(fitting: float) -> str:
    found = _experiment("deep_larger_batch")
    run = selection.by_recipe(_on_the_same_data(paths.FIGURES / "full" / "records")).get(("deep_cnn", "as_reported"))
    if found is None or not run:
        return ""
    (larger, link), plain = found, run.history
    first, last, end = plain.iloc[0], plain.iloc[-1], larger.iloc[-1]
    shown = "{:.1%} in training and {:.1%} on validation".format
    is_between = all(last[name] < value < end[name] for name, value in REPORTED_DEEP_ENDS.items())
    between = ": the report lies between the two" if is_between else ""
    return (
        f"**The deep CNN's {REPORTED['deep_cnn'].accuracy:.1%}** looks like its best epoch: the report's curves end near {100 * REPORTED_DEEP_ENDS['accuracy']:g} % in "
        f"training and {100 * REPORTED_DEEP_ENDS['validation_accuracy']:g} % on validation. As reported, with {run.settings.batch_size} images a batch, it ends here at "
        f"{shown(last['accuracy'], last['validation_accuracy'])} after {len(plain)} epochs. With the batches of {fitting:.0f} that fit the other curve it has "
        f"{shown(end['accuracy'], end['validation_accuracy'])} after {len(larger)}, and {larger['validation_accuracy'].max():.1%} in its best{between} (notebook 03, {link}). "
        f"What is not explained: in the report's first epoch training accuracy is 4 %, with these batches {larger['accuracy'].iloc[0]:.1%}, with "
        f"{run.settings.batch_size} a batch {first['accuracy']:.1%}; the larger dropout of the released code was not tried."
    )


def _what_transfer_lacked() -> str:
    trap, sweep = _experiment("fine_tuning_trap"), _experiment("input_sweep")
    if trap is None or sweep is None:
        return ""
    (ways, trap_link), (sizes, sweep_link) = trap, sweep
    coded = ways[ways["second_phase"] == "not compiled again"].iloc[0]
    logged = logged_weights()
    reported, scaled, best = sizes.iloc[0], sizes.iloc[1], sizes.loc[sizes["accuracy"].idxmax()]
    return (
        f"**MobileNetV2's {REPORTED['mobilenetv2'].accuracy:.1%}.** Nothing was fine-tuned: in the report's log {(~logged['changed']).sum()} of {len(logged)} weight "
        "tensors never change. The released code unfreezes the network without compiling it again; a few steps done so change "
        f"{coded['base_tensors_changed']} of the {coded['base_tensors']} pretrained tensors ({trap_link}). And its images have {reported['input_size']} pixels "
        f"and values from {reported['input_range']}: a linear classifier on frozen features has {reported['accuracy']:.1%} with them, {scaled['accuracy']:.1%} with "
        f"values from {scaled['input_range']}, as the weights expect, and {best['accuracy']:.1%} if images are enlarged to {best['input_size']} pixels as well "
        f"(notebook 04, {sweep_link})."
    )


def _claims() -> str:
    """The verdicts of notebook 05, without the numbers behind them."""
    file = paths.FIGURES / "full" / "verdicts.csv"
    if not file.exists():
        return "Notebook 05 has not been run on all of the data yet.\n"
    verdicts = pd.read_csv(file)
    table = pd.DataFrame({"The report says": verdicts["claim"], "Here": verdicts["verdict"]})
    return (
        f"{pages.markdown_table(table)}\nThe numbers behind each verdict: notebook 05, [table]({paths.shown(file)}).\n"
    )


def _experiment(name: str) -> tuple[pd.DataFrame, str] | None:
    """The committed table of an experiment and a link to it; None where it has not been run."""
    found = sorted((paths.FIGURES / "full" / "tables").glob(f"{name}_*.csv"))
    return (pd.read_csv(found[-1]), f"[table]({paths.shown(found[-1])})") if found else None


def _speed() -> str:
    """What `make bench` measured last."""
    file = paths.FIGURES / "full" / "benchmarks.csv"
    if not file.exists():
        return "`make bench` has not been run on real data yet.\n"
    measured = pd.read_csv(file)
    table = pd.DataFrame(
        {
            "What": measured["name"],
            "Here": [f"{_rounded(row.ours)} {row.unit}" for row in measured.itertuples()],
            "Beside it": [_if_measured(row.peer, f"{_rounded(row.peer)} {row.unit}") for row in measured.itertuples()],
            "Ratio": [_if_measured(row.ratio, f"{_rounded(row.ratio)} x") for row in measured.itertuples()],
            "Lowest to highest": [
                _if_measured(row.lowest, f"{_rounded(row.lowest)} to {_rounded(row.highest)}")
                for row in measured.itertuples()
            ],
            "Aim": measured["aim"].fillna(""),
        }
    )
    missed = measured.loc[measured["reached"].eq(False), "name"]
    below = f"Not reached: the aim of {'; '.join(missed)}. " if len(missed) else ""
    bounds = (
        "Rows without an aim are for comparison: what OpenCV's interpolation, a free optimizer or fewer calls alone would bring, "
        "and a frozen base with the report's small images and batches. "
        if measured["aim"].isna().any()
        else ""
    )
    return (
        f"{pages.markdown_table(table)}\nBeside it stands the report's way, unless a row says otherwise: the functions that its "
        "code calls, with Keras's defaults, timed in turns with ours, median of "
        f"{measured['repeats'].max():.0f} turns, and the ratio the median of their ratios; what has no lowest and highest was "
        f"measured once. The time to the report's accuracy is what it logged on a GPU. {below}{bounds}Measured on "
        f"{measured['hardware'].iloc[0]}, code {measured['code_version'].iloc[0]} ([table]({paths.shown(file)})).\n"
    )


def _rounded(value: float) -> str:
    """Three figures, and no fewer than stand before the point: "0.0651", "4.92", "1,970"."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:.3g}"


def _if_measured(value: float, text: str) -> str:
    return "" if math.isnan(value) else text


def _reliability() -> str:
    counted = json.loads(reliability_file().read_text()) if reliability_file().exists() else {}
    lines = [
        words(counted[kind]) + f" (`make {command}`, {counted[kind]['date']}, code {counted[kind]['code_version']})"
        if kind in counted
        else f"`make {command}` has not been run yet"
        for kind, (command, words) in _KINDS.items()
    ]
    return "\n" + "".join(f"- {line}.\n" for line in lines) + "\n"


def _torture(counts: dict[str, Any]) -> str:
    met = ", ".join(f"{moment} ({n})" for moment, n in counts["met"].items())
    return (
        f"Kills survived: **{counts['survived']} of {counts['kills']}**, profile `{counts['profile']}`, notebooks: {counts['notebooks']}: the whole process tree "
        f"was killed, and the same command resumed and finished. {counts['equal']} of {counts['runs']} runs compared have the "
        f"history and predictions, bit for bit, of an uninterrupted series, and {counts['tables_equal']} of "
        f"{counts['series']} series its tables and the same set of figures. What the kills met: {met}"
    )


def _bad_inputs(counts: dict[str, Any]) -> str:
    return (
        f"Bad inputs tried: **{counts['tried']}**; {counts['refused']} were refused in one sentence, {counts['tolerated']} read "
        "right in spite of it"
    )


def _fuzzing(counts: dict[str, Any]) -> str:
    each = ", ".join(f"{name} {n:,}" for name, n in counts["executions"].items())
    return (
        f"Fuzzing, guided by coverage: **{sum(counts['executions'].values()):,} inputs** in {counts['seconds']} seconds, "
        f"{counts['findings']} findings ({each})"
    )


# What was counted, by the command that counts it.
_KINDS = {
    "torture": ("torture", _torture),
    "bad_inputs": ("hostile", _bad_inputs),
    "fuzzing": ("fuzz", _fuzzing),
}
