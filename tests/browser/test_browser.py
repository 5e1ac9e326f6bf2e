"""The site in a real browser: on a phone, in both themes, with the copy buttons pressed."""

import functools
import io
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import EXECUTED, Site
from matplotlib.image import imread
from playwright.sync_api import Browser, Page, Response, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
COPY = "button[data-clipboard-target], button[data-md-type=copy]"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    """Serve the site on this machine."""
    handler = functools.partial(Quiet, directory=str(site.html))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(names)} is on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def addresses(site: Site, address: str) -> list[str]:
    """List the address of each page of the site."""
    pages = sorted(site.html.rglob("index.html"))
    return [address + page.parent.relative_to(site.html).as_posix() + "/" for page in pages]


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, permissions=["clipboard-read", "clipboard-write"]
    )
    yield context.new_page()
    context.close()


def test_pages_are_quiet_and_fit_a_phone(site: Site, address: str, phone: Page) -> None:
    """No request to another host, no answer but success, no error in the console."""
    complaints: list[str] = []
    asked: list[str] = []

    def note(response: Response) -> None:
        if response.status >= 400:
            complaints.append(f"{response.status} {response.url}")

    phone.context.on("request", lambda request: asked.append(request.url))
    phone.context.on("console", lambda m: complaints.append(f"{m.type}: {m.text}"))
    phone.context.on("weberror", lambda error: complaints.append(str(error.error)))
    phone.context.on("response", note)
    urls = addresses(site, address)
    assert len(urls) > 10
    for url in urls:
        phone.goto(url, wait_until="load")
        phone.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        phone.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
        phone.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth)")
        width = phone.evaluate("document.scrollingElement.scrollWidth")
        assert width <= 360, f"{url} is {width} pixels wide"
    assert {urlsplit(url).netloc for url in asked if url.startswith("http")} == {
        urlsplit(address).netloc
    }
    assert not complaints


@pytest.mark.parametrize("name", EXECUTED)
def test_copy_button_copies_the_cell(site: Site, address: str, phone: Page, name: str) -> None:
    phone.goto(address + name.removesuffix("index"))
    phone.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    copied = []
    # The code of a tab that is not chosen cannot be seen, and is not a cell.
    for block in phone.locator(".language-python.highlight >> visible=true").all():
        block.locator(COPY).click()
        copied.append(phone.evaluate("navigator.clipboard.readText()").rstrip("\n"))
    cells = site.cells(name)
    assert [text for text in copied if text in cells] == cells
    assert phone.locator(".output, figure").count() > 0
    assert phone.locator(f".output :is({COPY})").count() == 0


def contrast(screenshot: bytes) -> float:
    """Return how much brighter the greyest ink of a picture is than its ground, -255 to 255."""
    pixels = imread(io.BytesIO(screenshot))[..., :3].reshape(-1, 3) * 255
    colors, counts = np.unique(pixels.round(), axis=0, return_counts=True)
    brightness = colors.mean(axis=1)
    differences = (brightness - brightness[counts.argmax()])[np.ptp(colors, axis=1) < 20]
    return float(differences[np.abs(differences).argmax()])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_follow_the_theme(
    site: Site, address: str, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    inks = []
    for name in EXECUTED:
        page.goto(address + name.removesuffix("index"))
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        images = page.locator("figure img")
        visible = page.locator("figure img >> visible=true")
        sources = [str(image.get_attribute("src")) for image in visible.all()]
        assert 2 * len(sources) == images.count()
        assert all(source.endswith(f"#only-{scheme}") for source in sources)
        for source in sources:
            drawing = (site.page(name).parent / urlsplit(source).path).read_text(encoding="utf-8")
            # Grey pixels of a digit would pass for ink.
            if "<text" in drawing and "data:image" not in drawing and "currentColor" in drawing:
                image = page.locator(f"figure img[src='{source}']")
                image.scroll_into_view_if_needed()
                image.evaluate("image => image.decode()")
                inks.append(contrast(image.screenshot()))
                break
    context.close()
    assert len(inks) > 1
    for ink in inks:
        assert ink > 100 if scheme == "dark" else ink < -100
