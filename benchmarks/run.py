"""Speed against the report's way. Prints one table and writes `figures/<profile>/benchmarks.csv` and, in `full`, README.md; it is no test."""

from typing import Annotated

import pandas as pd
import typer

from benchmarks import data, epochs, limits
from benchmarks.measure import compare
from helpers.cli import main
from helpers.config import profiles
from helpers.core import paths
from helpers.data import dataset, splits
from helpers.models.weights import find_weights
from helpers.report import generated, pages


def run(
    source: Annotated[str, typer.Option("--data", help="zip or folder of TinyImage; the demo data if not given")] = "",
    weights: Annotated[str, typer.Option(help="weights of MobileNetV2, as for `make report`")] = "",
    profile: Annotated[str, typer.Option(help="whose folder gets benchmarks.csv; demo, or quick with --data")] = "",
) -> None:
    """Measure, print the table, write it."""
    profile = profile or ("quick" if source else "demo")
    settings = profiles.find_profile(profile)
    path = paths.resolve(source) if source else dataset.demo_folder(settings.demo)
    opened = dataset.open_source(path)
    split = splits.make_split(opened)
    base = find_weights(weights, is_demo=not source)
    rows = [epochs.memory(path)]  # first, and in a process of its own
    rows += [compare(comparison) for comparison in data.comparisons(path)]
    for in_processes in (
        epochs.from_scratch(path, "shallow_cnn"),
        limits.optimizer("shallow_cnn"),
        epochs.from_scratch(path, "deep_cnn"),
        limits.optimizer("deep_cnn"),
        limits.large_pages(),
        limits.steps_per_execution(),
        epochs.frozen(path, base, profiles.find_recipe("mobilenetv2", "improved"), aim=20),
        epochs.frozen(path, base, profiles.find_recipe("mobilenetv2", "as_coded")),
    ):
        with in_processes as comparison:
            rows.append(compare(comparison))
    rows += epochs.waiting(opened, split, base)
    if source:
        rows.append(epochs.time_to_reported_accuracy(opened, split, base))
    table = pd.DataFrame(rows)
    target = paths.FIGURES / profile / "benchmarks.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(target, index=False)
    if profile == "full":
        generated.update()
    print(pages.markdown_table(table.drop(columns="code_version").round(3).astype(object).fillna("")))


if __name__ == "__main__":
    main(lambda: typer.run(run))
