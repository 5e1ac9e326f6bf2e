"""Drawings of measurements: what they show and say is in the values."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import style

from cnn_tutorial import charts
from cnn_tutorial.history import Epoch, History
from cnn_tutorial.support import drawing


def test_curves_say_where_they_start_and_end() -> None:
    figure = charts.curves([1, 2, 5], {"loss": [2.5, 0.25, 0.5]}, "epoch", "cross-entropy")
    assert figure.alt == (
        "cross-entropy over epoch. loss: from 2.5 at 1 to 0.5 at 5, lowest 0.25, highest 2.5"
    )
    [axes] = [axes for axes in figure.axes if axes is not figure.page]
    assert not figure.legends
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[1, 2.5], [2, 0.25], [5, 0.5]])
    two = charts.curves([1, 2], {"a": [1, 2], "b": [3, 4]}, "epoch", "loss")
    with style.context(drawing.STYLE):
        cycle = [entry["color"] for entry in plt.rcParams["axes.prop_cycle"]]
    assert [line.get_color() for line in two.axes[1].lines] == cycle[:2]
    assert len(two.legends) == 1


@pytest.mark.parametrize("what", ["loss", "accuracy"])
def test_learning_curves_are_those_of_the_history(what: str) -> None:
    epochs = [Epoch(0.01, 0.5, 0.84, 0.125, 0.96, 12, 4376), Epoch(1e-5, 0.06, 0.99, 0.03, 1, 9, 5)]
    figure = charts.learning_curves(History(epochs), what)
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    shown = [np.array(line.get_xydata()).T.tolist() for line in lines]
    parts = ("train", "validation")
    assert shown == [[[1, 2], [getattr(e, f"{part}_{what}") for e in epochs]] for part in parts]
    assert all(word in figure.alt for word in (*parts, "epoch", what))
