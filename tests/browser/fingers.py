"""A pad on a page of its own, fingers that draw on it, and what the network was given."""

from collections.abc import Callable, Iterator

import pytest
import torch
from hosting import listen
from padding import pad_page, show
from playwright.sync_api import Browser, CDPSession, Locator, Page
from torch import Tensor

from cnn_tutorial.data import load_digits
from cnn_tutorial.export import for_browser
from cnn_tutorial.model import ConvolutionalNetwork

SEVEN = [(0.25, 0.25), (0.5, 0.25), (0.75, 0.25), (0.6, 0.5), (0.45, 0.8)]
INK = "pad => [...pad.strokes.ink.values]"
INPUT = "pad => [...pad.network.shown.network.values[0]]"


@pytest.fixture(name="network", scope="module")
def small_network() -> ConvolutionalNetwork:
    """One that is as sure of what it says as a trained one, though it has learned nothing."""
    torch.manual_seed(0)
    network = ConvolutionalNetwork().eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.copy_((3 * parameter).half().float())
    return network


@pytest.fixture(name="page", scope="module")
def page_of_pad(
    browser: Browser, network: ConvolutionalNetwork, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page of a narrow phone with a pad, in which nothing may go wrong."""
    file = for_browser(network, load_digits().test, 0.0)
    with pad_page(browser, tmp_path_factory.mktemp("pad") / "site", file) as (page, _):
        _, complaints = listen(page)
        yield page
        assert complaints == []


@pytest.fixture(name="pad")
def new_pad(page: Page) -> Locator:
    """A new pad, which shows its example."""
    page.evaluate("history.replaceState(null, '', location.pathname)")
    show(page, "<digit-pad></digit-pad>")
    return page.locator("digit-pad")


@pytest.fixture(name="session", scope="module")
def devtools(page: Page) -> CDPSession:
    return page.context.new_cdp_session(page)


class Fingers:
    """Fingers on the pad, each with a number; places are parts of its width and height."""

    def __init__(self, session: CDPSession, pad: Locator) -> None:
        self.session, self.svg = session, pad.locator(".pad svg")
        self.at: dict[int, tuple[float, float]] = {}

    def _tell(self, kind: str, changed: dict[int, tuple[float, float]]) -> None:
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in changed.items()]
        arguments = {"type": kind, "touchPoints": points}
        self.session.send("Input.dispatchTouchEvent", arguments)

    def put(self, n: int, x: float, y: float) -> None:
        if not self.at:
            self.svg.scroll_into_view_if_needed()
        box = self.svg.bounding_box()
        assert box
        kind = "touchMove" if n in self.at else "touchStart"
        self.at[n] = (box["x"] + x * box["width"], box["y"] + y * box["height"])
        self._tell(kind, self.at)

    def lift(self, n: int) -> None:
        del self.at[n]
        self._tell("touchEnd", self.at)

    def draw(self, points: list[tuple[float, float]]) -> None:
        for x, y in points:
            self.put(0, x, y)
        self.lift(0)
        self.svg.page.wait_for_timeout(300)  # sooner, Chromium makes no click of a tap


def tap(target: Locator, has_worked: Callable[[], bool]) -> None:
    """Tap, and again if nothing came of it: Chromium makes no click of some after a stroke."""
    for _ in range(3):
        target.tap()
        target.page.wait_for_timeout(300)
        if has_worked():
            return
    raise AssertionError("three taps did nothing")


def settled(pad: Locator) -> None:
    """Wait until what was drawn is shown."""
    pad.page.wait_for_timeout(50)
    pad.page.wait_for_function("!document.querySelector('digit-pad').frame")


def image(pad: Locator) -> Tensor:
    """What the network was given."""
    settled(pad)
    return torch.tensor(pad.evaluate(INPUT)).reshape(1, 1, 28, 28)


def agrees(pad: Locator, network: ConvolutionalNetwork) -> bool:
    """Whether what is shown is what PyTorch says of the same image."""
    probabilities = network(image(pad)).softmax(1)[0]
    shown = [f"{p:.1%}" for p in probabilities.tolist()]
    answer = f"It reads {int(probabilities.argmax())}: {probabilities.max():.1%}"
    return (
        pad.locator(".bars b").all_inner_texts() == shown
        and pad.locator(".verdict").inner_text() == answer
    )
