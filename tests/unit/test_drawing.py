"""The colours of the figures: seen on every page and told apart by everyone."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import style
from matplotlib.colors import to_rgb

from cnn_tutorial.support import colors, drawing

# Relative luminance and contrast of WCAG 2.2; simulations of Machado, Oliveira and Fernandes 2009
# at severity 1, in linear RGB; Oklab of Ottosson 2020.
SIGHTS = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
OKLAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
GROUNDS = "#ffffff", "#1e2129"
MEANINGS = [colors.INPUT, colors.KERNEL, colors.OUTPUT, colors.RIGHT, colors.WRONG]
SIGNS = [colors.BELOW, colors.ABOVE]
with style.context(drawing.STYLE):
    LINES = [entry["color"] for entry in plt.rcParams["axes.prop_cycle"]]


def linear(color: str) -> np.ndarray:
    value = np.array(to_rgb(color))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    weights = [0.2126, 0.7152, 0.0722]
    dark, light = sorted((linear(one) @ weights, linear(other) @ weights))
    return float((light + 0.05) / (dark + 0.05))


def distance(one: str, other: str, sight: str) -> float:
    seen = [np.clip(SIGHTS[sight] @ linear(color), 0, 1) for color in (one, other)]
    first, second = (np.array(OKLAB) @ np.cbrt(np.array(CONES) @ color) for color in seen)
    return float(np.linalg.norm(first - second))


@pytest.mark.parametrize("ground", GROUNDS)
def test_colours_are_seen_on_light_and_on_dark_pages(ground: str) -> None:
    for color in [*MEANINGS, *SIGNS, *LINES[1:]]:
        assert contrast(color, ground) >= 3, color
    assert LINES[0] == colors.INK  # which the page chooses


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_are_told_apart_by_the_colour_blind(sight: str) -> None:
    for group in (MEANINGS, SIGNS, LINES):
        for one, other in combinations(group, 2):
            assert distance(one, other, sight) >= 0.1, (one, other)
    for line in LINES:  # never stand beside the others, but should not be taken for one
        assert all(distance(line, color, "normal") >= 0.1 for color in MEANINGS)


def test_lines_are_told_apart_without_colour() -> None:
    with style.context(drawing.STYLE):
        dashes = [entry["linestyle"] for entry in plt.rcParams["axes.prop_cycle"]]
    assert len(set(dashes)) == len(dashes)


def test_any_figure_is_described_and_closed() -> None:
    """A plain figure has the ink and the ground of the page, and is not shown once more."""
    figure, axes = plt.subplots(figsize=(5, 3))
    axes.plot([1, 2], "k", label="black")
    axes.legend()
    content, about = drawing.Described(figure, "A line that rises")._repr_mimebundle_()
    svg = content["image/svg+xml"]
    assert about["image/svg+xml"] == {"alt": "A line that rises", "width": 480, "height": 288}
    own = f'style="color:{colors.INK};background:{colors.GROUND}"'  # as an image in a notebook
    assert svg.startswith(f'<svg {own} fill="currentColor" ')
    assert "stroke: currentColor" in svg
    assert f"fill: {colors.GROUND}" in svg
    assert "#000000" not in svg
    assert plt.get_fignums() == []
    with pytest.raises(ValueError, match="needs an alt text"):
        drawing.Described(figure, " ")
