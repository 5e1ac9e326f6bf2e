"""The site used by the keyboard alone."""

import re
from collections.abc import Iterator
from itertools import product

import pytest
from conftest import Site
from hosting import Host
from playwright.sync_api import Browser, Page, expect

EXECUTED = "breakdown/convolution"
NEXT = "breakdown/dimensions/"
PREVIOUS = "breakdown/batches/"
MOST = 150  # presses of Tab until something has the focus


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    """A page of a wide window, in a light room, that may use the clipboard."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800},
        color_scheme="light",
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    yield context.new_page()
    context.close()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on an element."""
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def scheme(page: Page) -> str:
    return str(page.evaluate("document.body.dataset.mdColorScheme"))


@pytest.mark.parametrize("name", ["index", EXECUTED, "reference/training"])
def test_content_is_one_key_away(server: Host, desk: Page, name: str) -> None:
    """The first stop of a page skips to its content: the next stop lies in it."""
    desk.goto(server.address + name.removesuffix("index"))
    desk.keyboard.press("Tab")
    target = str(desk.evaluate("document.activeElement.hash")).removeprefix("#")
    assert target
    desk.keyboard.press("Enter")
    expect(desk).to_have_url(re.compile(f"#{re.escape(target)}$"))
    assert desk.locator("article, main").locator(f"[id='{target}']").count()
    desk.keyboard.press("Tab")
    assert desk.evaluate("!!document.activeElement.closest('article')")


@pytest.mark.parametrize("way", ["/", "Tab"])
def test_search_leads_to_a_result(server: Host, desk: Page, way: str) -> None:
    """A key opens the search, the arrows choose, Enter follows."""
    desk.goto(server.address)
    if way == "Tab":
        tab_to(desk, ".md-search__input")
    else:
        expect(desk.locator(".md-search-result__meta")).not_to_have_text("Initializing search")
        desk.keyboard.press(way)
    expect(desk.locator(".md-search__input")).to_be_focused()
    desk.keyboard.type("dilation")
    first = desk.locator(".md-search-result__item a").first
    expect(first).to_have_attribute("href", re.compile(r"h=dilation\b"))  # each letter asks
    expect(first).to_be_visible()
    desk.keyboard.press("ArrowDown")
    chosen = str(desk.evaluate("document.activeElement.href"))
    assert chosen.startswith(f"{server.address}breakdown/")
    desk.keyboard.press("Enter")
    desk.wait_for_url(lambda url: url.partition("?")[0] == chosen.partition("?")[0])


def test_search_is_left_by_escape(server: Host, phone: Page) -> None:
    """Whoever opened the search by mistake is back on the page."""
    phone.goto(server.address)
    tab_to(phone, ".md-search__input")
    expect(phone.locator(".md-search__output")).to_be_visible()
    phone.keyboard.press("Escape")
    expect(phone.locator(".md-search__input")).not_to_be_focused()
    assert not phone.evaluate("document.querySelector('#__search').checked")


def test_theme_is_chosen_and_kept(server: Host, desk: Page) -> None:
    """Each press goes on from the system's theme to light, to dark and back, also after a visit."""
    desk.goto(server.address)
    tab_to(desk, "[name=__palette], [data-md-component=palette] *")
    for key, number in product(["Enter", "ArrowRight"], [1, 2, 0]):
        desk.keyboard.press(key)
        expect(desk.locator("[name=__palette]").nth(number)).to_be_checked()
        assert desk.evaluate("!!document.activeElement.closest('[data-md-component=palette]')")
        if number == 2:
            assert scheme(desk) == "slate"
            other = desk.context.new_page()
            other.goto(server.address + "getting-started/")
            assert scheme(other) == "slate"
            other.close()
        if number == 0:
            assert scheme(desk) == "default"


def test_system_theme_is_followed(server: Host, desk: Page) -> None:
    """Until a theme is chosen the site is as dark as the system, from the first moment on."""
    desk.goto(server.address)
    assert scheme(desk) == "default"
    desk.emulate_media(color_scheme="dark")
    expect(desk.locator("body")).to_have_attribute("data-md-color-scheme", "slate")
    desk.reload()
    assert scheme(desk) == "slate"


def test_drawer_opens_and_closes(server: Host, phone: Page) -> None:
    """On a phone the navigation opens by Space, has the next stops, and closes by Escape."""
    phone.goto(server.address)
    tab_to(phone, "button.drawer")
    phone.keyboard.press("Space")
    sidebar = phone.locator(".md-sidebar--primary")
    expect(sidebar).to_be_in_viewport()
    tab_to(phone, ".md-sidebar--primary a[href='getting-started/']")
    link = sidebar.locator("a[href='getting-started/']")
    expect(link).to_be_in_viewport()
    phone.keyboard.press("Enter")
    phone.wait_for_url(server.address + "getting-started/")
    tab_to(phone, "button.drawer")
    phone.keyboard.press("Space")
    expect(sidebar).to_be_in_viewport()
    phone.keyboard.press("Escape")
    expect(sidebar).not_to_be_in_viewport()
    expect(phone.locator("button.drawer")).to_be_focused()


def test_code_is_copied(site: Site, server: Host, desk: Page) -> None:
    """The button of a cell copies that cell and says so."""
    desk.goto(f"{server.address}{EXECUTED}/")
    folded = [text.rstrip("\n") for text in desk.locator("details.code code").all_text_contents()]
    tab_to(desk, ".language-python.highlight button")
    said = desk.locator(".md-dialog__inner")
    for key in ("Enter", "Space"):
        desk.evaluate("navigator.clipboard.writeText('')")
        said.evaluate("said => said.replaceChildren()")
        desk.keyboard.press(key)
        expect(said).to_contain_text("Copied")
        copied = desk.evaluate("navigator.clipboard.readText()")
        shown = next(cell for cell in site.cells(EXECUTED) if cell not in folded)
        assert copied.rstrip("\n") == shown


def test_tabs_are_turned(server: Host, desk: Page) -> None:
    """The arrows turn from one way of installing to the next."""
    desk.goto(server.address + "getting-started/")
    tab_to(desk, ".tabbed-set > input")
    blocks = desk.locator(".tabbed-set >> nth=0 >> .tabbed-block")
    assert blocks.count() > 1
    for number in [*range(1, blocks.count()), 0]:
        desk.keyboard.press("ArrowRight")
        expect(blocks.nth(number)).to_be_visible()
        expect(blocks.nth(number - 1)).to_be_hidden()


def test_answers_unfold(server: Host, desk: Page) -> None:
    """The answer of an exercise is shown by a key and hidden by the next."""
    desk.goto(f"{server.address}{EXECUTED}/")
    tab_to(desk, "article summary")
    answer = desk.locator("article details").first
    for key, unfolded in product(["Enter", "Space"], [True, False]):
        desk.keyboard.press(key)
        assert answer.evaluate("details => details.open") == unfolded


def test_term_is_explained(server: Host, desk: Page) -> None:
    """The focus on a term shows its sentence, Escape hides it, and Enter leads to the glossary."""
    desk.goto(f"{server.address}{EXECUTED}/")
    tab_to(desk, "a.term")
    term, sentence = desk.locator("a.term").first, desk.get_by_role("tooltip")
    expect(sentence).to_be_visible()
    expect(term).to_have_accessible_description(sentence.inner_text())
    desk.keyboard.press("Escape")
    expect(sentence).to_be_hidden()
    expect(term).to_be_focused()
    expect(term).to_have_accessible_description("")
    said = str(term.get_attribute("href"))
    desk.keyboard.press("Enter")
    desk.wait_for_url(server.address + said.replace("../", ""))
    expect(desk.locator("dt:target")).to_be_in_viewport()


@pytest.mark.parametrize(("kind", "page"), [("next", NEXT), ("prev", PREVIOUS)])
def test_pages_are_turned(server: Host, desk: Page, kind: str, page: str) -> None:
    """The links at the end of a page lead to the one before and the one after."""
    desk.goto(f"{server.address}{EXECUTED}/")
    tab_to(desk, f".md-footer__link--{kind}")
    desk.keyboard.press("Enter")
    desk.wait_for_url(server.address + page)
