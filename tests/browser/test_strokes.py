"""What is drawn on the pad, and the steps of MNIST, against the package, in a browser."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hosting import module_page
from padding import GRID, Ink, enlarge
from playwright.sync_api import Browser, Page

from cnn_tutorial.data import load_digits
from cnn_tutorial.handwriting import centre, place, scale

RADIUS = 6  # of a stroke
DRAW = """(lists) => lists.map((points) => {
  const strokes = new m.Strokes();
  points.forEach(([x, y], n) => n ? strokes.extend([x, y]) : strokes.add({ points: [[x, y]] }));
  return [...strokes.ink.values];
})"""
STEPS = """(grids) => grids.map(([values, height, width]) => {
  const ink = { values: Float32Array.from(values), height, width };
  const scaled = m.scale(m.crop(ink, m.box(ink)));
  return [[scaled.height, scaled.width], [...scaled.values], [...m.centre(scaled).values]];
})"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page in which `m` is the module."""
    with module_page(browser, "strokes.js") as page:
        yield page


def ask(page: Page, function: str, values: object) -> Any:
    return json.loads(page.evaluate(f"JSON.stringify(({function})({json.dumps(values)}))"))


def lines(seed: int) -> list[list[float]]:
    """Points of a stroke, some of them off the pad."""
    points = np.random.default_rng(seed).random((6, 2)) * (GRID + 40) - 20
    return [[float(x), float(y)] for x, y in points]


def covered(points: list[list[float]]) -> Ink:
    """How much of each number of the grid lies under a stroke: by its distance from it."""
    at = np.stack(np.meshgrid(*[np.arange(GRID) + 0.5] * 2), -1)  # (row, column, [x, y])
    ink = np.zeros((GRID, GRID))
    ends = np.array(points)
    for start, end in zip(ends[[0, *range(len(ends) - 1)]], ends, strict=True):
        way = end - start
        along = ((at - start) @ way / (way @ way or 1)).clip(0, 1)
        distance = np.linalg.norm(at - start - along[..., None] * way, axis=-1)
        ink = np.maximum(ink, (RADIUS + 0.5 - distance).clip(0, 1))
    return ink.astype(np.float32)


def test_ink_lies_where_the_strokes_are(page: Page) -> None:
    strokes = [lines(seed) for seed in range(20)] + [[[70, 70]], [[0, 0], [0, 0]], [[999, -999]]]
    for points, ink in zip(strokes, ask(page, DRAW, strokes), strict=True):
        assert np.abs(np.reshape(ink, (GRID, GRID)) - covered(points)).max() < 1e-5


def test_undo_and_clear_are_exact(page: Page) -> None:
    """What was drawn before comes back number by number, whatever was over it."""
    assert page.evaluate(
        """(lists) => {
          const strokes = new m.Strokes();
          const before = [];
          strokes.add({ image: Float32Array.from({ length: 784 }, (_, i) => (i % 256) / 255) });
          for (const points of lists) {
            before.push([...strokes.ink.values].join());
            strokes.add({ points: [points[0]] });
            for (const point of points.slice(1)) strokes.extend(point);
          }
          const same = lists.map(() => {
            strokes.undo();
            return [...strokes.ink.values].join() === before.pop();
          });
          strokes.undo();
          strokes.undo();
          return same.every(Boolean) && !strokes.list.length && !strokes.ink.values.some(Boolean);
        }""",
        [lines(seed) for seed in range(8)],
    )


def test_the_steps_are_those_of_the_package(page: Page) -> None:
    """Of drawings, of test digits, and of ink of every odd shape."""
    rng = np.random.default_rng(0)
    inks = [covered(lines(seed)) for seed in range(20)]
    inks += [enlarge(image) for image in load_digits().test.tensors[0][:12]]
    for height, width in [
        (1, 1),
        (1, 140),
        (140, 1),
        (3, 2),
        (20, 20),
        (21, 40),
        (7, 41),
        (133, 57),
    ]:
        ink = np.zeros((GRID, GRID), np.float32)
        ink[:height, GRID - width :] = rng.random((height, width)) + 0.01
        inks.append(ink)
    made = ask(page, STEPS, [[ink.ravel().tolist(), *ink.shape] for ink in inks])
    worst = 0.0
    for ink, (size, scaled, image) in zip(inks, made, strict=True):
        ours = scale(ink)
        assert size == list(ours.shape)
        worst = max(worst, (torch.tensor(scaled).reshape(size) - ours).abs().max().item())
        worst = max(worst, (torch.tensor(image) - place(ink).flatten()).abs().max().item())
        assert torch.equal(place(ink), centre(ours))
    print(f"{len(inks)} drawings, largest difference of a pixel {worst:.1e}")
    assert worst < 1e-5
