"""What an executed page may hold comes out as Material's own, in a page that holds all of it."""

import json
import re
from urllib.parse import urldefrag

import pytest
from bs4 import BeautifulSoup, Tag
from conftest import KINDS, Site


@pytest.fixture
def page(site: Site) -> Tag:
    text = site.page(KINDS).read_text(encoding="utf-8")
    article = BeautifulSoup(text, "html.parser").find("article")
    assert article
    return article


def one(page: Tag, selector: str) -> Tag:
    [element] = page.select(selector)
    return element


def under(page: Tag, code: str) -> list[Tag]:
    """Return what the cell with some code put out: all up to the next cell or heading."""
    [cell] = [c for c in page.select(".cell.highlight") if code in c.get_text()]
    found: list[Tag] = []
    for element in cell.find_next_siblings():
        ends = {"cell", "executed", "question", "footnote"}
        if ends & set(element.get_attribute_list("class")) or element.name == "h2":
            break
        found.append(element)
    return found


def test_markdown_is_that_of_the_site(page: Tag) -> None:
    assert one(page, ".admonition.note .admonition-title").get_text() == "Mind"
    assert one(page, ".admonition.note em").get_text() == "note"
    assert [label.get_text() for label in page.select(".tabbed-labels label")] == ["One", "Two"]
    assert page.select(".tabbed-block")[0].get_text().strip() == "First tab."
    rows = [row.get_text(" ", strip=True) for row in page.select("table tr:has(code, th)")]
    assert rows == ["left right", "a b"]
    assert one(page, "table td strong").get_text() == "b"
    assert one(page, ".footnote li").get_text().strip().startswith("A footnote.")
    assert one(page, "sup a.footnote-ref")
    assert [heading.find(string=True) for heading in page.select("h1, h2")] == [
        "All kinds",
        "Below",
        "Printed",
        "Figures",
        "Everything else",
    ]


def test_formulas_are_mathml_without_styles(page: Tag) -> None:
    inline, display = page.find_all("math")[:2]
    assert inline.get_text() == "a<b"
    assert display["display"] == "block"
    assert display.find("mfrac")
    assert {tuple(cell.get_attribute_list("class")) for cell in display.find_all("mtd")} == {
        ("m-right", "m-close-right"),
        ("m-left", "m-close-left"),
    }


def test_references_are_resolved(page: Tag) -> None:
    links = {link.get_text(): str(link["href"]) for link in page.select("p a[href]")}
    assert links["below"] == "#below"
    assert links["the other page"] == "../#part-i-cnn-model-breakdown"
    assert links["conv2d"].endswith("model/#cnn_tutorial.convolution.conv2d")
    assert links["a link"] == "../getting-started/"


def test_the_page_is_found_by_its_words(site: Site) -> None:
    index = json.loads((site.html / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"]: entry["text"] for entry in index["docs"]}
    text = found[f"{KINDS}/#everything-else"]
    assert "computed" in text
    assert "data-output" not in text


def test_only_python_at_the_margin_is_run(page: Tag, site: Site) -> None:
    """Not what is in other languages, commented out, inside other blocks, or said to be not run."""
    assert not list(site.root.rglob("*.marker"))
    shown = {block.get_text().strip(): block for block in page.select(".highlight:not(.output)")}
    not_run = shown['open("not-run.marker", "w")']
    assert not_run["class"] == ["language-python", "not-run", "highlight"]
    for code, language in (
        ("touch bash.marker", "bash"),
        ("touch sh.marker", "sh"),
        ('require("fs").writeFileSync("javascript.marker", "");', "javascript"),
        ('```python\nopen("inside.marker", "w")\n```', "text"),
        ("not run", "text"),
    ):
        assert shown[code]["class"] == [f"language-{language}", "highlight"]
    assert "comment.marker" not in page.get_text()


def test_code_is_shown_as_it_is_written(page: Tag, site: Site) -> None:
    cells = [block.get_text() for block in page.select(".cell.highlight code")]
    assert cells == [f"{source}\n" for source in site.cells(KINDS) if source]
    assert any('xmlns="http://www.w3.org/2000/svg"' in code for code in cells)


def test_printed_text_is_a_block(page: Tag) -> None:
    [block] = under(page, "&amp;")
    assert block["class"] == ["language-text", "output", "no-copy", "highlight"]
    assert block.get_text() == "<b>&amp;</b>\n```\n# not a heading\n````\n"


def test_colours_of_a_terminal_are_classes(page: Tag) -> None:
    [block] = under(page, "one of millions")
    assert block.get_text() == "red green thin yellow ink\nblue lined one of millions end\n"
    spans = [(span.get_text(), span["class"]) for span in block.select("span")]
    assert spans == [
        ("red", ["ansi-red"]),
        ("green", ["ansi-bold", "ansi-green"]),
        (" thin", ["ansi-green"]),
        ("yellow", ["ansi-yellow"]),
        ("blue ", ["ansi-blue"]),
        ("lined", ["ansi-blue", "ansi-underline"]),
    ]


def test_outputs_stand_in_their_order_as_a_terminal_leaves_them(page: Tag) -> None:
    texts = [block.get_text() for block in under(page, "before")]
    assert texts == ["part 3 of 3\nbefore\n", "'between'\n", "after\n"]


def test_an_expected_error_is_an_output(page: Tag) -> None:
    [block] = under(page, "1 / 0")
    assert block.get_text() == "ZeroDivisionError: division by zero\n"


def test_nothing_is_shown_of_nothing(page: Tag) -> None:
    assert under(page, "quiet = True") == []


def test_drawing_is_a_file_for_each_theme(page: Tag, site: Site) -> None:
    for figure, alt, size in (
        (under(page, 'plots.matrices({"*x*"')[0], "*x*, 1 by 1: 1.50; [y], 1 by 1: 3.00", None),
        (under(page, "drawing.Described")[0], "Two lines that cross", ("480", "288")),
        (under(page, "SVG(")[0], "A disc in the colour of the text", ("40", "40")),
    ):
        images = figure.find_all("img")
        parts = [urldefrag(str(image["src"])) for image in images]
        assert [part.fragment for part in parts] == ["only-light", "only-dark"]
        [name] = {part.url for part in parts}
        svg = (site.page(KINDS).parent / name).read_text(encoding="utf-8")
        assert svg.startswith("<svg ")
        assert "currentColor" in svg
        assert not re.search("#0{6}|#f{6}", svg.lower().partition("</style>")[2])
        for image in images:
            assert image["alt"] == alt
            assert (image["width"], image["height"]) == size or not size
            assert int(str(image["width"])) > 0
            assert int(str(image["height"])) > 0


def test_picture_is_a_file(page: Tag, site: Site) -> None:
    for code, alt, size, start in (
        ('"PNG"', "Grey from black to white", ("120", "80"), b"\x89PNG"),
        ('"JPEG"', "A *larger* gradient", ("256", "256"), b"\xff\xd8"),
    ):
        image = one(under(page, code)[0], "img")
        assert image["alt"] == alt
        assert (image["width"], image["height"]) == size
        assert (site.page(KINDS).parent / str(image["src"])).read_bytes().startswith(start)


def test_what_is_played_with_has_its_drawing_inside_and_its_files_beside_the_page(
    page: Tag, site: Site
) -> None:
    thing = one(page, "figure > some-thing[small]")
    assert {image["alt"] for image in thing.find_all("img")} == {"two, 1 by 1: 2.00"}
    assert (site.html / KINDS / "bytes.bin").read_bytes() == bytes(range(256))


def test_italics_below_a_figure_are_its_caption(page: Tag) -> None:
    first, second = page.select("figure figcaption")
    assert first.get_text() == "What to notice in x."
    assert one(first, "strong").get_text() == "notice"
    assert one(first, "code").get_text() == "x"
    assert second.get_text() == "A caption of a picture."


def test_cell_in_an_answer_is_folded_with_it(page: Tag) -> None:
    answer = one(page, "details.question")
    assert one(answer, "summary").get_text() == "Answer"
    assert one(answer, ".output code").get_text() == "42\n"
    assert "Fold and" in one(answer, "p").get_text()


def test_html_is_kept_as_it_is(page: Tag) -> None:
    [output] = under(page, "HTML(")
    assert [cell.get_text() for cell in output.select("td")] == ["one", "*two*"]
    assert [part.get_text() for part in output.select("p")] == ["three"]


def test_markdown_is_rendered_and_printed_code_is_no_cell(page: Tag) -> None:
    paragraph, printed = under(page, "computed")
    assert paragraph.get_text() == "A computed line, x2, and a link."
    assert paragraph.find("math")
    assert printed["class"] == ["language-python", "printed", "highlight"]


def test_latex_is_mathml(page: Tag) -> None:
    fraction, mixed = under(page, "Math(")
    assert one(fraction, "math mfrac")
    assert [formula.get_text() for formula in mixed.find_all("math")] == ["a+b", "c<d"]
    assert "The sum " in mixed.get_text()
    assert " & more " in mixed.get_text()
    [only] = under(page, "class Formula")
    assert one(only, "math msup")


def test_json_is_text(page: Tag) -> None:
    [block] = under(page, "JSON({")
    assert json.loads(block.get_text()) == {"a": [1, None], "b": "<é>"}


def test_a_question_holds_its_answer_and_its_code(page: Tag, site: Site) -> None:
    question = one(page, "article > predict-check")
    assert [part.get_text() for part in question.find_all("p", recursive=False)] == [
        "Rows < 5?",
        "4 · 5",
    ]
    answer = one(question, "predict-check > details")
    assert one(answer, "p").get_text() == '4. It\'s the "last" number.'
    assert "Question(" in one(answer, "details .cell.highlight").get_text()
    mistakes = json.loads((site.html / KINDS / "questions.json").read_text(encoding="utf-8"))
    assert mistakes == {"Rows < 5?": {"5": "<b>Not</b> that one."}}
