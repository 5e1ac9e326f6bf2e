"""The glossary: its sentences, and where other pages link them."""

import re
from pathlib import Path
from urllib.parse import urldefrag

import pytest
from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from conftest import EXECUTED, Site, make_project, mkdocs_build

from cnn_tutorial.data import load_digits
from cnn_tutorial.model import ConvolutionalNetwork

PAGES = [*EXECUTED, "getting-started"]
NO_PROSE = ("pre", "code", "a", "h1", "h2", "h3", "h4", "table", "label", "summary", "math")

GLOSSARY = """# Glossary

batch { #batch }
:   Some digits. [Why](second.md#why)

Adam { #adam }
AdamW
:   An optimizer,
    said in two lines. [Home](index.md)

weight { #weight }
:   A number.

weight decay { #weight-decay }
:   A pull.

step { #step .unlinked }
:   A word with other meanings.

probability { #probability }
:   Between 0 and 1.
"""
INDEX = """# The batch of Adam

A [batch](second.md), a `batch`, batching, a
mini-batch, a *weight
decay*, and **Batches**. A batch, a step, Adam.

```text
weight
```

<details markdown>
<summary>A weight</summary>
Folded weights.
</details>

| weight |
|--------|
| weight |

## Probabilities

Weight decay has weights; so does AdamW. Two probabilities, and a probability.
"""
SECOND = "# Second\n\n## Why\n\nA batch; with AdamW, and Adam.\n"


def test_first_uses_are_linked(tmp_path: Path) -> None:
    """Only in prose, in any form, the longest term first, and not on the page that explains it."""
    make_project(tmp_path, {"index.md": INDEX, "second.md": SECOND, "glossary.md": GLOSSARY})
    build = mkdocs_build(tmp_path)
    assert build.returncode == 0, build.stdout
    linked = {}
    for page in ("index.html", "second/index.html", "glossary/index.html"):
        document = BeautifulSoup((tmp_path / "site" / page).read_bytes(), "html.parser")
        terms = document.select("a.term")
        linked[page] = [(" ".join(term.text.split()), term["href"]) for term in terms]
    assert linked == {
        "index.html": [
            ("weight decay", "glossary/#weight-decay"),
            ("Batches", "glossary/#batch"),
            ("weights", "glossary/#weight"),
            ("probabilities", "glossary/#probability"),
        ],
        "second/index.html": [("AdamW", "../glossary/#adam")],
        "glossary/index.html": [],
    }


@pytest.fixture(scope="module")
def entries(site: Site) -> dict[str, tuple[list[str], Tag]]:
    """The terms of the glossary, and what it says of them, by the anchor."""
    page = BeautifulSoup(site.page("glossary").read_bytes(), "html.parser")
    found: dict[str, tuple[list[str], Tag]] = {}
    for element in page.select("dl > *"):
        if "id" in element.attrs:
            found[str(element["id"])] = [], element
        words, _ = found[[*found][-1]]
        if element.name == "dt":
            words.append(element.get_text())
        else:
            found[[*found][-1]] = words, element
    return found


def test_a_term_has_one_sentence_and_one_link(entries: dict[str, tuple[list[str], Tag]]) -> None:
    assert len(entries) > 40
    for anchor, (words, said) in entries.items():
        [link] = said.select("a")
        assert urldefrag(str(link["href"])).fragment, anchor
        link.decompose()
        sentence = " ".join(said.get_text().split())
        assert re.fullmatch(r"[A-Z].*[^.?!]\.", sentence), sentence
        assert not re.search(r"[.?!] [A-Z]", sentence), sentence
        assert 5 < len(sentence.split()) <= 35, sentence
        assert all(words), anchor


def test_terms_are_found_by_their_letters(site: Site, entries: dict[str, object]) -> None:
    """They are in the order of the alphabet, and each letter leads to its first."""
    assert [*entries] == sorted(entries)
    first = {anchor[0].upper(): anchor for anchor in reversed(entries)}
    page = BeautifulSoup(site.page("glossary").read_bytes(), "html.parser")
    letters = {link.text: str(link["href"]) for link in page.select(".letters a")}
    assert letters == {letter: f"#{first[letter]}" for letter in sorted(first)}


def test_numbers_of_the_glossary_are_those_of_the_package(
    entries: dict[str, tuple[list[str], Tag]],
) -> None:
    digits = load_digits()
    sizes = [len(part) for part in (digits.train, digits.validation, digits.test)]
    for anchor, size in zip(
        ("training-digit", "validation-digit", "test-digit"), sizes, strict=True
    ):
        assert f"{size:,}" in entries[anchor][1].get_text()
    count = sum(parameter.numel() for parameter in ConvolutionalNetwork().parameters())
    for anchor in ("parameter", "backpropagation"):
        assert f"{count:,}" in entries[anchor][1].get_text()


def prose(article: Tag) -> list[NavigableString]:
    """Return the texts of a page in which terms are linked, and those links."""
    return [
        text
        for text in article.find_all(string=True)
        if not any(
            parent.name in NO_PROSE and "term" not in parent.get_attribute_list("class")
            for parent in text.parents
        )
        and not text.find_parent(class_=["cells", "footnote", "output"])
        and not text.find_parent("details")
    ]


@pytest.mark.parametrize("name", PAGES)
def test_page_links_terms_where_it_first_uses_them(
    site: Site, entries: dict[str, tuple[list[str], Tag]], name: str
) -> None:
    known = [word for words, _ in entries.values() for word in words]
    article = BeautifulSoup(site.page(name).read_bytes(), "html.parser").find("article")
    assert article
    terms = article.select("a.term")
    anchors = [urldefrag(str(term["href"])).fragment for term in terms]
    assert len(anchors) == len(set(anchors))
    before = ""
    for text in prose(article):
        words = " ".join(text.split())
        if text.parent and text.parent in terms:
            longer = "|".join(word for word in known if len(word) > len(words))
            rest = re.sub(longer, "", before, flags=re.IGNORECASE)  # "weight decay" is no weight
            assert not re.search(rf"(?<![\w-]){words}(?![\w-])", rest, re.IGNORECASE), words
            terms.remove(text.parent)
        before += f" {words}"
    assert not terms, "links where there is no prose"


def test_every_term_is_used(site: Site, entries: dict[str, tuple[list[str], Tag]]) -> None:
    """The glossary explains no word that the site does without."""
    pages = [path for path in site.html.rglob("index.html") if path != site.page("glossary")]
    texts = [BeautifulSoup(path.read_bytes(), "html.parser").select("article") for path in pages]
    said = " ".join(article.get_text() for [article] in texts).lower()
    said = re.sub(r"[\s-]+", " ", said)
    for anchor, (words, _) in entries.items():
        assert any(re.sub(r"-", " ", word).lower() in said for word in words), anchor
