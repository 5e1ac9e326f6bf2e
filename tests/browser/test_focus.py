"""Tab pressed from the top of a page to its end: everything is reached, and seen to be."""

from collections.abc import Iterator

import pytest
from conftest import EXECUTED, SIZES, Site, addresses
from hosting import Host
from playwright.sync_api import Browser, Page

MOST = 400  # stops of a page; more would be a circle
STILL = "*, ::before, ::after { transition: none !important; animation: none !important }"

START = """() => {
    const THINGS = "a[href], button, input, select, textarea, summary, [tabindex='0'], label[for]"
    const marks = element => {
        const style = getComputedStyle(element)
        const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0
        return [outline && style.outlineColor, style.boxShadow, style.backgroundColor,
            style.textDecorationLine, style.borderBottomColor].join()
    }
    const around = element => [element, ...(element.name === "__palette"
        ? [element.nextElementSibling] : []), ...(element.labels ?? []), element.parentElement,
        ...(element.form ? [element.form] : [])]
    const before = new Map()
    for (const element of document.querySelectorAll(THINGS))
        around(element).forEach(part => before.set(part, marks(part)))
    const reached = new Set()
    const say = (element, what) => [element.localName + (element.id && "#" + element.id) +
        [...element.classList].filter(name => name !== "focus-visible" && !name.endsWith("--passed")
            ).map(name => "." + name).join("") + " " + what,
        element.textContent.trim().replace(/\\s+/g, " ").slice(0, 30)]
    const inView = box => box.width > 1 && box.height > 1 && box.left < innerWidth &&
        box.right > 0 && box.top < innerHeight && box.bottom > 0

    // Whether some point of what shows an element is on the screen and not behind another thing.
    // A theme is shown by the label after its field, which chooses the next one.
    const next = element => element.name === "__palette" ? [element.nextElementSibling] : []
    const shown = element => [element, ...(element.labels ?? []), ...next(element)].some(part =>
        part.checkVisibility({opacityProperty: true, visibilityProperty: true}) &&
        [...part.getClientRects()].filter(inView).some(box => {
            const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)]
            const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)]
            return [0.5, 0.1, 0.9].some(share => {
                const [x, y] = [left + (right - left) * share, top + (bottom - top) * share]
                const hit = document.elementFromPoint(x, y)
                return hit && (part.contains(hit) || hit.contains(part) &&
                    (hit.localName === "a" || getComputedStyle(part).pointerEvents === "none"))
            })
        }))

    // Look at what has the focus: null at the end, else what is wrong and whether it is folded.
    window.look = () => {
        const element = document.activeElement
        if (!element || element === document.body || !document.hasFocus()) return null
        reached.add(element)
        const wrong = []
        if (!shown(element)) wrong.push(say(element, "has the focus and is not seen"))
        const marked = around(element).some(part => before.has(part)
            ? marks(part) !== before.get(part) : marks(part)[0] !== "f")
        if (!marked) wrong.push(say(element, "does not show that it has the focus"))
        const folded = element.localName === "summary" && !element.parentElement.open
        return [wrong, folded]
    }

    window.missed = () => {
        scrollTo(0, 0)
        const done = element => element && (reached.has(element) ||
            [...reached].some(stop => element.contains(stop) ||
                stop.type === "radio" && stop.name === element.name && element.type === "radio") ||
            element.localName === "label" && element.control && (done(element.control) ||
                element.control.id === "__search" &&
                    done(document.querySelector(".md-search__input"))) ||
            element.localName !== "label" && done(element.closest("label")))
        const scrolls = [...document.querySelectorAll("pre, pre > code, div, table, math")].filter(
            part => part.scrollWidth > part.clientWidth + 1 &&
                ["auto", "scroll"].includes(getComputedStyle(part).overflowX))
        return [...new Set([...document.querySelectorAll(THINGS), ...scrolls])].filter(element => {
            const box = element.getBoundingClientRect()
            return element.checkVisibility({opacityProperty: true, visibilityProperty: true}) &&
                box.width > 1 && box.height > 1 && box.right > 0 && box.left < innerWidth &&
                !element.disabled && !element.closest("[inert]") && !done(element) &&
                !(element.localName === "label" && getComputedStyle(element).cursor !== "pointer")
        }).map(element => say(element, "is not reached"))
    }
}"""


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of one size where nothing moves, so that it can be looked at after each key."""
    width, height = SIZES[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": height}, reduced_motion="reduce", bypass_csp=True
    )
    yield context.new_page()
    context.close()


def walk(page: Page) -> list[tuple[str, str]]:
    """Press Tab until the focus leaves the page, unfold what is folded, and say what is wrong."""
    page.add_style_tag(content=STILL)
    page.evaluate(START)
    wrong: list[tuple[str, str]] = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        for _ in range(4):  # the script of the site may be a moment behind
            seen = page.evaluate("look()")
            if not seen or not seen[0]:
                break
            page.wait_for_timeout(50)
        if seen is None:
            return wrong + [(what, text) for what, text in page.evaluate("missed()")]
        wrong += [(what, text) for what, text in seen[0]]
        if seen[1]:
            page.keyboard.press("Enter")
            if page.evaluate("look()")[1]:
                wrong.append(("summary does not unfold by Enter", ""))
    return [*wrong, (f"the focus has not left the page after {MOST} stops", "")]


def test_everything_is_reached_by_tab(site: Site, server: Host, page: Page) -> None:
    """Each link, button, field and scrolled block has its turn, is on the screen, and marked."""
    urls = addresses(site, server.address)
    if page.viewport_size == {"width": 360, "height": 740}:
        some = {*EXECUTED, "getting-started", "reference/trainer", "reference/model"}
        urls = [server.address + name.removesuffix("index") for name in sorted(some)]
    found: dict[str, list[str]] = {}
    for url in urls:
        page.goto(url, wait_until="load")
        for what, text in dict.fromkeys(walk(page)):
            where = url.removeprefix(server.address) or "home"
            found.setdefault(what, []).append(f"'{text}' on {where}")
    lines = [f"{what}, {len(on)} times: {'; '.join(on[:4])}" for what, on in found.items()]
    assert not found, "\n".join(["", *lines])
