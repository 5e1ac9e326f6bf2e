"""Drawings of measurements: what they show and say is in the values."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from drawings import first_digits, rows_of, texts_of
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.patches import Rectangle

from cnn_tutorial import charts
from cnn_tutorial.evaluation import Evaluation
from cnn_tutorial.history import Epoch, History
from cnn_tutorial.support import colors, drawing


def axes_of(figure: drawing.Drawing) -> Axes:
    [axes] = [axes for axes in figure.axes if axes is not figure.page]
    return axes


def test_curves_say_where_they_start_and_end() -> None:
    figure = charts.curves([1, 2, 5], {"loss": [2.5, 0.25, 0.5]}, "epoch", "cross-entropy")
    assert figure.alt == (
        "cross-entropy over epoch. loss: from 2.5 at 1 to 0.5 at 5, lowest 0.25, highest 2.5"
    )
    axes = axes_of(figure)
    assert not figure.legends
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 2.5], [2, 0.25], [5, 0.5]])
    two = charts.curves([1, 2], {"a": [1, 2], "b": [3, 4]}, "epoch", "loss")
    with style.context(drawing.STYLE):
        cycle = [entry["color"] for entry in plt.rcParams["axes.prop_cycle"]]
    assert [line.get_color() for line in two.axes[1].lines] == cycle[:2]
    assert len(two.legends) == 1


def test_characters_stand_at_their_points() -> None:
    points = torch.tensor([[1.0, 2.0], [-3.0, 4.0], [5.0, 0.0]])
    figure = charts.characters(points, [7, 1, 7], "first", "second", circled=[1])
    assert figure.alt == (
        "3 characters, second over first; 1 of 1, in the middle at -3.0, 4.0; "
        "2 of 7, in the middle at 3.0, 1.0; a circle around 1 at -3.0, 4.0"
    )
    [axes] = [axes for axes in figure.axes if axes is not figure.page]
    one, seven, circle = axes.lines
    assert [line.get_marker() for line in (one, seven, circle)] == ["$1$", "$7$", "o"]
    np.testing.assert_array_equal(one.get_xydata(), [[-3, 4]])
    np.testing.assert_array_equal(seven.get_xydata(), [[1, 2], [5, 0]])
    np.testing.assert_array_equal(circle.get_xydata(), [[-3, 4]])
    assert all(line.get_linestyle() == "None" for line in (one, seven, circle))
    figure.canvas.draw()
    (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1, 1)])
    assert x1 - x0 == pytest.approx(y1 - y0), "distances are the same in each direction"


def test_bars_are_as_long_as_their_values() -> None:
    figure = charts.bars({"load": 0.5, "forward": 0.125, "nothing": 0}, "share of a step")
    assert figure.alt == "share of a step. load: 50%; forward: 12%; nothing: 0%"
    assert figure.narrow
    for drawn in (figure, figure.narrow):
        longest, short, none = (bar.get_extents().width for bar in drawn.page.patches)
        assert short == pytest.approx(longest / 4)
        assert none == 0
        shown = [text.get_text() for text in drawn.page.texts]
        assert shown == ["share of a step", "load", "50%", "forward", "12%", "nothing", "0%"]
    assert "load: 1 s" in charts.bars({"load": 1.2}, "seconds", "{:.0f} s").alt


@pytest.mark.parametrize("what", ["loss", "accuracy"])
def test_learning_curves_are_those_of_the_history(what: str) -> None:
    epochs = [Epoch(0.01, 0.5, 0.84, 0.125, 0.96, 12, 4376), Epoch(1e-5, 0.06, 0.99, 0.03, 1, 9, 5)]
    figure = charts.learning_curves(History(epochs), what)
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    shown = [np.array(line.get_xydata()).T.tolist() for line in lines]
    parts = ("train", "validation")
    assert shown == [[[1, 2], [getattr(e, f"{part}_{what}") for e in epochs]] for part in parts]
    assert all(word in figure.alt for word in (*parts, "epoch", what))


def test_spread_shows_each_value_at_its_place_and_no_dot_over_another() -> None:
    values = rows_of(first_digits())
    figure = charts.spread({"rows": values}, {"rows": (0.1, 0.2)}, "mean of a row")
    assert figure.alt == (
        "mean of a row, a dot for each value. rows: 280 from 0 to "
        f"{max(values):.4g}, interval 0.1 to 0.2"
    )
    assert figure.narrow
    for drawn in (figure, figure.narrow):
        assert "rows" in {text.get_text() for text in texts_of(drawn)}
        axes = axes_of(drawn)
        dots, line = axes.lines
        to_pixels = axes.transData.transform
        places = to_pixels(dots.get_xydata())  # (280, 2)
        exact = to_pixels([(value, 0) for value in values])[:, 0]
        assert np.abs(np.sort(places[:, 0]) - np.sort(exact)).max() <= 3.01
        apart = np.linalg.norm(places[:, None] - places, axis=2) + 99 * np.eye(280)
        assert apart.min() > dots.get_markersize()
        assert np.array_equal(line.get_xdata(), [0.1, 0.2])
        assert to_pixels(line.get_xydata())[:, 1].max() < places[:, 1].min()


def test_spread_of_equal_values_is_one_pile() -> None:
    axes = axes_of(charts.spread({"seeds": [0.99] * 3}, {"seeds": (0.99, 0.99)}, "accuracy"))
    x, y = np.asarray(axes.lines[0].get_xydata()).T
    assert (x == 0.99).all()
    assert len(set(y)) == 3


def center(patch: Rectangle) -> tuple[float, float]:
    x, y = patch.get_center()
    return x, y


def test_only_mistakes_are_coloured_in_a_confusion_matrix() -> None:
    counts = torch.tensor([[9, 0, 0], [1, 8, 4], [0, 2, 7]])
    figure = charts.confusion(counts)
    assert figure.alt == (
        "Labels in rows, answers in columns: 24 right, on the diagonal, 7 wrong, most often "
        "1 taken for 2 (4), 2 taken for 1 (2), 1 taken for 0 (1)"
    )
    cells = [patch for patch in figure.page.patches if isinstance(patch, Rectangle)]
    filled = [patch for patch in cells if patch.get_fill()]
    assert {to_rgb(patch.get_facecolor()) for patch in filled} == {to_rgb(colors.WRONG)}
    texts = {text.get_position(): text.get_text() for text in texts_of(figure)}
    strength = {texts[center(patch)]: to_rgba(patch.get_facecolor())[3] for patch in filled}
    assert 0 < strength["1"] < strength["2"] < strength["4"] < 0.7
    assert len(strength) == 3
    right = [patch for patch in cells if to_rgb(patch.get_edgecolor()) == to_rgb(colors.RIGHT)]
    assert [texts[center(patch)] for patch in right] == ["9", "8", "7"]
    rows, columns = ([xy[k] for xy, text in texts.items() if text in "987"] for k in (0, 1))
    assert rows == columns == sorted(rows)
    (x, y) = next(xy for xy, text in texts.items() if text == "4")
    assert (y, x) == (rows[1], columns[2]), "labels are rows, answers columns"


def test_a_confusion_matrix_without_mistakes_has_no_colour() -> None:
    figure = charts.confusion(torch.eye(10).long())
    assert figure.alt.endswith(": 10 right, on the diagonal, 0 wrong")
    assert not any(patch.get_fill() for patch in figure.page.patches)


def test_reliability_shows_each_share_with_its_interval() -> None:
    groups = [(0.25, 0, 2), (0.55, 20, 40), (0.998, 999, 1000)]
    figure = charts.reliability(groups)
    assert figure.alt.endswith(". 25.0%: 0.0% of 2; 55.0%: 50.0% of 40; 99.8%: 99.9% of 1,000")
    diagonal, *rest = axes_of(figure).lines
    assert np.array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    for (certainty, right, total), bar, point in zip(groups, rest[::2], rest[1::2], strict=True):
        assert np.array_equal(point.get_xydata(), [[certainty, right / total]])
        interval = Evaluation(loss=0, correct=right, total=total).wilson_interval
        assert np.array_equal(bar.get_xydata(), [[certainty, end] for end in interval])


def test_curves_can_have_intervals_and_a_logarithmic_axis() -> None:
    figure = charts.curves(
        [540, 5400, 54_000],
        {"a": [0.5, 0.75, 1], "b": [0, 1, 2]},
        "digits",
        "accuracy",
        bands={"a": [(0.25, 0.75), (0.5, 1), (0.9, 1.1)]},
        logarithmic=True,
    )
    [axes] = [axes for axes in figure.axes if axes is not figure.page]
    [band] = axes.collections
    corners = {tuple(point) for point in np.asarray(band.get_paths()[0].vertices).tolist()}
    assert {(540, 0.25), (540, 0.75), (5400, 0.5), (54_000, 1.1)} <= corners
    places = axes.transData.transform([(x, 0) for x in (540, 5400, 54_000)])[:, 0]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["540", "5,400", "54,000"]


def test_intervals_show_whether_zero_is_in_them() -> None:
    values = {
        "helps": (0.5, 0.25, 0.75),
        "who knows": (0.1, -0.3, 0.5),
        "harms": (-1.0, -1.5, -0.5),
    }
    figure = charts.intervals(values, "gain in points")
    assert figure.alt == (
        "gain in points, with intervals. helps +0.5 (+0.25 to +0.75); "
        "who knows +0.1 (-0.3 to +0.5); harms -1 (-1.5 to -0.5)"
    )
    [axes] = [axes for axes in figure.axes if axes is not figure.page]
    zero, *lines = axes.lines
    np.testing.assert_array_equal(zero.get_xdata(), [0, 0])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(values)
    for row, (value, low, high) in enumerate(values.values()):
        whisker, dot = lines[2 * row : 2 * row + 2]
        np.testing.assert_array_equal(whisker.get_xydata(), [[low, row], [high, row]])
        np.testing.assert_array_equal(dot.get_xydata(), [[value, row]])
        is_ring = dot.get_markerfacecolor() == colors.GROUND
        assert is_ring == (low <= 0 <= high)
    top, bottom = axes.transData.transform([(0, 0), (0, 2)])[:, 1]
    assert top > bottom  # the first stands above
