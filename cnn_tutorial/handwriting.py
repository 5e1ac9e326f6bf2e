"""Digits from image files, made into what MNIST made of its own.

In four steps: `fit_paper` looks behind the digit, `find_ink` takes it off the paper, and leaves
what is not the digit, `scale` makes it as large as MNIST does, and `centre` puts it where MNIST
does.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import (
    binary_opening,
    gaussian_filter,
    label,
    maximum_filter,
    minimum_filter,
)
from torch import Tensor

from cnn_tutorial.support.images import Grey, read_image
from cnn_tutorial.support.parts import (
    ALL_SIDES,
    NO_STROKES,
    SEVERAL,
    Mask,
    Strokes,
    choose,
)
from cnn_tutorial.support.terminal import printable

WINDOWS = 1 / 8, 1 / 3  # of the longer side: wider than any stroke of most digits, and of all
LEAST_WINDOW = 11  # pixels, wider than a stroke of MNIST
LEAST_CONTRAST = 1 / 16  # of the range from black to white
INK_TO_ROUGHNESS = 4  # ink is darker than the paper by more than so many times its roughness
FULL_INK = 0.95  # the quantile of ink that counts as a full stroke: more is a glossy pen
STEP = 0.75  # where paper darkens by more than this share of full ink, it is no paper
FAINT = 0.7  # of the digit's ink is less than this share of its darkest
DIGIT_SIDE, SIDE = 20, 28  # of a digit of MNIST, and of the image that it is placed in
GLARE = "reflects a light at the digit: turn it away from the lamp, and use no flash."


def read_digit(path: Path | str) -> Tensor | None:
    """Read a handwritten digit from an image file, as MNIST prepared its digits.

    The ink is cropped, scaled so that its longer side is 20 pixels, and moved by whole pixels so
    that its centre of mass is in the middle, pixel 14 of 28, as it is in every digit of MNIST [1],
    or as near to it as the ink fits into the image.
    The ink may be darker or lighter than the paper, and the paper lit unevenly, lined, squared, and
    with a desk, a shadow or a finger at the edge of the picture. What may be no digit, or only a
    part of one, or several, is refused: this is decided from the strokes, and no picture is proof
    against all. How sure a network is of the digit is another question.

    Returns:
        (1, 1, 28, 28), float32 in [0, 1], light on black; None if nothing is written there.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is not an image, is damaged, or has more than 50,000,000 pixels; or no single
            digit can be made out, and why.

    References:
        1. Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".

    Examples:
        >>> from cnn_tutorial.handwriting import read_digit
        >>> from cnn_tutorial.support.pen import SEVEN, photograph
        >>> photograph(SEVEN).save("seven.png")
        >>> read_digit("seven.png").shape
        torch.Size([1, 1, 28, 28])
    """
    for grey in read_image(path):
        try:
            ink = find_ink(grey)
        except ValueError as error:
            raise ValueError(f"{path} {error}") from error
        if ink is not None:
            return place(ink)
    return None


def as_text(image: Tensor) -> str:
    """Draw an image of 28×28 pixels as 14 lines of 28 characters, two pixels in each."""
    rows = (image.reshape(14, 2, 28) >= 0.4).int()  # upper and lower half of each line
    lines = ("".join(" ▀▄█"[u + 2 * v] for u, v in zip(*row, strict=True)) for row in rows)
    return printable("\n".join(lines))


def fit_paper(grey: Grey, window: float = WINDOWS[0]) -> Grey:
    """Estimate what the paper looks like behind dark ink, (H, W).

    Each pixel becomes the brightest in a window around it: this is max pooling with stride 1, and
    strokes that are narrower than the window vanish. Then each becomes the darkest in such a
    window, so that what is dark and wider, a shadow or a desk, is as large again as it was. This
    is called a closing [1].

    Args:
        grey: The picture, (H, W), from 0 (black) to 1 (white).
        window: Its side, as a share of the picture's longer side; at least 11 pixels.

    References:
        1. J. Serra, "Image Analysis and Mathematical Morphology", Academic Press, 1982.
    """
    side = max(LEAST_WINDOW, int(window * max(grey.shape)) | 1)
    wider = np.pad(grey, side, mode="reflect", reflect_type="odd")  # it goes on as it ends
    paper = minimum_filter(maximum_filter(wider, side), side)
    return np.asarray(paper[side:-side, side:-side], np.float32)


def find_ink(grey: Grey) -> Grey | None:
    """Return how much ink each pixel holds, (H, W), from 0 (paper) to 1 (a full stroke).

    Dark ink is looked for, and light ink, with a narrow window first, and if strokes are wider,
    with a wide one. Of dark and light strokes, ink are the larger, unless the smaller ones are
    thinner by half: strokes are thin, and paper is wide.

    Returns:
        The ink; None if there is none, or nothing but specks.

    Raises:
        ValueError: What is there may be no digit, or only a part of one, or several.
    """
    tried: list[list[_Ink]] = []  # dark and light, for each window
    for window in WINDOWS:
        found = [_ink(grey, window, light=light) for light in (False, True)]
        tried.append([ink for ink in found if ink])
        if window == WINDOWS[0]:
            ink = _larger(tried[0])
            if ink and ink.fits and ink.contrast > 0.6 * np.ptp(grey):
                return ink.amount  # no wider strokes can be much clearer
    problem = None
    clearest = max((ink.contrast for pair in tried for ink in pair if ink.fits), default=0)
    for pair in tried:
        problem = problem or (NO_STROKES if pair else None)
        ink = _larger(pair)
        if ink is None or ink.contrast < 0.6 * clearest:
            continue  # only the rims of wider strokes
        if ink.fits:
            return ink.amount
        problem = ink.strokes.problem
    if problem:
        raise ValueError(problem)
    return None


class _Ink(NamedTuple):
    amount: Grey
    strokes: Strokes  # that it lies in
    contrast: float
    light: bool

    @property
    def fits(self) -> bool:
        return self.strokes.problem is None

    @property
    def rank(self) -> float:
        """Their size; where there is little between two, the dark ones, and those that fit."""
        return self.strokes.size * (1 if self.light else 1.1) * (1 if self.fits else 0.8)


def _larger(found: list[_Ink]) -> _Ink | None:
    """Choose between dark and light strokes."""
    found = [ink for ink in found if ink.strokes.problem != NO_STROKES]
    strong = max((ink.contrast for ink in found), default=0)
    found = sorted((ink for ink in found if ink.contrast > 0.6 * strong), key=lambda ink: ink.rank)
    if not found:
        return None
    small, large = found[0], found[-1]
    thinner = small.strokes.width < 0.48 * large.strokes.width
    thinner &= small.strokes.problem in (None, SEVERAL, GLARE)  # the wide ones are a reflection
    return small if thinner and small.strokes.size > 0.35 * large.strokes.size else large


def _ink(grey: Grey, window: float, *, light: bool) -> _Ink | None:
    """Return dark or light ink, and what is against it; None if there is none."""
    soft = gaussian_filter(1 - grey if light else grey, max(grey.shape) / 400)
    grey = np.asarray(soft, np.float32)
    paper = fit_paper(grey, window)
    # The same in the light and in a shadow:
    darkness = np.asarray((paper - grey) / np.maximum(paper, 0.5), np.float32)
    roughness = float(np.quantile(darkness, 0.3))
    threshold = max(LEAST_CONTRAST, INK_TO_ROUGHNESS * roughness)
    if darkness.max() <= threshold:
        return None
    full = float(np.quantile(darkness[darkness > threshold], FULL_INK))
    near = max(grey.shape) // 30 | 1
    high, low = maximum_filter(paper, near), minimum_filter(paper, near)
    steps = high - low > STEP * full * np.maximum(high, 0.5)
    mask = darkness > max(full / 2, threshold)
    strokes = choose(mask, steps)
    if strokes is None:
        return None
    contrast = float(np.median((paper - grey)[strokes.mask]))
    if contrast < LEAST_CONTRAST:
        return None
    if strokes.problem not in (None, SEVERAL):  # perhaps for the lines of the paper
        bold = choose(binary_opening(mask, ALL_SIDES), steps)
        strokes = strokes if bold is None or bold.problem else bold
    if strokes.problem is None and not light and _glares(paper, darkness, strokes.mask):
        strokes = Strokes(strokes.mask, GLARE)
    ends = _with_soft_ends(strokes, darkness > max(full / 6, threshold))
    start = roughness * INK_TO_ROUGHNESS / 2  # less may be noise
    ink = ((darkness - start) / (full - start)).clip(0, 1) * ends
    return _Ink(ink.astype(np.float32), strokes, contrast, light)


def _with_soft_ends(strokes: Strokes, faint: Mask) -> Mask:
    """Add what is faint and touches the strokes, unless it goes on to the edge, as lines do."""
    labels, _ = label(faint, ALL_SIDES)
    faint = np.isin(labels, np.unique(labels[strokes.mask & faint]))
    soft = Strokes(strokes.mask | faint, None)
    is_line = faint[[0, -1]].any() or faint[:, [0, -1]].any() or soft.size > 1.6 * strokes.size
    edges: Mask = maximum_filter(strokes.mask, 3)
    return edges if is_line else edges | soft.mask


def _glares(paper: Grey, darkness: Grey, mask: Mask) -> bool:
    """Return whether a light is reflected where the strokes are, or right beside them.

    Either the paper in their box is white in parts, and not all over the picture; or they fade as
    the paper brightens, which they do in no shadow.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = paper[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if np.median(paper) < 0.97 and (box > 0.99).mean() > 0.02:
        return True
    behind, strength = paper[mask], maximum_filter(darkness, 5)[mask]
    low, high = np.quantile(behind, (0.05, 0.95))
    faint = (strength < FAINT * np.quantile(strength, 0.9)).mean()
    if high < 1.05 * low or faint < 0.02:
        return False
    return bool(np.corrcoef(np.log(behind), np.log(strength))[0, 1] < -0.6)


def place(ink: Grey) -> Tensor:
    """Scale ink (H, W), and centre it, (1, 1, 28, 28)."""
    return centre(scale(ink))


def scale(ink: Grey) -> Tensor:
    """Crop ink (H, W), and scale it to full strength and 20 pixels along its longer side."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(DIGIT_SIDE * side / max(ink.shape))) for side in ink.shape)
    small = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    digit = torch.from_numpy(np.array(small)).clamp(min=0)  # (height, width)
    return digit / digit.max()  # thin strokes are faint by now


def centre(digit: Tensor) -> Tensor:
    """Move a digit (H, W) of at most 28×28 so that its mass is in the middle, (1, 1, 28, 28).

    Where there is no room for that, it is as near as the digit fits in.
    """
    height, width = digit.shape
    top, left = _padding_before(digit.sum(1)), _padding_before(digit.sum(0))
    return F.pad(digit, (left, SIDE - width - left, top, SIDE - height - top))[None, None]


def _padding_before(mass: Tensor) -> int:
    """Return how many empty rows to put above a digit, given the mass of each of its rows."""
    middle = float((mass * torch.arange(len(mass))).sum() / mass.sum())
    return min(max(math.ceil(SIDE / 2 - 0.5 - middle), 0), SIDE - len(mass))
