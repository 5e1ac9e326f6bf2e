"""A visit of a page, and what is promised of every page: each function says what is wrong."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import numpy as np
from conftest import EXECUTED, KINDS, SIZES, Site
from hosting import Host, listen, settle
from learning import it_learns_again, it_learns_where_the_figure_was
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from playing import PLAYING, the_network_comes_with_the_first_touch
from playwright.sync_api import Browser, expect
from stepping import STEPPING
from walking import walk

from cnn_tutorial.support import colors

Theme = Literal["light", "dark"]


class Visitor:
    """A browser window of one size, in which page after page is read."""

    def __init__(self, browser: Browser, size: str) -> None:
        width, height = SIZES[size]
        self.size = size
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            permissions=["clipboard-read", "clipboard-write"],
        )
        script = Path(__file__).with_name("visit.js").read_text(encoding="utf-8")
        self.context.add_init_script(f"(() => {{{script}}})()")
        self.page = self.context.new_page()
        self.asked, self.complaints = listen(self.page)
        self.session = self.context.new_cdp_session(self.page)


class Visit:
    """A page that is read to its end, walked through, unfolded, and looked at in its themes."""

    def __init__(
        self, site: Site, host: Host, visitor: Visitor, name: str, themes: list[Theme]
    ) -> None:
        self.site, self.host, self.page, self.size = site, host, visitor.page, visitor.size
        self.asked, self.complaints, self.name = visitor.asked, visitor.complaints, name
        self.asked.clear()
        self.complaints.clear()
        self.themes = themes
        self.session = visitor.session
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        self.session.send("Network.clearBrowserCache")
        self.sent = self.read()

    def read(self) -> int:
        """Open the page and read it to its end; return the bytes that it took."""
        name = self.name.removesuffix("index")
        path = f"{name}.html" if name == "404" else f"{name}/".lstrip("/")
        self.page.goto("about:blank")
        self.host.forget()
        self.page.goto(self.host.address + path, wait_until="load")
        self.page.evaluate("visit.scroll()")
        settle(self.page, self.host)
        return self.host.sent

    def touch(self, x: float, y: float) -> None:
        """Touch a place of the window with a finger, as if there were a mouse besides."""
        self.session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        for kind, points in ("touchStart", [{"x": x, "y": y}]), ("touchEnd", []):
            self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        self.session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})


# The promises, in the order in which they are looked at. Each returns what is wrong.


def what_is_read_stays_where_it_is(visit: Visit) -> object:
    """From the first moment to the end of the page nothing moves."""
    shift = visit.page.evaluate("visit.shift")
    return shift if shift >= 0.001 else None


def images_arrive_when_they_are_due(visit: Visit) -> object:
    """Each has its size beforehand, and waits until it is near the window."""
    return visit.page.evaluate("visit.loose()")


def it_is_light(visit: Visit) -> object:
    """The first visit takes at most 350 kB, and the next, with all to be asked again, 30 kB."""
    if visit.size != "phone":
        return None
    second = visit.read()
    print(f"{visit.name:32}{visit.sent:10,}{second:10,}")
    return (visit.sent, second) if visit.sent > 350_000 or second > 30_000 else None


def everything_is_reached_by_tab(visit: Visit) -> object:
    """Each link, button, field and scrolled block has its turn, is on the screen, and marked."""
    visit.page.emulate_media(reduced_motion="reduce")
    return walk(visit.page)


def a_touch_explains_a_term(visit: Visit) -> object:
    """Touched, each term of the glossary shows its sentence in the window, and nothing else."""
    if visit.size != "phone":
        return None
    page, address = visit.page, visit.page.url
    terms = page.locator("a.term >> visible=true").all()
    if visit.name in EXECUTED and not terms:
        return "no term"
    for term in terms:
        term.evaluate("term => term.scrollIntoView({ block: 'center', behavior: 'instant' })")
        box = term.evaluate("term => term.getClientRects()[0].toJSON()")
        visit.touch(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(term).to_have_attribute("aria-describedby", "tip")
        if not term.evaluate("visit.isExplained"):
            return term.inner_text()
    return page.url if page.url != address else None


def a_question_tells_its_answer(visit: Visit) -> object:
    """After two wrong answers; and all that follows is looked at with what it then shows."""
    return visit.page.evaluate("visit.answer()")


def it_fits_the_window(visit: Visit) -> object:
    """The page is not wider than the window, with everything unfolded."""
    visit.page.evaluate("visit.unfold()")
    width = visit.page.evaluate("document.scrollingElement.scrollWidth")
    return width if width > SIZES[visit.size][0] else None


def a_picture_comes_soon(visit: Visit) -> object:
    """On a wide screen, each page of the tutorial opens with one, above pixel 700."""
    if visit.size != "desk" or visit.name not in EXECUTED:
        return None
    first = visit.page.locator("article figure").first
    top = first.evaluate("figure => figure.getBoundingClientRect().top + scrollY")
    return top if top > 700 else None


def nothing_is_cut_at_the_desk(visit: Visit) -> object:
    """Code and outputs are as wide as their lines, folded ones too."""
    if visit.size != "desk" or visit.name == KINDS:
        return None
    return visit.page.locator("article :is(pre > code, .output)").evaluate_all(
        "found => found.filter(e => e.scrollWidth > e.clientWidth + 1)"
        ".map(e => e.textContent.trim().slice(0, 80))"
    )


def copy_buttons_cover_no_code(visit: Visit) -> object:
    """Each stands beside or above the lines of its block, where there is little room too."""
    if visit.size == "desk" and visit.name == KINDS:  # its lines are too wide on purpose
        return None
    return visit.page.evaluate("visit.covered()")


def drawings_are_those_of_the_window(visit: Visit) -> object:
    """Of two layouts the desk has the wide one, and a phone the other."""
    files = visit.page.locator("picture > img").evaluate_all(
        "found => found.filter(i => i.checkVisibility()).map(i => i.currentSrc)"
    )
    if visit.name in EXECUTED and not files and not visit.page.locator("digit-pad").count():
        return "no drawing has two layouts"
    return [file for file in files if ("-wide.svg" in file) != (visit.size == "desk")]


def tables_are_marked(visit: Visit) -> object:
    """Numbers stand below each other, and a word with a meaning has a line in its colour."""
    marked = ".output :is(td, th):is(.number, .input, .kernel, .output)"
    looks = visit.page.locator(marked).evaluate_all(
        "cells => cells.map(cell => [cell.className, getComputedStyle(cell)])"
        ".map(([names, look]) => [names, look.textAlign, look.boxShadow])"
    )
    for names, align, shadow in looks:
        color = getattr(colors, names.split()[0].upper(), None)
        red, green, blue = (round(255 * part) for part in to_rgb(color or "black"))
        if color and f"rgb({red}, {green}, {blue})" not in shadow:
            return names, shadow
        if "number" in names and align != "right":
            return names, align
    return None


def copy_buttons_copy_the_cells(visit: Visit) -> object:
    """A click on the first button, and each other, copy what was run; outputs have no button."""
    if visit.size != "phone" or visit.name not in EXECUTED:
        return None
    page = visit.page
    # The code of a tab that is not chosen cannot be seen, and is not a cell.
    first = page.locator(".language-python.highlight >> visible=true").first
    first.locator("button").click()
    expect(page.locator(".md-dialog")).to_contain_text("Copied")
    clicked = page.evaluate("navigator.clipboard.readText()")
    texts = [text.rstrip("\n") for text in page.evaluate("visit.copied()")]
    cells = visit.site.cells(visit.name)
    wrong = [text for text, cell in zip(texts, cells, strict=False) if text != cell]
    if [text for text in texts if text in cells] != cells or clicked.rstrip("\n") != texts[0]:
        return wrong or texts
    if not page.locator(".output, figure").count():
        return "no output"
    return page.locator(".output button").count() or None


def every_rule_of_axe_is_kept(visit: Visit, theme: Theme) -> object:
    """No rule of axe-core, its best practices included, is broken, with all that opens opened."""
    broken = visit.page.evaluate("visit.axe()")
    visit.page.keyboard.press("Escape")  # the sentence of a term
    return broken


def images_are_there(visit: Visit, theme: Theme) -> object:
    """Each image of the theme has arrived, also one that was folded away."""
    return visit.page.evaluate("visit.missing()")


def figures_follow_the_theme(visit: Visit, theme: Theme) -> object:
    """Of each drawing the file of the theme is seen, in a light ink in the dark and vice versa."""
    page = visit.page
    # Photographs have one file for both, and what is played with is no image.
    played = "conv-stepper img, digit-pad img, train-live img"
    themed = f"figure img:is([src*='#only-'], [src*='.svg']):not({played})"
    images, visible = page.locator(themed), page.locator(f"{themed} >> visible=true")
    sources = [str(image.get_attribute("src")) for image in visible.all()]
    if 2 * len(sources) != images.count() or not all(s.endswith(f"#only-{theme}") for s in sources):
        return sources
    for source in sources:
        path = visit.site.page(visit.name).parent / urlsplit(source).path
        if is_inked(path):
            image = page.locator(f"figure img[src='{source}']")
            image.scroll_into_view_if_needed()
            image.evaluate("image => image.decode()")
            ink = contrast(image.screenshot()) * (1 if theme == "dark" else -1)
            return None if ink > 100 else f"{source} has an ink of {ink}"
    return None


def is_inked(path: Path) -> bool:
    """Say whether a drawing has text and no digits, whose grey pixels would pass for ink."""
    drawing = path.read_text(encoding="utf-8")
    return "<text" in drawing and "data:image" not in drawing and "currentColor" in drawing


def contrast(screenshot: bytes) -> float:
    """Return how much brighter the greyest ink of a picture is than its ground, -255 to 255."""
    pixels = imread(io.BytesIO(screenshot))[..., :3].reshape(-1, 3) * 255
    colors, counts = np.unique(pixels.round(), axis=0, return_counts=True)
    brightness = colors.mean(axis=1)
    differences = (brightness - brightness[counts.argmax()])[np.ptp(colors, axis=1) < 20]
    return float(differences[np.abs(differences).argmax()])


def it_asks_only_its_own_host(visit: Visit) -> object:
    """Nothing comes from elsewhere, nor from the host outside the folder of the site."""
    return [url for url in visit.asked if not url.startswith((visit.host.address, "data:"))]


def its_icon_is_there(visit: Visit) -> object:
    """The icon, which browsers without windows do not ask for, is a file of the site."""
    icons = visit.page.locator("link[rel~='icon']").evaluate_all("found => found.map(i => i.href)")
    own = [url for url in icons if url.startswith(visit.host.address)]
    lost = [url for url in own if visit.page.request.get(url).status != 200]
    return lost if own and own == icons else icons or "no icon"


def it_is_quiet(visit: Visit) -> object:
    """No message in the console, no error, no answer but success, nothing that policy forbids."""
    return visit.complaints + visit.page.evaluate("visit.forbidden")


def it_forbids_foreign_and_inline_scripts(visit: Visit) -> object:
    """The policy lets nothing run but the files and the hashed lines of the site."""
    found = visit.page.locator("head > meta[http-equiv='Content-Security-Policy' i]").all()
    policies = [str(element.get_attribute("content")) for element in found]
    if len(policies) != 1:
        return policies or "no policy"
    parts = [part.split() for part in policies[0].split(";") if part.strip()]
    policy = {name: sources for name, *sources in parts}
    scripts = [policy.get(name, []) for name in ("script-src-elem", "script-src-attr")]
    strange = [
        source
        for source in [*policy["script-src"], *scripts[0], *scripts[1]]
        if source not in ("'self'", "'none'") and not source.startswith("'sha256-")
    ]
    everything = [source for sources in policy.values() for source in sources]
    strange += [s for s in everything if "*" in s or "//" in s or s in ("http:", "https:")]
    if len(policy) != len(parts):
        strange.append("a directive given twice")
    return strange if "default-src" in policy else "no default-src"


FIRST: list[Callable[[Visit], object]] = [
    what_is_read_stays_where_it_is,
    images_arrive_when_they_are_due,
    a_picture_comes_soon,
    it_is_light,
    the_network_comes_with_the_first_touch,
    everything_is_reached_by_tab,
    a_touch_explains_a_term,
    *STEPPING,
    *PLAYING,
    it_learns_where_the_figure_was,
    a_question_tells_its_answer,
    it_fits_the_window,
    nothing_is_cut_at_the_desk,
    copy_buttons_cover_no_code,
    drawings_are_those_of_the_window,
    tables_are_marked,
]
IN_EACH_THEME: list[Callable[[Visit, Theme], object]] = [
    it_learns_again,
    images_are_there,
    every_rule_of_axe_is_kept,
    figures_follow_the_theme,
]
LAST: list[Callable[[Visit], object]] = [
    copy_buttons_copy_the_cells,
    it_asks_only_its_own_host,
    its_icon_is_there,
    it_is_quiet,
    it_forbids_foreign_and_inline_scripts,
]
