"""The kinds of pictures that people take of digits: each draws one, (H, W) or (H, W, 3), 0 to 1."""

from collections.abc import Callable

import numpy as np
import photo_things as things
from numpy.typing import NDArray
from scenes import HEIGHT, WIDTH, Array, Random, Scene, Write, X, Y, lay_lines, tilted, written
from scipy.ndimage import gaussian_filter, rotate

Kind = Callable[[Write, Random], Array]
DESK, WOOD = (0.2, 0.17, 0.15), (0.42, 0.3, 0.2)


# Read well before this was tested


def plain(write: Write, random: Random) -> Array:
    return written(write, random).photograph(random)


def thin(write: Write, random: Random) -> Array:
    return written(write, random, pen=0.04).photograph(random)


def thick(write: Write, random: Random) -> Array:
    return written(write, random, pen=0.15).photograph(random)


def turned(degrees: float) -> Kind:
    def turn(write: Write, random: Random) -> Array:
        def writing(random: Random, size: float, pen: float) -> Array:
            return np.asarray(rotate(write(random, size, pen), degrees, order=1)).clip(0, 1)

        return written(writing, random).photograph(random)

    return turn


def off_centre(write: Write, random: Random) -> Array:
    scene = Scene()
    size = random.uniform(0.35, 0.5) * HEIGHT
    x, y = (random.choice([0.28, 0.72]) for _ in "xy")
    scene.put(write(random, size, 0.09 * size), x * WIDTH, y * HEIGHT)
    return scene.photograph(random)


def noisy(write: Write, random: Random) -> Array:
    scene = written(write, random)
    scene.noise = 0.05
    return scene.photograph(random)


def lined(write: Write, random: Random) -> Array:
    return lay_lines(written(write, random), random, squares=False).photograph(random)


def squared(write: Write, random: Random) -> Array:
    return lay_lines(written(write, random), random, squares=True).photograph(random)


def soft_shadow(write: Write, random: Random) -> Array:
    scene = written(write, random)
    edge = random.uniform(0.2, 0.8) * HEIGHT
    scene.light *= 1 - random.uniform(0.25, 0.45) / (1 + np.exp((edge - Y - 0.3 * X) / 60))
    return scene.photograph(random)


def light_on_dark(write: Write, random: Random) -> Array:
    scene = written(write, random)
    scene.paper, scene.color = (0.18, 0.22, 0.2), (0.9, 0.9, 0.86)
    return scene.photograph(random)


# The desk


def _beyond(random: Random, share: float, degrees: float = 2) -> NDArray[np.bool_]:
    """What lies more than the rest of the picture from its middle."""
    x, y = tilted(random, degrees)
    edge = share * WIDTH
    return (np.abs(x) > WIDTH / 2 - edge) | (np.abs(y) > HEIGHT / 2 - edge)


def desk_all_around(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.03)
    scene.lay(_beyond(random, random.uniform(0.03, 0.2)), DESK)
    return scene.photograph(random)


def desk_at_one_side(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.05)
    x, y = tilted(random, 3)
    along, side = (x, WIDTH) if random.random() < 0.5 else (y, HEIGHT)
    sign = random.choice([-1, 1])
    scene.lay(sign * along > side / 2 - random.uniform(0.03, 0.25) * WIDTH, DESK)
    return scene.photograph(random)


def wooden_desk(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.03)
    wood = _beyond(random, random.uniform(0.04, 0.2), 8)
    grain = gaussian_filter(random.normal(0, 1, (HEIGHT, WIDTH)), (1.5, 25))
    scene.lay(wood, WOOD)
    scene.light *= 1 + wood * 0.25 * grain / np.abs(grain).max()
    scene.lay(wood & (grain > 1.8 * grain.std()), DESK)
    return scene.photograph(random)


def small_sheet(write: Write, random: Random) -> Array:
    scene = Scene()
    size = random.uniform(0.22, 0.3) * HEIGHT
    scene.put(write(random, size, 0.09 * size), WIDTH / 2, HEIGHT / 2)
    x, y = tilted(random, 25)
    w, h = random.uniform(0.9, 1.1, 2) * (0.75 * size, 0.9 * size)
    scene.lay((np.abs(x) > w) | (np.abs(y) > h), DESK)
    return scene.photograph(random)


def light_desk_dark_board(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.03)
    scene.paper, scene.color = (0.15, 0.2, 0.17), (0.9, 0.9, 0.86)
    scene.lay(_beyond(random, random.uniform(0.03, 0.2)), (0.8, 0.66, 0.45))
    return scene.photograph(random)


def black_border(write: Write, random: Random) -> Array:
    picture = written(write, random, place=0.03).photograph(random)
    for part in picture[:30], picture[-30:], picture[:, :30], picture[:, -30:]:
        part[:] = 0
    return picture


def torn_edge(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.03)
    rough = gaussian_filter(random.normal(0, 1, WIDTH), 4)
    scene.lay(HEIGHT * 0.9 + 8 * rough / rough.std() < Y, DESK)
    return scene.photograph(random)


# Light


def hand_shadow(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.05)
    x = X if random.random() < 0.5 else WIDTH - X
    y = Y if random.random() < 0.5 else HEIGHT - Y
    reach = random.uniform(0.4, 0.75) * WIDTH
    wave = 1 + 0.12 * np.sin(6 * np.arctan2(y, x) + random.uniform(0, 6))
    shadow = np.hypot(x, y) < reach * wave
    scene.light *= 1 - 0.45 * gaussian_filter(shadow.astype(float), random.uniform(1.5, 8))
    return scene.photograph(random)


def finger_shadows(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.05)
    shadow = np.zeros((HEIGHT, WIDTH), bool)
    for offset in (0.55, 0.7, 0.85):
        tip = random.uniform(0.6, 0.85) * WIDTH
        shadow |= (np.abs(Y - offset * HEIGHT) < 0.05 * HEIGHT) & (tip < X)
    scene.light *= 1 - 0.45 * gaussian_filter(shadow.astype(float), random.uniform(1.5, 5))
    return scene.photograph(random)


def sharp_shadow(write: Write, random: Random) -> Array:
    scene = written(write, random, place=0.05)
    edge = HEIGHT * (1 - random.uniform(0.05, 0.4)) + random.uniform(-0.1, 0.1) * (X - WIDTH / 2)
    shadow = gaussian_filter((edge < Y).astype(float), random.uniform(0.7, 3))
    scene.light *= 1 - random.uniform(0.35, 0.55) * shadow
    return scene.photograph(random)


def phone_shadow(write: Write, random: Random) -> Array:
    scene = written(write, random)
    x, y = tilted(random, 20)
    x, y = x - random.uniform(-40, 40), y - random.uniform(-60, 60)
    shadow = (np.abs(x) < 0.25 * WIDTH) & (np.abs(y) < 0.33 * HEIGHT)
    scene.light *= 1 - 0.4 * gaussian_filter(shadow.astype(float), random.uniform(2, 15))
    return scene.photograph(random)


def flash_spot(write: Write, random: Random) -> Array:
    scene = written(write, random)
    x, y = random.uniform(0.1, 0.9, 2) * (WIDTH, HEIGHT)
    spread = random.uniform(0.08, 0.25) * WIDTH
    scene.light *= 0.65
    scene.lay(0.9 * np.exp(-((X - x) ** 2 + (Y - y) ** 2) / (2 * spread**2)), (1.5, 1.5, 1.5))
    return scene.photograph(random)


def glossy(write: Write, random: Random) -> Array:
    scene = written(write, random)
    scene.light *= 0.75
    x, _ = tilted(random, 40)
    stripe = np.exp(-(((x - random.uniform(-0.4, 0.4) * WIDTH) / random.uniform(15, 50)) ** 2))
    scene.lay(random.uniform(0.4, 0.7) * stripe, (1.33, 1.33, 1.33))
    return scene.photograph(random)


def strong_lamp(write: Write, random: Random) -> Array:
    scene = written(write, random)
    x, y = 2 * X / WIDTH - 1, 2 * Y / HEIGHT - 1
    far = (x + random.uniform(-1.2, 1.2)) ** 2 + (y + random.uniform(-1, 1)) ** 2
    scene.light = 1.1 / (1 + random.uniform(0.7, 1.3) * far)
    return scene.photograph(random)


def vignette(write: Write, random: Random) -> Array:
    scene = written(write, random)
    far = (2 * X / WIDTH - 1) ** 2 + (2 * Y / HEIGHT - 1) ** 2
    scene.light *= 1 - random.uniform(0.25, 0.42) * far
    return scene.photograph(random)


ONE_DIGIT: dict[str, Kind] = {
    "plain": plain,
    "thin": thin,
    "thick": thick,
    "turned by 15°": turned(15),
    "turned by −15°": turned(-15),
    "off centre": off_centre,
    "noisy": noisy,
    "lined paper": lined,
    "squared paper": squared,
    "soft shadow": soft_shadow,
    "light on dark": light_on_dark,
    "blurred": things.blurred,
    "small picture": things.tiny,
    "desk all around": desk_all_around,
    "desk at one side": desk_at_one_side,
    "wooden desk": wooden_desk,
    "small sheet on a desk": small_sheet,
    "board in a light frame": light_desk_dark_board,
    "black border": black_border,
    "torn edge": torn_edge,
    "shadow of a hand": hand_shadow,
    "shadows of fingers": finger_shadows,
    "sharp shadow": sharp_shadow,
    "shadow of a phone": phone_shadow,
    "flash": flash_spot,
    "glossy paper": glossy,
    "strong lamp": strong_lamp,
    "vignette": vignette,
    "finger": things.finger,
    "pen from the border": things.pen_beside,
    "pen beside": things.lying_pen,
    "spiral binding": things.spiral_binding,
    "stamp": things.stamp,
    "small text beside": things.small_text,
    "margin line": things.margin_line,
    "crease": things.crease,
    "strong squares": things.strong_lines,
    "squares in perspective": things.tilted_squares,
    "fills the frame": things.fills_the_frame,
    "hot pixel": things.hot_pixel,
    "red on green": things.red_on_green,
    "dotted": things.dotted,
}
NO_DIGIT: dict[str, Kind] = {
    "two digits": things.digits(2),
    "two digits, close": things.digits(2, gap=0.08),
    "two digits that touch": things.digits(2, gap=-0.04),
    "three digits": things.digits(3),
    "one above the other": things.digits(2, below=True),
    "crossed out": things.crossed_out,
    "scribble": things.scribble,
}
