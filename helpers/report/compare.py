"""Two sets of results side by side: paired tests on the same images, and the figures that changed, on one page."""

import base64
import html
import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.analysis import comparison
from helpers.config.labels import MODEL_NAMES, RECIPE_NAMES
from helpers.core import paths, storage
from helpers.core.checksums import LAST_FILE
from helpers.core.errors import InputError
from helpers.report.selection import RECIPE_ORDER
from helpers.training import runs
from helpers.training.runs import Run

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }} th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #ccc; text-align: right }}
.pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }} img {{ max-width: 100% }}
</style>
<h1>{title}</h1>
<p>Accuracy on test by run. The p-value is that of McNemar's exact test on the same images, corrected for the number of rows by
Holm; it is empty where the two were judged on different images.</p>
{table}
<h2>Figures that differ</h2>
{figures}
</html>
"""


@dataclass(frozen=True)
class Side:
    """One set of results.

    Attributes:
        name: as the user gave it.
        runs: the newest of each model, recipe and seed.
        figures: PNG files by name.
    """

    name: str
    runs: dict[tuple[str, str, int], Run]
    figures: dict[str, Path]


def open_side(name: str, workspace: Path) -> Side:
    """The results that a folder or a git commit holds.

    Args:
        name: a folder of figures with records, of runs or of records, one run or record, or a commit.
        workspace: an empty folder, where the committed figures of a commit are written.

    Raises:
        InputError: it is neither, or holds no finished run.
    """
    folder = paths.resolve(name)
    if not folder.is_dir():
        folder = _check_out(name, workspace)
        # git vouches for the files; records of early commits have no checksums.
        present = [Run(file.parent) for file in sorted(folder.glob(f"records/*/{LAST_FILE}"))]
    elif (folder / LAST_FILE).exists():
        present = [Run(folder)]
    else:
        present = runs.finished(folder / "records") + runs.finished(folder)
    if not present:
        raise InputError(
            f"{name} holds no finished run; name a folder such as figures/full or runs/full, or a git commit."
        )
    by_date = sorted(present, key=lambda run: run.finished)
    return Side(
        name,
        {(run.model, run.recipe, run.seed): run for run in by_date},
        {file.name: file for file in sorted(folder.glob("*.png"))},
    )


def differences(first: Side, second: Side) -> pd.DataFrame:
    """One row for each run that either side has, in the order of the recipes.

    Returns:
        Columns `Run`, `Seed`, "A: " and "B: " with the names of the sides (accuracy on test, missing where a side has no such run), `Difference` (second
        minus first), `p` (McNemar's, corrected by Holm; missing where there is no pair on the same images), `Result`.
    """
    rows = []
    for key in sorted({*first.runs, *second.runs}, key=lambda key: (RECIPE_ORDER.get(key[:2], len(RECIPE_ORDER)), key)):
        pair = [side.runs.get(key) for side in (first, second)]
        accuracies = [run.result()["accuracy"] if run else np.nan for run in pair]
        rows.append([_title(*key[:2]), key[2], *accuracies, accuracies[1] - accuracies[0], _p_value(*pair)])
    table = pd.DataFrame(rows, columns=["Run", "Seed", *_columns(first, second), "Difference", "p"])
    tested = table["p"].notna()
    table.loc[tested, "p"] = comparison.holm(table.loc[tested, "p"].to_numpy(float))
    verdicts = np.where(table["p"] < comparison.SIGNIFICANCE, "differs", "no difference shown")
    return table.assign(Result=np.where(tested, verdicts, "not comparable"))


def changed_figures(first: Side, second: Side) -> list[str]:
    """Names of the figures that both sides have and whose pictures differ, in alphabetical order."""
    return [
        name
        for name in sorted(first.figures.keys() & second.figures.keys())
        if first.figures[name].read_bytes() != second.figures[name].read_bytes()
    ]


def write_page(first: Side, second: Side, file: Path) -> pd.DataFrame:
    """Write the page, which needs no other file; returns the table of `differences`."""
    table = differences(first, second)
    pairs = [
        f'<h3>{html.escape(name)}</h3><div class="pair">'
        + "".join(_picture(side, name) for side in (first, second))
        + "</div>"
        for name in changed_figures(first, second)
    ]
    percent = dict.fromkeys(_columns(first, second), "{:.1%}".format)
    text = _PAGE.format(
        title=html.escape(f"{first.name} and {second.name}"),
        table=table.to_html(
            index=False, na_rep="", formatters=percent | {"Difference": "{:+.1%}".format, "p": "{:.2g}".format}
        ),
        figures="\n".join(pairs) or "<p>None.</p>",
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    storage.write_text(file, text)
    return table


def _columns(first: Side, second: Side) -> tuple[str, str]:
    return f"A: {first.name}", f"B: {second.name}"


def _title(model: str, recipe: str) -> str:
    """For example "Deep CNN, improved"; as they are written in the run where this version of the code has no such names."""
    return f"{MODEL_NAMES.get(model, model)}, {RECIPE_NAMES.get(recipe, recipe)}"


def _check_out(commit: str, workspace: Path) -> Path:
    """The folder of committed results as it is in a commit."""
    archive = subprocess.run(
        ["git", "-C", str(paths.ROOT), "archive", "--format=tar", "--end-of-options", commit, "figures/full"],
        capture_output=True,
    )
    if archive.returncode:
        raise InputError(f"There is no folder {commit}, and no commit of that name with figures/full.")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(workspace, filter="data")
    return workspace / "figures" / "full"


def _p_value(first: Run | None, second: Run | None) -> float:
    """McNemar's p-value; NaN where there is no pair, or its images differ."""
    if first is None or second is None or first.config["data_fingerprint"] != second.config["data_fingerprint"]:
        return np.nan
    if not np.array_equal(first.indices(), second.indices()):
        return np.nan
    return comparison.mcnemar(first.is_right(), second.is_right())


def _picture(side: Side, name: str) -> str:
    content = base64.b64encode(side.figures[name].read_bytes()).decode()
    alternative = html.escape(f"{name} of {side.name}")
    return f'<figure><img src="data:image/png;base64,{content}" alt="{alternative}"><figcaption>{html.escape(side.name)}</figcaption></figure>'
