"""Digits from image files, made into what MNIST made of its own."""

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

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 50_000_000
WORKING_SIDE = 400  # images are averaged down to a longer side of at least this, less than twice
LEAST_CONTRAST = 1 / 16  # of the range from black to white


def read_digit(path: Path | str) -> Tensor | None:
    """Read a handwritten digit from an image file, as MNIST prepared its digits.

    The ink is cropped, scaled so that its longer side is 20 pixels, and moved by whole pixels so
    that its centre of mass is in the middle, pixel 14 of 28, as it is in every digit of MNIST [1].
    The ink may be darker or lighter than the paper, and the paper lit unevenly.

    Returns:
        (1, 1, 28, 28), float32 in [0, 1], light on black; None if nothing stands out from the
        paper by five times its noise, and, averaged over 3×3 pixels, by 1/16 of the range from
        black to white more to one side, darker or lighter, than to the other.

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
                papers = _read_grey(file)
        except Image.DecompressionBombError as error:
            raise ValueError(f"{path} has more than {MOST_PIXELS:,} pixels.") from error
        except UnidentifiedImageError as error:
            raise ValueError(f"{path} is not an image ({', '.join(FORMATS)}).") from error
        except Exception as error:  # Pillow raises many kinds for damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path} cannot be read as an image: {reason}") from error
    inks = (_find_ink(grey) for grey in papers)
    return next((_place(ink) for ink in inks if ink is not None), None)


def as_text(image: Tensor) -> str:
    """Draw an image of 28×28 pixels as 14 lines of 28 characters, two pixels in each."""
    rows = (image.reshape(14, 2, 28) >= 0.4).int()  # upper and lower half of each line
    return "\n".join("".join(" ▀▄█"[u + 2 * v] for u, v in zip(*row, strict=True)) for row in rows)


def _read_grey(file: BinaryIO) -> list[NDArray[np.float32]]:
    """Return the image in grey from 0 to 1; if transparent, on white paper and on black."""
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
    found = []
    for page in pages:
        page.info = image.info  # where the orientation is
        small = ImageOps.exif_transpose(page.reduce(factor))
        values = np.nan_to_num(np.asarray(small, np.float64), posinf=0, neginf=0)
        values -= min(0, values.min())
        found.append((values / ((values.max() or 1) if deep else 255)).astype(np.float32))
    return found


def _find_ink(grey: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return how much ink each pixel (H, W) holds, from 0 to 1, or None if there is none."""
    # The paper is a quadratic surface, fitted to most of the frame: ink that touches it is left.
    height, width = grey.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)  # (H, W, 6)
    margin = max(1, max(grey.shape) // 16)
    frame = np.ones(grey.shape, bool)
    frame[margin:-margin, margin:-margin] = False
    every = max(1, frame.sum() // 1000)
    at, seen = terms[frame][::every], grey[frame][::every]
    rest = seen - np.median(seen)
    for _ in range(10):
        kept = np.abs(rest) <= np.quantile(np.abs(rest), 0.6)
        paper = np.linalg.lstsq(at[kept], seen[kept], rcond=None)[0]
        rest = seen - at @ paper
    noise = np.quantile(np.abs(rest), 0.3) / 0.385  # of a normal distribution, ink left out
    ink = (grey - terms @ paper).astype(np.float32)
    # Noise departs from the paper to both sides alike, ink to one.
    smooth = F.avg_pool2d(torch.from_numpy(ink)[None], 3, 1, 1)
    low, high = float(-smooth.min()), float(smooth.max())
    if abs(high - low) < LEAST_CONTRAST:
        return None
    ink = ink if high > low else -ink
    least = max(LEAST_CONTRAST, 5 * noise)
    if ink.max() <= least:
        return None
    full = np.quantile(ink[ink > least], 0.95)
    mask = torch.from_numpy(ink > max(full / 2, least)).float()[None]  # (1, H, W)
    # A speck is ink with less than 2 % of all ink around it.
    around = 2 * max(1, round(max(grey.shape) / 16)) + 1
    near = F.avg_pool2d(mask, (around, 1), 1, (around // 2, 0))
    near = F.avg_pool2d(near, (1, around), 1, (0, around // 2)) * around**2
    mask = F.max_pool2d(mask * (near >= 0.02 * mask.sum()), 3, 1, 1)  # with the soft edges
    ink = ((ink - 3 * noise) / (full - 3 * noise)).clip(0, 1) * mask[0].numpy()
    return ink.astype(np.float32) if ink.any() else None


def _place(ink: NDArray[np.float32]) -> Tensor:
    """Return the ink (H, W) as a digit of MNIST (1, 1, 28, 28)."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    size = [max(1, round(20 * side / max(ink.shape))) for side in ink.shape]
    small = Image.fromarray(ink).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    digit = torch.from_numpy(np.array(small)).clamp(min=0)
    digit = digit / digit.max()  # thin strokes are faint by now
    before = []  # empty rows above, empty columns to the left
    for dim, side in enumerate(size):
        middle = float((digit.sum(1 - dim) * torch.arange(side)).sum() / digit.sum())
        before.append(min(max(math.ceil(13.5 - middle), 0), 28 - side))
    (top, left), (height, width) = before, size
    return F.pad(digit, (left, 28 - width - left, top, 28 - height - top))[None, None]
