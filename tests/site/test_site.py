"""The site as a whole: built by `mkdocs build --strict` from nothing, every page executed."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import jupytext
import pytest
from bs4 import BeautifulSoup, Tag
from conftest import BUILT, EXECUTED, KINDS, ROOT, Site
from mkdocs.utils.yaml import yaml_load

from cnn_tutorial.support.find import find_source

FETCHED = {"canonical", "next", "prev"}  # kinds of <link> that no browser fetches


@pytest.fixture(scope="module")
def documents(site: Site) -> dict[Path, BeautifulSoup]:
    """Every HTML file of the site."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(site.html.rglob("*.html"))
    }


def article(site: Site, name: str) -> Tag:
    """Return what a page says, without what is around it."""
    document = BeautifulSoup(site.page(name).read_text(encoding="utf-8"), "html.parser")
    found = document.find("article")
    assert found
    return found


def nav_pages(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        [(_, target)] = entry.items()
        if isinstance(target, list):
            yield from nav_pages(target)
        else:
            yield target.removesuffix(".md")


def links(document: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    """List the elements that link or embed something, and what."""
    for element in document.find_all(True):
        for attribute in ("href", "src", "poster", "data"):
            if isinstance(target := element.get(attribute), str):
                yield element, target
        for candidate in str(element.get("srcset") or "").split(","):
            if candidate.strip():
                yield element, candidate.split()[0]


def test_every_page_of_the_navigation_is_there(site: Site) -> None:
    nav = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    names = list(nav_pages(nav))
    assert len(names) == len(set(names)) > 10
    for name in names:
        assert site.page(name).is_file(), name
    assert set(EXECUTED) <= set(names)


def test_the_build_says_which_page_it_runs(site: Site) -> None:
    pages = re.findall(r"Running (\S+)\.md \((\d+) of (\d+)\)", site.log)
    run = sorted([*EXECUTED, KINDS])
    assert sorted(name for name, _, _ in pages) == run
    assert sorted(int(number) for _, number, _ in pages) == list(range(1, len(run) + 1))
    assert {total for _, _, total in pages} == {str(len(run))}


def test_the_build_warns_of_nothing(site: Site) -> None:
    for line in site.log.splitlines():
        assert line.startswith("INFO "), line


@pytest.mark.parametrize("name", EXECUTED)
def test_page_says_on_what_it_was_executed(site: Site, name: str) -> None:
    [line] = article(site, name).select("p.executed")
    said = re.fullmatch(
        r"Executed on (.+?), Python ([\d.]+), torch (\S+), torchvision (\S+), matplotlib (\S+), "
        r"CPU, (\d{4}-\d\d-\d\d)\. As a notebook As a script",
        " ".join(line.get_text().split()).rstrip("."),
    )
    assert said, line
    source, python, torch, torchvision, matplotlib, day = said.groups()
    assert source == str(find_source())
    assert python == sys.version.split()[0]
    assert [torch, torchvision, matplotlib] == [
        version(name) for name in ("torch", "torchvision", "matplotlib")
    ]
    assert day == BUILT


@pytest.mark.parametrize("name", EXECUTED)
def test_page_shows_the_code_that_it_runs(site: Site, name: str) -> None:
    page = article(site, name)
    shown = [block.get_text().strip() for block in page.select(".cell.highlight code")]
    assert shown == [cell.strip() for cell in site.cells(name)]
    [link] = page.select(".executed a[href$='.ipynb']")
    notebook = jupytext.read(site.page(name).parent / str(link["href"]))
    _, *cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert cells == site.cells(name)  # after what installs the package


@pytest.mark.parametrize("name", EXECUTED)
def test_a_drawing_has_a_file_for_each_of_its_layouts(site: Site, name: str) -> None:
    """At a desk another file is asked for than on a phone, of the size that the page says."""
    found = article(site, name).select("picture")
    assert found
    for picture in found:
        source, image = picture.select("source, img")
        assert str(source["srcset"]) == str(image["src"]).replace(".svg", "-wide.svg")
        sizes = []
        for element, link in (source, "srcset"), (image, "src"):
            file = site.page(name).parent / str(element[link]).partition("#")[0]
            box = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', file.read_text(encoding="utf-8"))
            sizes.append([round(float(side)) for side in box[0]])
            assert [int(str(element[side])) for side in ("width", "height")] == sizes[-1]
        assert sizes[0] != sizes[1]
        assert sizes[1][0] <= 414
    assert not any(picture.find_parent(class_="shown") for picture in found), "columns are narrow"


@pytest.mark.parametrize("name", EXECUTED)
def test_page_is_small(site: Site, name: str) -> None:
    html = site.page(name).read_text(encoding="utf-8")
    html = re.sub("<figure.*?</figure>", "", html, flags=re.DOTALL)
    assert len(html.encode()) < 45_000  # bytes as they are sent, without the figures


@pytest.mark.parametrize("name", EXECUTED)
def test_page_names_no_folder_of_the_machine(site: Site, name: str) -> None:
    html = site.page(name).read_text(encoding="utf-8")
    for folder in (site.root, "site-packages", "ipykernel_"):
        assert str(folder) not in html


def test_formulas_are_mathml(site: Site, documents: dict[Path, BeautifulSoup]) -> None:
    formula = re.compile(r"\$\$.+?\$\$|\$(?=[^\s$])[^$]*[^\s$]\$", re.DOTALL)
    code = re.compile(r"^\s*(`{3,}).*?^\s*\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
    formulas = 0
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT / "docs").with_suffix("").as_posix()
        if site.page(name) not in documents:
            continue  # a file beside the pages, such as the README of the fonts
        document = documents[site.page(name)]
        expected = len(formula.findall(code.sub("", path.read_text(encoding="utf-8"))))
        assert len(document.find_all("math")) == expected, name
        formulas += expected
        for element in document.find_all(["pre", "code", "script", "annotation"]):
            element.decompose()
        text = document.get_text()
        latex = re.search(r".{,40}(\\[(\[a-zA-Z{]|\$\$|\$\S).{,40}", text)
        assert not latex, f"{name}: {latex and latex[0]}"
    assert formulas > 0


def test_links_lead_somewhere(site: Site, documents: dict[Path, BeautifulSoup]) -> None:
    ids = {path: {element["id"] for element in d.select("[id]")} for path, d in documents.items()}
    checked = 0
    for path, document in documents.items():
        for element, target in links(document):
            url, fragment = urldefrag(target)
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            where = f"{path.relative_to(site.html)}: {element}"
            linked = path
            if parts.path:
                base = site.html if parts.path.startswith("/") else path.parent
                linked = (base / unquote(parts.path).lstrip("/")).resolve()
                linked = linked / "index.html" if linked.is_dir() else linked
                assert linked.is_relative_to(site.html.resolve()), where
                assert linked.is_file(), where
            # Material's fragments of figures choose a theme.
            if fragment and element.name not in ("img", "source") and not fragment.startswith("__"):
                assert unquote(fragment) in ids[linked], where
            checked += 1
    assert checked > 100


def test_links_say_where_they_lead(documents: dict[Path, BeautifulSoup]) -> None:
    said = {a.get_text(strip=True).lower() for page in documents.values() for a in page.select("a")}
    assert "training" in said
    assert not said & {"here", "click here", "this", "link", "more", "read more", "go"}


def test_nothing_is_fetched_from_another_host(
    site: Site, documents: dict[Path, BeautifulSoup]
) -> None:
    for path, document in documents.items():
        for element, target in links(document):
            followed = element.name == "a" or FETCHED & set(element.get_attribute_list("rel"))
            if not followed:
                assert not urlsplit(target).netloc, f"{path}: {element}"
    for path in [*site.html.rglob("*.css"), *site.html.rglob("*.html"), *site.html.rglob("*.svg")]:
        text = path.read_text(encoding="utf-8")
        found = re.search(r"""(url\(|@import)\s*['"]?(https?:)?//.{,60}""", text)
        assert not found, f"{path}: {found and found[0]}"


def test_figures_have_words_and_a_size(documents: dict[Path, BeautifulSoup]) -> None:
    images = [(path, image) for path, d in documents.items() for image in d.find_all("img")]
    assert images
    for path, image in images:
        assert len(str(image.get("alt") or "")) > 10, f"{path}: {image}"
        assert int(str(image["width"])) > 0, f"{path}: {image}"
        assert int(str(image["height"])) > 0, f"{path}: {image}"


def test_ids_are_unique(documents: dict[Path, BeautifulSoup]) -> None:
    for path, document in documents.items():
        ids = Counter(element["id"] for element in document.select("[id]"))
        assert not {name for name, number in ids.items() if number > 1}, path
