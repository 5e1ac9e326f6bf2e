"""What is promised of <train-live>, on the page that has one: it is used by keys and by touch."""

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from promises import Visit

DIGITS = "digits.safetensors.gz"
CONTROLS = 9  # that Tab leads to, from the first button on
# How many digits it has learned from, and the numbers of its kernels as they are drawn.
STATE = """host => {
  const { shadowRoot: root } = host;
  const points = root.querySelector(".each").getAttribute("d")?.slice(1).trim().split(" ") ?? [];
  return [Number(points.at(-2) ?? 0), root.querySelector("image").getAttribute("href")];
}"""


def state(live: Locator) -> tuple[int, str]:
    """How the network stands, once what was asked for is answered."""
    while live.evaluate("live => live.waiting"):
        live.page.wait_for_timeout(20)
    seen, kernels = live.evaluate(STATE)
    return seen, kernels


def it_learns_where_the_figure_was(visit: "Visit") -> object:
    """Digits are fetched when it is started; then it learns, pauses, steps, and is restarted."""
    live = visit.page.locator("train-live")
    if not live.count():
        return None
    if early := [url for url in visit.asked if DIGITS in url or "train-worker" in url]:
        return early
    page, keys, is_phone = visit.page, visit.page.keyboard, visit.size == "phone"

    def press(name: str) -> None:
        button = live.locator(f".{name}")
        if is_phone:
            button.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
            box = button.bounding_box()
            assert box
            visit.touch(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        else:
            button.focus()
            keys.press("Enter")

    press("start")
    expect(live.locator(".play")).to_be_focused()
    expect(live.locator("img >> visible=true")).to_have_count(1)  # the digit
    expect(live.get_by_role("status")).to_have_text(
        re.compile(r"^After \d+ digits: loss \d\.\d\d, \d+ % of the \d+ others right\.$")
    )
    press("play")
    expect(live.locator(".play")).to_have_text("Go on")
    paused = state(live)
    page.wait_for_timeout(200)
    if state(live) != paused:
        return "it learns while it is paused"
    press("step")
    seen, kernels = state(live)
    if seen != paused[0] + 5 or kernels == paused[1]:
        return seen, paused[0]
    press("other")
    wrong: list[str] = []
    live.evaluate("live => live.shadowRoot.activeElement?.blur()")
    page.evaluate("visit.start()")
    live.locator(".step").focus()
    keys.press("Shift+Tab")
    for _ in range(CONTROLS):
        wrong += page.evaluate("visit.look()")[0]
        keys.press("Tab")
    if wrong or live.evaluate("live => live.matches(':focus-within')"):
        return wrong or "there is more in it that Tab leads to"
    press("reseed")
    expect(live.locator(".play")).to_have_text("Pause")
    return None


def it_learns_again(visit: "Visit", theme: str) -> object:
    """In each theme it is restarted, so that all that follows is looked at while it learns."""
    live = visit.page.locator("train-live")
    if live.count():
        live.locator(".restart").click()
        expect(live.locator(".play")).to_have_text("Pause")
    return None
