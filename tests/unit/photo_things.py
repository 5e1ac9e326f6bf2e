"""Pictures of digits with something beside them, of odd files, and of what is no single digit."""

from collections.abc import Callable

import numpy as np
from scenes import (
    BROKEN,
    HEIGHT,
    WIDTH,
    Array,
    Random,
    Scene,
    Write,
    X,
    Y,
    covered,
    lay_lines,
    strokes,
    tilted,
    written,
)
from scipy.ndimage import gaussian_filter, zoom

Kind = Callable[[Write, Random], Array]
SKIN, BLACK = (0.72, 0.52, 0.42), (0.06, 0.06, 0.07)


# Beside the digit


def finger(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.04)
    x, y = tilted(random, 0)
    x, y = (x * random.choice([-1, 1]) + WIDTH / 2, y * random.choice([-1, 1]) + HEIGHT / 2)
    turn = random.uniform(0.5, 1.1)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    length, half = random.uniform(0.25, 0.45) * WIDTH, random.uniform(0.07, 0.13) * WIDTH
    tip = np.hypot(np.maximum(along - length + half, 0), across) < half
    scene.lay(tip, SKIN)
    scene.lay(tip & (np.hypot(along - length + half, across) < 0.6 * half), (0.85, 0.66, 0.6), 3)
    return scene.photograph(random)


def pen_beside(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.04)
    x, y = tilted(random, 12)
    x = random.choice([-1, 1]) * x - random.uniform(0.34, 0.4) * WIDTH
    end = random.uniform(-0.3, 0.3) * HEIGHT
    half = random.uniform(0.012, 0.03) * WIDTH
    scene.lay((np.abs(x) < half * np.clip((end - y) / 30, 0, 1)) & (y < end), BLACK)
    return scene.photograph(random)


def lying_pen(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.03)
    x, y = tilted(random, 10)
    x = random.choice([-1, 1]) * x - random.uniform(0.34, 0.38) * WIDTH
    scene.lay((np.abs(x) < random.uniform(5, 9)) & (np.abs(y) < random.uniform(90, 150)), BLACK)
    return scene.photograph(random)


def spiral_binding(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.05)
    every, edge = random.integers(18, 30), random.uniform(10, 25)
    x = X if random.random() < 0.5 else WIDTH - X
    holes = np.hypot(x - edge, Y % every - every / 2) < 4.5
    wire = (x < edge) & (np.abs(Y % every - every / 2) < 2)
    scene.lay(holes | wire, BLACK)
    return scene.photograph(random)


def stamp(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.04)
    x, y = random.choice([0.2, 0.8]) * WIDTH, random.choice([0.13, 0.87]) * HEIGHT
    far, r = np.hypot(X - x, Y - y), random.uniform(28, 42)
    text = (np.abs(Y - y) < 0.3 * r) & (far < 0.7 * r) & ((X * 0.4 + 0.1 * Y).astype(int) % 3 > 0)
    scene.lay(0.85 * ((np.abs(far - r) < 2.5) | text), (0.55, 0.12, 0.2))
    return scene.photograph(random)


def small_text(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.02)
    left = random.random() < 0.5
    tiny = covered(strokes(BROKEN["a 2 with a gap"][1], random), 9, 1.5)
    for row in range(30, HEIGHT - 30, random.integers(18, 26)):
        for column in range(6, 60, 9):
            scene.put(tiny, column if left else WIDTH - column, row)
    return scene.photograph(random)


def margin_line(write: Write, random: Random) -> Array:
    scene = lay_lines(written(write, random, place=0.03), random, squares=True)
    scene.lay(np.abs(X - 0.13 * WIDTH - 0.02 * Y) < 1.5, (0.75, 0.2, 0.25), 0.5)
    return scene.photograph(random)


def crease(write: Write, random: Random) -> Array:
    scene = written(write, random)
    x, y = tilted(random, 6)
    across = (x if random.random() < 0.5 else y) - random.uniform(-60, 60)
    scene.light *= 1 - 0.12 * (across > 0) - random.uniform(0.2, 0.5) * np.exp(-((across / 2) ** 2))
    return scene.photograph(random)


def strong_lines(write: Write, random: Random) -> Array:
    scene = written(write, random)
    every = random.integers(26, 44)
    scene.lay((Y % every < 2.5) | (X % every < 2.5), (0.3, 0.35, 0.5), 0.5)
    return scene.photograph(random)


def tilted_squares(write: Write, random: Random) -> Array:
    scene = written(write, random)
    far = 1 + 1.2 * (1 - Y / HEIGHT) * random.uniform(0.4, 1)
    x, y = tilted(random, 20)
    x, y = x * far + 1000, y * far + 1000
    lines = (x % 34 < 2 * far) | (y % 34 < 2 * far)
    scene.lay(0.8 * lines * (1 - scene.ink), (0.68, 0.74, 0.86), 0.5)
    return scene.photograph(random)


# The picture itself


def fills_the_frame(write: Write, random: Random) -> Array:
    ink = write(random, 300, 27)
    rows, columns = np.flatnonzero(ink.max(1) > 0.5), np.flatnonzero(ink.max(0) > 0.5)
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ink = np.pad(ink, random.integers(0, 6))
    picture: Array = (0.9 - 0.7 * ink + random.normal(0, 0.01, ink.shape)).clip(0, 1)
    return picture


def hot_pixel(write: Write, random: Random) -> Array:
    picture: Array = written(write, random).photograph(random).mean(2)
    row, column = random.integers(0, (HEIGHT, WIDTH))
    picture[row, column] = random.choice([20, 1e4, 1e30, -50])
    return picture


def red_on_green(write: Write, random: Random) -> Array:
    scene = written(write, random)
    scene.paper, scene.color = (0.35, 0.62, 0.35), (0.9, 0.34, 0.31)  # of equal lightness
    return scene.photograph(random)


def blurred(write: Write, random: Random) -> Array:
    return np.asarray(gaussian_filter(written(write, random).photograph(random), (3.5, 3.5, 0)))


def tiny(write: Write, random: Random) -> Array:
    picture = written(write, random).photograph(random).mean(2)
    return np.asarray(zoom(gaussian_filter(picture, 2.5), 0.15, order=1))


# Not one digit, or one in parts


def digits(count: int, *, below: bool = False, gap: float = 0.25) -> Kind:
    def several(write: Write, random: Random) -> Array:
        scene = Scene()
        size = (0.3 if count == 2 else 0.24) * HEIGHT * random.uniform(0.9, 1.1)
        inks = [write(random, size, 0.09 * size) for _ in range(count)]
        x, y = 0.12 * WIDTH, 0.12 * HEIGHT
        for ink in inks:
            h, w = ink.shape
            scene.put(ink, WIDTH / 2 if below else x + w / 2, y + h / 2 if below else HEIGHT / 2)
            x, y = x + w + gap * size, y + h + gap * size
        return scene.photograph(random)

    return several


def scribble(write: Write, random: Random) -> Array:
    scene = Scene()
    size = random.uniform(0.35, 0.55) * HEIGHT
    points = " ".join(f"{x},{y}" for x, y in random.integers(0, 100, (random.integers(14, 22), 2)))
    scene.put(covered(strokes(points, random), size, 0.05 * size), WIDTH / 2, HEIGHT / 2)
    return scene.photograph(random)


def crossed_out(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0)
    rows, columns = np.nonzero(scene.ink > 0.5)
    middle, long = (rows.mean(), columns.mean()), 0.7 * np.ptp(rows)
    for sign in (-1, 1):
        across = (X - middle[1]) + sign * (Y - middle[0])
        line = (np.abs(across) < 7) & (np.hypot(X - middle[1], Y - middle[0]) < long)
        scene.ink = np.maximum(scene.ink, gaussian_filter(line.astype(float), 1))
    return scene.photograph(random)


def dotted(write: Write, random: Random) -> Array:
    scene = written(write, random)
    every = random.integers(16, 22)
    scene.ink *= gaussian_filter(((Y + 0.3 * X) % every > 5).astype(float), 1)
    return scene.photograph(random)
