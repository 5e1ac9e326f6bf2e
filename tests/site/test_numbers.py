"""Every numeral in the prose of an executed page stands in its code or in what its code put out.

Prose is all that the page says in the browser except code cells and outputs: text, headings,
tables, captions, formulas, and the comments in the code too. Comments on the shape of what a line
assigns are asserted when the code runs as a script (`test_site.py`), and so count as code. What
does not count: 0, 1 and 2; digits in names such as `conv1`; the number before a heading; footnotes;
targets of links; inline code that calls or indexes something.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from decimal import Decimal

import pytest
from bs4 import BeautifulSoup, Tag
from conftest import EXECUTED, Site, with_shapes_asserted

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


def evidence(site: Site, name: str) -> set[Decimal]:
    """Return the numbers in the code of a page, without its comments, and in its outputs."""
    texts = [without_comments(with_shapes_asserted(cell)) for cell in site.cells(name)]
    for output in site.outputs(name):
        texts.append(output.get("text", ""))
        for kind, content in output.get("data", {}).items():
            if kind == "text/html":
                texts.append(BeautifulSoup(content, "html.parser").get_text(" "))
            elif kind in {"text/plain", "text/markdown"}:
                texts.append(content)
        for metadata in output.get("metadata", {}).values():
            texts.append(metadata.get("alt", ""))
    return numerals("\n".join(texts))


def sentences(page: Tag) -> Iterator[str]:
    """Yield the prose of a page, piece by piece. The page is used up."""
    used = ".language-python.highlight, .output, .executed, .footnote, .footnote-ref, .headerlink"
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
    document = BeautifulSoup(site.page(name).read_text(encoding="utf-8"), "html.parser")
    article = document.find("article")
    assert article
    known = evidence(site, name) | {Decimal(n) for n in {"0", "1", "2"} | ALLOWED.get(name, set())}
    code = "\n".join(map(with_shapes_asserted, site.cells(name)))
    typed = [
        f"{name}.md: {number} in: {sentence}"
        for sentence in (*sentences(article), *comments(code))
        for number in sorted(numerals(sentence) - known)
    ]
    assert not typed, "\n".join(["Numbers that neither the code nor its outputs hold:", *typed])


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
