"""The HTML report: executed notebooks and a front page, built with Sphinx into files that open from disk."""

import io
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from sphinx.application import Sphinx

from helpers.core import paths, storage
from helpers.core.errors import InputError
from helpers.report import articles, explorers, generated, published, results

_STATIC = Path(__file__).parent / "static"
_DESCRIPTION = (
    "Notebooks that reproduce, explain and improve a report on classifying TinyImage with three convolutional networks."
)
_FORWARD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>TinyImage report series</title>
<meta http-equiv="refresh" content="0; url={profile}/index.html">
<a href="{profile}/index.html">TinyImage report series</a></html>
"""
_SETTINGS = {
    "project": "TinyImage report series",
    "html_title": "TinyImage report series",
    "author": "TinyImage report series contributors",
    "copyright": "TinyImage report series contributors, MIT licence",
    "language": "en",
    "extensions": ["myst_nb"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_render_markdown_format": "myst",
    "nb_code_prompt_show": "Show the code",
    "nb_code_prompt_hide": "Hide the code",
    "myst_links_external_new_tab": False,
    "myst_disable_syntax": ["html_block", "html_inline"],  # words of the data in Markdown are words, whatever they hold
    "html_theme": "furo",
    "html_static_path": [str(_STATIC)],
    "html_extra_path": ["extra"],
    "html_favicon": str(_STATIC / "favicon.svg"),
    "html_last_updated_fmt": "%Y-%m-%d",
    "html_show_search_summary": False,  # pages opened from disk cannot fetch each other
    "myst_html_meta": {"description": _DESCRIPTION, "author": "TinyImage report series contributors"},
    "myst_heading_anchors": 3,
    "exclude_patterns": ["extra"],
    "html_css_files": ["site.css"],
    "html_js_files": [("copy.js", {"defer": "defer"})],
    "html_copy_source": False,
    "html_show_sphinx": False,
}

_DEMO_NOTE = "These pages are about procedural demo images; their numbers say nothing about photographs."


def build(profile: str, figures: Path, unfinished: Sequence[str] = ()) -> Path:
    """Build the HTML report.

    Args:
        profile: what the notebooks were run with.
        figures: folder of the figures, the results and what the notebooks showed; see `published`.
        unfinished: names of the notebooks whose last run has not finished.

    Returns:
        Its front page.

    Raises:
        InputError: there is no published notebook, or Sphinx fails.
    """
    notebooks = published.load(figures)
    if not notebooks:
        raise InputError(f"No notebook has been run with the profile {profile!r}; call `make report` first.")
    source, target = paths.BUILD / "source", paths.BUILD / "html" / profile
    shutil.rmtree(source, ignore_errors=True)
    (source / "extra" / "figures").mkdir(parents=True)
    for picture in figures.glob("*.png"):
        shutil.copy2(picture, source / "extra" / "figures")
    for name, notebook in notebooks.items():
        article = articles.as_page(notebook, name in unfinished, list(notebooks))
        nbformat.write(article, source / f"{name}.ipynb")
    (source / "index.md").write_text(_front_page(source, profile, figures, notebooks, unfinished))
    page = generated.template("explore.md").render(explorers.write(source / "extra" / "explorers"))
    (source / "explore.md").write_text(page)
    warnings = io.StringIO()
    target.parent.mkdir(parents=True, exist_ok=True)
    with storage.replacing_folder(target) as made:
        settings = _SETTINGS | {"html_theme_options": _theme_options(profile, target.parent)}
        builder = Sphinx(
            source, None, made, paths.BUILD / "doctrees", "html", confoverrides=settings, status=None, warning=warnings
        )
        builder.build(force_all=True)
        # MyST-NB leaves copies of all outputs beside the pages.
        shutil.rmtree(target.parent / "jupyter_execute", ignore_errors=True)
        if builder.statuscode:
            raise InputError(f"Sphinx could not build the HTML report: {warnings.getvalue().strip()}")
    if warnings.getvalue().strip():
        print(warnings.getvalue().strip(), file=sys.stderr)
    (target.parent / "index.html").write_text(_FORWARD.format(profile=profile))
    return target / "index.html"


def _theme_options(profile: str, sites: Path) -> dict[str, Any]:
    """Settings of the theme; pages about the demo say so in a banner, with a link to the others where they are built."""
    options: dict[str, Any] = {"light_css_variables": {"font-stack": "system-ui, sans-serif"}}
    if profile in ("demo", "smoke"):
        real = "<a href='../full/index.html'>The report on the real data</a>"
        build_it = "<code>make html PROFILE=full</code> builds the report on the real data"
        options["announcement"] = f"{_DEMO_NOTE} {real if (sites / 'full').exists() else build_it}."
    return options


def _front_page(
    source: Path,
    profile: str,
    figures: Path,
    notebooks: Mapping[str, nbformat.NotebookNode],
    unfinished: Sequence[str],
) -> str:
    """Markdown of the front page: the committed results on the real data, the notebooks, the results of this run."""
    facts, blocks = generated.committed_facts(), generated.template("generated.md").blocks
    committed = paths.FIGURES / "full"
    shutil.copy2(committed / "accuracies.png", source / "hero.png")
    shutil.copy2(paths.DOCS / "report.pdf", source)
    cards = [
        {
            "name": name,
            "title": articles.title(notebook),
            "question": articles.opening(notebook, "Question").removeprefix("Question. "),
            "time": articles.opening(notebook, "Time"),
            "finding": generated.block(block, facts) if (block := f"finding_{name[:2]}") in blocks else "",
        }
        for name, notebook in notebooks.items()
    ]
    is_committed = figures.resolve() == committed.resolve()
    results_file = figures / "results.md"
    return generated.template("index.md").render(
        facts,
        block=lambda name: generated.block(name, facts),
        cards=cards,
        profile=profile,
        unfinished=[name for name in unfinished if name not in notebooks],
        run_results="" if is_committed or not results_file.exists() else results_file.read_text(),
        run_figures=_figures(source, figures, results.MAIN_FIGURES[is_committed:]),
    )


def _figures(source: Path, figures: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """File, alt text and caption of those of the figures that there are, copied to where Sphinx looks for them."""
    present = [name for name in names if (figures / f"{name}.png").exists()]
    for name in present:
        shutil.copy2(figures / f"{name}.png", source)
    texts = {name: json.loads((figures / f"{name}.json").read_text()) for name in present}
    return [
        {"file": f"{name}.png", "alt": text["alt"].replace("\n", " "), "caption": text["caption"]}
        for name, text in texts.items()
    ]
