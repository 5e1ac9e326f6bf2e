"""The site for a reader whose browser runs no scripts."""

from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from conftest import EXECUTED, Site
from hosting import Host, settle
from playwright.sync_api import Browser, Page

PAGES = [*EXECUTED, "getting-started", "glossary", "reference/training"]
# What does nothing without scripts: search, the choice of a theme, copying.
DEAD = (
    "button, .md-search__input, label[for=__search], label[for^=__palette], input[name=__palette],"
    " [data-md-component=palette], [role=button]:not(summary)"
)


@pytest.fixture(scope="session")
def plain(browser: Browser) -> Iterator[Page]:
    """A page without scripts."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, java_script_enabled=False
    )
    yield context.new_page()
    context.close()


def words(text: str) -> list[str]:
    return text.replace("¶", " ").split()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_without_scripts(site: Site, server: Host, plain: Page, name: str) -> None:
    """All words, code and figures are shown, folds unfold, and nothing is offered that is dead."""
    server.forget()
    plain.goto(server.address + name.removesuffix("index"), wait_until="load")
    offered = plain.locator(f":is({DEAD}) >> visible=true")
    assert [element.evaluate("e => e.outerHTML.slice(0, 99)") for element in offered.all()] == []
    document = BeautifulSoup(site.page(name).read_bytes(), "html.parser")
    article = document.select_one("article")
    assert article
    closed = plain.locator("article details:not([open]) > summary >> visible=true")
    while closed.count():
        closed.first.click()
    for element in article.select("annotation"):
        element.decompose()
    shown = "".join(words(str(plain.locator("article").text_content())))
    assert "".join(words(article.get_text())) in shown
    for selector in ("p", "li", "pre", "h1", "h2", "h3", "table", "math"):
        found = plain.locator(f"article {selector}")
        here = plain.locator(f"article {selector} >> visible=true")
        tabs = plain.locator(f"article .tabbed-block {selector} >> visible=false")
        assert here.count() == found.count() - tabs.count(), selector
    images = plain.locator("article img >> visible=true")
    themed = plain.locator("article img[src$='#only-dark']").count()
    assert images.count() == plain.locator("article img").count() - themed
    for image in images.all():
        image.scroll_into_view_if_needed()
        box = image.bounding_box()
        assert box
        assert min(box["width"], box["height"]) > 20
    settle(plain, server)
    answers = {path.rpartition("/")[2]: status for path, status in server.asked}
    for image in images.all():
        file = str(image.evaluate("e => e.currentSrc")).partition("#")[0].rpartition("/")[2]
        assert file.startswith("data:") or answers.get(file) == 200, file
    terms = plain.locator("article a.term")
    if terms.count():  # links to the glossary
        terms.first.click()
        assert plain.locator("dt:target >> visible=true").count() == 1


def test_sections_are_reached_without_scripts(server: Host, browser: Browser) -> None:
    """On a phone, the navigation opens and leads on."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = context.new_page()
    page.goto(server.address)
    page.locator("label[for=__drawer] >> visible=true").first.click()
    page.locator(".md-sidebar--primary a[href='getting-started/'] >> visible=true").first.click()
    page.wait_for_url(server.address + "getting-started/")
    context.close()
