"""Digits are deformed as they are told: turned, scaled, made bolder and thinner."""

import pytest
import torch
import torch.nn.functional as F
from small_training import few
from torch import Tensor

from cnn_tutorial.deform import deform


@pytest.fixture
def images() -> Tensor:
    return few(20).train.tensors[0]


def as_told(images: Tensor, turn: float = 0, size: float = 1, stroke: float = 0) -> Tensor:
    return deform(images, *(torch.full((len(images),), value) for value in (turn, size, stroke)))


def test_nothing_changes_nothing(images: Tensor) -> None:
    assert torch.allclose(as_told(images), images, atol=1e-5)


def test_a_quarter_turn_goes_to_the_left(images: Tensor) -> None:
    assert torch.allclose(as_told(images, turn=90), images.rot90(1, (2, 3)), atol=1e-4)


@pytest.mark.parametrize("size", [0.6, 1.4])
def test_size_is_of_height_and_width(size: float) -> None:
    square = torch.zeros(1, 1, 28, 28)
    square[..., 9:19, 9:19] = 1
    found = as_told(square, size=size)
    assert found.sum().sqrt() == pytest.approx(10 * size, rel=0.02)
    rows, columns = (found[0, 0].sum(dim=d) @ torch.arange(28.0) / found.sum() for d in (1, 0))
    assert (rows.item(), columns.item()) == pytest.approx((13.5, 13.5), abs=0.01)


def test_strokes_gain_and_lose_pixels_on_each_side() -> None:
    bar = torch.zeros(1, 1, 28, 28)
    bar[..., 4:24, 12:16] = 1
    for stroke, width in ((2, 8), (1.5, 7), (1, 6), (0.5, 5), (0, 4), (-0.5, 3), (-1, 2)):
        size = 1 + 2 * stroke / 20  # takes back that it stays as large
        found = as_told(bar, size=size, stroke=stroke)
        assert found[0, 0, 14].sum() == pytest.approx(width, abs=1e-4)
        larger = as_told(bar, stroke=stroke)[0, 0, :, 12:16].amax(1)
        assert larger.sum() == pytest.approx(20, abs=0.6)


def test_bold_is_max_pooling(images: Tensor) -> None:
    bolder = F.max_pool2d(images, 3, stride=1, padding=1)
    assert torch.allclose(as_told(images, size=1.1, stroke=1), bolder, atol=1e-5)


@pytest.mark.parametrize("stroke", [-0.5, -0.2, 0.7, 1.8])
def test_ink_stays_as_bright_and_paper_stays_black(images: Tensor, stroke: float) -> None:
    found = as_told(images, turn=10, size=0.9, stroke=stroke)
    assert torch.allclose(found.amax((1, 2, 3)), images.amax((1, 2, 3)))
    assert (found >= 0).all()
    assert (found[..., 0, 0] == 0).all()


def test_a_stroke_that_vanishes_leaves_numbers() -> None:
    dot = torch.zeros(1, 1, 28, 28)
    dot[..., 14, 14] = 1
    assert not as_told(dot, stroke=-1).any()
    assert not as_told(torch.zeros_like(dot), stroke=1).any()


def test_each_in_its_own_way(images: Tensor) -> None:
    turns, sizes = torch.linspace(-9, 9, 20), torch.linspace(0.8, 1.2, 20)
    strokes = torch.linspace(1, -1, 20)
    together = deform(images, turns, sizes, strokes)
    for n in range(20):
        alone = as_told(images[n : n + 1], turns[n].item(), sizes[n].item(), strokes[n].item())
        assert torch.allclose(together[n], alone[0], atol=1e-5)
