"""Image files become what MNIST made of its digits, or an error that a person can read."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from cnn_tutorial.data import Digits, check_images, load_digits
from cnn_tutorial.evaluation import evaluate, predict
from cnn_tutorial.handwriting import as_text, centre, find_ink, place, read_digit, scale
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.parts import AT_EDGE, choose
from cnn_tutorial.trainer import Trainer

BICUBIC = Image.Resampling.BICUBIC


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return load_digits(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def network(digits: Digits) -> nn.Module:
    torch.manual_seed(0)
    recipe = replace(RECIPES["fast"], epochs=3)
    network = recipe.network()
    Trainer(network, digits, recipe, device=torch.device("cpu")).fit()
    assert evaluate(network, digits.test).accuracy > 0.97
    return network


@pytest.fixture(scope="module")
def pictures(digits: Digits) -> list[Image.Image]:
    """The test digits in mode L, light on black."""
    pixels = (digits.test.tensors[0][:, 0] * 255).round().byte().numpy()
    return [Image.fromarray(array) for array in pixels]


def read(path: Path) -> Tensor:
    image = read_digit(path)
    assert image is not None
    check_images(image)
    assert image.shape == (1, 1, 28, 28)
    return image


def saved(picture: Image.Image, path: Path, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def centre_of_mass(images: Tensor) -> Tensor:
    """Return the row and the column (2, N) of images (N, 1, 28, 28)."""
    axis, mass = torch.arange(28.0), images.sum((1, 2, 3))
    return torch.stack([images.sum((1, other)) @ axis / mass for other in (3, 2)])


def drawing(picture: Image.Image) -> Image.Image:
    """A digit dark on light, seven times as large, off the centre of a larger sheet."""
    sheet = Image.new("L", (300, 340), 255)
    sheet.paste(
        picture.resize((196, 196), BICUBIC).point([255 - value for value in range(256)]), (70, 20)
    )
    return sheet


# As MNIST did


def test_digits_of_mnist_have_their_centre_of_mass_in_pixel_14(digits: Digits) -> None:
    middle = centre_of_mass(digits.test.tensors[0])
    assert ((middle >= 13.5) & (middle < 14.5)).all()
    assert (middle.mean(1) - 14).abs().max() < 0.02


def test_digits_of_mnist_stay_as_they_are(
    tmp_path: Path, digits: Digits, network: nn.Module, pictures: list[Image.Image]
) -> None:
    images, labels = (tensor[:700] for tensor in digits.test.tensors)
    got = torch.cat([read(saved(p, tmp_path / "digit.png")) for p in pictures[:700]])
    # Compared with the ink of the digit; a few have a faint first or last row that is left out.
    difference = (got - images).abs().sum((1, 2, 3)) / images.sum((1, 2, 3))
    assert difference.median() < 0.01
    assert difference.mean() < 0.03
    before, after = (predict(network, x).argmax(1) for x in (images, got))
    assert (before == after).float().mean() >= 0.99
    accuracies = [(x == labels).float().mean() for x in (before, after)]
    assert abs(accuracies[0] - accuracies[1]) <= 0.005


def inverted(picture: Image.Image, path: Path) -> Path:
    return saved(drawing(picture), path.with_suffix(".png"))


def light_on_dark(picture: Image.Image, path: Path) -> Path:
    sheet = drawing(picture).point([255 - value for value in range(256)])
    return saved(sheet, path.with_suffix(".bmp"))


def coloured(picture: Image.Image, path: Path) -> Path:
    ink = drawing(picture).point([255 - value for value in range(256)])
    sheet = Image.new("RGB", ink.size, (250, 220, 120))
    sheet.paste((30, 40, 160), mask=ink)
    return saved(sheet, path.with_suffix(".webp"), quality=80)


def noisy(picture: Image.Image, path: Path) -> Path:
    random = np.random.default_rng(int(np.asarray(picture, np.int64).sum()))
    sheet = np.asarray(drawing(picture)) * 0.5 + 80
    sheet = (sheet + random.normal(0, 10, sheet.shape)).clip(0, 255).astype(np.uint8)
    return saved(Image.fromarray(sheet), path.with_suffix(".jpg"), quality=40)


def uneven(picture: Image.Image, path: Path) -> Path:
    sheet = np.asarray(drawing(picture)) / 255 * 0.6 + 0.4
    y, x = np.mgrid[0 : 1 : sheet.shape[0] * 1j, 0 : 1 : sheet.shape[1] * 1j]
    light = 230 * np.exp(-0.8 * x - 0.4 * y * y)  # the darkest paper is darker than light ink
    return saved(Image.fromarray((sheet * light).astype(np.uint8)), path.with_suffix(".tif"))


def dusty(picture: Image.Image, path: Path) -> Path:
    sheet = drawing(picture)
    for x, y in ((10, 12), (280, 30), (20, 320), (270, 310)):
        ImageDraw.Draw(sheet).rectangle((x, y, x + 2, y + 2), 40)
    return saved(sheet, path.with_suffix(".png"))


def transparent(picture: Image.Image, path: Path, ink: int = 0) -> Path:
    mask = drawing(picture).point([255 - value for value in range(256)])
    sheet = Image.new("RGBA", mask.size, (ink, ink, ink, 0))
    sheet.putalpha(mask)
    return saved(sheet, path.with_suffix(".png"))


def white_on_transparent(picture: Image.Image, path: Path) -> Path:
    return transparent(picture, path, 255)


@pytest.mark.parametrize(
    "write",
    [inverted, light_on_dark, coloured, noisy, uneven, dusty, transparent, white_on_transparent],
)
def test_drawings_are_read_like_the_digits(
    tmp_path: Path,
    digits: Digits,
    network: nn.Module,
    pictures: list[Image.Image],
    write: Callable[[Image.Image, Path], Path],
) -> None:
    count = 60
    got = torch.cat([read(write(p, tmp_path / "digit")) for p in pictures[:count]])
    before, after = (predict(network, x).argmax(1) for x in (digits.test.tensors[0][:count], got))
    assert (before == after).float().mean() >= 0.97
    middle = centre_of_mass(got)
    assert ((middle >= 13.499) & (middle < 14.501)).all()
    rows, columns = (got > 0).any(3).sum((1, 2)), (got > 0).any(2).sum((1, 2))
    assert (torch.maximum(rows, columns) == 20).float().mean() > 0.95


def test_each_step_is_a_function(tmp_path: Path, pictures: list[Image.Image]) -> None:
    path = noisy(pictures[0], tmp_path / "photo")
    grey = (np.asarray(Image.open(path)) / 255).astype(np.float32)
    ink = find_ink(grey)
    assert ink is not None
    digit = scale(ink)
    assert max(digit.shape) == 20
    assert torch.equal(place(ink), centre(digit))
    assert torch.equal(read(path), centre(digit))


def test_place_undoes_any_shift(pictures: list[Image.Image]) -> None:
    for picture in pictures[:20]:
        sheet = np.pad((np.asarray(picture) / 255).astype(np.float32), 9)  # (46, 46)
        expected = place(sheet)
        for shift in (-9, -4, 1, 7):
            assert torch.equal(place(np.roll(sheet, (shift, -shift), (0, 1))), expected)


def test_thin_strokes_of_a_large_photo_do_not_vanish(tmp_path: Path) -> None:
    sheet = Image.new("L", (3000, 2000), 200)
    stroke = [(1200, 300), (1900, 300), (1500, 1500)]
    ImageDraw.Draw(sheet).line(stroke, 120, 8)
    image = read(saved(sheet, tmp_path / "seven.jpg"))
    rows, columns = (image[0, 0] > 0.3).any(1), (image[0, 0] > 0.3).any(0)
    assert rows.sum() == 20
    assert 10 <= columns.sum() <= 13
    assert image.max() == 1


def test_strokes_may_touch_the_border(
    tmp_path: Path, digits: Digits, network: nn.Module, pictures: list[Image.Image]
) -> None:
    # A one that fills its image is a bar with no paper around it.
    chosen = [i for i in range(90) if digits.test.tensors[1][i] != 1]
    got = []
    for i in chosen:
        tight = drawing(pictures[i])
        box = tight.point([255 - value for value in range(256)]).getbbox()
        got.append(read(saved(tight.crop(box), tmp_path / "tight.png")))
    images = digits.test.tensors[0][chosen]
    before, after = (predict(network, x).argmax(1) for x in (images, torch.cat(got)))
    assert (before == after).float().mean() >= 0.97


@pytest.mark.parametrize(
    ("side", "share", "fits"), [(200, 0.8, False), (200, 0.9, True), (28, 0.75, True)]
)
def test_what_touches_the_border_must_fill_the_picture(side: int, share: float, fits: bool) -> None:
    """The less of it is to be seen, the likelier it goes on; MNIST's own digits fill less."""
    mask = np.zeros((side, side), bool)
    middle, height = side // 2, round(share * side)
    mask[:height, middle - side // 28 : middle + side // 28 + 1] = True
    strokes = choose(mask, np.zeros_like(mask))
    assert strokes
    assert strokes.problem == (None if fits else AT_EDGE)


# Modes


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *((mode, ".png") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *((mode, ".tif") for mode in ("CMYK", "F", "I")),
        ("CMYK", ".jpg"),
        ("YCbCr", ".jpg"),
    ],
)
def test_every_mode_gives_the_same_digit(
    tmp_path: Path, pictures: list[Image.Image], mode: str, suffix: str
) -> None:
    sheet = drawing(pictures[0])
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(sheet).astype(np.uint16) * 257)
    elif mode == "F":
        picture = Image.fromarray(np.asarray(sheet) / np.float32(255))
    else:
        picture = sheet.convert(mode)
    assert picture.mode == mode
    expected = read(saved(sheet, tmp_path / "grey.png"))
    image = read(saved(picture, tmp_path / f"other{suffix}"))
    # One bit has no soft edges but scattered pixels.
    assert (image - expected).abs().sum() < (0.25 if mode == "1" else 0.05) * expected.sum()


def test_palette_with_transparency(tmp_path: Path, pictures: list[Image.Image]) -> None:
    sheet = drawing(pictures[0])
    expected = read(saved(sheet, tmp_path / "grey.png"))
    palette = sheet.point([0] * 128 + [1] * 128).convert("P")
    palette.putpalette([255, 255, 255, 255, 0, 0])  # both light; the paper is transparent
    image = read(saved(palette, tmp_path / "palette.png", transparency=1))
    assert (image - expected).abs().sum() < 0.15 * expected.sum()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_orientation_of_a_camera_is_followed(
    tmp_path: Path, pictures: list[Image.Image], suffix: str
) -> None:
    sheet = drawing(pictures[0])
    expected = read(saved(sheet, tmp_path / "upright.png"))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be seen upright, turn it clockwise
    turned = sheet.transpose(Image.Transpose.ROTATE_90)
    image = read(saved(turned, tmp_path / f"turned{suffix}", exif=exif))
    assert (image - expected).abs().sum() < 0.15 * expected.sum()


def test_first_frame_of_an_animation(tmp_path: Path, pictures: list[Image.Image]) -> None:
    frames = [drawing(picture) for picture in pictures[:3]]
    expected = read(saved(frames[0], tmp_path / "first.png"))
    path = saved(frames[0], tmp_path / "all.gif", save_all=True, append_images=frames[1:])
    assert (read(path) - expected).abs().sum() < 0.05 * expected.sum()


# No ink


@pytest.mark.parametrize("level", [0, 90, 255])
@pytest.mark.parametrize("noise", [0, 2, 10])
def test_blank_images_hold_no_digit(tmp_path: Path, level: int, noise: int) -> None:
    random = np.random.default_rng(level + noise)
    for size in ((1, 1), (28, 28), (1, 50), (300, 200)):
        sheet = (level + random.normal(0, noise, size)).clip(0, 255).astype(np.uint8)
        for suffix, options in ((".png", {}), (".jpg", {"quality": 30})):
            path = saved(Image.fromarray(sheet), tmp_path / f"blank{suffix}", **options)
            assert read_digit(path) is None, (size, suffix)


def test_blank_transparent_and_blank_uneven(tmp_path: Path) -> None:
    assert read_digit(saved(Image.new("RGBA", (50, 60)), tmp_path / "clear.png")) is None
    light = np.linspace(250, 100, 300).astype(np.uint8)[None].repeat(200, 0)
    assert read_digit(saved(Image.fromarray(light), tmp_path / "slope.png")) is None


def test_contrast_decides(tmp_path: Path, pictures: list[Image.Image]) -> None:
    for contrast, is_ink in ((12, False), (20, True)):
        faint = drawing(pictures[0]).point([200 - (255 - v) * contrast // 255 for v in range(256)])
        assert (read_digit(saved(faint, tmp_path / "faint.png")) is not None) == is_ink


# What the network saw


def test_text_is_the_digit_at_two_pixels_a_character(digits: Digits) -> None:
    image = digits.test.tensors[0][:1]
    lines = as_text(image).split("\n")
    assert [len(line) for line in lines] == [28] * 14
    halves = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    seen = torch.tensor([[halves[c][half] for c in line] for line in lines for half in (0, 1)])
    assert torch.equal(seen.bool(), image[0, 0] >= 0.4)
    assert as_text(torch.zeros(28, 28)).strip() == ""
