"""Image files, read as shades of grey, or an error that a person can read."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy.ndimage import median_filter, uniform_filter

# This says of a file that it is no image, which must not take the seconds that torch takes.

Grey = NDArray[np.float32]
"""An image in grey, (H, W), from 0 (black) to 1 (white)."""

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
MOST_PIXELS = 50_000_000
WORKING_SIDE = 200  # larger images are averaged down to at least this, and less than twice
CLEARER = 2  # a colour is taken instead of grey where it shows so many times as much


def read_image(path: Path | str) -> list[Grey]:
    """Read an image from a file, in grey, (H, W), less than 400 pixels high and wide.

    Where one of the colours red, green and blue shows at least twice as much detail as grey does,
    it is that colour: red ink on green paper may be as light as the paper.

    Returns:
        The image; if it is transparent, first on white paper and then on black.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is not an image, is damaged, or has more than 50,000,000 pixels.
    """
    with _opened(path) as file:
        return [_clearest(page) for page in _pages(file)]


def check_image(path: Path | str) -> None:
    """Make sure that a file begins as an image does, which takes no time.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is not an image, or has more than 50,000,000 pixels.
    """
    with _opened(path) as file:
        _header(file)


@contextmanager
def _opened(path: Path | str) -> Iterator[BinaryIO]:
    """Open a file, and say of what is wrong with it what a person can read."""
    with Path(path).open("rb") as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what Pillow could mend
                yield file
        except Image.DecompressionBombError as error:
            raise ValueError(f"{path} has more than {MOST_PIXELS:,} pixels.") from error
        except UnidentifiedImageError as error:
            raise ValueError(f"{path} is not an image ({', '.join(FORMATS)}).") from error
        except Exception as error:  # Pillow raises many kinds for damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path} cannot be read as an image: {reason}") from error


def _header(file: BinaryIO) -> Image.Image:
    image: Image.Image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise Image.DecompressionBombError
    return image


def _pages(file: BinaryIO) -> list[Image.Image]:
    """Return the image, upright and of working size, in mode F, L or RGB; or on two papers."""
    image = _header(file)
    image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # a JPEG can be decoded at a fraction
    image.load()
    if image.mode.startswith(("I", "F")):  # more than 8 bits, in whatever range
        pages = [image.convert("F")]
    elif image.has_transparency_data:
        colors, alpha = image.convert("RGB"), image.convert("RGBA").getchannel("A")
        papers = (Image.new("RGB", image.size, paper) for paper in ("white", "black"))
        pages = [Image.composite(colors, paper, alpha) for paper in papers]
    else:
        pages = [image.convert("L" if image.mode in ("1", "L") else "RGB")]
    factor = max(1, max(image.size) // WORKING_SIDE)
    for page in pages:
        page.info = image.info  # where the orientation is
    return [ImageOps.exif_transpose(page.reduce(factor)) for page in pages]


def _clearest(page: Image.Image) -> Grey:
    if page.mode == "F":
        values = np.nan_to_num(np.asarray(page, np.float64), posinf=0, neginf=0)
        usual = median_filter(values, 3)  # of the pixels around: one may be broken
        values = values.clip(usual.min(), usual.max()) - min(0, usual.min())
        return np.asarray(values / (values.max() or 1), np.float32)
    shades = [page.convert("L"), *(page.split() if page.mode == "RGB" else ())]
    images = [np.asarray(shade, np.float32) / np.float32(255) for shade in shades]
    if len(images) == 1:
        return images[0]
    around = max(1, max(page.size) // 4)
    detail = [float((image - uniform_filter(image, around)).std()) for image in images]
    best = int(np.argmax(detail))
    return images[best if detail[best] >= CLEARER * detail[0] else 0]
