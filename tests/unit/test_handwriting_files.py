"""Image files that are damaged, foreign or too large: an error that a person can read."""

import io
import re
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_training import all_digits

from cnn_tutorial.data import check_images
from cnn_tutorial.handwriting import read_digit
from cnn_tutorial.support.images import MOST_PIXELS


@pytest.fixture(scope="module")
def sheet() -> Image.Image:
    """A digit dark on light, on a larger sheet."""
    digit = (255 * all_digits().test.tensors[0][0, 0]).round().byte().numpy()
    sheet = Image.new("L", (300, 340), 255)
    ink = Image.fromarray(255 - digit).resize((196, 196), Image.Resampling.BICUBIC)
    sheet.paste(ink, (70, 20))
    return sheet


def error_of(path: Path) -> str:
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        read_digit(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def header(width: int, height: int) -> bytes:
    """A PNG that claims a size, and has no pixels."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def test_too_many_pixels(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (20_000, 20_000)).save(path)
    assert path.stat().st_size < 1_000_000
    assert error_of(path) == f"{path} has more than 50,000,000 pixels."
    for side in (7_072, 10_000, 20_000, 2**31 - 1):  # from just over the limit
        assert side * side > MOST_PIXELS
        path.write_bytes(header(side, side))
        assert "has more than 50,000,000 pixels" in error_of(path)


def test_what_is_not_an_image(tmp_path: Path) -> None:
    path = tmp_path / "letter.png"
    # Pillow would hand PostScript to another program, which runs it.
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\nshowpage\n"
    for content in (b"", b"Dear reader,\nthis is a letter.\n", script):
        path.write_bytes(content)
        assert "is not an image (PNG, JPEG, " in error_of(path)


def test_no_width(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    path.write_bytes(header(0, 5))
    error_of(path)
    path.write_bytes(b"P5 0 5 255\n")
    error_of(path)


def test_truncated(tmp_path: Path, sheet: Image.Image) -> None:
    path = tmp_path / "half.png"
    sheet.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "cannot be read as an image: " in error_of(path)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_digit(tmp_path / "nothing.png")
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        read_digit(str(tmp_path))


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    kind, length = random.integers(4), len(content)
    if kind == 0:
        return content[: random.integers(length)]
    if kind == 1:
        return content[: random.integers(length)] + random.bytes(200)
    changed = bytearray(content)
    # Headers are short, so half of the damage is done to the first 64 bytes.
    for place in random.integers(64 if kind == 2 else length, size=random.integers(1, 9)):
        changed[place % length] ^= 1 << random.integers(8)
    return bytes(changed)


def test_damaged_files(tmp_path: Path, sheet: Image.Image) -> None:
    random = np.random.default_rng(0)
    outcomes: Counter[str] = Counter()
    formats = [("PNG", "L"), ("PNG", "P"), ("PNG", "RGBA"), ("JPEG", "RGB"), ("GIF", "P")]
    formats += [("BMP", "RGB"), ("TIFF", "L"), ("WEBP", "RGB"), ("PPM", "L")]
    for name, mode in formats:
        options: list[dict[str, Any]] = (
            [{"compression": "tiff_deflate"}, {}] if name == "TIFF" else [{}]
        )
        exif = Image.Exif()
        exif[0x0112] = 6
        for option in options:
            if name in ("JPEG", "PNG", "WEBP"):
                option = option | {"exif": exif.tobytes()}
            buffer = io.BytesIO()
            sheet.resize((90, 102)).convert(mode).save(buffer, name, **option)
            for _ in range(40):
                path = tmp_path / "damaged"
                path.write_bytes(damaged(buffer.getvalue(), random))
                try:
                    image = read_digit(path)
                except ValueError as error:
                    message = str(error)
                    assert message.startswith(str(path))
                    assert "\n" not in message
                    outcomes["refused"] += 1
                else:
                    if image is not None:
                        check_images(image)
                        assert image.shape == (1, 1, 28, 28)
                    outcomes["blank" if image is None else "read"] += 1
    sys.stdout.write(f"{outcomes}\n")
    assert outcomes.total() == 400
    assert min(outcomes["refused"], outcomes["read"]) > 50
