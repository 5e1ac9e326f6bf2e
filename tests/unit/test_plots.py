"""Figures of the pages: what they show and say is in the tensors."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from drawings import (
    SOBEL,
    convolve,
    first_digits,
    in_colour,
    pixels_of,
    svg_of,
    texts_of,
)
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from torch import Tensor

from cnn_tutorial import plots
from cnn_tutorial.shapes import conv_output_size
from cnn_tutorial.support import colors
from cnn_tutorial.support.drawing import SVG

KERNEL = to_rgb(colors.KERNEL)


@pytest.fixture
def digits() -> Tensor:
    return first_digits()


def test_values_are_grey_from_lowest_to_highest() -> None:
    x = torch.tensor([[[0.2, 0.4]], [[0.6, 1.0]]])
    first, second = pixels_of(plots.images(x))
    expected = (x - 0.2) / 0.8
    for picture, matrix in ((first, expected[0]), (second, expected[1])):
        grey = np.broadcast_to(matrix.numpy()[..., None], (1, 2, 3))
        np.testing.assert_allclose(picture[..., :3], grey, atol=1 / 128)


def test_negative_values_are_blue_and_positive_ones_red() -> None:
    figure = plots.images(torch.tensor([[[-1.0, -0.5, 0.0, 0.5, 2.0]]]))
    [picture] = pixels_of(figure)
    red, _, blue, alpha = picture[0].T
    assert (blue[:2] > red[:2]).all()
    assert (red[3:] > blue[3:]).all()
    # Zero shows the page, and the scale is symmetric: 0.5 is a quarter of the way to 2, or to -2.
    np.testing.assert_allclose(alpha, [0.5, 0.25, 0, 0.25, 1], atol=0.01)
    [picture] = pixels_of(plots.images(torch.tensor([[[-2.0, 0.5]]])))
    np.testing.assert_allclose(picture[0, :, 3], [1, 0.25], atol=0.01)
    assert f"fill: {colors.GROUND}" in svg_of(figure)


def test_images_say_which_titles_are_right(digits: Tensor) -> None:
    figure = plots.images(digits[:2], ["7: 7\n99%", "2: 1\n98%"], right=[True, False])
    assert figure.alt.endswith(": 7: 7 99%, right; 2: 1 98%, wrong")
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", svg_of(figure))
    assert texts == ["✓ 7: 7", "99%", "✗ 2: 1", "98%"]
    frames = [patch.get_edgecolor()[:3] for patch in figure.page.patches]
    assert frames.count(to_rgb(colors.RIGHT)) == frames.count(to_rgb(colors.WRONG)) == 1


def test_long_titles_leave_room_for_fewer_images_in_a_row(digits: Tensor) -> None:
    long = plots.images(digits, ["horizontal edges"] * 10)
    assert long.bbox.height > 2 * plots.images(digits, ["7"] * 10).bbox.height


def test_images_say_how_many_and_how_large(digits: Tensor) -> None:
    alt = plots.images(digits, ["seven", 2], boxes=[(8, 9, 3, 4)]).alt
    assert alt == (
        f"10 images of 28 by 28 values from {digits.min():.2f} to {digits.max():.2f}: seven, 2; "
        "a frame around 3 by 4 values from row 8, column 9"
    )
    x = digits[0, :, 5:] - 0.5  # (1, 23, 28)
    alt = f"1 image of 23 by 28 values from {x.min():.2f} to {x.max():.2f}"
    assert plots.images(x).alt == plots.images(x[None]).alt == alt


def test_images_are_framed_at_places_of_their_own(digits: Tensor) -> None:
    places = [(4, 10, 8, 6), (0, 20, 8, 6)]
    figure = plots.images(digits[:3], boxes=[(1, 2, 3, 4)], places=places)
    assert figure.alt.endswith(
        "; a frame around 3 by 4 values from row 1, column 2"
        "; frames around 8 by 6 values, one in each: from row 4, column 10; from row 0, column 20"
    )
    frames: Any = [box for box in figure.page.patches if to_rgb(box.get_edgecolor()) == KERNEL]
    scale = frames[0].get_width() / 4
    corners = [image.get_extent()[::3] for image in figure.page.images]  # left, top
    expected = [(0, 1, 2), (0, 4, 10), (1, 1, 2), (1, 0, 20), (2, 1, 2)]
    assert len(frames) == len(expected)
    for frame, (number, row, column) in zip(frames, expected, strict=True):
        left, top = corners[number]
        assert frame.get_x() == pytest.approx(left + scale * column)
        assert frame.get_y() == pytest.approx(top + scale * row)


def test_what_is_no_number_is_left_empty(digits: Tensor) -> None:
    x = digits[:2, 0].clone()
    x[:, 3] = torch.nan
    figure = plots.images(x)
    for picture in pixels_of(figure):
        np.testing.assert_array_equal(picture[..., 3], [[row != 3] * 28 for row in range(28)])
    assert f"from {digits[:2].min():.2f} to {digits[:2].max():.2f}" in figure.alt


@pytest.mark.parametrize("columns", [1, 2, 3, 6])
def test_tiles_hold_each_image_once(digits: Tensor, columns: int) -> None:
    x = digits[:6, :, 4:24].expand(6, 6, 20, 28).transpose(0, 1).clone()  # 6 kinds of 6 images
    x += torch.arange(6)[:, None, None, None]
    tiles = plots.tile(x, columns)
    assert tiles.shape == (6, 6 // columns * 21 - 1, columns * 29 - 1)
    for kind in range(6):
        for number in range(6):
            i, j = number // columns * 21, number % columns * 29
            assert torch.equal(tiles[kind, i : i + 20, j : j + 28], x[kind, number])
    assert int((~tiles.isnan()).sum()) == x.numel(), "what is between them is empty"


def test_a_bar_shows_which_colour_is_which_value(digits: Tensor) -> None:
    """Each value of the maps has its colour at its place of the bar."""
    for maps in digits[:2] - 0.25, digits[:2] * 3:
        low, high = float(maps.min()), float(maps.max())
        for figure in (
            plots.images(maps, scale_of="weight"),
            plots.layers({"one": maps[:1], "two": maps[1:]}, scale_of="weight"),
        ):
            *pictures, bar = pixels_of(figure)
            for picture, matrix in zip(pictures, maps[:, 0], strict=True):
                places = (100 * (matrix - low) / (high - low)).round().long()
                # Next to zero, where hue means little, colours are nearly transparent.
                shown, meant = (x[..., :3] * x[..., 3:] for x in (picture, bar[0][places]))
                np.testing.assert_allclose(shown, meant, atol=0.03)
            said = f"; a bar of the colours of weight, .* from {low:.2f} to {high:.2f}"
            assert re.search(said, figure.alt)
            texts = [text.get_text() for text in texts_of(figure)]
            values = [low, 0, high] if low < 0 else [low, high]
            assert texts[-len(values) - 1 : -1] == [f"{v:.3g}".replace("-", "−") for v in values]


def test_images_stand_in_rows(digits: Tensor) -> None:
    wide, tall = plots.images(digits), plots.images(digits, columns=2)
    assert len(pixels_of(wide)) == len(pixels_of(tall)) == 10
    assert wide.bbox.width > 9 * wide.bbox.height
    assert tall.bbox.height > 2 * tall.bbox.width
    eight, titled = plots.images(digits[:8]), plots.images(digits[:4], ["average, repeated"] * 4)
    for figure, rows, columns in (wide, 2, 5), (eight, 2, 4), (titled, 2, 2):
        assert figure.narrow
        places = [image.get_extent() for image in figure.narrow.page.images]
        assert len({top for *_, top in places}) == rows, "parted evenly"
        assert len({left for left, *_ in places}) == columns


def test_pictures_keep_their_shape_and_their_colours() -> None:
    photo, small = in_colour(), first_digits()[0, :, :20]  # (3, 60, 40), (1, 20, 28)
    figure = plots.pictures({"photo": photo, "a 7\nshrunk": small}, right={"a 7\nshrunk": False})
    assert figure.alt == (
        "photo: 60 by 40 pixels in colour; a 7 shrunk, wrong: 20 by 28 pixels in grey"
    )
    colour, grey = pixels_of(figure)
    np.testing.assert_allclose(colour[..., :3], photo.movedim(0, -1), atol=1 / 128)
    np.testing.assert_allclose(grey[..., 1], small[0], atol=1 / 128)
    sizes = [
        (top - bottom, right - left)
        for left, right, bottom, top in (image.get_extent() for image in figure.page.images)
    ]
    for (height, width), (rows, columns) in zip(sizes, [(60, 40), (20, 28)], strict=True):
        assert abs(height) / rows == pytest.approx(width / columns), "not stretched"
    assert [text.get_text() for text in texts_of(figure)] == ["photo", "✗ a 7", "shrunk"]
    frames = [patch.get_edgecolor()[:3] for patch in figure.page.patches]
    assert to_rgb(colors.WRONG) in frames
    assert to_rgb(colors.RIGHT) not in frames


def test_pictures_are_as_dark_as_they_are() -> None:
    dull = torch.tensor([[[0.4, 0.6]]])
    [picture] = pixels_of(plots.pictures({"dull": dull}))
    np.testing.assert_allclose(picture[..., 0], dull[0], atol=1 / 128)


def test_matrices_say_every_number(digits: Tensor) -> None:
    window = digits[0, 0, 8:10, 8:11]
    figure = plots.matrices({"window": window, "kernel": -window}, digits=3)
    for name, matrix in (("window", window), ("kernel", -window)):
        said = re.search(rf"{name}, 2 by 3: ([^;]+)", figure.alt)
        assert said
        rows = [[float(value) for value in row.split()] for row in said[1].split(" / ")]
        torch.testing.assert_close(torch.tensor(rows), matrix, atol=0.0005, rtol=0)
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", svg_of(figure))
    assert len(texts) == 12 + 2
    assert {f"{value:z.3f}".replace("-", "−") for value in window.flatten()} <= {
        text.replace("-", "−") for text in texts
    }


def test_matrices_break_into_rows_and_refuse_what_cannot_be_read() -> None:
    three = dict.fromkeys(("window", "kernel", "products"), SOBEL / 3)
    two, all_three = (plots.matrices(dict(list(three.items())[:n]), "×="[: n - 1]) for n in (2, 3))
    assert all_three.bbox.height == two.bbox.height, "window × kernel = products in one row"
    assert two.narrow
    assert all_three.narrow
    assert all_three.narrow.bbox.width == two.narrow.bbox.width
    assert all_three.narrow.bbox.height > 1.9 * two.narrow.bbox.height
    with pytest.raises(ValueError, match="digit with 28 columns is too wide"):
        plots.matrices({"digit": torch.zeros(3, 28)})


def test_matrices_have_no_negative_zero() -> None:
    assert plots.matrices({"zero": torch.tensor([[-0.001]])}).alt == "zero, 1 by 1: 0.00"


@pytest.mark.parametrize("stride", [1, 2])
def test_slide_says_the_value_that_the_window_makes(digits: Tensor, stride: int) -> None:
    x = digits[0, 0]
    feature_map = F.conv2d(digits[:1], SOBEL[None, None], stride=stride)[0, 0]
    row, column = divmod(int(feature_map.argmax()), feature_map.shape[1])
    top, left = row * stride, column * stride
    value = float((x[top : top + 3, left : left + 3] * SOBEL).sum())
    assert value > 1
    alt = plots.slide(x, feature_map, row, column, kernel_size=3, stride=stride).alt
    side = len(feature_map)
    assert alt == (
        f"Input of 28 by 28 with a frame around the 3 by 3 window at row {top}, column {left}; "
        f"an arrow to row {row}, column {column} of the output of {side} by {side}, "
        f"which is {value:.2f}"
    )


def test_slide_keeps_its_numbers_for_the_page(digits: Tensor) -> None:
    x = digits[:1]
    feature_map = F.conv2d(x, SOBEL[None, None], stride=2, padding=1)[0, 0]
    named = {"edges": SOBEL, "blur": torch.ones(3, 3) / 9}
    settings = {"stride": 2, "padding": 1, "dilation": 1}
    drawing = plots.slide(x[0, 0], feature_map, 3, 4, kernels=named, **settings)
    assert "Input of 30 by 30 with a frame around the 3 by 3 window at row 6, col" in drawing.alt
    shown, about = drawing._repr_mimebundle_()
    assert set(shown) == {SVG}
    values = json.loads(json.dumps(about[SVG]["values"]))
    assert torch.allclose(torch.tensor(values["x"]), x[0], atol=1e-6)
    assert [name for name, _ in values["kernels"]] == [*named]
    assert torch.equal(torch.tensor(values["kernels"][0][1]), SOBEL[None])
    assert values["settings"] == settings
    assert (values["row"], values["column"]) == (3, 4)


def test_slide_shows_the_first_of_several_channels(digits: Tensor) -> None:
    x = torch.stack([digits[0, 0], digits[1, 0]])
    kernel = torch.stack([SOBEL, -SOBEL])
    feature_map = F.conv2d(x[None], kernel[None])[0, 0]
    drawing = plots.slide(x, feature_map, 8, 9, kernels={"both": kernel})
    assert drawing.alt.startswith("The first of 2 channels. Input of 28 by 28 with a frame")
    assert np.allclose(pixels_of(drawing)[0], pixels_of(plots.images(x[:1]))[0])
    assert drawing.values
    assert torch.allclose(torch.tensor(drawing.values["x"]), x, atol=1e-6)
    assert torch.equal(torch.tensor(drawing.values["kernels"][0][1]), kernel)


def test_trail_leads_from_frame_to_frame(digits: Tensor) -> None:
    maps = {"digit": (digits[0, 0], (8, 9, 3, 3)), "map": (convolve(digits), (8, 9, 1, 1))}
    figure = plots.trail(maps)
    assert figure.alt == (
        "digit, 28 by 28, with a frame around 3 by 3 values from row 8, column 9; an arrow to "
        "map, 26 by 26, with a frame around 1 by 1 values from row 8, column 9"
    )
    frames: Any = [box for box in figure.page.patches if box.get_linewidth() > 1]
    one, other = (
        next(box for box in frames if to_rgb(box.get_edgecolor()) == to_rgb(color))
        for color in (colors.KERNEL, colors.OUTPUT)
    )
    arrow: Any = figure.page.texts[-1]
    middles = [box.get_y() + box.get_height() / 2 for box in (one, other)]
    assert arrow.xyann == pytest.approx((one.get_x() + one.get_width(), middles[0]))
    assert arrow.xy == pytest.approx((other.get_x(), middles[1]))
    assert one.get_width() == pytest.approx(3 * other.get_width()), "to scale"


@pytest.mark.parametrize(
    ("size", "kernel_size", "stride", "padding", "dilation", "unread"),
    [(28, 5, 1, 0, 1, 0), (6, 3, 2, 1, 1, 0), (8, 3, 2, 0, 1, 1), (9, 2, 4, 0, 3, 1)],
)
def test_windows_are_those_of_the_formula(
    size: int, kernel_size: int, stride: int, padding: int, dilation: int, unread: int
) -> None:
    figure = plots.windows(size, kernel_size, stride, padding, dilation)
    outputs = conv_output_size(size, kernel_size, stride, padding, dilation)[0]
    span = dilation * (kernel_size - 1) + 1
    assert figure.alt.startswith(f"A row of {size} pixels")
    assert f"below it {outputs} windows that read {kernel_size} of {span} pixels" in figure.alt
    assert f"each starting {stride} after the one before" in figure.alt
    assert (f"{padding} of padding on each side" in figure.alt) == (padding > 0)
    said = re.search(r"no window reads the last (\d+)", figure.alt)
    # Counted by reading: which pixels of the input does some window hold?
    starts = range(0, size + 2 * padding - span + 1, stride)
    last = max(start + span for start in starts)
    assert int(said[1] if said else 0) == max(0, size + padding - last) == unread
    assert len(figure.page.patches) == size + 2 * padding + outputs * (2 + kernel_size)
    boxes: Any = figure.page.patches
    below = [box for box in boxes if to_rgb(box.get_facecolor()) == to_rgb(colors.OUTPUT)]
    middles = [(box.get_x() + box.get_width() / 2) / below[0].get_width() for box in below]
    assert middles == pytest.approx([start + span / 2 for start in starts])


def test_figures_can_be_saved_by_a_copier(digits: Tensor, tmp_path: Path) -> None:
    plots.images(digits).savefig(tmp_path / "digits.png")
    assert imread(tmp_path / "digits.png").shape[1] == 682
