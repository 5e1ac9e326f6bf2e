"""Drawings of what was measured: each has its alt text, made from the values shown."""

import math
from collections.abc import Mapping, Sequence

from cnn_tutorial.history import History
from cnn_tutorial.support.drawing import LINE, Drawing, drawn, measure, width


@drawn
def curves(
    x: Sequence[float], named: Mapping[str, Sequence[float]], xlabel: str, ylabel: str
) -> Drawing:
    """Plot lines over a common axis, with their names above.

    Args:
        x: Where the values stand.
        named: The values of each line, by its name.
        xlabel: What `x` is, with its unit.
        ylabel: What the values are, with their unit.
    """
    drawing = Drawing(
        f"{ylabel} over {xlabel}. "
        + "; ".join(
            f"{name}: from {values[0]:.3g} at {x[0]:g} to {values[-1]:.3g} at {x[-1]:g}, "
            f"lowest {min(values):.3g}, highest {max(values):.3g}"
            for name, values in named.items()
        )
    )
    columns = int(width() / (45 + max(map(measure, named)))) or 1
    height = 268 + LINE * math.ceil(len(named) / columns) * (len(named) > 1)  # with the legend
    drawing.fit(width(), height)
    left = 70 / width()
    place = (left, 52 / height, 0.97 - left, 208 / height)
    axes = drawing.add_axes(place, xlabel=xlabel, ylabel=ylabel)
    for name, values in named.items():
        axes.plot(x, values, label=name)
    if len(named) > 1:
        drawing.legend(loc="upper left", ncols=columns, borderaxespad=0)
    if len(x) < 10:
        axes.set_xticks(x)
    return drawing


def learning_curves(history: History, what: str = "loss") -> Drawing:
    """Plot how a training went, on the training digits and on the validation digits.

    Args:
        history: Its epochs.
        what: `"loss"` or `"accuracy"`.
    """
    parts = ("train", "validation")
    named = {part: [getattr(epoch, f"{part}_{what}") for epoch in history] for part in parts}
    return curves(range(1, len(history) + 1), named, "epoch", what)
