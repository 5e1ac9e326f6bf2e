"""Every rule of axe-core on every page: in both themes, on a desk and on a phone."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Literal

import pytest
from conftest import SIZES, Site, addresses
from hosting import Host
from playwright.sync_api import Browser, Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
THEMES: list[tuple[Literal["light", "dark"], str]] = [("light", "default"), ("dark", "slate")]
RUN = """async () => {
    await document.fonts.ready
    const found = (await axe.run(document, {resultTypes: ["violations"]})).violations
    return found.map(({id, help, nodes}) => [`${id} (${help})`, nodes.map(
        node => `${node.target.join(" ")}: ${node.any[0]?.message ?? node.html.slice(0, 90)}`)])
}"""


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of one size, with axe in it, that the policy of the site does not stop."""
    width, height = SIZES[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="light",
        reduced_motion="reduce",
        bypass_csp=True,
    )
    context.add_init_script(AXE)
    yield context.new_page()
    context.close()


def test_pages_are_open_to_everyone(site: Site, server: Host, page: Page) -> None:
    """No rule of axe-core, its best practices included, is broken, with all details unfolded."""
    broken: dict[str, list[str]] = {}
    for url in [*addresses(site, server.address), server.address + "404.html"]:
        page.emulate_media(color_scheme="light")
        page.goto(url, wait_until="load")
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for theme, scheme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.wait_for_function(f"document.body.dataset.mdColorScheme === '{scheme}'")
            where = f"{url.removeprefix(server.address) or 'home'} in {scheme}"
            for rule, places in page.evaluate(RUN):
                line = f"  {where}: {len(places)} times: {'; '.join(places[:3])}"
                broken.setdefault(rule, []).append(line)
    lines = [line for rule, found in broken.items() for line in (f"{rule}:", *found)]
    assert not broken, "\n".join(["", *lines])
