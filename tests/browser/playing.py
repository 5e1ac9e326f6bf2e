"""What is promised of <digit-pad>, on each page that has one: it is used, and left in use."""

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from promises import Visit

SEVEN = [(0.25, 0.25), (0.5, 0.25), (0.75, 0.25), (0.65, 0.4), (0.55, 0.6), (0.45, 0.8)]
ANSWER = re.compile(r"^(It reads|Unlike any digit that it knows: nearest is) \d.*\d%$")
# How far anything moved that nobody had just asked to move.
SHIFT = """() => new Promise((done) => {
  new PerformanceObserver((list, observer) => {
    observer.disconnect();
    done(list.getEntries().reduce((sum, e) => sum + (e.hadRecentInput ? 0 : e.value), 0));
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(done, 200, 0);
})"""


def pads(visit: "Visit") -> list[Locator]:
    return visit.page.locator("digit-pad").all()


def the_network_comes_with_the_first_touch(visit: "Visit") -> object:
    """A page that is only read does without it."""
    early = [url for url in visit.asked if url.endswith("network.safetensors")]
    for pad in pads(visit):
        visit.page.evaluate("dispatchEvent(new Event('keydown'))")
        expect(pad.locator(".pad")).to_be_visible()
    return early


def a_digit_is_drawn_by_keys(visit: "Visit") -> object:
    """Arrows move a pen that Space puts down, and what is drawn is answered."""
    if visit.size != "desk":
        return None
    keys = visit.page.keyboard
    for pad in pads(visit):
        pad.locator(".clear").focus()
        keys.press("Enter")
        expect(pad.locator(".verdict")).to_have_text("Nothing to read")
        pad.locator(".pad svg").focus()
        keys.press("ArrowRight")  # so that it is by keys
        for _ in range(9):
            keys.press("ArrowUp")
        keys.press("Space")
        for _ in range(18):
            keys.press("ArrowDown")
        keys.press("Space")
        expect(pad.locator(".verdict")).to_have_text(ANSWER)
        expect(pad.locator(".said")).to_contain_text("Pen up")
    return None


def a_digit_is_drawn_by_touch(visit: "Visit") -> object:
    """A finger draws, and does not scroll the page."""
    if visit.size != "phone":
        return None
    for pad in pads(visit):
        svg = pad.locator(".pad svg")
        svg.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
        box, top = svg.bounding_box(), visit.page.evaluate("scrollY")
        assert box
        strokes = pad.evaluate("pad => pad.isExample ? 0 : pad.strokes.list.length")
        visit.session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        for n, (x, y) in enumerate(SEVEN):
            point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            kind = "touchMove" if n else "touchStart"
            visit.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        visit.session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        visit.session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
        expect(pad.locator(".verdict")).to_have_text(ANSWER)
        if pad.evaluate("pad => pad.strokes.list.length") != strokes + 1:
            return "not one stroke"
        if visit.page.evaluate("scrollY") != top:
            return "the page was scrolled"
    return None


def a_number_is_followed_to_a_pixel(visit: "Visit") -> object:
    """From a probability, term by term, to what was drawn; and all steps are there to go back."""
    for pad in pads(visit):
        bar = pad.locator(".bars button")
        if pad.get_attribute("small") is not None:
            if bar.count() or not pad.locator("a[href*=playground]").count():
                return "no way to the playground"
            continue
        bar.nth(1).focus()
        visit.page.keyboard.press("Enter")
        pad.locator(".terms button").first.focus()
        for layer in ("fc3", "relu4", "fc2", "relu3", "fc1", "pool2"):
            visit.page.keyboard.press("Enter")
            expect(pad.locator(".trail li:last-child")).to_contain_text(layer)
        if pad.locator(".trail li").count() != 7:
            return pad.locator(".trail").inner_text()
    return None


def nothing_moves_while_it_is_played_with(visit: "Visit") -> object:
    """What was not asked to move stays, until the end."""
    if not pads(visit):
        return None
    shift = visit.page.evaluate(SHIFT)
    return shift if shift >= 0.001 else None


PLAYING = [
    a_digit_is_drawn_by_keys,
    a_digit_is_drawn_by_touch,
    a_number_is_followed_to_a_pixel,
    nothing_moves_while_it_is_played_with,
]
