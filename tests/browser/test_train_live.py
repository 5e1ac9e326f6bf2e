"""What watches a network learn, where something is amiss, in a browser."""

import gzip
import re
import shutil
from collections.abc import Iterator

import pytest
from conftest import ROOT
from hosting import Host, serve
from learning import DIGITS, state
from playwright.sync_api import Browser, Locator, Page, expect
from torch.utils.data import TensorDataset

from cnn_tutorial.data import load_digits
from cnn_tutorial.export import digits_for_browser

PAGE = """<!doctype html><html lang="en"><title>Page</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/assets/styles/site.css">
<script type="module" src="/assets/scripts/train-live.js"></script>
<body data-md-color-scheme="default"><train-live><p>A figure</p></train-live></body></html>"""
COUNT = 250  # digits, of which four fifths are learned from


def packed() -> bytes:
    digits = load_digits()
    some = TensorDataset(*(tensor[:COUNT] for tensor in digits.train.tensors))
    return digits_for_browser(digits._replace(train=some))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A page with the element, and few digits, so that a pass takes a moment."""
    folder = tmp_path_factory.mktemp("live")
    for part in "scripts", "styles":
        shutil.copytree(ROOT / "docs/assets" / part, folder / "assets" / part)
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "playground").mkdir()
    (folder / "playground" / DIGITS).write_bytes(packed())
    with serve(folder, max_age=0) as host:
        yield host


@pytest.fixture
def page(browser: Browser, host: Host) -> Iterator[Page]:
    """A page of a narrow phone on which nothing may go wrong unseen."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(host.address)
    yield page
    context.close()
    assert problems == []


def started(page: Page) -> Locator:
    live = page.locator("train-live")
    live.locator(".start").tap()
    expect(live.locator(".play")).to_be_visible()
    return live


def says(live: Locator, sentence: str) -> None:
    expect(live.get_by_role("status")).to_have_text(re.compile(sentence))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, f"^{DIGITS} is missing. Start tries again.$"),
        (packed()[:9999], f"^{DIGITS} is damaged, or did not arrive whole. Start tries again.$"),
        (
            gzip.compress(gzip.decompress(packed()).replace(b'"1"', b'"9"')),
            "is of version 9, not 1",
        ),
        (b"", "is damaged, or did not arrive whole"),
    ],
    ids=["missing", "short", "of another version", "empty"],
)
def test_digits_that_are_of_no_use(page: Page, body: bytes | None, said: str) -> None:
    """A sentence says so, the figure stays, and Start tries again."""
    if body is None:
        page.context.route(f"**/{DIGITS}", lambda route: route.fulfill(status=404))
    else:
        page.context.route(f"**/{DIGITS}", lambda route: route.fulfill(body=body))
    live = page.locator("train-live")
    live.locator(".start").tap()
    says(live, said)
    expect(live.get_by_text("A figure")).to_be_visible()
    expect(live.locator(".play")).to_be_hidden()
    page.context.unroute(f"**/{DIGITS}")
    started(page)
    expect(live.get_by_text("A figure")).to_be_hidden()
    says(live, r"^After \d+ digits: ")


@pytest.mark.parametrize("how", ["blocked", "none"])
def test_a_worker_that_does_not_start(page: Page, how: str) -> None:
    if how == "blocked":
        page.context.route("**/train-worker.js", lambda route: route.abort())
    else:
        page.evaluate("window.Worker = undefined")
    live = page.locator("train-live")
    live.locator(".start").tap()
    says(live, "^This browser does not start what trains here. Start tries again.$")
    expect(live.get_by_text("A figure")).to_be_visible()
    if how == "blocked":
        page.context.unroute("**/train-worker.js")
        started(page)


def test_a_loss_that_is_no_number(page: Page) -> None:
    """It stops, says what to do, and learns again after that."""
    live = started(page)
    live.locator(".rate").fill("1e30")
    live.locator(".restart").tap()
    says(live, "the loss is no number any more: the steps were too long. Take a smaller learning")
    expect(live.locator(".play")).to_be_disabled()
    expect(live.locator(".step")).to_be_disabled()
    for rate in "", "-1", "0":  # of which none is forbidden
        live.locator(".rate").fill(rate)
        whole_pass(live)


def whole_pass(live: Locator, button: str = "restart") -> tuple[int, str]:
    """Begin anew, and return how the network stands after one pass."""
    live.locator(f".{button}").tap()
    expect(live.locator(".play")).to_have_text("Pause")
    expect(live.locator(".play")).to_have_text("Go on")
    says(live, "^After 200 digits: loss .* of the 50 others right.$")
    return state(live)


def paths(live: Locator, line: str) -> list[str]:
    found = live.locator(line).evaluate_all("lines => lines.map(l => l.getAttribute('d') ?? '')")
    return [str(path) for path in found]


def test_a_seed_gives_the_same_training_again(page: Page) -> None:
    """Also when it goes step by step; and another seed gives another."""
    live = started(page)
    first, lines = whole_pass(live), paths(live, ".now")
    live.locator(".restart").tap()
    for _ in range(4):
        live.locator(".step").tap()
    expect(live.locator(".play")).to_have_text("Go on")
    live.locator(".play").tap()
    expect(live.locator(".play")).to_have_text("Pause")
    expect(live.locator(".play")).to_have_text("Go on")
    assert first[0] == 200
    assert (state(live), paths(live, ".now")) == (first, lines)
    assert paths(live, ".before") == lines
    assert whole_pass(live, "reseed")[1] != first[1]
    assert paths(live, ".before") == lines


def test_another_digit_changes_nothing_else(page: Page) -> None:
    live = started(page)
    whole_pass(live)
    before = paths(live, ".each, .now, .bars"), state(live), live.locator(".loss b").inner_text()
    first = live.locator("img").get_attribute("src")
    live.locator(".other").tap()
    expect(live.locator("img")).not_to_have_attribute("src", str(first))
    after = paths(live, ".each, .now, .bars"), state(live), live.locator(".loss b").inner_text()
    assert after[0][-1] != before[0][-1]
    assert (after[0][:-1], *after[1:]) == (before[0][:-1], *before[1:])


def test_settings_change_what_is_learned(page: Page) -> None:
    live = started(page)
    ends = [whole_pass(live)[1]]
    for box in ".relu", ".shuffle":
        live.locator(box).tap()
        ends.append(whole_pass(live)[1])
        live.locator(box).tap()
    live.locator("select").select_option("150")
    ends.append(whole_pass(live)[1])
    live.locator("select").select_option("5")
    assert len(set(ends)) == 4
    assert whole_pass(live)[1] == ends[0]


def test_a_page_that_is_not_seen_waits(page: Page) -> None:
    """As when a tab sleeps: no frames are drawn, and then it goes on from there."""
    live = started(page)
    whole_pass(live)
    page.evaluate("window.later = []; window.requestAnimationFrame = (act) => later.push(act); 0")
    live.locator(".restart").tap()
    assert state(live)[0] == 0
    page.wait_for_timeout(200)
    assert state(live)[0] == 0
    for count in 10, 20:
        page.evaluate("later.splice(0).forEach((act) => act())")
        assert state(live)[0] == count
    assert page.evaluate("later.length") == 1


def test_it_ends_with_its_page(page: Page) -> None:
    """Taken out of the page, it stops its worker; put back, it can be started again."""
    live = started(page)
    assert len(page.workers) == 1
    handle = live.element_handle()
    assert handle
    handle.evaluate("live => live.remove()")
    for _ in range(50):
        if not page.workers:
            break
        page.wait_for_timeout(20)
    assert not page.workers
    page.evaluate("live => document.body.append(live)", handle)
    expect(live.get_by_text("A figure")).to_be_visible()
    started(page)


def test_motion_is_reduced(page: Page) -> None:
    """Who asks for less motion sees the kernels when the others are asked, not at each step."""
    page.emulate_media(reduced_motion="reduce")
    live = started(page)
    whole_pass(live)
    live.evaluate(
        """live => {
          window.drawn = 0;
          const observer = new MutationObserver((list) => (drawn += list.length));
          observer.observe(live.shadowRoot.querySelector("image"), { attributes: true });
        }"""
    )
    whole_pass(live)
    assert 1 < page.evaluate("drawn") < 6
