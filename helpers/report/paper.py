"""The report as a paper: `docs/report.pdf`, typeset from the committed numbers and vector figures without a network."""

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import typst

from helpers.config.labels import MODEL_NAMES, RECIPE_NAMES
from helpers.config.recipes import RECIPES
from helpers.core import paths, storage
from helpers.report import generated, results
from helpers.report.pages import are_numbers

_SPECIAL = re.compile(r"([\\#$*_@<>\[\]~`])")
_TABLE_LINK = re.compile(r" \((notebook \d\d, )?\[(table|data)\]\([^)]*\)(, made by [^)]*)?\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CITATION = re.compile(r" \[\d+\]")  # numbers of the notebooks' references
_FIGURES_AFTER = {  # paragraphs of the findings, by how they start
    "**The shallow CNN's 0": ("shallow_cnn_learning_rates",),
    "**The deep CNN's": ("deep_cnn_l2_penalty",),
    "**MobileNetV2's": ("mobilenetv2_input_sweep", "mobilenetv2_changes"),
}
_FIGURES = paths.FIGURES / "full"


def build(target: Path = paths.DOCS / "report.pdf") -> Path:
    """Typeset the paper.

    Args:
        target: the PDF; equal committed files give equal bytes.

    Returns:
        The PDF.
    """
    # Fonts of the figures come with Matplotlib, those of the text with typst: the same everywhere.
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[folder])
    text = source(generated.committed_facts()).encode()
    content = typst.compile(text, root=_FIGURES, font_paths=fonts)  # type: ignore[type-var]  # its stubs know no bytes here
    with storage.replacing(target) as partial:
        partial.write_bytes(content)
    return target


def source(facts: dict[str, Any]) -> str:
    """The paper in Typst's markup.

    Args:
        facts: of `generated.committed_facts`.
    """
    runs = generated.runs_on_the_same_data(_FIGURES / "records")
    columns = ["Model", "Recipe", "Reported", "Accuracy", "95 % interval", "Top-5", "Loss", "Parameters", "Wall time"]
    text = generated.template("paper.typ", typ=escaped, from_markdown=from_markdown).render(
        facts,
        figure=lambda name, width: _figure(name, width, facts["figures"][name]),
        recipes=_table(_recipe_table(), "The recipes. Rates of several phases are separated by commas.", "recipes"),
        summary=_table(
            results.summary(runs)[columns].replace({"Reported": {"0.0%": ""}}),
            f"Test accuracy of every recipe on {facts['n_test']:,} images, and the report's. Means over seeds.",
            "summary",
        ),
        findings=generated.block("findings", facts).split("\n\n"),
        figures_after=_FIGURES_AFTER,
        n_runs=len(runs),
    )
    sources = (Path(__file__).parent / "templates" / "paper.bib.yml").read_text()
    return f"#let bibliography-text = ```\n{sources}```.text\n{text}"


def escaped(text: str) -> str:
    """Text in which no character is markup for Typst."""
    return _SPECIAL.sub(r"\\\1", text)


def from_markdown(text: str) -> str:
    """A generated paragraph of Markdown in Typst's markup: bold and code stay, links to tables and notebooks' citations go."""
    for pattern, replacement in ((_TABLE_LINK, ""), (_LINK, r"\1"), (_CITATION, "")):
        text = pattern.sub(replacement, text)
    text = re.sub(r"\\\*\\\*(.+?)\\\*\\\*", r"*\1*", escaped(text))
    return re.sub(r"\\`(.+?)\\`", lambda code: "`" + code[1].replace("\\", "") + "`", text)  # code has no markup


def _figure(name: str, width: int, texts: dict[str, str]) -> str:
    alt = texts["alt"].replace("\\", "").replace('"', "'")
    return (
        f'#figure(image("/{name}.svg", width: {width}%, alt: "{alt}"), '
        f"caption: [{escaped(texts['caption'])}]) <{name.replace('_', '-')}>"
    )


def _table(frame: pd.DataFrame, caption: str, label: str) -> str:
    sides = ", ".join("right" if are_numbers(map(str, frame[column])) else "left" for column in frame)
    cells = ", ".join(f"[{escaped(str(value))}]" for row in (frame.columns, *frame.to_numpy()) for value in row)
    return (
        f"#figure(text(size: 8.5pt, table(columns: {len(frame.columns)}, align: ({sides}), table.hline(), {cells}, "
        f"table.hline())), "
        f"caption: [{escaped(caption)}]) <{label}>"
    )


def _recipe_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Model": MODEL_NAMES[recipe.model],
            "Recipe": RECIPE_NAMES[recipe.name],
            "Batch": recipe.batch_size,
            "Epochs": sum(phase.epochs for phase in recipe.phases),
            "Optimizer": recipe.phases[0].optimizer,
            "Learning rate": ", ".join(dict.fromkeys(f"{phase.learning_rate:g}" for phase in recipe.phases)),
            "L2": f"{recipe.l2:g}" if recipe.l2 else "",
            "Input": f"{recipe.input_size} px, {recipe.input_range[0]:g} to {recipe.input_range[1]:g}",
        }
        for recipe in RECIPES
    )
