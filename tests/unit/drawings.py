"""Drawings of each kind, made of real digits, and how to read what is drawn."""

import base64
import functools
import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.text import Text
from PIL import Image
from torch import Tensor

from cnn_tutorial import charts, plots
from cnn_tutorial.data import load_digits
from cnn_tutorial.datasets import FASHION_MNIST
from cnn_tutorial.support import drawing
from cnn_tutorial.support.drawing import Drawing

SOBEL = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])


@functools.cache
def first_digits() -> Tensor:
    """Ten digits, (10, 1, 28, 28)."""
    return load_digits().test.tensors[0][:10]


def convolve(digits: Tensor) -> Tensor:
    return F.conv2d(digits[:1], SOBEL[None, None])[0, 0]  # (26, 26)


def rows_of(digits: Tensor) -> list[float]:
    """The mean of each row of each digit."""
    means: list[float] = digits.mean(dim=3).flatten().tolist()
    return means


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


def in_colour() -> Tensor:
    """A picture (3, 60, 40), of which each channel is another."""
    steps = torch.linspace(0.1, 1, 60)[:, None]
    return steps ** torch.tensor([1.0, 2, 3])[:, None, None] * torch.linspace(0.5, 1, 40)


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
    "clothes": lambda x: plots.layers(
        {"picture": x[:1], "answer": way(x)["answer"]}, classes=FASHION_MNIST.classes
    ),
    "pictures": lambda x: plots.pictures(
        {"photo": in_colour(), "7\nshrunk": x[0], "a title": x[1, :, 5:]},
        right={"7\nshrunk": False},
    ),
    "long legend": lambda x: charts.curves(
        [1, 2], {"one and two": [3, 1], "three and four": [0, 1], "five": [0, 2]}, "step", "loss"
    ),
    "spread": lambda x: charts.spread(
        {"rows 0 to 13": rows_of(x[:, :, :14]), "rows 14 to 27": rows_of(x[:, :, 14:])},
        {"rows 0 to 13": (0.1, 0.2), "rows 14 to 27": (0.15, 0.25)},
        "mean of a row",
    ),
    "confusion": lambda x: charts.confusion(1129 * torch.eye(10).long() + torch.arange(10)),
    "reliability": lambda x: charts.reliability([(0.25, 0, 2), (0.55, 20, 40), (0.998, 999, 1000)]),
    "framed by themselves": lambda x: plots.images(
        x, list(range(10)), places=[(n, n, 8, 8) for n in range(10)]
    ),
    "a bar of colours": lambda x: plots.images(x - 0.3, list(range(10)), scale_of="weight"),
    "one scale": lambda x: plots.layers(
        {name: maps for name, maps in way(x).items() if maps.ndim == 4}, scale_of="value"
    ),
    "characters": lambda x: charts.characters(
        x[:, 0, 10:12, 14] * 9, list("7210414959"), "first", "second", circled=[0, 3]
    ),
    "intervals": lambda x: charts.intervals(
        {"7×7 kernels": (0.2, -0.1, 0.5), "fully connected": (-1.5, -1.75, -1.25)}, "gain in points"
    ),
    "learning curve": lambda x: charts.curves(
        [540, 1620, 5400, 16_200, 54_000],
        {"plain": [0.9, 0.94, 0.96, 0.98, 0.99]},
        "training digits",
        "accuracy",
        bands={"plain": [(0.89, 0.91), (0.93, 0.95), (0.95, 0.97), (0.97, 0.99), (0.98, 1)]},
        logarithmic=True,
    ),
    "bars": lambda x: charts.bars(
        {"the classic loop, 98.5 %": 110, "one cycle": 4.2, "fast": 0}, "seconds", "{:.0f} s"
    ),
    "curves": lambda x: charts.curves([1, 2, 3], {"a": [3, 1, 2], "b": [0, 1, 4]}, "step", "loss"),
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
def make(name: str, width: int = drawing.WIDE) -> Drawn:
    figure = DRAWINGS[name](first_digits())
    assert figure.narrow
    figure = figure if width == drawing.WIDE else figure.narrow
    bundle, about = figure._repr_mimebundle_()
    return Drawn(figure, bundle["image/svg+xml"], about["image/svg+xml"], texts_of(figure))


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
