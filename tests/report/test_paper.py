import re

import pandas as pd
import pytest

typst = pytest.importorskip("typst")  # of the extra `site`

from helpers.report import generated, paper  # noqa: E402


@pytest.fixture(scope="module")
def facts():
    return generated.committed_facts()


def test_the_paper_is_the_same_at_each_build_and_small(tmp_path):
    first, second = (paper.build(tmp_path / name).read_bytes() for name in ("a.pdf", "b.pdf"))
    assert first == second
    assert first.startswith(b"%PDF") and len(first) < 2_000_000


def test_the_paper_has_the_committed_numbers_and_every_claim(facts):
    text = paper.source(facts)
    for model, recipes in facts["means"].items():
        assert all(f"{accuracy:.1%}" in text for accuracy in recipes.values()), model
    assert all(paper.from_markdown(row["claim"]) in text for row in facts["verdicts"])
    assert all(start in generated.block("findings", facts) for start in paper._FIGURES_AFTER)
    figures = re.findall(r'image\("/([^"]+)"', text)
    assert len(figures) >= 8 and all(name.endswith(".svg") for name in figures)


def test_names_with_the_signs_of_markup_are_text():
    escaped = paper.escaped("a_b *c* #panic() $e @f <g> [h ~ `i` \\j")
    assert typst.compile(f"#assert.eq([{escaped}].func(), [a *b*].func())\n{escaped}".encode()).startswith(b"%PDF")
    assert paper.escaped("#x_1") == r"\#x\_1"


def test_markdown_of_the_findings_becomes_markup_without_links():
    text = "**A 5% rate** is [said](x.md) to_day [13] (notebook 02, [table](../a_b.csv))."
    assert paper.from_markdown(text) == r"*A 5% rate* is said to\_day."
    assert paper.from_markdown("`a_b.py` counts ([table](x), made by `c`).") == "`a_b.py` counts."


def test_columns_of_numbers_are_aligned_to_the_right():
    table = paper._table(pd.DataFrame({"name": ["a"], "share": ["1.5%"]}), "caption", "label")
    assert "align: (left, right)" in table
