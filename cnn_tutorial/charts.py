"""Drawings of what was measured: each has its alt text, made from the values shown."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator
from torch import Tensor

from cnn_tutorial.evaluation import Evaluation
from cnn_tutorial.history import History
from cnn_tutorial.support.colors import GROUND, INK, KERNEL, RIGHT, WRONG
from cnn_tutorial.support.drawing import FINE, GAP, LINE, Drawing, drawn, measure, width


@drawn
def curves(
    x: Sequence[float],
    named: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    *,
    bands: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    logarithmic: bool = False,
) -> Drawing:
    """Plot lines over a common axis, with their names above.

    Args:
        x: Where the values stand.
        named: The values of each line, by its name.
        xlabel: What `x` is, with its unit.
        ylabel: What the values are, with their unit.
        bands: Around lines, by their name, the lowest and highest of each value's interval.
        logarithmic: Whether each tenfold `x` is as far from the one before.
    """
    bands = bands or {}
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
        [line] = axes.plot(x, values, label=name)
        if name in bands:
            low, high = zip(*bands[name], strict=True)
            axes.fill_between(x, low, high, color=line.get_color(), alpha=0.25, lw=0)
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.minorticks_off()
    if len(named) > 1:
        drawing.legend(loc="upper left", ncols=columns, borderaxespad=0)
    if len(x) < 10:
        axes.set_xticks(x)
    return drawing


@drawn
def characters(
    points: Tensor,
    marks: Sequence[object],
    xlabel: str,
    ylabel: str,
    *,
    circled: Sequence[int] = (),
) -> Drawing:
    """Plot points of a plane, each as the character that it stands for, to one scale.

    Args:
        points: Their places, (N, 2).
        marks: The character of each, such as the label of a digit.
        xlabel: What the first coordinate is, with its unit.
        ylabel: What the second coordinate is, with its unit.
        circled: Points to draw a circle around, by their number.
    """
    places = points.detach()
    texts = [str(mark) for mark in marks]
    drawing = Drawing(f"{len(texts)} characters, {ylabel} over {xlabel}")
    left, below, side = 70, 52, min(width() - 70, 450) - 12
    drawing.fit(left + side + 12, below + side + 12)
    room, height = drawing.get_size_inches() * 72
    place = (left / room, below / height, side / room, side / height)
    axes = drawing.add_axes(place, xlabel=xlabel, ylabel=ylabel)
    low, high = places.amin(dim=0), places.amax(dim=0)
    half = 0.55 * float((high - low).max())  # of the square that holds all
    (x, y), limits = ((low + high) / 2).tolist(), (-half, half)
    axes.set(xlim=[x + limit for limit in limits], ylim=[y + limit for limit in limits])
    axes.locator_params(nbins=6)  # as many at a desk as on a phone
    for text in sorted(set(texts)):
        mine = places[[other == text for other in texts]]  # (n, 2)
        across, up = mine.T.numpy()
        axes.plot(across, up, ls="", marker=f"${text}$", markersize=11, markeredgewidth=0)
        x, y = mine.mean(dim=0).tolist()
        drawing.alt += f"; {len(mine)} of {text}, in the middle at {x:.1f}, {y:.1f}"
    for number in circled:
        x, y = places[number].tolist()
        axes.plot(x, y, "o", markersize=24, fillstyle="none", color=KERNEL)
        drawing.alt += f"; a circle around {texts[number]} at {x:.1f}, {y:.1f}"
    return drawing


@drawn
def intervals(named: Mapping[str, tuple[float, float, float]], xlabel: str) -> Drawing:
    """Show values with their intervals, a row each, and whether they hold zero.

    A dot is full if its interval leaves zero out, and a ring if zero is in it.

    Args:
        named: Value, lowest and highest of its interval, by name.
        xlabel: What the values are, with their unit.
    """
    drawing = Drawing(
        f"{xlabel}, with intervals. "
        + "; ".join(
            f"{name} {value:+.2g} ({low:+.2g} to {high:+.2g})"
            for name, (value, low, high) in named.items()
        )
    )
    left, height = max(map(measure, named)) + 2 * GAP, 26 * len(named)
    drawing.fit(width(), height + 52)
    axes = drawing.add_axes(
        (left / width(), 52 / (height + 52), 0.97 - left / width(), height / (height + 52)),
        xlabel=xlabel,
        ylim=(len(named) - 0.5, -0.5),
    )
    axes.axvline(0, color=INK, lw=1)
    for row, (value, low, high) in enumerate(named.values()):
        axes.plot([low, high], [row, row], color=INK, ls="-", lw=1.5)
        fill = GROUND if low <= 0 <= high else INK
        axes.plot([value], [row], "o", color=INK, markerfacecolor=fill, markersize=8)
    axes.set_yticks(range(len(named)), list(named))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return drawing


@drawn
def bars(named: Mapping[str, float], what: str, form: str = "{:.0%}") -> Drawing:
    """Draw a horizontal bar for each value, from 0, with its name before it and the value after it.

    Args:
        named: The values by name: one or more above 0, and none below.
        what: What they are, which stands above them.
        form: How a value is written.
    """
    texts = [form.format(value) for value in named.values()]
    drawing = Drawing(
        f"{what}. " + "; ".join(f"{n}: {t}" for n, t in zip(named, texts, strict=True))
    )
    drawing.fit(width(), LINE + len(named) * (LINE + GAP))
    drawing.write(0, LINE / 2, what, ha="left")
    left = max(map(measure, named)) + GAP
    longest = width() - left - max(map(measure, texts)) - GAP
    for row, (name, value) in enumerate(named.items()):
        top = LINE + row * (LINE + GAP) + GAP
        middle, length = top + LINE / 2, longest * value / max(named.values())
        drawing.write(left - GAP, middle, name, ha="right")
        drawing.box(left, top, length, LINE, fill=True, fc=FINE, ec=INK, lw=1)
        drawing.write(left + length + GAP, middle, texts[row], ha="left")
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


@drawn
def spread(
    named: Mapping[str, Sequence[float]],
    intervals: Mapping[str, tuple[float, float]],
    xlabel: str,
) -> Drawing:
    """Show how values scatter: each is a dot, and dots that would overlap are piled up.

    Args:
        named: Values by what stands above them, a row each.
        intervals: Of each row, by the same names: a line below its dots.
        xlabel: What the values are, with their unit.
    """
    drawing = Drawing(
        f"{xlabel}, a dot for each value. "
        + "; ".join(
            f"{name}: {len(values)} from {min(values):.4g} to {max(values):.4g}, interval "
            "{:.4g} to {:.4g}".format(*intervals[name])
            for name, values in named.items()
        )
    )
    dot, margin, top = 6, 24, 0.0
    every = [value for row in (*named.values(), *intervals.values()) for value in row]
    low = min(every)
    span = max(every) - low or 0.01  # for values that are all the same
    step = dot * span / (width() - 2 * margin)  # from one pile to the next
    axes = drawing.add_axes((0, 0, 1, 1), xlabel=xlabel, yticks=[], facecolor="none")
    for name, values in named.items():
        drawing.write(0, top + LINE / 2, name, ha="left")
        piles = Counter(round((value - low) / step) for value in values)
        top += LINE + dot * max(piles.values())
        x = [low + step * pile for pile, count in piles.items() for _ in range(count)]
        y = [top - dot * (n + 0.5) for count in piles.values() for n in range(count)]
        axes.plot(x, y, "o", color=INK, ms=dot - 1, mew=0, clip_on=False)
        axes.plot(intervals[name], [top + 5] * 2, "-", color=INK, clip_on=False)
        top += 18
    height = top + 52
    drawing.fit(width(), height)
    side = margin / width()
    axes.set(position=(side, 52 / height, 1 - 2 * side, top / height))
    axes.set(xlim=(low, low + span), ylim=(top, 0))
    axes.spines.left.set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    return drawing


@drawn
def confusion(counts: Tensor) -> Drawing:
    """Show how often each class was taken for which: the more often wrongly, the redder.

    The right answers, on the diagonal, are many times as many: they have no part in the colours.

    Args:
        counts: How many of each label (row) got each answer (column), (C, C).
    """
    rows = counts.tolist()
    wrong = [(n, i, j) for i, row in enumerate(rows) for j, n in enumerate(row) if n and i != j]
    wrong.sort(reverse=True)
    most = max((n for n, *_ in wrong), default=1)
    drawing = Drawing(
        f"Labels in rows, answers in columns: {int(counts.trace()):,} right, on the diagonal, "
        f"{sum(n for n, *_ in wrong):,} wrong"
        + ", most often" * bool(wrong)
        + ",".join(f" {label} taken for {answer} ({n})" for n, label, answer in wrong[:5])
    )
    edge, count = 2 * LINE, len(rows)
    cell = min(44, (width() - edge) / count)
    drawing.fit(edge + cell * count, edge + cell * count)
    drawing.write(edge + cell * count / 2, LINE / 2, "answer")
    drawing.write(LINE / 2, edge + cell * count / 2, "label", rotation=90)
    for i, row in enumerate(rows):
        middle = edge + cell * (i + 0.5)
        drawing.write(1.5 * LINE, middle, str(i))
        drawing.write(middle, 1.5 * LINE, str(i))
        for j, n in enumerate(row):
            place = edge + cell * j, edge + cell * i, cell, cell
            if n and i != j:
                # At full strength, the number on it could not be read.
                red = (WRONG, 0.1 + 0.5 * n / most)
                drawing.box(*place, fill=True, fc=red, lw=0)
            drawing.box(*place, ec=FINE, lw=1)
            if n:
                drawing.write(edge + cell * (j + 0.5), middle, str(n))
    for i in range(count):
        corner = edge + cell * i + 1
        drawing.box(corner, corner, cell - 2, cell - 2, ec=RIGHT)
    return drawing


@drawn
def reliability(groups: Sequence[tuple[float, int, int]]) -> Drawing:
    """Show whether answers are right as often as their certainty says.

    Args:
        groups: Of answers of about the same certainty: its mean, how many are right, and how many
            they are. A bar is the 95 % interval of the share that is right.
    """
    said = []
    side = min(width(), 460)
    drawing = Drawing()
    drawing.fit(side, 0.85 * side)
    place = (70 / side, 52 / (0.85 * side), 1 - 82 / side, 1 - 64 / (0.85 * side))
    axes = drawing.add_axes(place, xlabel="certainty", ylabel="share right")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.plot([0, 1], [0, 1], "--", color=FINE)
    for certainty, right, total in groups:
        low, high = Evaluation(loss=0, correct=right, total=total).wilson_interval
        axes.plot([certainty] * 2, [low, high], "-", color=INK, clip_on=False)
        axes.plot([certainty], [right / total], "o", color=INK, clip_on=False)
        said.append(f"{certainty:.1%}: {right / total:.1%} of {total:,}")
    drawing.alt = (
        "Share of answers that are right over their mean certainty, with intervals, and a line on "
        "which both are the same. " + "; ".join(said)
    )
    return drawing
