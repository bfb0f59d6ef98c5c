import nbformat
import pandas as pd
import pytest

from helpers.plots.style import WrappedTable
from helpers.report import articles

NAMES = ["01_data", "03_deep_cnn"]


def page(*cells, data="", has_newer=False):
    metadata = {"published": {"profile": "demo", "data": data}}
    notebook = nbformat.v4.new_notebook(metadata=metadata, cells=list(cells))
    return articles.as_page(notebook, has_newer, NAMES).cells


def text(source):
    return nbformat.v4.new_markdown_cell(source)


def code(source, *outputs):
    return nbformat.v4.new_code_cell(source, execution_count=1, outputs=list(outputs))


def printed(lines):
    return nbformat.v4.new_output("stream", name="stdout", text="line\n" * lines)


@pytest.mark.parametrize(("data", "named"), [("", "the demo data"), ("of`mine.zip", "`of'mine.zip`")])
def test_a_page_says_what_it_was_made_from(data, named):
    [opening] = page(text("# Title\n\nProse."), data=data)
    assert (
        opening.source
        == f"# Title\n\n*Made from {named} with the profile `demo`; the code below shows the parameters' defaults.*\n\nProse."
    )


@pytest.mark.parametrize("has_newer", [True, False])
def test_a_page_says_that_a_later_run_has_not_finished(has_newer):
    [opening] = page(text("# Title"), has_newer=has_newer)
    assert ("A later run of this notebook has not finished" in opening.source) == has_newer


def test_code_without_output_is_one_group_with_the_code_below_it():
    cells = page(text("# Title"), code("a"), code("b"), code("c", printed(1)), code("d"), text("End"))
    assert [cell.source for cell in cells[1:]] == ["a\n\nb\n\nc", "d", "End"]
    assert all(cell.metadata.tags == ["hide-input"] for cell in cells if cell.cell_type == "code")


def test_long_logs_are_folded_and_short_ones_are_not():
    _, short, _, long = page(text("# Title"), code("a", printed(4)), text("-"), code("b", printed(5)))
    assert short.outputs[0].output_type == "stream"
    assert "<summary>Log, 5 lines</summary>" in long.outputs[0].data["text/html"]


def test_notebooks_citations_and_sources_become_links_and_code_does_not():
    source = "Notebook 03 follows [5]; `notebook 03` and [a link](x.md) stay. doi 10.1000/x.1, arXiv:1412.6980. <!-- a: begin -->\n"
    _, prose, _ = page(text("# Title"), text(source), text("## References\n\n- [5] A book."))
    assert prose.source == (
        "[Notebook 03](03_deep_cnn.ipynb) follows [\\[5\\]](#references); `notebook 03` and [a link](x.md) stay. "
        "[doi:10.1000/x.1](https://doi.org/10.1000/x.1), [arXiv:1412.6980](https://arxiv.org/abs/1412.6980). "
    )


def test_tables_have_plain_heads_numbers_to_the_right_and_no_row_numbers():
    frame = pd.DataFrame({"class_name": ["a < b", "c"], "share": [0.5, None]})
    table = articles.tidy_table(frame.to_html())
    assert '<th class="number">share</th>' in table and "<th>class name</th>" in table
    assert table.count("<th") == len(["thead", "class name", "share"])
    assert "NaN" not in table and '<td class="number">0.5</td>' in table
    assert "<td>a &lt; b</td>" in table and "border=" not in table
    assert table.startswith('<div class="table-scroll">')


def test_tables_keep_the_names_of_their_rows_and_the_widths_of_their_columns():
    named = pd.DataFrame({"share": [1.5]}, index=pd.Index(["mean"], name="quantile"))
    assert "<th>mean</th>" in articles.tidy_table(named.to_html())
    wide = WrappedTable(pd.DataFrame({"claim": ["holds"]}), (1.0,))._repr_mimebundle_()["text/html"]
    assert "width:100%" in articles.tidy_table(wide)


def test_paragraphs_of_the_opening_are_found_by_their_word():
    source = "# Title\n\n**Question.** What\nis it?\n\n**Time**, with two cores: a minute."
    notebook = nbformat.v4.new_notebook(cells=[text(source)])
    assert articles.opening(notebook, "Question") == "Question. What is it?"
    assert articles.opening(notebook, "Time") == "Time, with two cores: a minute."
    assert articles.opening(notebook, "Answer") == ""


def test_figures_open_alone_and_explorers_lead_to_what_works_in_the_browser():
    picture = nbformat.v4.new_output(
        "display_data", data={"text/html": '<figure><img src="../a.png" alt="A"/></figure>'}
    )
    _, cell = page(text("# Title"), code('lab.explore(browser, "class_browser")', picture))
    figure, link = (output.data["text/html"] for output in cell.outputs)
    assert figure == '<figure><a href="figures/a.png"><img src="figures/a.png" alt="A"/></a></figure>'
    assert 'href="explore.html#classes-of-the-demo"' in link
