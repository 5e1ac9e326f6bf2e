"""What a newcomer types into the search, and what is found first."""

import json
import re
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from conftest import EXECUTED, Site
from hosting import Host
from playwright.sync_api import Page, expect

# What is typed, and the pages, or the sections, where it is explained.
QUERIES = {
    "padding": ["breakdown/dimensions/#padding-start-earlier-end-later"],
    "why 400": ["experiments/network/#why-400"],
    "receptive field": ["breakdown/model/#how-much-of-the-digit-one-output-sees"],
    "Conv2d": ["breakdown/convolution/", "breakdown/model/"],
    "max pooling": ["breakdown/pooling/#four-numbers-become-one"],
    "stride": ["breakdown/dimensions/#stride-start-less-often"],
    "batch size": ["breakdown/batches/"],
    "feature map": ["breakdown/convolution/#a-feature-map-slide-it-over-the-image"],
    "cross-correlation": ["breakdown/convolution/#a-word-about-the-name"],
    "learning rate": ["experiments/training/#one-step"],
    "confusion matrix": ["experiments/results/#what-is-taken-for-what"],
    "calibration": ["experiments/results/#does-90-mean-90"],
    "how many seeds": [
        "experiments/results/#twenty-trainings",
        "experiments/experiments/#a-change-and-its-seeds",
    ],
    "Grad-CAM": ["experiments/inside/#where-did-it-look"],
    "PCA": ["experiments/inside/#84-numbers-seen-in-two"],
    "adversarial": ["experiments/inside/#one-digit-changed"],
    "dropout": ["experiments/experiments/#which-changes-matter", "experiments/break-it/"],
    "random order of pixels": ["experiments/experiments/#the-same-pixels-in-another-order"],
    "forgot zero_grad": ["experiments/break-it/#the-loss-will-not-fall"],
    "forgot eval": ["experiments/break-it/#it-is-good-and-then-it-is-not"],
    "torchrun": ["experiments/faster/#on-a-gpu-and-in-two-processes"],
    "profiler": ["experiments/faster/#where-does-the-time-go"],
    "my own photo": ["experiments/your-digits/"],
    "Fashion-MNIST": ["experiments/your-digits/#clothes-instead-of-digits", "getting-started/"],
    "0.1307": ["breakdown/digits/#for-those-who-come-from-elsewhere"],
    "0.3081": ["breakdown/digits/#for-those-who-come-from-elsewhere"],
    "2.303": [
        "experiments/training/#how-wrong-is-it",
        "experiments/break-it/#the-loss-will-not-fall",
    ],
    "Target out of bounds": ["experiments/training/#target-out-of-bounds"],
    "mat1 and mat2": [
        "experiments/network/#when-the-number-is-wrong",
        "experiments/break-it/#it-learns-and-answers-wrong",
    ],
    "403": ["getting-started/#get-the-full-mnist"],
    "softmax": ["breakdown/one-image/#a-look-ahead", "experiments/training/#how-wrong-is-it"],
}


class Result(NamedTuple):
    """A page that was found, and the places on it."""

    page: str
    places: list[str]


def search(page: Page, query: str) -> list[Result]:
    """Put a query into the search of the page, and return what is found."""
    said = page.locator(".md-search-result__meta")
    page.locator(".md-search__input").fill("")
    expect(said).to_have_text("Type to start searching")
    page.locator(".md-search__input").fill(query[:-1])
    page.locator(".md-search__input").press_sequentially(query[-1])  # one question, one answer
    expect(said).to_have_text(re.compile("document"), timeout=30_000)
    found = page.locator(".md-search-result__item").evaluate_all(
        "items => items.map(item => [...item.querySelectorAll('a')].map(link => link.href))"
    )
    base = urlsplit(page.url).path
    results = []
    for links in found:
        parts = [urlsplit(link) for link in links]
        pages = [part.path.removeprefix(base) for part in parts]
        places = [f"{name}#{part.fragment}" for name, part in zip(pages, parts, strict=True)]
        results.append(Result(pages[0], [place.removesuffix("#") for place in places]))
    return results


@pytest.fixture
def opened(server: Host, phone: Page) -> Page:
    """The first page of the site, with its search open."""
    phone.set_viewport_size({"width": 1280, "height": 800})
    phone.goto(server.address)
    phone.locator(".md-search__input").focus()
    return phone


def test_search_finds_what_newcomers_type(opened: Page) -> None:
    """The page that explains a thing is first for all but one, and among the first three."""
    ranks: dict[str, int] = {}
    missed = []
    for query, targets in QUERIES.items():
        results = search(opened, query)
        pages = {target.partition("#")[0] for target in targets}
        hits = [rank for rank, result in enumerate(results, 1) if result.page in pages]
        ranks[query] = hits[0] if hits else 99
        places = [place for result in results[:3] for place in result.places]
        if not set(targets) & set(places):
            missed.append(f"{query}: {targets} not in {places}")
        print(f"{query:22}{ranks[query]:3}  {', '.join(result.page for result in results[:3])}")
    assert not missed, "\n".join(missed)
    assert max(ranks.values()) <= 3, ranks
    assert sum(rank > 1 for rank in ranks.values()) <= 1, ranks


def tokens(text: str) -> set[str]:
    """Return what the search takes for words."""
    return {word.lower() for word in re.split(r"[\s\-]+", text) if word}


def of_code(site: Site) -> set[str]:
    """Return the words of code and of outputs that are in the text of no page."""
    code: set[str] = set()
    prose: set[str] = set()
    for path in site.html.rglob("index.html"):
        article = BeautifulSoup(path.read_bytes(), "html.parser").select_one("article")
        assert article
        if path in map(site.page, EXECUTED):
            for block in article.select("pre, .output"):
                code |= tokens(block.get_text(" "))
                code |= tokens(block.get_text(""))
                block.decompose()
        prose |= tokens(article.get_text(" ")) | set(re.findall(r"\w+", article.get_text().lower()))
    return {word for word in code - prose if re.fullmatch(r"[a-z_]{5,}|\d+\.\d{3,}", word)}


def test_code_and_outputs_are_not_searched(site: Site, opened: Page) -> None:
    """What is only in code or in an output is not in the index, and is not found."""
    only = of_code(site)
    assert len(only) > 20
    index = json.loads((site.html / "search" / "search_index.json").read_text(encoding="utf-8"))
    indexed: dict[str, set[str]] = {}
    for section in index["docs"]:
        if not section["location"].startswith("reference/"):
            text = BeautifulSoup(section["text"], "html.parser").get_text(" ")
            for word in tokens(text) & only:
                indexed.setdefault(word, set()).add(section["location"])
    assert not indexed, f"{len(indexed)} words, such as {list(indexed.items())[:5]}"
    for word in sorted(only, key=lambda word: (-len(word), word))[:3]:
        found = [result.page for result in search(opened, word)]
        assert not [page for page in found if not page.startswith("reference/")], word


def test_signatures_are_searched(site: Site) -> None:
    """Whoever looks for a parameter finds the function that takes it."""
    index = json.loads((site.html / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {section["location"]: section["text"] for section in index["docs"]}
    # A page that lists no source code, which has the parameters too.
    assert "size: IntOrPair" in found["reference/model/#cnn_tutorial.shapes.conv_output_size"]
