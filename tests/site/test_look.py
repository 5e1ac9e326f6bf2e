"""One colour one meaning, where a page stands, and what is shown of it elsewhere."""

import re
from pathlib import Path
from urllib.parse import urljoin
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup, Tag
from conftest import EXECUTED, Site, make_project, mkdocs_build
from PIL import Image

from cnn_tutorial.support import colors

PAGES = {
    "index.md": "---\ndescription: A first page.\n---\n\n# Home\n",
    "second.md": "---\ndescription: Another page.\n---\n\n# A `second` page\n",
}


def test_pages_and_drawings_have_the_same_colours(site: Site) -> None:
    """Those with a meaning come from the drawings, ink and ground from the theme."""
    css = (site.html / "assets/styles/site.css").read_text(encoding="utf-8")

    def values_of(name: str) -> list[str]:
        return re.findall(rf"--{name}: ?(#\w+);", css)

    for name in ("input", "kernel", "output", "right", "wrong"):
        assert values_of(name) == [getattr(colors, name.upper())]
    inks = list(zip(values_of("ink"), values_of("ground"), strict=True))
    assert len(inks) == 2
    for figure in site.html.rglob("figure-*.svg"):
        text = figure.read_text(encoding="utf-8")
        head = re.findall(r"(?<=[>}])svg(?:\:target)?{color:(#\w+);--ground:(#\w+)}", text)
        assert head == inks
        assert colors.GROUND not in text


def test_a_colour_means_one_thing_on_the_whole_site(site: Site) -> None:
    """What has a name has the same colour in all figures, and a curve on all of its page."""
    framed = {getattr(colors, name) for name in ("INPUT", "KERNEL", "OUTPUT")}
    meanings: dict[str, set[str]] = {}
    for name in EXECUTED:
        places: dict[str, set[int]] = {}
        page = BeautifulSoup(site.page(name).read_bytes(), "html.parser")
        for image in page.select("figure img[src$='only-light']"):
            alt = str(image["alt"])
            file = site.page(name).parent / str(image["src"]).partition("#")[0]
            svg = file.read_text(encoding="utf-8")
            if matrices := re.findall(r"(?:^|; )([^;:]+?), \d+ by \d+: ", alt):
                strokes = re.findall(r"stroke: (#\w+); stroke-width: 2;", svg)
                frames = [color for color in strokes if color in framed]
                for matrix, color in zip(matrices, frames, strict=True):
                    meanings.setdefault(matrix.partition(",")[0], set()).add(color)
            elif " over " in alt:
                lines = re.findall(r"(?:\. |; )([^;:.]+): from ", alt)
                for place, line in enumerate(lines):
                    places.setdefault(line, set()).add(place)
        assert [line for line, found in places.items() if len(found) > 1] == [], name
    assert {name for name, found in meanings.items() if len(found) > 1} == set()
    assert meanings["window"] == meanings["kernel"] == {colors.KERNEL}
    assert meanings["products"] == {colors.OUTPUT}


@pytest.mark.parametrize("name", [name for name in EXECUTED if "/" in name])
def test_page_says_where_it_stands_in_its_part(site: Site, name: str) -> None:
    """A row of links to all pages of the part, in their order, and one of them is this page."""
    page = site.page(name)
    path = BeautifulSoup(page.read_bytes(), "html.parser").find("nav", class_="path")
    assert isinstance(path, Tag)
    links = path.find_all("a")
    assert [link.text for link in links] == [str(n + 1) for n in range(len(links))]
    targets = [(page.parent / str(link["href"])).resolve() for link in links]
    part = name.partition("/")[0]
    assert set(targets) == {site.page(n).parent for n in EXECUTED if n.startswith(part)}
    here = [
        target for link, target in zip(links, targets, strict=True) if "aria-current" in link.attrs
    ]
    assert here == [page.parent]


def test_every_page_has_a_description_of_its_own(site: Site) -> None:
    descriptions = []
    for page in site.html.rglob("index.html"):
        meta = BeautifulSoup(page.read_bytes(), "html.parser").find("meta", {"name": "description"})
        assert isinstance(meta, Tag), page
        descriptions.append(meta["content"])
    assert len(set(descriptions)) == len(descriptions) > 15


def test_hosted_site_has_cards_and_a_sitemap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who links to a page shows its title, its description and a picture; robots find them all."""
    base = "https://example.org/cnn/"
    monkeypatch.setenv("SITE_URL", base)
    make_project(tmp_path, PAGES)
    build = mkdocs_build(tmp_path)
    assert build.returncode == 0, build.stdout
    html = tmp_path / "site"
    pictures = set()
    for address, title, description in (
        ("", "CNN tutorial", "A first page."),
        ("second/", "A second page", "Another page."),
    ):
        head = BeautifulSoup((html / address / "index.html").read_bytes(), "html.parser")
        said = {str(m["property"]): str(m["content"]) for m in head.find_all("meta", property=True)}
        assert said["og:url"] == base + address
        assert (said["og:title"], said["og:description"]) == (title, description)
        picture = html / said["og:image"].removeprefix(base)
        pictures.add(picture.read_bytes())
        with Image.open(picture) as card:
            assert card.size == (1200, 630)
    assert len(pictures) == 2
    tree = ElementTree.parse(html / "sitemap.xml")
    assert {e.text for e in tree.iter() if e.tag.endswith("loc")} == {base, base + "second/"}
    lost = BeautifulSoup((html / "404.html").read_bytes(), "html.parser")
    links = {urljoin(base, str(link["href"])) for link in lost.select("article a[href]")}
    assert {base, base + "second/"} <= links
