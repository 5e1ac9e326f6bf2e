"""The drawing of what goes through a model, stage by stage: what it shows and says is so."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from drawings import (
    first_digits,
    numbers_of,
    pixels_of,
    svg_of,
    texts_of,
    way,
)
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from torch import Tensor

from cnn_tutorial import plots
from cnn_tutorial.support import colors, drawing

KERNEL = to_rgb(colors.KERNEL)


@pytest.fixture
def digits() -> Tensor:
    return first_digits()


def test_layers_have_one_scale_if_it_is_named(digits: Tensor) -> None:
    named = {"digit": digits[:1], "twice": 2 * digits[:1], "down": -digits[:1]}
    figure = plots.layers(named, scale_of="value")
    digit, twice, down, _ = pixels_of(figure)
    np.testing.assert_allclose(2 * digit[..., 3], twice[..., 3], atol=0.02)
    np.testing.assert_allclose(digit[..., 3], down[..., 3], atol=0.01)
    own, also_own, *_ = pixels_of(plots.layers(named))
    np.testing.assert_array_equal(own, also_own)


def test_layers_say_the_shape_and_the_values_of_each(digits: Tensor) -> None:
    named = way(digits)
    figure = plots.layers(named)
    said = dict(part.split(": ", 1) for part in figure.alt.split("; then "))
    assert list(said) == list(named)
    for name, x in named.items():
        if x.ndim == 4:
            expected = [*x.shape[1:], x.min(), x.max()]
            assert said[name].startswith(f"{x.shape[1]} map{'s' * (x.shape[1] > 1)} of ")
        elif name == "flatten":
            expected = [400, x.min(), x.max()]
        else:
            expected = [10, *(number for pair in enumerate(x[0]) for number in pair)]
        np.testing.assert_allclose(numbers_of(said[name]), np.array(expected, float), atol=0.0051)
    svg = svg_of(figure)
    assert all("×".join(map(str, x.shape[1:])) in svg for x in named.values())


def test_layers_lie_from_left_to_right_to_one_scale(digits: Tensor) -> None:
    """Each map is seen whole, where it is in the tensor; on a phone the row is folded."""
    named = way(digits)
    del named["scores"]
    figure = plots.layers(named)
    assert figure.narrow
    for drawn, lines in (figure, 1), (figure.narrow, 2):
        pictures, places = pixels_of(drawn), [i.get_extent() for i in drawn.page.images]
        arrows = [text for text in drawn.page.texts if not text.get_text()]
        assert len(arrows) == len(named) - 1
        heights = {text.get_position()[1] for text in texts_of(drawn) if text.get_text() in named}
        assert len(heights) == lines
        scales = []
        maps = [x for x in named.values() if x.ndim == 4]
        for x, picture, (left, right, bottom, top) in zip(maps, pictures, places, strict=False):
            scales += [(right - left) / picture.shape[1], (bottom - top) / picture.shape[0]]
            (count, rows, columns), side = x.shape[1:], math.isqrt(x.shape[1])
            for channel in range(count):
                i, j = channel // side * (rows + 1), channel % side * (columns + 1)
                found = picture[i : i + rows, j : j + columns]
                shown = x[0, channel] / x.abs().max()
                if x.min() < 0:
                    found, shown = found[..., 3], shown.abs()
                else:
                    found = found[..., 0]
                np.testing.assert_allclose(found, shown, atol=0.01)
        assert scales == pytest.approx([scales[0]] * 10)


def test_layers_frame_what_a_number_was_made_of(digits: Tensor) -> None:
    named = way(digits)
    region = (4, 2, 8, 6)
    figure = plots.layers(named, {"conv1": ([0, 3], region)})
    said = "a frame around 8 by 6 from row 4, column 2 of 2 of them"
    assert [said in part for part in figure.alt.split("; then ")].index(True) == 1
    left, right, _, top = figure.page.images[1].get_extent()
    scale = (right - left) / 53  # two maps, and what lies between them
    boxes: Any = [box for box in figure.page.patches if to_rgb(box.get_edgecolor()) == KERNEL]
    found = [(box.get_y() - top, box.get_x() - left) for box in boxes]
    expected = [(4, 2), (27 + 4, 27 + 2)]  # of channels 0 and 3, in rows of two
    np.testing.assert_allclose(np.array(found) / scale, expected)
    sizes = [(box.get_height() / scale, box.get_width() / scale) for box in boxes]
    np.testing.assert_allclose(sizes, [(8, 6)] * 2)


def test_layers_of_large_networks_are_drawn(digits: Tensor) -> None:
    maps = {"photo": torch.zeros(1, 3, 224, 224), "conv1": torch.zeros(1, 64, 112, 112)}
    maps |= {"deep": torch.zeros(1, 512, 14, 14), "flatten": torch.zeros(1, 25088)}
    figure = plots.layers(maps)
    assert figure.narrow
    for drawn, most in (figure, drawing.WIDE), (figure.narrow, drawing.NARROW):
        assert drawn.bbox.width <= most + 2
        assert drawn.bbox.height < 4 * 350


def test_layers_that_are_no_chain_have_no_arrows(digits: Tensor) -> None:
    figure = plots.layers({"one": digits[:1], "other": digits[1:2]}, arrows=False)
    assert all(text.get_text() for text in figure.page.texts)


def test_bars_have_the_names_of_classes() -> None:
    answer = torch.tensor([[0.1, 0.7, 0.2]])
    classes = ["T-shirt/top", "Bag", "Ankle boot"]
    figure = plots.layers({"answer": answer}, classes=classes)
    assert figure.alt.endswith("T-shirt/top: 0.10, Bag: 0.70, Ankle boot: 0.20")
    texts = {text.get_text(): text for text in texts_of(figure)}
    assert set(classes) <= set(texts)
    assert texts["Bag"].get_fontweight() == "bold"
    bars: Any = figure.page.patches
    for name in classes:
        box = texts[name].get_window_extent().transformed(figure.page.transData.inverted())
        assert 0 <= box.x0 < box.x1 < min(bar.get_x() for bar in bars), "left of all bars"


def test_bars_are_as_long_as_the_values() -> None:
    scores = torch.tensor([[1.0, -0.5, 0.0, 2.0]])
    figure = plots.layers({"scores": scores})
    *bars, line = (box for box in figure.page.patches if isinstance(box, Rectangle))
    lengths = [bar.get_width() / bars[3].get_width() for bar in bars]
    np.testing.assert_allclose(lengths, [0.5, 0.25, 0, 1])
    for bar, value in zip(bars, scores[0].tolist(), strict=True):
        edge = bar.get_x() + (bar.get_width() if value < 0 else 0)
        assert edge == pytest.approx(line.get_x()), "it starts at the line"
    bold = [text.get_text() for text in texts_of(figure) if text.get_fontweight() == "bold"]
    assert bold == ["scores", "3"]
