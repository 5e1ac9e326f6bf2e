"""What the package says of digits that are drawn again, and of what deformed digits bring."""

from dataclasses import replace

import pytest
import torch
from small_training import few
from torch import Tensor

from cnn_tutorial.deform import redraw
from cnn_tutorial.measurements import FIRST_SEED, drawn, published, read, write
from cnn_tutorial.measurements.drawn import COMPARED, DRAWN, measure, run_name, table
from cnn_tutorial.recipes import RECIPES


@pytest.fixture
def bar() -> Tensor:
    """A digit of one stroke, 20 pixels high and 4 wide, in the middle."""
    image = torch.zeros(1, 1, 28, 28)
    image[..., 4:24, 12:16] = 1
    return image


def width(image: Tensor) -> float:
    return float(image[0, 0, 14].sum())


@pytest.mark.parametrize("size", [0.6, 1, 1.4])
def test_size_and_place_on_the_canvas_are_forgotten(bar: Tensor, size: float) -> None:
    moved = bar.roll((3, -5), (2, 3))
    for image in (bar, moved):
        again = redraw(image, size=size)
        assert again.shape == (1, 1, 28, 28)
        assert width(again) == pytest.approx(4, abs=0.4)
        middle = again[0, 0].sum(0) @ torch.arange(28.0) / again.sum()
        assert middle == pytest.approx(14, abs=0.6)


def test_pen_is_half_and_double(bar: Tensor) -> None:
    assert width(redraw(bar, pen=0.5)) == pytest.approx(2 * 20 / 18, abs=0.5)
    assert width(redraw(bar, pen=2)) == pytest.approx(8 * 20 / 24, abs=0.5)


def test_each_recipe_has_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {name: replace(RECIPES[name], epochs=1, batch_size=20) for name in COMPARED}
    monkeypatch.setattr(drawn, "load_digits", lambda: few(200, 50))
    monkeypatch.setattr(drawn, "RECIPES", short)
    lines: list[str] = []
    found = measure(2, lines.append)
    assert read(write(found)) == found
    assert len(lines) == 4
    assert set(found.runs) == {run_name(recipe, name) for recipe in COMPARED for name in DRAWN}
    for runs in found.runs.values():
        assert runs.seeds == [FIRST_SEED, FIRST_SEED + 1]
        assert all(50 * value == pytest.approx(round(50 * value)) for value in runs.accuracies)


def test_what_is_published_is_complete() -> None:
    found = published("drawn")
    assert str(found.digits) == "the bundled 8,000/2,000 sample"
    text = table(found)
    for name in DRAWN:
        plain, browser = (found.runs[run_name(recipe, name)] for recipe in COMPARED)
        assert plain.seeds == browser.seeds
        assert len(plain.seeds) >= 3
        [line] = [line for line in text.splitlines() if line.startswith(name)]
        assert f"{plain.mean:.2%}" in line
        assert f"{browser.mean:.2%}" in line
        assert f"{100 * browser.gain_over(plain)[0]:+.2f}, " in line
