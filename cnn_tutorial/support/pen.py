"""Photos of what a pen has written, drawn by code: something to try `handwriting` on."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.interpolate import CubicSpline

WIDTH, HEIGHT = 192, 240
FINER = 4  # the stroke is drawn larger and averaged down, so that its edges are soft
Color = tuple[int, int, int]
YELLOWISH, BLUE = (240, 228, 196), (38, 50, 115)
SEVEN = ((40, 62), (63, 67), (94, 58), (80, 90), (70, 120), (66, 141))
"""Points (x, y) of a 7 in the upper left of a photo."""


def photograph(
    stroke: Sequence[tuple[int, int]],
    *,
    paper: Color = YELLOWISH,
    ink: Color = BLUE,
    lamp: float = 0.45,
    dust: int = 6,
    turn: float = 0,
) -> Image.Image:
    """Draw a photo of 192×240 pixels, in RGB: a stroke on paper, lit from the upper left.

    Args:
        stroke: Points (x, y), which are joined by a smooth curve.
        paper: Its colour in red, green and blue, from 0 to 255.
        ink: Its colour.
        lamp: How fast the light falls off; 0 is even light.
        dust: Number of specks.
        turn: Degrees by which the stroke is turned to the left.
    """
    pen = Image.new("L", (FINER * WIDTH, FINER * HEIGHT))
    curve = CubicSpline(range(len(stroke)), stroke)(np.linspace(0, len(stroke) - 1, 200))
    for x, y in FINER * curve:
        ImageDraw.Draw(pen).ellipse((x - 12, y - 12, x + 12, y + 12), 255)
    pen = pen.rotate(turn, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(3))
    covered = np.array(pen.reduce(FINER)) / 255  # (H, W), by ink
    random = np.random.default_rng(0)
    rows, columns = (random.integers(8, side - 8, dust) for side in (HEIGHT, WIDTH))
    for row, column in zip(rows, columns, strict=True):
        covered[row : row + 2, column : column + 2] = 0.9
    colors = np.array(paper) + covered[..., None] * (np.array(ink) - paper)  # (H, W, 3)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    light = 1.1 / (1 + lamp * ((x + 1.2) ** 2 + (y + 1) ** 2))
    noise = random.normal(0, 2.5, (HEIGHT, WIDTH, 1))
    return Image.fromarray((colors * light[..., None] + noise).clip(0, 255).astype(np.uint8))
