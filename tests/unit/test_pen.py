"""Photos that code draws are like photos: lit unevenly, dusty and noisy."""

from pathlib import Path

import numpy as np
import torch

from cnn_tutorial.handwriting import read_digit
from cnn_tutorial.support.pen import BLUE, SEVEN, YELLOWISH, photograph


def test_stroke_is_ink_on_paper() -> None:
    photo = np.array(photograph(SEVEN, lamp=0, dust=0), float)  # (240, 192, 3)
    assert photo.shape == (240, 192, 3)
    for x, y in SEVEN:
        np.testing.assert_allclose(photo[y, x] / 1.1, BLUE, atol=10)
    corner = photo[200:, 150:].mean((0, 1))
    np.testing.assert_allclose(corner, np.minimum(1.1 * np.array(YELLOWISH), 255), atol=2)
    assert 2 < photo[200:, 150:, 2].std() < 3, "noise"


def test_light_falls_off_from_the_upper_left() -> None:
    photo = np.array(photograph(SEVEN, dust=0).convert("L"), float)
    assert photo[:20, :20].mean() > 2 * photo[-20:, -20:].mean()
    assert photo[-20:, -20:].mean() > photo[-20:, -20:].std() * 5


def test_dust_is_as_many_specks() -> None:
    clean = np.array(photograph(SEVEN, lamp=0, dust=0), float)
    for count in (1, 2):
        dusty = np.array(photograph(SEVEN, lamp=0, dust=count), float)
        assert (np.abs(clean - dusty).max(2) > 100).sum() == count * 2 * 2


def test_it_is_read_wherever_it_is(tmp_path: Path) -> None:
    digits = []
    for x0, y0 in ((0, 0), (84, 88), (10, 85)):
        path = tmp_path / f"{x0}.png"
        photograph([(x + x0, y + y0) for x, y in SEVEN]).save(path)
        digit = read_digit(path)
        assert digit is not None
        digits.append(digit.flatten())
    for other in digits[1:]:
        assert torch.corrcoef(torch.stack([digits[0], other]))[0, 1] > 0.7, "a pixel to one side"


def test_it_turns_to_the_left(tmp_path: Path) -> None:
    photograph(SEVEN).rotate(90, expand=True).save(tmp_path / "turned.png")
    photograph(SEVEN, turn=90).save(tmp_path / "turning.png")
    one, other = (read_digit(tmp_path / f"turn{end}.png") for end in ("ed", "ing"))
    assert one is not None
    assert other is not None
    assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] > 0.9
