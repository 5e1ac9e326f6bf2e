"""Figures of the pages: what they show and say is in the tensors, and they follow the theme."""

import base64
import functools
import gzip
import io
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib import style
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image
from torch import Tensor

from cnn_tutorial import plots
from cnn_tutorial.data import load_digits
from cnn_tutorial.history import Epoch, History
from cnn_tutorial.shapes import conv_output_size
from cnn_tutorial.support import colors, drawing
from cnn_tutorial.support.drawing import Drawing

SOBEL = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


@functools.cache
def first_digits() -> Tensor:
    """Ten digits, (10, 1, 28, 28)."""
    return load_digits().test.tensors[0][:10]


@pytest.fixture
def digits() -> Tensor:
    return first_digits()


def convolve(digits: Tensor) -> Tensor:
    return F.conv2d(digits[:1], SOBEL[None, None])[0, 0]  # (26, 26)


def way(digits: Tensor) -> dict[str, Tensor]:
    """What six layers make of the first digit."""
    generator = torch.Generator().manual_seed(0)
    maps = F.conv2d(digits[:1], torch.randn(6, 1, 3, 3, generator=generator))
    pooled = F.max_pool2d(maps.relu(), 2)
    deep = F.conv2d(pooled, torch.randn(16, 6, 3, 3, generator=generator))
    last = F.max_pool2d(deep.relu(), 2)
    flat = last.flatten(1)
    scores = flat @ torch.randn(400, 10, generator=generator)
    named = {"digit": digits[:1], "conv1": maps, "pool1": pooled, "conv2": deep, "pool2": last}
    return named | {"flatten": flat, "scores": scores, "answer": scores.softmax(1)}


DRAWINGS: dict[str, Callable[[Tensor], Drawing]] = {
    "images": lambda x: plots.images(x, list(range(10)), boxes=[(8, 9, 3, 3)]),
    "image": lambda x: plots.images(x[0]),
    "feature map": lambda x: plots.images(convolve(x)[None]),
    "matrices": lambda x: plots.matrices(
        {"window": x[0, 0, 8:11, 8:11], "kernel": SOBEL, "sum": torch.ones(1, 1)}, "×="
    ),
    "right and wrong": lambda x: plots.images(x, ["9: 9\n100%"] * 10, right=[True, False] * 5),
    "long titles": lambda x: plots.images(x[:5], ["horizontal edges"] * 5),
    "many matrices": lambda x: plots.matrices(
        {"window": x[0, 0, 8:11, 8:11], "kernel": -SOBEL, "products": SOBEL}, "×="
    ),
    "no signs": lambda x: plots.matrices({"digit": x[0, 0, :4, :8], "a long name": SOBEL[:1, :1]}),
    "slide": lambda x: plots.slide(x[0, 0], convolve(x), 8, 9, kernel_size=3),
    "windows": lambda x: plots.windows(28, 5, 2, 1, 2),
    "trail": lambda x: plots.trail(
        {
            name: (x[0, 0, :side, :side], (1, 2, 3, 3))
            for name, side in {
                "digit": 28,
                "conv1": 26,
                "pool1": 13,
                "conv2": 11,
                "pool2": 5,
            }.items()
        }
    ),
    "layers": lambda x: plots.layers(
        {"input": x[:1], "wide": x.view(1, 10, 28, 28), **{f"{n}": x[:1] for n in range(3)}}
    ),
    "whole way": lambda x: plots.layers(way(x)),
    "long legend": lambda x: plots.curves(
        [1, 2], {"one and two": [3, 1], "three and four": [0, 1], "five": [0, 2]}, "step", "loss"
    ),
    "curves": lambda x: plots.curves([1, 2, 3], {"a": [3, 1, 2], "b": [0, 1, 4]}, "step", "loss"),
}


def svg_of(figure: Drawing) -> str:
    return figure._repr_mimebundle_()[0]["image/svg+xml"]


class Drawn(NamedTuple):
    """One of the drawings, made once for all tests that look at it."""

    figure: Drawing
    svg: str
    about: dict[str, Any]
    texts: list[Text]


@functools.cache
def make(name: str) -> Drawn:
    figure = DRAWINGS[name](first_digits())
    bundle, about = figure._repr_mimebundle_()
    return Drawn(figure, bundle["image/svg+xml"], about["image/svg+xml"], texts_of(figure))


@pytest.fixture(params=list(DRAWINGS))
def drawn(request: pytest.FixtureRequest) -> Drawn:
    return make(request.param)


def pixels_of(figure: Drawing) -> list[np.ndarray]:
    """Decode the pictures in a drawing, each (H, W, 4) from 0 to 1."""
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", svg_of(figure))
    files = [io.BytesIO(base64.b64decode(picture)) for picture in pictures]
    return [np.asarray(Image.open(file).convert("RGBA")) / 255 for file in files]


def numbers_of(text: str) -> list[float]:
    """Parse the numbers in a text."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def texts_of(figure: Drawing) -> list[Text]:
    """Draw a figure; return the texts that are seen, which then know where they stand."""
    seen = re.findall(r"<text[^>]*>([^<]+)</text>", svg_of(figure))
    figure.savefig(io.BytesIO())
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    return [text for text in texts if text.get_visible() and text.get_text() in seen]


def test_text_is_large_enough_on_a_phone_and_inside_the_drawing(drawn: Drawn) -> None:
    width, height = drawn.figure.bbox.size
    for text in drawn.texts:
        assert float(text.get_fontsize()) * min(1, 328 / width) >= 11  # at 360 pixels
        box = text.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= width + 1, text
        assert -1 <= box.y0 <= box.y1 <= height + 1, text


def test_most_drawings_have_text() -> None:
    assert [name for name in DRAWINGS if not make(name).texts] == [
        "image",
        "feature map",
        "windows",
    ]


def test_texts_do_not_overlap(drawn: Drawn) -> None:
    boxes = [text.get_window_extent() for text in drawn.texts]
    for one, other in combinations(boxes, 2):
        assert not one.padded(-1).overlaps(other.padded(-1))


def test_drawing_is_light_to_load(drawn: Drawn) -> None:
    assert len(gzip.compress(drawn.svg.encode())) < 20_000


def test_drawing_takes_its_ink_from_around_it(drawn: Drawn) -> None:
    assert colors.INK not in drawn.svg.lower()
    assert "currentColor" in drawn.svg
    assert "DejaVu" not in drawn.svg
    assert "<text" not in drawn.svg or (
        "font-family: system-ui, -apple-system, 'Segoe UI'" in drawn.svg
    )
    background = re.search(r'<g id="patch_1">\s*<path[^>]*style="([^"]*)"', drawn.svg)
    assert background is None or "fill: none" in background[1]


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_is_the_same_each_time_and_asks_for_no_gradients(
    name: str, every_warning: None
) -> None:
    svg = make(name).svg
    with_gradient = first_digits().clone().requires_grad_()
    assert svg == svg_of(make(name).figure) == svg_of(DRAWINGS[name](with_gradient))
    assert "date" not in svg.lower()


def test_size_is_that_of_the_drawing(drawn: Drawn) -> None:
    root = ElementTree.fromstring(drawn.svg)
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    assert (left, top) == (0, 0)
    assert float(root.attrib["width"]) == width
    assert float(root.attrib["height"]) == height
    assert (drawn.about["width"], drawn.about["height"]) == (round(width), round(height))
    assert 0 < drawn.about["width"] <= drawing.WIDTH + 2
    assert 0 < drawn.about["height"] <= 750


def test_drawing_has_words(drawn: Drawn) -> None:
    assert drawn.about["alt"] == drawn.figure.alt
    assert len(drawn.figure.alt) > 10
    assert not re.search(r"nan|inf\b|tensor|-0\.0+\b", drawn.figure.alt)


@pytest.fixture
def every_warning() -> Iterator[None]:
    """Let torch warn each time, not once a process."""
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(False)


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


def test_images_stand_in_rows(digits: Tensor) -> None:
    wide, tall = plots.images(digits), plots.images(digits, columns=2)
    assert len(pixels_of(wide)) == len(pixels_of(tall)) == 10
    assert wide.bbox.width > 2 * wide.bbox.height
    assert tall.bbox.height > 2 * tall.bbox.width


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
    one, two = plots.matrices(dict(list(three.items())[:2]), "×"), plots.matrices(three, "×=")
    assert two.bbox.width == one.bbox.width
    assert two.bbox.height > 1.9 * one.bbox.height
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


def test_layers_say_the_shape_and_the_values_of_each(digits: Tensor) -> None:
    named = way(digits)
    figure = plots.layers(named)
    said = dict(part.split(": ", 1) for part in figure.alt.split("; then "))
    assert list(said) == list(named)
    for name, x in named.items():
        if x.ndim == 4:
            expected = [*x.shape[1:], x.min(), x.max()]
            assert said[name].startswith(f"{x.shape[1]} sheet{'s' * (x.shape[1] > 1)} of ")
        elif name == "flatten":
            expected = [400, x.min(), x.max()]
        else:
            expected = [10, *(number for pair in enumerate(x[0]) for number in pair)]
        np.testing.assert_allclose(numbers_of(said[name]), np.array(expected, float), atol=0.0051)
    assert len(pixels_of(figure)) == 1 + 6 + 6 + 16 + 16 + 1
    svg = svg_of(figure)
    assert all(str(tuple(x.shape)) in svg for x in named.values())


def test_sheets_show_all_that_the_next_one_does_not_cover(digits: Tensor) -> None:
    x = digits.view(1, 10, 28, 28)
    figure = plots.layers({"input": x})
    order = np.argsort([np.std(sheet.numpy()) for sheet in x[0]])
    places = [image.get_extent() for image in figure.page.images]
    *behind, front = pixels_of(figure)
    np.testing.assert_allclose(front[..., 0], x[0, order[9]], atol=1 / 128)
    for number, picture in enumerate(behind):
        (left, right, _, top), (next_left, _, _, next_top) = places[number : number + 2]
        pixel = (right - left) / 28
        rows = columns = np.arange(28) * pixel
        covered = (rows[:, None] + top >= next_top) & (columns + left >= next_left)
        assert 0.5 < covered.mean() < 1
        expected = np.where(covered, 0, x[0, order[number]])
        np.testing.assert_allclose(picture[..., 0], expected, atol=1 / 128)


def test_bars_are_as_high_as_the_values() -> None:
    scores = torch.tensor([[1.0, -0.5, 0.0, 2.0]])
    figure = plots.layers({"scores": scores})
    *bars, line = (box for box in figure.page.patches if isinstance(box, Rectangle))
    heights = [bar.get_height() / bars[3].get_height() for bar in bars]
    np.testing.assert_allclose(heights, [0.5, 0.25, 0, 1])
    for bar, value in zip(bars, scores[0].tolist(), strict=True):
        edge = bar.get_y() + (bar.get_height() if value > 0 else 0)
        assert edge == pytest.approx(line.get_y()), "it stands on the line, or hangs from it"
    bold = [text.get_text() for text in texts_of(figure) if text.get_fontweight() == "bold"]
    assert bold == ["scores", "3"]


def test_curves_say_where_they_start_and_end() -> None:
    figure = plots.curves([1, 2, 5], {"loss": [2.5, 0.25, 0.5]}, "epoch", "cross-entropy")
    assert figure.alt == (
        "cross-entropy over epoch. loss: from 2.5 at 1 to 0.5 at 5, lowest 0.25, highest 2.5"
    )
    [axes] = [axes for axes in figure.axes if axes is not figure.page]
    assert not figure.legends
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 2.5], [2, 0.25], [5, 0.5]])
    two = plots.curves([1, 2], {"a": [1, 2], "b": [3, 4]}, "epoch", "loss")
    with style.context(drawing.STYLE):
        cycle = [entry["color"] for entry in plt.rcParams["axes.prop_cycle"]]
    assert [line.get_color() for line in two.axes[1].lines] == cycle[:2]
    assert len(two.legends) == 1


@pytest.mark.parametrize("what", ["loss", "accuracy"])
def test_learning_curves_are_those_of_the_history(what: str) -> None:
    epochs = [Epoch(0.01, 0.5, 0.84, 0.125, 0.96, 12, 4376), Epoch(1e-5, 0.06, 0.99, 0.03, 1, 9, 5)]
    figure = plots.learning_curves(History(epochs), what)
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    shown = [np.array(line.get_xydata()).T.tolist() for line in lines]
    parts = ("train", "validation")
    assert shown == [[[1, 2], [getattr(e, f"{part}_{what}") for e in epochs]] for part in parts]
    assert all(word in figure.alt for word in (*parts, "epoch", what))


def test_figures_can_be_saved_by_a_copier(digits: Tensor, tmp_path: Path) -> None:
    plots.images(digits).savefig(tmp_path / "digits.png")
    assert imread(tmp_path / "digits.png").shape[1] == 414
