"""The stages of an image on its way through a model: how they are drawn, and what is said."""

import math
from collections.abc import Mapping

from torch import Tensor

from cnn_tutorial.support.colors import INPUT, KERNEL, OUTPUT
from cnn_tutorial.support.drawing import FINE, LINE, WIDTH, Box, Drawing, measure

STACKS = 3  # of sheets, at most, in a row


def rows_of(stages: Mapping[str, Tensor]) -> list[list[str]]:
    """Share the stages among rows: up to three stacks, as many in each, or one vector."""
    stacks = sum(x.ndim == 4 for x in stages.values())
    columns = math.ceil(stacks / max(1, math.ceil(stacks / STACKS)))  # for even rows
    rows: list[list[str]] = []
    for name, x in stages.items():
        fits = rows and len(rows[-1]) < columns and stages[rows[-1][0]].ndim == 4
        if x.ndim == 4 and fits:
            rows[-1].append(name)
        else:
            rows.append([name])
    return rows


def describe(x: Tensor) -> str:
    """Say what is seen of a stage."""
    values = f"values from {float(x.min()):.2f} to {float(x.max()):.2f}"
    if x.ndim == 4:
        _, count, rows, cols = x.shape
        return f"{count} sheet{'s' * (count > 1)} of {rows} by {cols}, {values}"
    if x.shape[1] > 10:
        return f"a row of {x.shape[1]} {values}"
    bars = ", ".join(f"{number}: {value:z.2f}" for number, value in enumerate(x[0].tolist()))
    return f"a bar for each of {x.shape[1]} classes, {bars}"


def draw_sheets(
    drawing: Drawing, middle: float, top: float, x: Tensor, scale: float, color: str
) -> float:
    """Draw a stack of sheets (C, H, W), and return its height."""
    (count, rows, cols), low, high = x.shape, float(x.min()), float(x.max())
    shift = min(6, 90 / count)  # from each sheet to the next
    width, height, depth = scale * cols, scale * rows, shift * (count - 1)
    covered = math.ceil(shift / scale)  # from this row and column on, by the next sheet
    order = x.flatten(1).std(1, correction=0).argsort(stable=True)
    for number, sheet in enumerate(x[order]):  # (H, W)
        if number < count - 1:
            sheet[covered:, covered:] = low  # nothing to store where nothing is seen
        left = middle - (width + depth) / 2 + shift * number
        drawing.paint((left, top + shift * number, width, height), sheet, low, high, color)
    return height + depth


def draw_values(
    drawing: Drawing, middle: float, top: float, x: Tensor, cell: float, color: str
) -> float:
    """Draw a row of values (1, F), and return its height."""
    width, height = cell * x.shape[1], 16.0
    place = (middle - width / 2, top, width, height)
    drawing.paint(place, x, float(x.min()), float(x.max()), color)
    return height


def draw_bars(
    drawing: Drawing, middle: float, top: float, values: list[float], color: str
) -> float:
    """Draw a bar for each class, and return their height."""
    low, high, left = min(0, *values), max(0, *values), middle - 14 * len(values)
    unit = 60 / (high - low or 1)
    for number, value in enumerate(values):
        bar = left + 28 * number + 3, top + unit * (high - max(value, 0)), 22, unit * abs(value)
        drawing.box(*bar, fill=True, fc=color, lw=0)
        weight = "bold" if value == max(values) else "normal"
        drawing.write(bar[0] + 11, top + 60 + LINE / 2, str(number), weight=weight)
    drawing.box(left, top + unit * high, 28 * len(values), 0, ec=FINE, lw=1)
    return 60 + LINE


def draw_trail(named: Mapping[str, tuple[Tensor, Box]]) -> Drawing:
    """Draw maps side by side, to scale, with an arrow from each region to the next."""
    gap, head, last = 24, 2 * LINE, len(named) - 1
    texts = {name: [name, f"{len(x)}×{x.shape[1]}"] for name, (x, _) in named.items()}
    least = {name: max(map(measure, lines)) for name, lines in texts.items()}
    scale, rooms = 14.0, [float(WIDTH)]  # of a pixel, and of a map with its text
    while sum(rooms) + gap * last > WIDTH:
        scale *= 0.99
        rooms = [max(scale * x.shape[1], least[name]) for name, (x, _) in named.items()]
    drawing, alts, start = Drawing(), list[str](), 0.0
    drawing.fit(sum(rooms) + gap * last, head + scale * max(len(x) for x, _ in named.values()))
    ends: list[tuple[float, float]] = []  # of the arrows, from one frame to the next
    for number, (name, (x, box)) in enumerate(named.items()):
        matrix, (rows, columns) = x.detach(), x.shape
        for line, text in enumerate(texts[name]):
            drawing.write(start + rooms[number] / 2, LINE * (0.5 + 0.9 * line), text)
        side = start + (rooms[number] - scale * columns) / 2
        low, high, edge = float(matrix.min()), float(matrix.max()), OUTPUT if number else INPUT
        drawing.paint((side, head, scale * columns, scale * rows), matrix, low, high, edge)
        top, left, height, width = (scale * n for n in box)
        color = OUTPUT if number == last else KERNEL
        drawing.box(side + left, head + top, width, height, color=color)
        middle = head + top + height / 2
        ends += [(side + left, middle), (side + left + width, middle)]
        start += rooms[number] + gap
        where = f"{box[2]} by {box[3]} values from row {box[0]}, column {box[1]}"
        alts.append(f"{name}, {rows} by {columns}, with a frame around {where}")
    for tail, tip in zip(ends[1::2], ends[2::2], strict=False):
        look = {"arrowstyle": "->", "color": KERNEL, "lw": 1.5}
        drawing.page.annotate("", tip, tail, arrowprops=look)
    drawing.alt = "; an arrow to ".join(alts)
    return drawing
