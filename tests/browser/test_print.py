"""The site on paper, and opened from a folder without any server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import FRONT, make_project, mkdocs_build
from hosting import Host
from playwright.sync_api import Browser, Page, expect

NAME = "breakdown/dimensions/"  # long lines of code, wide tables, figures, formulas, answers
CHROME = (
    ".md-header, .md-tabs, .md-sidebar, .md-footer, .md-skip, .md-search, .md-dialog,"
    " .headerlink, button, [data-md-component=palette]"
)
SHOWN = """found => found.filter(part => part.checkVisibility({opacityProperty: true,
    visibilityProperty: true}) && part.getClientRects().length).map(part => part.outerHTML)"""
CUT = """() => [...document.querySelectorAll("article :is(pre, code, table, div, img, math)")]
    .filter(part => part.checkVisibility() && (part.getBoundingClientRect().right > innerWidth ||
        part.clientWidth && part.scrollWidth > part.clientWidth + 1 &&
            getComputedStyle(part).overflowX !== "visible"))
    .map(part => `${part.localName}.${part.className} ${part.textContent.slice(0, 60)}`)"""
FOLDED = """() => [...document.querySelectorAll("article details > *")]
    .filter(part => !part.checkVisibility()).map(part => part.textContent.slice(0, 60))"""
OFFLINE = {
    "index.md": f"""{FRONT}
# Home

A circle and a [square](square.md).

```python
import torch
import torch.nn.functional as F

from cnn_tutorial import plots

x = torch.eye(6)  # (6, 6)
pooled = F.max_pool2d(x[None], 2)[0]  # (3, 3)
plots.slide(x, pooled, 0, 0, kernel_size=2, stride=2)
```

```python tags=["fold", "question"]
from cnn_tutorial.questions import Question

Question("Windows", 3, "5 − 3 + 1.", (2, "You counted the steps."))
```

The sum is $1 + 1$.
""",
    "square.md": "# Square\n\nA quadrilateral with four equal sides.\n",
}


@pytest.fixture(params=["light", "dark"])
def paper(request: pytest.FixtureRequest, server: Host, browser: Browser) -> Iterator[Page]:
    """A page as it is printed, on paper as wide as A4 with margins, by a reader of each theme."""
    context = browser.new_context(
        viewport={"width": 700, "height": 1000},
        color_scheme=request.param,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(server.address + NAME)
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.emulate_media(media="print")
    yield page
    context.close()


def test_paper_holds_the_page_and_no_more(paper: Page) -> None:
    """Nothing is printed that is there to be pressed, and nothing is left out or cut off."""
    assert paper.locator("details:not([open])").count() > 0
    assert paper.locator(CHROME).evaluate_all(SHOWN) == []
    assert paper.evaluate(CUT) == []
    assert paper.evaluate(FOLDED) == []
    assert paper.evaluate("document.scrollingElement.scrollWidth") <= 700
    sheets = re.findall(rb"/Type\s*/Page\b", paper.pdf(format="A4"))
    assert len(sheets) > 1


def test_paper_is_white(paper: Page) -> None:
    """Whatever the theme, ink is dark, and figures are those made for a light paper."""
    colors = paper.locator("article p, article pre code, article h1").evaluate_all(
        "parts => parts.map(part => getComputedStyle(part).color)"
    )
    for color in set(colors):
        red, green, blue, *_ = (float(number) for number in re.findall(r"[\d.]+", color))
        assert max(red, green, blue) < 130, color
    sources = paper.locator("figure img >> visible=true").evaluate_all(
        "images => images.map(image => image.src)"
    )
    assert sources
    assert [source for source in sources if not source.endswith("#only-light")] == []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small site, built to be opened without a server."""
    monkeypatch.setenv("OFFLINE", "true")  # read here and by the build
    make_project(tmp_path, OFFLINE)
    build = mkdocs_build(tmp_path)
    assert build.returncode == 0, build.stdout
    return tmp_path / "site"


def test_site_works_from_a_folder(folder: Path, phone: Page) -> None:
    """Opened as a file, a page shows its figures, leads to others, and is searched."""
    complaints: list[str] = []
    asked: list[str] = []
    phone.set_viewport_size({"width": 1280, "height": 800})
    phone.context.on("request", lambda request: asked.append(request.url))
    phone.context.on("console", lambda message: complaints.append(message.text))
    phone.context.on("weberror", lambda error: complaints.append(str(error.error)))
    phone.goto((folder / "index.html").as_uri())
    expect(phone.locator("article")).to_contain_text("A circle")
    assert phone.locator("article math").count() == 1
    phone.locator("predict-check summary").first.click()
    expect(phone.locator("predict-check details").first).to_contain_text("3. 5 − 3 + 1.")
    assert not phone.locator("predict-check form").count()
    image = phone.locator("figure img >> visible=true")
    image.scroll_into_view_if_needed()
    image.evaluate("image => image.decode()")
    # What would have to fetch its numbers stays a picture.
    assert phone.locator("conv-stepper").evaluate("stepper => !stepper.shadowRoot")
    phone.locator(".md-search__input").focus()
    phone.locator(".md-search__input").press_sequentially("quadrilateral")
    result = phone.locator(".md-search-result__item a").first
    expect(result).to_contain_text("Square")
    result.click()
    phone.wait_for_url(re.compile(r"/square\.html"))
    expect(phone.locator("h1")).to_contain_text("Square")
    phone.go_back()
    phone.locator("article a[href='square.html']").click()
    phone.wait_for_url((folder / "square.html").as_uri())
    assert not complaints
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
