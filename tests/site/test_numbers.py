"""Every numeral in the prose of an executed page stands in code nearby, or in what that put out.

Nearby is the section, one beside it, or the opening of the page; the opening itself asks what the
whole page answers. So a numeral is hardly ever right by chance.

Prose is all that the page says in the browser except code cells and outputs: text, headings,
tables, captions, formulas, and the comments in the code too. Comments on the shape of what a line
assigns are asserted when the tests build the page (`shape_comments.py`), and so count as code. What
does not count: 0, 1 and 2; digits in names such as `conv1`; the number before a heading; footnotes;
targets of links; inline code that calls or indexes something.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import pytest
from bs4 import BeautifulSoup
from conftest import EXECUTED, Site
from shape_comments import with_shapes_asserted

# By page, the numbers that no cell can compute, each with the reason.
ALLOWED: dict[str, set[str]] = {
    "index": {"3.11"},  # the oldest Python that pyproject.toml allows
}
NUMERAL = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?:e([+-]?\d+))?")
BLOCKS = ["p", "li", "td", "th", "h1", "h2", "h3", "h4", "figcaption", "summary", "label", "pre"]


def numerals(text: str) -> set[Decimal]:
    """Find the numbers in a text: `1,000` and `3×3` and `(N, 6, 13, 13)`, without signs."""
    text = re.sub(r"(?<=\d)x(?=\d)", " ", re.sub(r"(?<=\d)_(?=\d)", "", text))
    found = set()
    for whole, decimals, exponent in NUMERAL.findall(text):
        number = Decimal(whole.replace(",", "") + decimals)
        found.add(number.scaleb(int(exponent)) if exponent else number)
    return found


def is_code(text: str) -> bool:
    """Tell an expression of code from a number, a shape or a sum."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    return any(isinstance(n, ast.Call | ast.Subscript) for n in ast.walk(tree))


def comments(code: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def without_comments(code: str) -> str:
    for comment in comments(code):
        code = code.replace(comment, "")
    return code


def evidence(site: Site, name: str) -> list[set[Decimal]]:
    """Return the numbers in the code of each cell, without its comments, and in its outputs."""
    known = []
    for cell, outputs in zip(site.cells(name), site.outputs(name), strict=True):
        texts = [without_comments(with_shapes_asserted(cell))]
        for output in outputs:
            texts.append(output.get("text", ""))
            for kind, content in output.get("data", {}).items():
                if kind == "text/html":
                    texts.append(BeautifulSoup(content, "html.parser").get_text(" "))
                elif kind in {"text/plain", "text/markdown"}:
                    texts.append(content)
            for metadata in output.get("metadata", {}).values():
                texts.append(metadata.get("alt", ""))
        known.append(numerals("\n".join(texts)))
    return known


class Section(NamedTuple):
    """What stands under a heading of the second level, or before the first of them."""

    html: BeautifulSoup
    code: list[str]
    known: set[Decimal]


def sections(site: Site, name: str) -> list[Section]:
    """Return the sections of a page, in their order."""
    document = BeautifulSoup(site.page(name).read_text(encoding="utf-8"), "html.parser")
    article = document.find("article")
    assert article
    cells = [*zip(site.cells(name), evidence(site, name), strict=True)]
    parts = []
    for text in re.split(r"(?=<h2)", str(article)):
        html = BeautifulSoup(text, "html.parser")
        count = len(html.select(".language-python.cell"))
        mine, cells = cells[:count], cells[count:]
        known = set[Decimal]().union(*(numbers for _, numbers in mine))
        parts.append(Section(html, [with_shapes_asserted(code) for code, _ in mine], known))
    assert not cells
    return parts


def sentences(page: BeautifulSoup) -> Iterator[str]:
    """Yield the prose of a page, piece by piece. The page is used up."""
    used = (
        "nav, .language-python.highlight, .output, .executed, .footnote, .footnote-ref, .headerlink"
    )
    for element in page.select(used):
        element.decompose()
    for heading in page.select("h1, h2, h3, h4"):
        heading.string = re.sub(r"^\d+(\.\d+)*\.? ", "", heading.get_text())
    for code in page.select("p code, li code, td code, th code, figcaption code"):
        if is_code(code.get_text()):
            code.decompose()
    for part in page.select("mn, mo, mi, mtext"):
        part.insert_before(" ")
    for text in page.find_all(string=True):
        text.replace_with(text.replace("\n", " "))
    for block in page.find_all(BLOCKS):
        block.insert_before("\n")
        block.insert_after("\n")
    for line in page.get_text().splitlines():
        yield from re.split(r"(?<=[.?!:;])\s+", " ".join(line.split()))


@pytest.mark.parametrize("name", EXECUTED)
def test_numbers_in_the_prose_are_computed(site: Site, name: str) -> None:
    parts = sections(site, name)
    always = {Decimal(n) for n in {"0", "1", "2"} | ALLOWED.get(name, set())}
    typed = []
    for place, part in enumerate(parts):
        near = parts if place == 0 else [parts[0], *parts[place - 1 : place + 2]]
        known = always.union(*(section.known for section in near))
        texts = [*sentences(part.html), *(text for code in part.code for text in comments(code))]
        typed += [
            f"{name}.md: {number} in: {text}"
            for text in texts
            for number in sorted(numerals(text) - known)
        ]
    assert not typed, "\n".join(["Numbers that no code nearby, nor its outputs, hold:", *typed])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 digits of 28×28 or 5x5", "1000 28 5"),
        ("(N, 6, 13, 13); conv1, conv2d and float32", "6 13"),
        ("0.50 or −3.25, 1–4, 97 %, 8,000/2,000", "0.5 3.25 1 4 97 8000 2000"),
        ("below 1e-05; 10_000; in 1998.", "0.00001 10000 1998"),
    ],
)
def test_numerals(text: str, expected: str) -> None:
    assert numerals(text) == {Decimal(number) for number in expected.split()}
