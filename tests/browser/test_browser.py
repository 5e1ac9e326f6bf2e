"""The copy buttons of the site pressed, and its figures seen in both themes."""

import io
from typing import Literal
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import EXECUTED, Site
from matplotlib.image import imread
from playwright.sync_api import Browser, Page

COPY = "button[data-clipboard-target], button[data-md-type=copy]"


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
