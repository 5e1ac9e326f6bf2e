"""Digits from image files, made into what MNIST made of its own.

In four steps: `fit_paper` looks behind the digit, `find_ink` takes it off the paper, without dust,
`scale` makes it as large as MNIST does, and `centre` puts it where MNIST does.
"""

import math
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from cnn_tutorial.support.terminal import printable

Grey = NDArray[np.float32]
"""An image in grey, (H, W), from 0 (black) to 1 (white)."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 50_000_000
WORKING_SIDE = 400  # larger images are averaged down to at least this, and less than twice
FRAME = 16  # the frame of an image, where paper is looked for, is this part of its longer side
FRAME_SAMPLES = 1000  # pixels of the frame that are looked at, less than twice as many
PAPER_SHARE = 0.6  # of them that are surely paper: the rest may be ink that touches the frame
LEAST_CONTRAST = 1 / 16  # of the range from black to white
INK_TO_NOISE = 5  # ink departs from the paper by more than so many times its noise
FULL_INK = 0.95  # the quantile of ink that counts as a full stroke: more is a glossy pen
SPECK = 0.02  # where there is less than this share of all strokes, there is a speck
DIGIT_SIDE, SIDE = 20, 28  # of a digit of MNIST, and of the image that it is placed in


def read_digit(path: Path | str) -> Tensor | None:
    """Read a handwritten digit from an image file, as MNIST prepared its digits.

    The ink is cropped, scaled so that its longer side is 20 pixels, and moved by whole pixels so
    that its centre of mass is in the middle, pixel 14 of 28, as it is in every digit of MNIST [1],
    or as near to it as the ink fits into the image.
    The ink may be darker or lighter than the paper, and the paper lit unevenly.

    Returns:
        (1, 1, 28, 28), float32 in [0, 1], light on black; None if there is no ink, as `find_ink`
        decides.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is not an image, is damaged, or has more than 50,000,000 pixels.

    References:
        1. Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
    """
    with Path(path).open("rb") as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what Pillow could mend
                images = _read_grey(file)
        except Image.DecompressionBombError as error:
            raise ValueError(f"{path} has more than {MOST_PIXELS:,} pixels.") from error
        except UnidentifiedImageError as error:
            raise ValueError(f"{path} is not an image ({', '.join(FORMATS)}).") from error
        except Exception as error:  # Pillow raises many kinds for damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path} cannot be read as an image: {reason}") from error
    for grey in images:
        paper, noise = fit_paper(grey)
        ink = find_ink(grey, paper, noise)
        if ink is not None:
            return place(ink)
    return None


def as_text(image: Tensor) -> str:
    """Draw an image of 28×28 pixels as 14 lines of 28 characters, two pixels in each."""
    rows = (image.reshape(14, 2, 28) >= 0.4).int()  # upper and lower half of each line
    lines = ("".join(" ▀▄█"[u + 2 * v] for u, v in zip(*row, strict=True)) for row in rows)
    return printable("\n".join(lines))


def fit_paper(grey: Grey) -> tuple[NDArray[np.float64], np.float64]:
    """Estimate what the paper looks like behind the digit, from the frame around it.

    Light falls off smoothly, so the paper is a quadratic surface, fitted by least squares. Ink may
    touch the frame: each of ten rounds fits to the 60 % of the pixels that were closest to the fit
    before, and at first to their median.

    Returns:
        The paper, (H, W), and its noise: the standard deviation of its pixels from the surface, as
        the closer ones show it.
    """
    height, width = grey.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)  # (H, W, 6)
    margin = max(1, max(grey.shape) // FRAME)
    frame = np.ones(grey.shape, bool)
    frame[margin:-margin, margin:-margin] = False
    every = max(1, frame.sum() // FRAME_SAMPLES)
    frame_terms, frame_grey = terms[frame][::every], grey[frame][::every]
    misfit = frame_grey - np.median(frame_grey)
    for _ in range(10):
        is_paper = np.abs(misfit) <= np.quantile(np.abs(misfit), PAPER_SHARE)
        surface = np.linalg.lstsq(frame_terms[is_paper], frame_grey[is_paper], rcond=None)[0]
        misfit = frame_grey - frame_terms @ surface
    # 30 % of a normal distribution is within 0.385 standard deviations of its middle.
    noise = np.quantile(np.abs(misfit), 0.3) / 0.385
    return terms @ surface, noise


def find_ink(grey: Grey, paper: NDArray[np.float64], noise: np.float64) -> Grey | None:
    """Return how much ink each pixel holds, (H, W), from 0 (paper) to 1 (a full stroke).

    Noise departs from the paper to both sides alike, ink to one. So there is ink if, averaged over
    3×3 pixels, the image departs further to one side, darker or lighter, than to the other by 1/16
    of the range from black to white, and some pixel departs to that side by more than five times
    the noise.

    Returns:
        The ink; None if there is none, or nothing but specks.
    """
    departure = (grey - paper).astype(np.float32)
    smooth = F.avg_pool2d(torch.from_numpy(departure)[None], 3, 1, 1)
    darker, lighter = float(-smooth.min()), float(smooth.max())
    if abs(lighter - darker) < LEAST_CONTRAST:
        return None
    ink = departure if lighter > darker else -departure
    threshold = max(LEAST_CONTRAST, INK_TO_NOISE * noise)
    if ink.max() <= threshold:
        return None
    full = np.quantile(ink[ink > threshold], FULL_INK)
    strokes = without_specks(ink > np.maximum(full / 2, threshold))
    start = 3 * noise  # less may be noise
    ink = ((ink - start) / (full - start)).clip(0, 1) * strokes
    return ink.astype(np.float32) if ink.any() else None


def without_specks(strokes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave specks, such as dust, out of a mask (H, W), and widen what stays by a pixel.

    A pixel stays if the window around it, as wide as an eighth of the image's longer side, holds
    2 % of the mask's pixels. It is widened so that the soft edges of strokes belong to it.
    """
    mask = torch.from_numpy(strokes).float()[None]  # (1, H, W)
    window = 2 * max(1, round(max(strokes.shape) / 16)) + 1
    nearby = F.avg_pool2d(mask, (window, 1), 1, (window // 2, 0))
    nearby = F.avg_pool2d(nearby, (1, window), 1, (0, window // 2)) * window**2  # pixels in it
    kept = mask * (nearby >= SPECK * mask.sum())
    return F.max_pool2d(kept, 3, 1, 1)[0].bool().numpy()


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


def _read_grey(file: BinaryIO) -> list[Grey]:
    """Return the image in grey; if it is transparent, first on white paper and then on black."""
    image: Image.Image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise Image.DecompressionBombError
    image.draft("L", (WORKING_SIDE, WORKING_SIDE))  # a JPEG can be decoded at a fraction
    image.load()
    deep = image.mode.startswith(("I", "F"))  # more than 8 bits, in whatever range
    if image.has_transparency_data and not deep:
        grey, alpha = image.convert("LA").split()
        papers = (Image.new("L", image.size, paper) for paper in (255, 0))
        pages = [Image.composite(grey, paper, alpha) for paper in papers]
    else:
        pages = [image.convert("F" if deep else "L")]
    factor = max(1, max(image.size) // WORKING_SIDE)
    images = []
    for page in pages:
        page.info = image.info  # where the orientation is
        small = ImageOps.exif_transpose(page.reduce(factor))
        values = np.nan_to_num(np.asarray(small, np.float64), posinf=0, neginf=0)
        values -= min(0, values.min())
        images.append((values / ((values.max() or 1) if deep else 255)).astype(np.float32))
    return images
