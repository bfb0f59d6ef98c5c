"""The numbers in README.md: written between two markers from the committed records, never by hand."""

from helpers import paths, results
from helpers.runs import finished

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
    file.write_text(rendered(file.read_text()))


def _results() -> str:
    runs = finished(paths.FIGURES / "full" / "records")
    if not runs:
        return "No full run has been recorded yet.\n"
    record = runs[0].record
    n = record["results"]["test"]["n"]
    missing = "not run yet"
    table = results.table_1(runs).replace("not run", missing)
    details = "; ".join(
        f"{run.label}: {run.result()['accuracy']:.1%} ({run.result()['accuracy_low']:.1%} to "
        f"{run.result()['accuracy_high']:.1%}), seed {run.seed}, weights {run.record['weights']['origin']}, "
        f"{run.record['train_seconds'] / 60:.0f} min of epochs on {run.record['hardware']}"
        for run in runs
    )
    return (
        f"\n{results.markdown(table)}\n"
        f"Accuracy / loss on test; the report's on its own test set, ours on {n:,} images split off the training archive, "
        f"none of which was used for training or for a choice. With 95 % intervals: {details}.\n\n"
    )
