"""Each page visited once at each size of the window, and all promises held against that visit.

A new page joins by lying in docs/, and a new promise by a function in promises.py that complains.
"""

from collections.abc import Iterator
from importlib.resources import files

import pytest
from conftest import EXECUTED, KINDS, ROOT, SIZES, Site
from playwright.sync_api import Browser, expect
from promises import FIRST, IN_EACH_THEME, LAST, Theme, Visit, Visitor, is_inked
from walking import walk

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
SCHEMES: dict[Theme, str] = {"light": "default", "dark": "slate"}  # Material's names for them
# One template makes the pages of the reference from docstrings, so each is seen on a dark phone
# only. This one, with the widest code, stands for all.
SEEN_IN_FULL = {"reference/model"}
DOCS = ROOT / "docs"
PAGES = {p.relative_to(DOCS).with_suffix("").as_posix() for p in DOCS.rglob("*.md")}
PAGES -= {"assets/fonts/README"}
BY_TEMPLATE = {name for name in PAGES if name.startswith("reference/")} - SEEN_IN_FULL
IN_FULL = [*sorted(PAGES - BY_TEMPLATE), KINDS, "404"]
VISITS = [(name, size) for name in IN_FULL for size in SIZES]
VISITS += [(name, "phone") for name in sorted(BY_TEMPLATE)]
ELEMENTS = """<button>Start</button>
<x-pad><span>Slotted</span><template shadowrootmode="open">
  <style>.bare:focus { outline: none }</style>
  <button><slot></slot></button> <button class="bare">Bare</button>
  <a href="#" tabindex="-1">Unreached</a>
</template></x-pad>
<x-pad inert><template shadowrootmode="open"><a href="#">Inert</a></template></x-pad>
<div style="overflow: auto; width: 300px">
  <x-pad style="padding: 0 500px"><template shadowrootmode="open">
    <details><summary>Fold</summary><a href="#">Folded</a></details>
  </template></x-pad>
</div>"""


PROMISES = [*FIRST, *IN_EACH_THEME, *LAST]


@pytest.fixture(scope="session")
def visitors(browser: Browser) -> Iterator[dict[str, Visitor]]:
    visitors = {size: Visitor(browser, size) for size in SIZES}
    yield visitors
    for visitor in visitors.values():
        visitor.context.close()


@pytest.mark.parametrize(("name", "size"), VISITS)
def test_page_keeps_its_promises(
    request: pytest.FixtureRequest,
    site: Site,
    visitors: dict[str, Visitor],
    subtests: pytest.Subtests,
    name: str,
    size: str,
) -> None:
    # Without an address of its own, a site has a page for dead links that lies at the root.
    host = request.getfixturevalue("server" if name == "404" else "stale")
    themes: list[Theme] = ["light", "dark"] if name in IN_FULL else ["dark"]
    visit = Visit(site, host, visitors[size], name, themes)
    for promise in FIRST:
        with subtests.test(promise.__name__):
            assert not promise(visit), promise.__doc__
    visit.page.evaluate(AXE)
    for theme in visit.themes:
        visit.page.emulate_media(color_scheme=theme)
        body = visit.page.locator("body")
        expect(body).to_have_attribute("data-md-color-scheme", SCHEMES[theme])
        for look in IN_EACH_THEME:
            with subtests.test(look.__name__, theme=theme):
                assert not look(visit, theme), look.__doc__
    for promise in LAST:
        with subtests.test(promise.__name__):
            assert not promise(visit), promise.__doc__


def test_visits_leave_nothing_out(site: Site) -> None:
    """Each page that was built is visited, and the ink of drawings is seen on more than one."""
    paths = [page.parent.relative_to(site.html) for page in site.html.rglob("index.html")]
    built = {path.as_posix().replace(".", "index") for path in paths}
    assert built == {name for name, _ in VISITS} - {"404"}
    drawings = [
        site.page(name).parent.rglob("figure-*.svg") for name in EXECUTED if name != "index"
    ]
    assert sum(any(map(is_inked, found)) for found in drawings) > 1


def test_the_walk_sees_into_elements(visitors: dict[str, Visitor]) -> None:
    """What is wrong in the shadow of an element is found like what is wrong on the page."""
    page = visitors["desk"].page
    page.goto("about:blank")
    page.set_content(ELEMENTS)
    assert walk(page) == [
        'button.bare does not show that it has the focus: "Bare"',
        'a is not reached: "Unreached"',
    ]
    assert page.evaluate("visit.all('details')[0].open")
