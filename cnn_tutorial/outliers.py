"""Drawings that are no digit: what a network has to see, to answer that it knows none like it.

Code draws them, by a seed, and they are placed as MNIST places its digits. A network learns from
some kinds of them and some fonts (outlier exposure [1]), and is measured on all kinds, with other
fonts: what it says of a kind that it has learned tells nothing of one that it has not.

References:
    1. D. Hendrycks, M. Mazeika, T. Dietterich, "Deep Anomaly Detection with Outlier Exposure",
       ICLR, 2019.
"""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from zlib import crc32

import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFont
from scipy.interpolate import CubicSpline
from torch import Tensor

from cnn_tutorial.handwriting import place

LEARNED = ("letter", "scribble", "line", "dot", "two digits")
KINDS = (*LEARNED, "half a digit", "sign")
# Without those that many people write like a digit, or read as one.
LETTERS = "ACEFHKMNPRTUVWXYadefhkmnprtuvwx"
SIGNS = "#%&@?*=~^+"
FONTS = Path(matplotlib.get_data_path(), "fonts/ttf")  # come with Matplotlib
LEARNED_FONTS = (
    "DejaVuSans",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
)
OTHER_FONTS = ("cmr10", "cmss10", "cmtt10", "cmb10", "cmti10")  # Computer Modern
SIDE = 112  # pixels of a drawing before it is placed: 4 for each of an image


def draw_outliers(
    kind: str,
    count: int,
    digits: Tensor,
    *,
    fonts: tuple[str, ...] = LEARNED_FONTS,
    seed: int = 0,
) -> Tensor:
    """Draw what is no digit.

    Args:
        kind: One of `KINDS`.
        count: How many drawings.
        digits: Images (N, 1, 28, 28) of which two, or a half, are put on a drawing.
        fonts: Of letters and signs.
        seed: Of all that is random.

    Returns:
        (count, 1, 28, 28), float32 in [0, 1].

    Examples:
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.outliers import draw_outliers
        >>> draw_outliers("scribble", 5, load_digits().train.tensors[0]).shape
        torch.Size([5, 1, 28, 28])
    """
    pen = _Pen(np.random.default_rng([seed, crc32(kind.encode())]), digits, fonts)
    draw: Callable[[], Image.Image] = {
        "letter": lambda: pen.write(LETTERS),
        "scribble": pen.scribble,
        "line": pen.line,
        "dot": pen.dot,
        "two digits": pen.two_digits,
        "half a digit": pen.half_a_digit,
        "sign": lambda: pen.write(SIGNS),
    }[kind]
    drawings = (np.asarray(draw(), np.float32) / np.float32(255) for _ in range(count))
    return torch.cat([place(drawing) for drawing in drawings])


class _Pen:
    """Draws white on black, (H, W)."""

    def __init__(self, random: np.random.Generator, digits: Tensor, fonts: tuple[str, ...]) -> None:
        self.random, self.digits, self.fonts = random, digits, fonts

    def write(self, texts: str) -> Image.Image:
        """Write one of several characters, a little turned."""
        text = texts[self.random.integers(len(texts))]
        font = _font(self.fonts[self.random.integers(len(self.fonts))])
        paper = Image.new("L", (SIDE, SIDE))
        ImageDraw.Draw(paper).text((SIDE / 2, SIDE / 2), text, 255, font, anchor="mm")
        return paper.rotate(self.random.normal(0, 8), Image.Resampling.BICUBIC)

    def scribble(self) -> Image.Image:
        """Draw a curve through points anywhere, without taking the pen off."""
        count = self.random.integers(8, 16)
        points = self.random.uniform(16, SIDE - 16, (count, 2))
        return self._stroke(CubicSpline(range(count), points)(np.linspace(0, count - 1, 120)))

    def line(self) -> Image.Image:
        """Draw a straight line that is no 1, since it rather lies than stands."""
        angle = math.radians(self.random.uniform(-35, 35))
        half = self.random.uniform(20, 45) * np.array([math.cos(angle), math.sin(angle)])
        return self._stroke(SIDE / 2 + np.array([-half, half]))

    def dot(self) -> Image.Image:
        """Draw a dot, round or nearly so."""
        radii = self.random.uniform(5, 20) * self.random.uniform(0.8, 1.25, 2)
        paper = Image.new("L", (SIDE, SIDE))
        ImageDraw.Draw(paper).ellipse([*(SIDE / 2 - radii), *(SIDE / 2 + radii)], 255)
        return paper

    def two_digits(self) -> Image.Image:
        """Put two digits side by side, close or apart."""
        apart = int(self.random.integers(60, 85))
        left, right = (Image.new("L", (SIDE + apart, SIDE)) for _ in range(2))
        left.paste(self._digit(), (0, 0))
        right.paste(self._digit(), (apart, 0))
        return ImageChops.lighter(left, right)

    def half_a_digit(self) -> Image.Image:
        """Leave out the upper, lower, left or right half of a digit."""
        half = SIDE // 2
        upper, left = (0, 0, SIDE, half), (0, 0, half, SIDE)
        lower, right = (0, half, SIDE, SIDE), (half, 0, SIDE, SIDE)
        digit = self._digit()
        digit.paste(0, (upper, left, lower, right)[self.random.integers(4)])
        return digit

    def _digit(self) -> Image.Image:
        digit = self.digits[self.random.integers(len(self.digits)), 0]  # (28, 28)
        image = Image.fromarray((255 * digit).byte().numpy())
        return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)

    def _stroke(self, points: NDArray[np.float64]) -> Image.Image:
        """Join points (N, 2)."""
        paper, width = Image.new("L", (SIDE, SIDE)), self.random.uniform(5, 13)
        pen = ImageDraw.Draw(paper)
        pen.line([(x, y) for x, y in points], 255, round(width))
        for x, y in points:  # round joints and ends
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 255)
        return paper


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / f"{name}.ttf", 96)
