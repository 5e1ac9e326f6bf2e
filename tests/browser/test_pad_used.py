"""The pad for digits, used by keys alone and by touch alone, and the addresses of its numbers."""

import re

import torch
from fingers import (  # noqa: F401 (some are fixtures)
    SEVEN,
    Fingers,
    agrees,
    devtools,
    image,
    new_pad,
    page_of_pad,
    small_network,
    tap,
)
from padding import show
from playwright.sync_api import CDPSession, Locator, Page, expect

from cnn_tutorial.data import load_digits
from cnn_tutorial.model import ConvolutionalNetwork

FOCUSED = "document.activeElement.shadowRoot?.activeElement"


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what a selector names has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(f"{FOCUSED}?.matches({selector!r})"):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def test_it_is_used_by_keys_alone(pad: Locator, network: ConvolutionalNetwork) -> None:
    """Draw, undo, take a digit, choose a number, walk back to a pixel, and return."""
    page, keys = pad.page, pad.page.keyboard
    tab_to(page, ".pad svg")
    for _ in range(8):
        keys.press("ArrowUp")
    keys.press("Space")
    for _ in range(16):
        keys.press("ArrowDown")
    assert image(pad)[0, 0, 4:24, 14].min() > 0.5  # a one
    assert agrees(pad, network)
    said = pad.locator(".said")
    expect(said).to_have_text(re.compile(r"^Pen down, row 22, column 14\. It reads \d: \d+\.\d%$"))
    keys.press("Enter")
    keys.press("ArrowLeft")
    expect(said).to_contain_text("Pen up, row 22, column 13")
    tab_to(page, ".undo")
    keys.press("Enter")
    expect(pad.locator(".verdict")).to_have_text("Nothing to read")
    tab_to(page, "[type=radio]")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    assert pad.locator(":checked[type=radio]").get_attribute("aria-label") == "0"
    assert agrees(pad, network)
    tab_to(page, ".layers [aria-label^=conv2]")
    expect(pad.locator(".tell")).to_contain_text("conv2, channel ")
    for key in ("Home", "ArrowUp", "ArrowRight", "ArrowLeft", "Enter"):
        keys.press(key)
    told = pad.locator(".told")
    expect(told).to_contain_text("the sum of 54 products and the bias")
    expect(said).to_have_text(told.inner_text())
    pad.locator(".terms button").first.focus()
    for kind in ("the largest of four", "is above zero", "the sum of 9 products", "was given"):
        keys.press("Enter")
        expect(told).to_contain_text(kind)
    assert page.evaluate(f"{FOCUSED}.ariaCurrent") == "step"
    address = page.evaluate("location.hash")
    assert re.fullmatch(r"#input-0-\d+-\d+", address)
    for _ in range(4):
        keys.press("Shift+Tab")
    keys.press("Enter")
    expect(told).to_contain_text("the sum of 54 products and the bias")
    expect(pad.locator(".trail li")).to_have_count(1)


def test_it_is_used_by_touch_alone(pad: Locator, session: CDPSession) -> None:
    Fingers(session, pad).draw(SEVEN)
    tap(pad.locator(".digits label").nth(5), pad.get_by_role("radio").nth(5).is_checked)
    Fingers(session, pad).draw([(0.2, 0.8), (0.8, 0.8)])  # more, over the digit
    expect(pad.locator(":checked[type=radio]")).to_have_count(0)
    count = "pad => pad.strokes.list.length"
    before = pad.evaluate(count)
    tap(pad.locator(".undo"), lambda: pad.evaluate(count) == before - 1)
    pad.locator(".bars button").nth(3).tap()
    told = pad.locator(".told")
    expect(told).to_contain_text("The probability of 3 is")
    pad.locator(".terms button").nth(1).tap()
    expect(told).to_contain_text("The logit of ")
    pad.locator(".sum button").tap()
    expect(pad.locator(".terms button")).to_have_count(84)
    pad.locator(".terms button").first.tap()
    expect(told).to_contain_text("of relu4")
    pad.locator(".trail button").first.tap()
    expect(told).to_contain_text("The probability of 3 is")
    svg = pad.locator(".layers [aria-label^=pool2]")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    assert box
    svg.tap(position={"x": box["width"] / 2 - 12, "y": box["height"] / 2 - 12})
    expect(told).to_have_text(
        re.compile(r"pool2, channel 5, row \d, column \d is .*largest of four")
    )
    own = pad.locator(".pair svg").nth(1)
    own.tap(position={"x": 3, "y": 3})
    expect(told).to_contain_text("pool2, channel 5, row 0, column 0 is")
    expect(pad.locator(".trail li")).to_have_count(1)
    assert pad.page.evaluate("document.scrollingElement.scrollWidth") <= 360


ADDRESSES = {
    "pool2-11-1-1": "pool2, channel 11, row 1, column 1 is",
    "softmax-7": "The probability of 7 is",
    "input-0-27-27": "The pixel at row 27, column 27 is",
    "fc1-119": "Number 119 of fc1 is",
}
HARMLESS = [
    *("pool2", "pool2-", "pool2-16-1-1", "pool2-11-1", "pool2-11-1-1-1", "pool2--1-1-1"),
    *("pool2-1e1-1-1", "fc1-120", "softmax-10", "softmax-NaN", "nothing-1", "__proto__-1"),
    *("-", "%E0%A4%A", "<img src=x onerror=alert(1)>", "fc1-" + "9" * 9_000, "🙂", "input-1-0-0"),
]


def test_a_place_has_an_address(pad: Locator) -> None:
    page, told = pad.page, pad.locator(".told")
    for address, expected in ADDRESSES.items():
        page.evaluate("(hash) => { location.hash = hash }", address)
        expect(told).to_contain_text(expected)
        show(page, "<digit-pad></digit-pad>")
        expect(told).to_contain_text(expected)
    for address in HARMLESS:
        page.evaluate("(hash) => history.replaceState(null, '', `#${hash}`)", address)
        show(page, "<digit-pad></digit-pad>")
        expect(told).to_contain_text("The probability of")
        assert not pad.locator("img").count()
    pad.locator(".clear").tap()
    expect(told).to_be_hidden()
    page.evaluate("location.hash = 'conv1-0-9-9'")
    expect(told).to_contain_text("conv1, channel 0, row 9, column 9 is")
    expect(told).to_be_visible()
    digits, labels = load_digits().test.tensors
    assert torch.allclose(image(pad), digits[labels == 7][:1], atol=1e-6)
