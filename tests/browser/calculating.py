"""A page in a browser with the modules of the shape calculator."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import ROOT
from hosting import serve
from playwright.sync_api import Browser, Page

LIMIT = 100  # milliseconds that anything may take
# What takes too long for once may have had to wait for another program of this machine.
MODULES = """
window.took = [];
window.timed = (make) => {
  let [made, least] = [null, Infinity];
  for (let tries = 0; tries < 5 && least > 100; tries++) {
    const start = performance.now();
    try {
      made = make();
    } catch (error) {
      made = { error: error.message, kind: error.name };
    }
    least = Math.min(least, performance.now() - start);
  }
  took.push(least);
  return made;
};
Promise.all([import("/scripts/trace.js"), import("/scripts/pasted.js")]).then(([t, p]) => {
  window.t = t;
  window.p = p;
});
"""
PAGE = """<!doctype html><html lang="en"><title>Page</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/styles/site.css">
<style>html { font-size: 125% }</style><body data-md-color-scheme="default"></body></html>"""


@pytest.fixture(name="page", scope="module")
def page_of_calculator(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page of a narrow phone with the modules, and with errors that fail the test."""
    folder = tmp_path_factory.mktemp("calculator")
    for part in "scripts", "styles":
        shutil.copytree(ROOT / "docs/assets" / part, folder / part)
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    with serve(folder) as host:
        context = browser.new_context(
            viewport={"width": 360, "height": 740},
            has_touch=True,
            permissions=["clipboard-read", "clipboard-write"],
        )
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.goto(host.address)
        page.evaluate(MODULES)
        page.wait_for_function("window.p")
        yield page
        context.close()
        assert problems == []


def ask(page: Page, function: str, values: object) -> Any:
    """Run a function in the page on values, and hold it to its time for each."""
    page.evaluate("took.length = 0")
    result = json.loads(page.evaluate(f"JSON.stringify(({function})({json.dumps(values)}))"))
    assert page.evaluate("Math.max(0, ...took)") < LIMIT
    return result
