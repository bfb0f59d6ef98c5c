"""The HTML report: executed notebooks and a front page, built with Sphinx into files that open from disk."""

import io
import json
import shutil
import sys
from pathlib import Path

import nbformat
from sphinx.application import Sphinx

from helpers.core import paths, storage
from helpers.core.errors import InputError
from helpers.report import results

_SETTINGS = {
    "project": "TinyImage report series",
    "html_title": "TinyImage report series",
    "author": "TinyImage report series contributors",
    "extensions": ["myst_nb"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_render_markdown_format": "myst",
    "nb_code_prompt_show": "Show the code",
    "nb_code_prompt_hide": "Hide the code",
    "myst_links_external_new_tab": False,
    "myst_disable_syntax": ["html_block", "html_inline"],  # words of the data in Markdown are words, whatever they hold
    "html_theme": "furo",
    "html_static_path": [str(Path(__file__).parent / "static")],
    "html_css_files": ["site.css"],
    "html_copy_source": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
    "html_theme_options": {
        "light_css_variables": {"font-stack": "system-ui, sans-serif"},
    },
}

_STORY = """# Classifying TinyImage with three convolutional networks

A student report of 2022 classified TinyImage (100 classes, 64 x 64 pixels, a subset of ImageNet) with a shallow CNN (0.9 %
right by its table 1), a deep CNN (28.0 %) and transfer from MobileNetV2 (45.6 %). These pages do again what the report
says, explain with evidence why its numbers came out as they did, and train each family by an improved recipe as well.
"""


def build(executed: Path, names: tuple[str, ...], profile: str, figures: Path | None = None) -> Path:
    """Build the HTML report.

    Args:
        executed: folder of executed notebooks.
        names: of the notebooks, in order; those that are not there are left out.
        profile: what they were run with.
        figures: folder of its figures and results; None for `figures/<profile>`.

    Returns:
        Its front page.

    Raises:
        InputError: none of the notebooks is there, or Sphinx fails.
    """
    present = [name for name in names if (executed / f"{name}.ipynb").exists()]
    if not present:
        raise InputError(f"No notebook has been run with the profile {profile!r}; call `make report` first.")
    source, target = paths.BUILD / "source", paths.BUILD / "html"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for name in present:
        has_newer = (executed / paths.INCOMPLETE / f"{name}.ipynb").exists()
        nbformat.write(_as_page(executed / f"{name}.ipynb", profile, has_newer), source / f"{name}.ipynb")
    (source / "index.md").write_text(
        _front_page(source, executed, profile, figures or paths.FIGURES / profile, present)
    )
    warnings = io.StringIO()
    with storage.replacing_folder(target) as made:
        doctrees = paths.BUILD / "doctrees"
        builder = Sphinx(source, None, made, doctrees, "html", confoverrides=_SETTINGS, status=None, warning=warnings)
        builder.build(force_all=True)
        if builder.statuscode:
            raise InputError(f"Sphinx could not build the HTML report: {warnings.getvalue().strip()}")
    if warnings.getvalue().strip():
        print(warnings.getvalue().strip(), file=sys.stderr)
    return target / "index.html"


def _as_page(file: Path, profile: str, has_newer: bool) -> nbformat.NotebookNode:
    """An executed notebook that says below its title what it was made from, and whose code opens with a click."""
    try:
        notebook = nbformat.read(file, 4)
    except Exception as error:  # nbformat raises many kinds
        raise InputError(f"{file} is damaged; call `make report NOTEBOOKS={file.name[:2]}` again.") from error
    data = notebook.metadata.get("papermill", {}).get("parameters", {}).get("data", "")
    made_from = "`" + Path(data).name.replace("`", "'") + "`" if data else "the demo data"
    title, _, rest = notebook.cells[0].source.partition("\n")
    note = " **A later run of this notebook has not finished; this page shows the one before.**" if has_newer else ""
    notebook.cells[0].source = f"{title}\n\n*Made from {made_from} with the profile `{profile}`.*{note}\n{rest}"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.setdefault("tags", []).append("hide-input")
    return notebook


def _front_page(source: Path, executed: Path, profile: str, figures: Path, notebooks: list[str]) -> str:
    """Markdown of the front page: the story, the real results where there are some, this run's, the notebooks."""
    parts = [_STORY]
    if profile != "full" and (paths.FIGURES / "full" / "results.md").exists():
        parts += ["## Results on TinyImage", *_results(source, paths.FIGURES / "full", "full")]
    heading = "## Results on TinyImage" if profile == "full" else f"## Results of this run (profile {profile})"
    parts += [heading, *_results(source, figures, profile)]
    parts += [
        f"## Notebooks\n\nThe pages below were made with the profile `{profile}`; each names its data.",
        *_left_out(executed, notebooks),
        "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(notebooks) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _left_out(executed: Path, notebooks: list[str]) -> list[str]:
    """A sentence on the notebooks that have only an incomplete copy; none where every one is complete."""
    names = [copy.stem for copy in sorted((executed / paths.INCOMPLETE).glob("*.ipynb")) if copy.stem not in notebooks]
    return [f"**Left out, since they have not finished: {', '.join(names)}.**"] if names else []


def _results(source: Path, folder: Path, profile: str) -> list[str]:
    parts = [(folder / "results.md").read_text()] if (folder / "results.md").exists() else []
    for name in results.MAIN_FIGURES:
        if (folder / f"{name}.png").exists():
            copy = f"{profile}_{name}.png"
            shutil.copy2(folder / f"{name}.png", source / copy)
            words = json.loads((folder / f"{name}.json").read_text())
            alt = words["alt"].replace("\n", " ")
            parts.append(f"```{{figure}} {copy}\n:alt: {alt}\n\n{words['caption']}\n```")
    return parts
