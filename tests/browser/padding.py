"""A page in a browser with a pad for digits, and what is put onto it."""

import base64
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from conftest import ROOT
from hosting import Host, serve
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page
from scipy.ndimage import distance_transform_edt, gaussian_filter, maximum_filter, shift, zoom
from torch import Tensor

from cnn_tutorial.support import colors

Ink = NDArray[np.float32]
GRID = 140  # numbers across the pad
FAR = 60 * GRID // 280  # 60 pixels, where the pad has 280
PAGE = f"""<!doctype html><html lang="en"><title>Pad</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="/assets/styles/site.css">
<style>html {{ font-size: 125%; --below: {colors.BELOW}; --above: {colors.ABOVE} }}</style>
<body data-md-color-scheme="default"><main><h1>Pad</h1><article></article></main>
<script type="module" src="/assets/scripts/digit-pad.js"></script></body></html>"""
# Put ink onto the pad, and return the probabilities.
ASK = """([inks, isPlaced]) => {
  const pad = document.querySelector("digit-pad");
  const check = pad.at("[type=checkbox]");
  check.checked = isPlaced;
  return JSON.stringify(inks.map((ink) => {
    pad.strokes.clear();
    pad.strokes.add({ points: [] });
    pad.strokes.ink.values.set(Uint8Array.from(atob(ink), (c) => c.charCodeAt(0)));
    pad.strokes.ink.values.forEach((value, i, all) => { all[i] = value / 255 });
    pad.update();
    return [...pad.network.shown.network.values.at(-1)];
  }));
}"""


# A sign of a reader, for which the pad waits.
READER = """() => customElements.whenDefined("digit-pad")
  .then(() => dispatchEvent(new Event("keydown")))"""


@contextmanager
def pad_page(
    browser: Browser, folder: Path, network: bytes | None, element: str = "<digit-pad></digit-pad>"
) -> Iterator[tuple[Page, Host]]:
    """Serve a page with a pad, and the file of a network if there is one; open it."""
    shutil.copytree(ROOT / "docs/assets", folder / "assets")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "404.html").write_text("missing", encoding="utf-8")
    (folder / "playground").mkdir()
    if network:
        (folder / "playground/network.safetensors").write_bytes(network)
    with serve(folder, max_age=0) as host:
        context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
        page = context.new_page()
        page.goto(host.address)
        show(page, element)
        yield page, host
        context.close()


def show(page: Page, element: str) -> None:
    """Put an element into the page, in place of what is there."""
    page.evaluate("(html) => { document.querySelector('article').innerHTML = html }", element)
    page.evaluate(READER)
    page.wait_for_function("document.querySelector('digit-pad')?.view?.hidden === false")


def answers(page: Page, inks: Sequence[Ink], *, is_placed: bool = True) -> Ink:
    """Return the probabilities (N, 10) of what is put onto the pad."""
    found = []
    for start in range(0, len(inks), 100):
        packed = [
            base64.b64encode((255 * ink).round().astype(np.uint8).tobytes()).decode()
            for ink in inks[start : start + 100]
        ]
        found += json.loads(page.evaluate(ASK, [packed, is_placed]))
    return np.array(found, np.float32)


def enlarge(image: Tensor) -> Ink:
    """Make each pixel of a digit (1, 28, 28) a square of the pad."""
    side = GRID // 28
    return np.kron(image[0].numpy(), np.ones((side, side), np.float32))


def moved(ink: Ink, down: float, right: float) -> Ink:
    """Move ink by parts of a pixel or more, but not off the pad."""
    steps = []
    for axis, step in enumerate((down, right)):
        inked = np.flatnonzero(ink.any(1 - axis))
        steps.append(round(min(max(step, -inked[0]), GRID - 1 - inked[-1])))
    return np.asarray(shift(ink, steps, order=0), np.float32)


def scaled(ink: Ink, factor: float) -> Ink:
    """Make ink larger or smaller around the middle of its box, and keep it on the pad."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = zoom(cut, min(factor, GRID / max(cut.shape)), order=1).clip(0, 1)[:GRID, :GRID]
    new = np.zeros_like(ink)
    new[: small.shape[0], : small.shape[1]] = small
    middle = [
        (line[0] + line[-1] + 1) / 2 - n / 2
        for line, n in zip((rows, columns), small.shape, strict=True)
    ]
    return moved(new, *middle)


def thin(ink: Ink) -> Ink:
    """Draw the same with strokes of half their width."""
    depth = distance_transform_edt(_smooth(ink))
    return np.asarray(depth > 0.5 * maximum_filter(depth, 15), np.float32)


def bold(ink: Ink) -> Ink:
    """Draw the same with strokes of twice their width."""
    mask = _smooth(ink)
    depth = distance_transform_edt(mask)
    half = np.median(maximum_filter(depth, 15)[mask])  # of the width
    return np.asarray(distance_transform_edt(~mask) <= half, np.float32)


def _smooth(ink: Ink) -> NDArray[np.bool_]:
    return np.asarray(gaussian_filter(ink, 2) > 0.5)
