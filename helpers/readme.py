"""The numbers in README.md: written between two markers from the committed records, never by hand."""

import json
from collections import Counter
from pathlib import Path

from helpers import paths, results, storage
from helpers.runs import Run, finished
from helpers.site import MAIN_FIGURES
from helpers.style import name_of

BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


def rendered(text: str) -> str:
    """The text of README.md with its results as the committed records have them.

    Raises:
        ValueError: the markers are not there, once each and in order.
    """
    before, marker, rest = text.partition(BEGIN)
    _, other, after = rest.partition(END)
    if not marker or not other:
        raise ValueError(f"README.md needs the lines {BEGIN.strip()} and {END.strip()}")
    return before + BEGIN + _results() + END + after


def update() -> None:
    """Write the results into README.md."""
    file = paths.ROOT / "README.md"
    text = rendered(file.read_text())
    with storage.replacing(file) as partial:
        partial.write_text(text)


def _results() -> str:
    folder = paths.FIGURES / "full"
    runs = _on_the_same_data(finished(folder / "records"))
    if not runs:
        return "No full run has been recorded yet.\n"
    n = runs[0].result()["n"]
    table = results.table_1(runs).replace("not run", "not run yet")
    parts = [
        "",
        results.markdown(table),
        f"Accuracy / loss on test: the report's on its own test set, ours on {n:,} images split off the training archive, "
        "used neither for training nor for any choice. With 95 % intervals over images:",
        "",
        *(_run_line(run) for run in runs),
        "",
        *(_figure(folder, name) for name in MAIN_FIGURES if (folder / f"{name}.png").exists()),
    ]
    return "\n".join(parts) + "\n"


def _on_the_same_data(runs: list[Run]) -> list[Run]:
    """The runs on the data and split that most of them have: one table never mixes two."""
    counts = Counter((run.config["data_fingerprint"], run.config["split_fingerprint"]) for run in runs)
    usual = max(counts, key=counts.get, default=None)
    return [run for run in runs if (run.config["data_fingerprint"], run.config["split_fingerprint"]) == usual]


def _run_line(run: Run) -> str:
    result, record = run.result(), run.record
    return (
        f"- {name_of(run.model, run.recipe)}: {result['accuracy']:.1%} ({result['accuracy_low']:.1%} to "
        f"{result['accuracy_high']:.1%}), seed {run.seed}, {run.record['epochs']} epochs; weights: "
        f"{record['weights']['origin']}, sha256 {record['weights']['sha256'][:8] or 'none'}; "
        f"{record['hardware']}; record in "
        f"[{run.folder.name}](figures/full/records/{run.folder.name}/run.json)"
    )


def _figure(folder: Path, name: str) -> str:
    words = json.loads((folder / f"{name}.json").read_text())
    return f"![{words['alt']}](figures/full/{name}.png)\n\n*{words['caption']}*\n"
