"""Drawings that are no digit: each kind is what it is called, and the same each time."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import label
from small_training import few
from torch import Tensor

from cnn_tutorial.data import check_images
from cnn_tutorial.outliers import (
    FONTS,
    KINDS,
    LEARNED,
    LEARNED_FONTS,
    LETTERS,
    OTHER_FONTS,
    SIGNS,
    draw_outliers,
)


@pytest.fixture
def digits() -> Tensor:
    return few(50).train.tensors[0]


def parts(drawing: Tensor) -> int:
    return int(label((drawing[0] > 0.3).numpy(), np.ones((3, 3)))[1])


def height_and_width(drawing: Tensor) -> tuple[int, int]:
    return int(drawing[0].any(1).sum()), int(drawing[0].any(0).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_drawings_are_placed_as_digits_are(kind: str, digits: Tensor) -> None:
    drawings = draw_outliers(kind, 20, digits)
    assert drawings.shape == (20, 1, 28, 28)
    check_images(drawings)
    assert (drawings.amax((1, 2, 3)) == 1).all()
    least = 16 if "digit" in kind else 19  # soft ends may fade, and those of digits are soft
    for drawing in drawings:
        assert least <= max(height_and_width(drawing)) <= 20


@pytest.mark.parametrize("kind", KINDS)
def test_seed_and_digits_decide(kind: str, digits: Tensor) -> None:
    first = draw_outliers(kind, 5, digits, seed=3)
    assert torch.equal(first, draw_outliers(kind, 5, digits, seed=3))
    assert not torch.equal(first, draw_outliers(kind, 5, digits, seed=4))
    of_one = draw_outliers(kind, 5, digits[:1], seed=3)
    assert torch.equal(first, of_one) == ("digit" not in kind)


def test_a_line_lies_and_a_dot_is_full(digits: Tensor) -> None:
    for drawing in draw_outliers("line", 50, digits):
        height, width = height_and_width(drawing)
        assert height < width
        assert parts(drawing) == 1
    for drawing in draw_outliers("dot", 50, digits):
        height, width = height_and_width(drawing > 0.3)
        ink = (drawing > 0.3).sum() / (height * width)
        assert ink == pytest.approx(np.pi / 4, rel=0.15)  # an ellipse in its box


def test_two_digits_are_two_and_half_a_digit_is_no_whole(digits: Tensor) -> None:
    one = digits[:1]
    assert parts(one[0]) == 1
    apart = [parts(drawing) for drawing in draw_outliers("two digits", 50, one)]
    assert set(apart) <= {1, 2}
    assert apart.count(2) > 25
    halves = {tuple(d.flatten().tolist()) for d in draw_outliers("half a digit", 50, one)}
    assert len(halves) == 4


def test_letters_are_in_the_fonts_that_are_asked_for(digits: Tensor) -> None:
    assert not {*LEARNED_FONTS} & {*OTHER_FONTS}
    assert {*LEARNED} < {*KINDS}
    drawn = [
        draw_outliers("letter", 3, digits, fonts=fonts) for fonts in (LEARNED_FONTS, OTHER_FONTS)
    ]
    assert not torch.equal(*drawn)
    for name in OTHER_FONTS[:2]:
        assert draw_outliers("sign", 2, digits, fonts=(name,)).any()


@pytest.mark.parametrize("name", [*LEARNED_FONTS, *OTHER_FONTS])
def test_fonts_have_all_letters_and_signs(name: str) -> None:
    font = ImageFont.truetype(FONTS / f"{name}.ttf", 30)

    def drawn(text: str) -> bytes:
        paper = Image.new("L", (60, 60))
        ImageDraw.Draw(paper).text((30, 30), text, 255, font, anchor="mm")
        return paper.tobytes()

    shapes = {drawn(text) for text in LETTERS + SIGNS + "\uffff"}  # the last is in no font
    assert len(shapes) == len(LETTERS + SIGNS) + 1


def test_letters_that_are_like_digits_are_left_out() -> None:
    assert not {*LETTERS} & {*"OoIlSsZzBbGgqDQJjiyL"}
    assert LETTERS.isalpha()
