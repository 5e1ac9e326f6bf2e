"""The shape calculator, used by keys and by touch, in a browser."""

import random
import re
from typing import Any

from calculating import LIMIT, ask, page_of_calculator  # noqa: F401 (one is a fixture)
from drafts import Draft
from playwright.sync_api import Locator, Page, expect
from torch import nn

from cnn_tutorial.model import ConvolutionalNetwork

ELEMENT = """(attributes) => import("/scripts/shape-calculator.js").then(() => {
  document.body.innerHTML =
    `<article><shape-calculator ${attributes}></shape-calculator></article>`;
})"""


def opened(page: Page, address: str = "", *, is_open: bool = True) -> Locator:
    """A calculator on an empty page at an address: open, or with the focus before its button."""
    page.evaluate("document.body.replaceChildren()")
    page.evaluate("(end) => history.replaceState(null, '', location.pathname + end)", address)
    page.evaluate(ELEMENT, "open" if is_open else "")
    calculator = page.locator("shape-calculator")
    if is_open or address:
        expect(calculator.get_by_role("table")).to_be_visible()
    return calculator


def shapes(calculator: Locator) -> list[str]:
    return calculator.locator("tbody td:nth-child(2)").all_inner_texts()


def run(code: str) -> nn.Sequential:
    """Run a program, and return its model."""
    names: dict[str, Any] = {}
    exec(code, names)
    model: nn.Sequential = names["model"]
    return model


def test_what_is_copied_runs_and_is_the_same_network(page: Page) -> None:
    calculator = opened(page)
    starts = calculator.locator(".bar button")
    totals = []
    for start in starts.all():
        start.click()
        calculator.get_by_role("button", name="Copy as PyTorch").click()
        expect(calculator.get_by_role("status")).to_have_text("The code is copied.")
        code = page.evaluate("navigator.clipboard.readText()")
        total = calculator.locator("tfoot td:nth-child(3)").inner_text().split()[0]
        totals.append(int(total.replace(",", "")))
        assert sum(p.numel() for p in run(code).parameters()) == totals[-1]
    assert totals[0] == sum(p.numel() for p in ConvolutionalNetwork().parameters())
    rng = random.Random(3)
    drafts = [Draft(rng) for _ in range(20)]
    codes = ask(
        page,
        "(cases) => cases.map(([text, input]) => timed(() => p.program(p.parse(text, input))))",
        [(draft.text(), draft.input) for draft in drafts],
    )
    for draft, code in zip(drafts, codes, strict=True):
        ours, its = draft.model(), run(code)
        assert [str(layer) for layer in its] == [str(layer) for layer in ours], code


FOCUSED = """() => {
  const focused = document.activeElement.shadowRoot?.activeElement;
  return focused && (focused.ariaLabel ?? focused.textContent.trim());
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name has the focus."""
    for _ in range(99):
        page.keyboard.press("Tab")
        if str(page.evaluate(FOCUSED)).startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_it_is_used_by_keys_alone(page: Page) -> None:
    calculator = opened(page, is_open=False)
    keys, said = page.keyboard, calculator.get_by_role("status")
    tab_to(page, "Open the shape calculator")
    keys.press("Enter")
    assert page.evaluate(FOCUSED) == "Close the shape calculator"
    why = calculator.locator(".why:visible")
    tab_to(page, "in_features of layer 7")
    keys.press("Control+A")
    keys.type("256")
    expected = "7 (Linear) takes 256 features; 400 arrived from 6: make it nn.Linear(400, ...)"
    expect(why).to_have_text(f"{expected} Mend it")
    expect(said).to_have_text(f"{expected}.")
    field = calculator.get_by_label("in_features of layer 7")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert shapes(calculator)[7:] == ["(N, 400)", *[""] * 5]
    tab_to(page, "Mend it")
    keys.press("Enter")
    expect(field).to_have_value("400")
    expect(field).to_have_attribute("aria-invalid", "false")
    assert page.evaluate(FOCUSED) == "Kind of layer 7"
    expect(said).to_have_text("(N, 10) comes out: 60,074 parameters, 206,174 multiply-adds.")
    tab_to(page, "Remove layer 9")
    keys.press("Enter")
    expect(why).to_have_text(
        "10 (Linear) takes 84 features; 120 arrived from 9: make it nn.Linear(120, ...) Mend it"
    )
    assert page.evaluate(FOCUSED) == "Kind of layer 9"
    tab_to(page, "Add a layer after layer 9")
    keys.press("Enter")
    assert page.evaluate(FOCUSED) == "Kind of layer 10"
    for _ in range(2):  # from ReLU over Tanh to Flatten
        keys.press("ArrowDown")
    expect(calculator.get_by_label("Kind of layer 10")).to_have_value("Flatten")
    keys.press("ArrowDown")
    expect(calculator.get_by_label("in_features of layer 10")).to_have_value("120")
    tab_to(page, "Paste code")
    keys.press("Enter")
    keys.press("Tab")
    keys.type("nn.Sequential(nn.Conv2d(3, 8, (3, 5)), nn.Softmin())")
    tab_to(page, "Read it")
    keys.press("Enter")
    expect(said).to_contain_text("before Softmin: this is none of the layers Conv2d,")
    keys.press("Shift+Tab")
    keys.press("Control+A")
    keys.type("nn.Sequential(nn.Conv2d(3, 8, (3, 5)), nn.ReLU())")
    tab_to(page, "Read it")
    keys.press("Enter")
    expect(said).to_contain_text("(N, 8, 26, 24) comes out")
    tab_to(page, "Copy as PyTorch")
    keys.press("Space")
    expect(said).to_have_text("The code is copied.")
    assert run(page.evaluate("navigator.clipboard.readText()"))[0].kernel_size == (3, 5)


def test_it_is_used_by_touch_alone(page: Page) -> None:
    calculator = opened(page, is_open=False)
    calculator.get_by_role("button", name="Open the shape calculator").tap()
    calculator.get_by_role("button", name="LeNet-5").tap()
    expect(calculator.locator("tfoot td:nth-child(3)")).to_contain_text("61,706")
    calculator.get_by_label("height of the images").tap()
    page.keyboard.press("Control+A")
    page.keyboard.type("28")
    why = calculator.locator(".why:visible")
    expect(why).to_have_text(
        re.compile(r"6 \(Conv2d\) has no room for its window in \(N, 16, 4, 5\)")
    )
    calculator.get_by_role("button", name="Remove layer 6").tap()
    calculator.get_by_role("button", name="Remove layer 6").tap()
    calculator.get_by_role("button", name="Mend it").tap()
    calculator.get_by_role("button", name="Add a layer after layer 8").tap()
    assert shapes(calculator)[-1] == "(N, 10)"
    calculator.get_by_text("Paste code, or").tap()
    calculator.get_by_role("textbox").tap()
    page.keyboard.insert_text("mat1 and mat2 shapes cannot be multiplied (64x256 and 320x84)")
    calculator.get_by_role("button", name="Read it").tap()
    said = calculator.get_by_role("status")
    expect(said).to_contain_text("For images of 28×28 to 31×31: 7 (Linear) takes 320 features; 256")
    for start in calculator.locator(".bar button").all():
        start.tap()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


def test_the_address_shares_the_network(page: Page) -> None:
    calculator = opened(page)
    calculator.get_by_label("width of the images").fill("20")
    calculator.get_by_label("Kind of layer 4").select_option("BatchNorm2d")
    page.wait_for_function("location.hash.includes('BatchNorm2d')")
    address = page.evaluate("location.hash")
    there = calculator.locator("tbody").inner_text()
    assert "(N, 16, 3, 5)" not in there
    assert "(N, 16, 5, 3)" in there
    again = opened(page, address)
    assert again.locator("tbody").inner_text() == there
    assert again.get_by_label("width of the images").input_value() == "20"
    page.evaluate("location.hash = '#net=(1,8,8),Flatten()'")  # as by the key for going back
    expect(again.locator("tbody tr")).to_have_count(2)
    old = page.query_selector("shape-calculator")
    assert old
    page.evaluate("document.body.replaceChildren(); location.hash = '#net=ReLU(),Tanh()'")
    page.wait_for_timeout(100)
    assert old.evaluate("old => old.network.layers.length") == 1  # it listens no more


ADDRESSES = [
    "%E0%A4%A",
    "%00",
    "🙂",
    "(1,28,28",
    "(1,28,28)",
    "<img src=x onerror=alert(1)>",
    "(1,28,28),Conv2d('<img src=x onerror=alert(1)>',6,3)",
    "(1,28,28),Conv2d(1,6,3)" * 900,
    "(1,1000000,1000000),Conv2d(1,6,3)",
    "(1,4096,4096)" + ",Conv2d(1,1,4096,padding=2048)" * 64,
    "(1,4096,4096)" + ",Conv2d(1,1,9,padding=4)" * 64,
    "(1,2048,2048)" + ",MaxPool2d(19,stride=1,padding=9),AdaptiveMaxPool2d(2047)" * 32,
    "(NaN,28,28),Flatten()",
    "__proto__()",
    "(1,28,28),Linear(28,'" + "x" * 9_000 + "')",
    "\\",
    '"]',
]


def test_no_address_does_harm(page: Page) -> None:
    """Each is told in a sentence or shown, as text, and at once."""
    for address in ADDRESSES:
        calculator = opened(page)
        page.evaluate("(address) => history.replaceState(null, '', '#net=' + address)", address)
        took = float("inf")
        for _ in range(9):  # it may have had to wait for another program of this machine
            page.evaluate("took.length = 0")
            page.evaluate("timed(() => document.querySelector('shape-calculator').handleEvent())")
            took = min(took, page.evaluate("took[0]"))
            if took < LIMIT:
                break
            page.wait_for_timeout(500)
        assert took < LIMIT, (address[:99], took)
        said = calculator.locator(".why:visible").all_inner_texts()
        said.append(calculator.get_by_role("status").inner_text())
        is_shown = calculator.locator("tbody tr").count() == 65
        assert is_shown or any(len(text) > 20 for text in said), address[:99]
        assert not calculator.locator("img").count()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


NUMBERS = ["", "0", "-1", "2.5", "1e6", "1000000", "99999999999999999999"]


def test_no_number_does_harm(page: Page) -> None:
    calculator = opened(page)
    for number in range(calculator.locator("tbody input").count()):
        told = page.evaluate(
            """([number, values]) => {
              took.length = 0;
              const { shadowRoot } = document.querySelector("shape-calculator");
              const input = shadowRoot.querySelectorAll("tbody input")[number];
              const { value } = input;
              return [...values, value].map((text) => {
                input.value = text;
                timed(() => input.dispatchEvent(new Event("input")));
                const why = [...shadowRoot.querySelectorAll(".why")].map((p) => p.textContent);
                return [why.join(""), input.ariaLabel];
              });
            }""",
            [number, NUMBERS],
        )
        assert page.evaluate("Math.max(...took)") < LIMIT
        for (why, name), value in zip(told[:-1], NUMBERS, strict=True):
            if not name.startswith(("stride", "padding", "out_")):
                assert len(why) > 20, (name, value)
        assert told[-1][0] == ""
