"""Draws pictures of digits as people take them: on desks, under hands, with a pen beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

Array = NDArray[np.float64]
Random = np.random.Generator
Write = Callable[[Random, float, float], Array]
"""Writes a digit so many pixels long, with a pen so many pixels wide: where ink is, (h, w)."""

HEIGHT, WIDTH = 400, 320  # of a picture
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)

# Points (x, y) of strokes, in hundredths of the digit's height; a slash lifts the pen.
DIGITS = (
    (
        "50,0 22,15 12,50 22,85 50,100 78,85 88,50 78,15 50,0",
        "60,2 28,15 15,60 40,100 72,75 80,30 55,0",
        "45,0 25,20 20,55 35,95 62,95 78,55 70,15 45,0",
    ),
    ("50,0 48,50 50,100", "62,0 52,50 40,100", "32,22 55,0 / 55,0 53,50 52,100"),
    (
        "15,25 30,5 60,0 82,22 65,55 15,100 / 15,100 50,99 88,97",
        "20,18 45,0 75,15 70,45 40,80 15,92 25,75 45,88 85,98",
        "18,22 35,2 65,4 75,25 55,60 20,96 / 20,96 50,95 80,92",
    ),
    (
        "18,15 45,0 78,18 65,42 42,48 / 42,48 75,58 82,80 50,100 15,88",
        "20,8 55,0 75,20 60,42 38,47 / 38,47 70,52 78,78 55,98 18,96",
        "15,5 45,3 75,4 / 75,4 60,22 45,40 / 45,40 75,52 78,80 48,100 15,88",
    ),
    (
        "25,0 20,30 12,58 / 12,58 50,56 90,55 / 70,12 69,55 66,100",
        "20,5 15,35 25,55 50,56 72,48 / 75,0 72,50 70,100",
        "65,0 40,30 8,65 / 8,65 50,66 92,65 / 65,0 65,50 65,100",
    ),
    (
        "80,2 50,3 25,4 / 25,4 22,25 20,45 / 20,45 50,38 82,62 68,92 40,100 12,90",
        "82,0 55,2 30,5 / 30,5 26,25 22,42 / 22,42 55,42 75,65 60,95 18,98",
        "75,4 50,5 28,3 / 28,3 25,25 25,46 / 25,46 55,36 80,65 60,98 15,94",
    ),
    (
        "70,0 35,25 15,65 30,95 60,98 78,75 60,55 30,60 17,72",
        "60,0 32,30 20,70 38,99 68,92 75,70 55,55 24,72",
        "55,0 30,40 22,75 40,100 70,85 62,60 40,58 23,75",
    ),
    (
        "10,5 45,4 85,3 / 85,3 55,50 38,100",
        "12,8 45,2 82,5 / 82,5 62,50 50,100",
        "10,5 45,4 85,3 / 85,3 55,50 38,100 / 35,52 55,50 80,49",
    ),
    (
        "75,15 50,0 25,20 50,47 78,75 50,100 22,77 50,47 74,22 75,15",
        "70,10 45,0 30,22 52,48 72,78 48,100 25,80 48,48 72,20 70,10",
        "50,46 25,25 50,0 75,25 50,46 / 50,46 18,75 50,100 82,75 50,46",
    ),
    (
        "80,20 50,0 20,22 35,48 65,42 80,20 / 80,20 76,60 62,100",
        "75,10 45,2 25,28 45,50 70,35 75,10 / 75,10 76,55 75,100",
        "78,22 55,0 25,18 30,42 60,45 78,22 / 78,22 78,60 68,88 35,98",
    ),
)
BROKEN = {
    "a 5 with its bar apart": (
        5,
        "84,0 58,1 34,3 / 25,12 22,28 20,45 / 20,45 50,38 82,62 68,92 40,100 12,90",
    ),
    "a 4 in two parts": (4, "25,5 20,30 12,58 / 12,58 35,57 60,55 / 73,0 72,50 70,100"),
    "a 7 with its bar apart": (7, "10,0 45,0 78,2 / 86,9 56,52 38,100 / 35,55 55,53 80,52"),
    "a 2 with a gap": (2, "15,25 30,5 60,0 82,22 70,46 / 62,56 40,78 15,100 / 15,100 50,99 88,97"),
}


def strokes(points: str, random: Random) -> list[Array]:
    """Strokes as points (n, 2), as a hand would draw them that is never twice the same."""
    lean = np.array([[random.uniform(0.85, 1.05), random.uniform(-0.18, 0.05)], [0, 1]])
    wobble = random.normal(0, 0.012, 2)
    drawn = []
    for stroke in points.split("/"):
        at = np.array([pair.split(",") for pair in stroke.split()], float) / 100
        at = at + random.normal(0, 0.008, at.shape) * (len(at) > 3) + wobble
        way = np.r_[0, np.hypot(*np.diff(at, axis=0).T).cumsum()]
        drawn.append(CubicSpline(way, at)(np.linspace(0, way[-1], 60)) @ lean.T)
    return drawn


def covered(lines: list[Array], size: float, pen: float) -> Array:
    """Draw strokes: how much of each pixel is ink, (h, w)."""
    low = np.min([line.min(0) for line in lines], 0)
    lines = [3 * (size * (line - low) + pen) for line in lines]
    high = np.max([line.max(0) for line in lines], 0) + 3 * pen
    image = Image.new("L", (3 * (int(high[0]) // 3 + 1), 3 * (int(high[1]) // 3 + 1)))
    draw = ImageDraw.Draw(image)
    r = 1.5 * pen
    for line in lines:
        way = np.r_[0, np.hypot(*np.diff(line, axis=0).T).cumsum()]
        at = np.linspace(0, way[-1], int(2 * way[-1] / r) + 2)
        for x, y in zip(*(np.interp(at, way, line[:, k]) for k in (0, 1)), strict=True):
            draw.ellipse((x - r, y - r, x + r, y + r), 255)
    return np.array(image.reduce(3)) / 255


def by_pen(label: int) -> Write:
    """Write a digit with strokes of our own."""

    def write(random: Random, size: float, pen: float) -> Array:
        return covered(strokes(str(random.choice(DIGITS[label])), random), size, pen)

    return write


def of_mnist(digit: Array) -> Write:
    """Write a digit of MNIST (28, 28), from 0 to 1, enlarged: thinner or thicker as the pen is."""
    rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
    digit = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    def write(random: Random, size: float, pen: float) -> Array:
        factor = size / max(digit.shape)
        image = Image.fromarray(digit.astype(np.float32))
        shape = tuple(round(factor * side) for side in reversed(digit.shape))
        large = np.array(image.resize(shape, Image.Resampling.BICUBIC), float)
        large = np.pad(large, 4)
        change = int((pen / size - 0.09) * size / 2)  # the usual pen leaves it as it is
        if change:
            large = (maximum_filter if change > 0 else minimum_filter)(large, 2 * abs(change) + 1)
        return large.clip(0, 1)

    return write


@dataclass
class Scene:
    """A sheet of paper with writing on it, and whatever else is in the picture."""

    ink: Array = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH)))
    light: Array = field(default_factory=lambda: np.full((HEIGHT, WIDTH), 0.95))
    paper: tuple[float, float, float] = (0.95, 0.93, 0.86)
    color: tuple[float, float, float] = (0.15, 0.18, 0.42)
    noise: float = 0.012
    things: list[tuple[NDArray[np.float32], tuple[float, float, float]]] = field(
        default_factory=list
    )

    def put(self, cover: Array, x: float, y: float) -> None:
        """Write something whose middle is at (x, y)."""
        h, w = cover.shape
        top = int(np.clip(y - h / 2, 0, max(0, HEIGHT - h)))
        left = int(np.clip(x - w / 2, 0, max(0, WIDTH - w)))
        part = self.ink[top : top + h, left : left + w]
        np.maximum(part, cover[: part.shape[0], : part.shape[1]], out=part)

    def lay(
        self, mask: Array | NDArray[np.bool_], color: tuple[float, float, float], soft: float = 1
    ) -> None:
        """Lay something over the sheet, where a mask (H, W) is not 0."""
        self.things.append((gaussian_filter(mask.astype(np.float32), soft, truncate=3), color))

    def photograph(self, random: Random) -> Array:
        """Return the picture, (H, W, 3), from 0 to 1."""
        noise = self.noise * random.standard_normal((HEIGHT, WIDTH), np.float32)
        ink, light = self.ink.astype(np.float32), self.light.astype(np.float32)
        picture = np.empty((HEIGHT, WIDTH, 3))
        for k, (paper, color) in enumerate(zip(self.paper, self.color, strict=True)):
            seen = paper + ink * (color - paper)
            for mask, colors in self.things:
                seen += mask * (colors[k] - seen)
            picture[..., k] = (seen * light + noise).clip(0, 1)
        return picture


def written(write: Write, random: Random, *, place: float = 0.1, pen: float = 0.09) -> Scene:
    """A sheet with one digit near its middle, 35 to 55 % of the picture's height."""
    scene = Scene()
    size = random.uniform(0.35, 0.55) * HEIGHT
    x, y = (0.5 + random.uniform(-place, place, 2)) * (WIDTH, HEIGHT)
    scene.put(write(random, size, pen * size), x, y)
    scene.light *= 1 - random.uniform(0, 0.15) * X / WIDTH
    return scene


def tilted(random: Random, degrees: float) -> tuple[Array, Array]:
    """Coordinates from the middle, turned a little."""
    turn = np.radians(random.uniform(-degrees, degrees))
    x, y = X - WIDTH / 2, Y - HEIGHT / 2
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


def lay_lines(scene: Scene, random: Random, *, squares: bool) -> Scene:
    every = random.integers(22, 40)
    lines = (Y % every < 2) | (squares & (X % every < 2))
    scene.lay(0.8 * lines * (1 - scene.ink), (0.68, 0.74, 0.86), 0.5)
    return scene
