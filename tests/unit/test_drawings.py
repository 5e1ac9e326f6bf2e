"""What every drawing keeps: it is read on a desk and on a phone, in words too, in both themes."""

import gzip
import re
from collections.abc import Iterator
from itertools import combinations
from xml.etree import ElementTree

import pytest
import torch
from drawings import DRAWINGS, Drawn, first_digits, make, svg_of

from cnn_tutorial.support import colors, drawing


@pytest.fixture(params=[(name, w) for name in DRAWINGS for w in (drawing.WIDE, drawing.NARROW)])
def drawn(request: pytest.FixtureRequest) -> Drawn:
    return make(*request.param)


def test_text_is_large_enough_and_inside_the_drawing(drawn: Drawn) -> None:
    width, height = drawn.figure.bbox.size
    column = 688 if drawn.figure.narrow else 328  # of text, at a desk and on a phone
    for text in drawn.texts:
        assert float(text.get_fontsize()) * min(1, column / width) >= 11
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


def test_drawing_takes_its_ink_from_around_it_and_has_its_own_as_an_image(drawn: Drawn) -> None:
    opening, _, drawing = drawn.svg.partition(">")
    assert f'style="color:{colors.INK};background:{colors.GROUND}"' in opening
    assert colors.INK not in drawing.lower()
    assert "currentColor" in drawing
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
    most = drawing.WIDE if drawn.figure.narrow else drawing.NARROW
    assert 0 < drawn.about["width"] <= most + 2
    assert 0 < drawn.about["height"] <= 750


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_is_laid_out_for_a_phone_too(name: str) -> None:
    """It says the same there, and comes with the other one where they differ."""
    wide, narrow = make(name), make(name, drawing.NARROW)
    assert wide.figure.alt == narrow.figure.alt
    assert {text.get_text() for text in wide.texts} == {text.get_text() for text in narrow.texts}
    small = wide.about.get("narrow")
    if wide.svg == narrow.svg:
        assert small is None
    else:
        assert small == narrow.about | {"svg": narrow.svg}
        assert narrow.figure.bbox.width <= wide.figure.bbox.width


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
