"""What an executed page may hold comes out as Material's own, in a page that holds all of it."""

import json

import pytest
from bs4 import BeautifulSoup, Tag
from conftest import FRONT, Site, make_project, mkdocs_build

PAGE = """
# All of it

For $a < b$ see [below](#below), [the other page](other.md#there) and
[`conv2d`][cnn_tutorial.convolution.conv2d].[^1]

$$
\\frac{a}{b}
$$

!!! note "Mind"
    A *note*.

=== "One"
    First tab.

=== "Two"
    Second tab.

| left | right |
|------|-------|
| `a`  | **b** |

[^1]: A footnote.

## Below

```text
not run
```

```python
print("<b>&amp;</b>")
print("```\\n# not a heading\\n````")
```

```python
import torch

from cnn_tutorial import plots

plots.matrices({"*x*": torch.tensor([[1.5]]), "[y]": torch.tensor([[3.0]])})
```

*What to **notice** in `x`.*

<details class="question" markdown>
<summary>Answer</summary>

Fold and

```python
6 * 7
```

</details>

```python
from IPython.display import HTML, Markdown, display

display(HTML("<table><tr><td>cell</td></tr></table>"))
display(Markdown("A **computed** line."))
```

```python
quiet = True
```
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    root = tmp_path_factory.mktemp("features")
    pages = {
        "index.md": FRONT + PAGE,
        "other.md": "# Other\n\n## There\n\n$c$\n",
        "convolution.md": "# Convolution\n\n::: cnn_tutorial.convolution\n",
        "shapes.md": "# Shapes\n\n::: cnn_tutorial.shapes\n",
    }
    make_project(root, pages)
    build = mkdocs_build(root)
    assert build.returncode == 0, build.stdout
    return Site(root, root / "site", build.stdout)


@pytest.fixture(scope="module")
def page(built: Site) -> Tag:
    text = built.page("index").read_text(encoding="utf-8")
    article = BeautifulSoup(text, "html.parser").find("article")
    assert article
    return article


def one(page: Tag, selector: str) -> Tag:
    [element] = page.select(selector)
    return element


def test_only_the_page_with_a_kernel_is_run(built: Site) -> None:
    assert built.log.count("Running ") == 1
    assert "Running index.md (1 of 1)" in built.log


def test_markdown_is_that_of_the_site(page: Tag) -> None:
    assert one(page, ".admonition.note .admonition-title").get_text() == "Mind"
    assert one(page, ".admonition.note em").get_text() == "note"
    assert [label.get_text() for label in page.select(".tabbed-labels label")] == ["One", "Two"]
    tabs = [block.get_text().strip() for block in page.select(".tabbed-block")]
    assert tabs == ["First tab.", "Second tab."]
    rows = [row.get_text(" ", strip=True) for row in page.select("table tr:has(code, th)")]
    assert rows == ["left right", "a b"]
    assert one(page, "table td strong").get_text() == "b"
    assert one(page, ".footnote li").get_text().strip().startswith("A footnote.")
    assert one(page, "sup a.footnote-ref")
    assert [heading.find(string=True) for heading in page.select("h1, h2")] == [
        "All of it",
        "Below",
    ]


def test_formulas_are_mathml(page: Tag) -> None:
    inline, display = page.find_all("math")
    assert inline.get_text() == "a<b"
    assert display["display"] == "block"
    assert display.find("mfrac")


def test_references_are_resolved(page: Tag) -> None:
    links = {link.get_text(): str(link["href"]) for link in page.select("p a[href]")}
    assert links["below"] == "#below"
    assert links["the other page"] == "other/#there"
    assert links["conv2d"].endswith("convolution/#cnn_tutorial.convolution.conv2d")


def test_the_page_is_found_by_its_words(built: Site) -> None:
    index = json.loads((built.html / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"]: entry["text"] for entry in index["docs"]}
    assert "computed" in found["#below"]
    assert "{&quot;" not in found["#below"]


def test_code_and_its_output_are_blocks(page: Tag) -> None:
    code = [block.get_text() for block in page.select(".language-python.highlight code")]
    assert len(code) == 5
    assert code[0] == 'print("<b>&amp;</b>")\nprint("```\\n# not a heading\\n````")\n'
    outputs = [block.get_text() for block in page.select(".output code")]
    assert outputs == ["<b>&amp;</b>\n```\n# not a heading\n````\n", "42\n"]
    assert [block.get_text() for block in page.select(".language-text:not(.output) code")] == [
        "not run\n"
    ]


def test_figure_is_a_file_for_each_theme(page: Tag, built: Site) -> None:
    drawing = one(page, "figure")
    sources = [str(image["src"]) for image in drawing.find_all("img")]
    assert [source.partition("#")[2] for source in sources] == ["only-light", "only-dark"]
    [name] = {source.partition("#")[0] for source in sources}
    svg = (built.html / name).read_text(encoding="utf-8")
    assert svg.startswith("<svg ")
    assert "currentColor" in svg
    for image in drawing.find_all("img"):
        assert image["alt"] == "*x*, 1 by 1: 1.50; [y], 1 by 1: 3.00"
        assert int(str(image["width"])) > int(str(image["height"])) > 0


def test_italics_below_a_figure_are_its_caption(page: Tag) -> None:
    caption = one(page, "figure figcaption")
    assert caption.get_text() == "What to notice in x."
    assert one(caption, "strong").get_text() == "notice"
    assert one(caption, "code").get_text() == "x"


def test_cell_in_an_answer_is_folded_with_it(page: Tag) -> None:
    answer = one(page, "details.question")
    assert one(answer, "summary").get_text() == "Answer"
    assert one(answer, ".output code").get_text() == "42\n"
    assert "Fold and" in one(answer, "p").get_text()


def test_rich_outputs_are_kept(page: Tag) -> None:
    assert one(page, ".output td").get_text() == "cell"
    assert "A computed line." in [p.get_text() for p in page.find_all("p")]
