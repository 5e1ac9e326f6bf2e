"""The stages of an image on its way through a model: how they are drawn, and what is said."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from cnn_tutorial.support.colors import INK, INPUT, KERNEL, OUTPUT
from cnn_tutorial.support.drawing import FINE, LINE, Box, Drawing, measure, width

ARROW = 24  # the room for one, from each stage to the next
TALLEST = 264
BAR = 20  # of a class
NOWHERE: tuple[Sequence[int], Box] = (), (0, 0, 0, 0)


@dataclass
class Stage:
    """What a layer makes of an image: maps (1, C, H, W), or a vector (1, F) of values or scores.

    Attributes:
        classes: Of which the values are scores; their numbers if empty.
        lines: What stands above it.
        least: The width of these.
        places: Row and column at which each map begins; they lie a value apart.
        seen: The channels in which a region is framed, and that region.
        color: Of its outline.
        limits: The lowest and the highest value of the scale; without them, its own.
    """

    name: str
    x: Tensor
    seen: tuple[Sequence[int], Box]
    color: str
    limits: tuple[float, float] | None = None
    classes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.classes and self.x.ndim == 2:
            self.classes = [str(number) for number in range(self.x.shape[1])]
        self.lines = [*self.name.split(", "), "×".join(map(str, self.x.shape[1:]))]
        self.least = max(map(measure, self.lines))
        self.places: list[tuple[int, int]] = []
        if self.x.ndim == 4:
            count, rows, columns = self.x.shape[1:]
            side = math.isqrt(count)  # as many lie beside each other
            self.places = [(n // side * (rows + 1), n % side * (columns + 1)) for n in range(count)]

    def extent(self, scale: float) -> tuple[float, float]:
        """Return its width and height if a value of a map has this width."""
        if self.places:
            (row, _), (rows, columns) = self.places[-1], self.x.shape[2:]
            last = max(column for _, column in self.places)
            return scale * (last + columns), scale * (row + rows)
        count = self.x.shape[1]
        return (16, min(0.66 * count, TALLEST)) if count > 10 else (self.beside + 74, BAR * count)

    @property
    def beside(self) -> float:
        """The room for the names of the classes, of which one is bold."""
        return max(16, 1.1 * max(map(measure, self.classes)))

    def room(self, scale: float) -> float:
        """Return the width of it and its lines."""
        return max(self.extent(scale)[0], self.least)

    def describe(self) -> str:
        """Say what is seen of it."""
        x, (channels, (row, column, height, across)) = self.x, self.seen
        values = f"values from {float(x.min()):.2f} to {float(x.max()):.2f}"
        if self.places:
            count, rows, cols = x.shape[1:]
            said = f"{count} map{'s' * (count > 1)} of {rows} by {cols}, {values}"
            if channels:
                said += f", a frame around {height} by {across} from row {row}, column {column}"
                said += f" of {len(channels)} of them" * (count > 1)
            return f"{self.name}: {said}"
        if x.shape[1] > 10:
            return f"{self.name}: a column of {x.shape[1]} {values}"
        named = zip(self.classes, x[0].tolist(), strict=True)
        bars = ", ".join(f"{name}: {value:z.2f}" for name, value in named)
        return f"{self.name}: a bar for each of {x.shape[1]} classes, {bars}"

    def draw(self, drawing: Drawing, left: float, top: float, scale: float) -> None:
        """Draw it with its upper left corner at a point."""
        x, (channels, (row, column, height, across)) = self.x, self.seen
        (low, high), size = self.limits or limits_of(x), self.extent(scale)
        if self.places:
            rows, columns = x.shape[2:]
            grid = torch.full([round(side / scale) for side in size[::-1]], torch.nan)
            for (i, j), matrix in zip(self.places, x[0], strict=True):
                grid[i : i + rows, j : j + columns] = matrix
            drawing.paint((left, top, *size), grid, low, high, "none")
            for channel, (i, j) in enumerate(self.places):
                corner = left + scale * j, top + scale * i
                drawing.box(*corner, scale * columns, scale * rows, ec=self.color, lw=1)
                if channel in channels:
                    corner = corner[0] + scale * column, corner[1] + scale * row
                    drawing.box(*corner, scale * across, scale * height, ec=KERNEL, lw=1.5)
        elif x.shape[1] > 10:
            drawing.paint((left, top, *size), x.T, low, high, self.color)
        else:
            self._draw_bars(drawing, left, top)

    def _draw_bars(self, drawing: Drawing, left: float, top: float) -> None:
        values = self.x[0].tolist()
        low, high = min(0, *values), max(0, *values)
        unit = 64 / (high - low or 1)
        zero = left + self.beside + 10 - unit * low
        for number, value in enumerate(values):
            y = top + BAR * number
            weight = "bold" if value == max(values) else "normal"
            end = left + self.beside, y + BAR / 2
            drawing.write(*end, self.classes[number], weight=weight, ha="right")
            bar = zero + unit * min(0, value), y + 3, unit * abs(value), BAR - 6
            drawing.box(*bar, fill=True, fc=self.color, lw=0)
        drawing.box(zero, top, 0, BAR * len(values), ec=FINE, lw=1)


def limits_of(*tensors: Tensor) -> tuple[float, float]:
    """Return the lowest and the highest of all values."""
    return min(float(x.min()) for x in tensors), max(float(x.max()) for x in tensors)


def lay_out(stages: Sequence[Stage]) -> tuple[float, list[list[Stage]]]:
    """Choose a scale for all maps, and break the stages into as few rows as can be read."""
    sizes = [stage.extent(1) for stage in stages if stage.places] or [(1.0, 1.0)]
    room = width() - ARROW
    largest = min([7, *(min(room / across, TALLEST / down) for across, down in sizes)])
    for allowed in range(1, len(stages)):
        scale = largest
        while scale >= 2:
            rows, end = list[list[Stage]](), math.inf
            for stage in stages:
                if end + stage.room(scale) > width():
                    rows.append([])
                    end = ARROW if len(rows) > 1 else 0.0
                rows[-1].append(stage)
                end += stage.room(scale) + ARROW
            if len(rows) <= allowed:
                return scale, rows
            scale *= 0.98
    return largest, [[stage] for stage in stages]


def draw_layers(
    named: Mapping[str, Tensor],
    seen: Mapping[str, tuple[Sequence[int], Box]],
    arrows: bool,
    scale_of: str,
    classes: Sequence[str],
) -> Drawing:
    """Draw stages from left to right, in rows as words are."""
    limits = limits_of(*(x.detach() for x in named.values())) if scale_of else None
    stages = [
        Stage(
            name,
            x.detach(),
            seen.get(name, NOWHERE),
            OUTPUT if number else INPUT,
            limits,
            classes,
        )
        for number, (name, x) in enumerate(named.items())
    ]
    scale, rows = lay_out(stages)
    head = LINE * 0.9 * max(len(stage.lines) for stage in stages) + 6
    drawing, top, right = Drawing("; then ".join(s.describe() for s in stages)), 0.0, 0.0
    for row in rows:
        left = 0.0 if row is rows[0] or not arrows else float(ARROW)
        middle = top + head + max(stage.extent(scale)[1] for stage in row) / 2
        for stage in row:
            (across, down), room = stage.extent(scale), stage.room(scale)
            x = left + (room - across) / 2
            for line, text in enumerate(reversed(stage.lines)):
                y = top + head - 6 - LINE * 0.9 * (line + 0.5)
                drawing.write(left + room / 2, y, text, weight="bold" if line else "normal")
            if arrows and stage is not stages[0]:
                drawing.arrow((left - ARROW + 2, middle), (x - 3, middle), INK)
            stage.draw(drawing, x, middle - down / 2, scale)
            left += room + ARROW
        top, right = 2 * middle - top - head + LINE, max(right, left - ARROW)
    drawing.fit(right, top - LINE)
    if limits:
        drawing.color_bar(top, *limits, scale_of)
    return drawing


def draw_trail(named: Mapping[str, tuple[Tensor, Box]]) -> Drawing:
    """Draw maps side by side, to scale, with an arrow from each region to the next."""
    head, last = 2 * LINE, len(named) - 1
    texts = {name: [name, f"{len(x)}×{x.shape[1]}"] for name, (x, _) in named.items()}
    least = {name: max(map(measure, lines)) for name, lines in texts.items()}
    scale, rooms = 10.0, [math.inf]  # of a pixel, and of a map with its text
    while sum(rooms) + ARROW * last > width():
        scale *= 0.99
        rooms = [max(scale * x.shape[1], least[name]) for name, (x, _) in named.items()]
    drawing, alts, start = Drawing(), list[str](), 0.0
    drawing.fit(sum(rooms) + ARROW * last, head + scale * max(len(x) for x, _ in named.values()))
    ends: list[tuple[float, float]] = []  # of the arrows, from one frame to the next
    for number, (name, (x, box)) in enumerate(named.items()):
        matrix, (rows, columns) = x.detach(), x.shape
        for line, text in enumerate(texts[name]):
            drawing.write(start + rooms[number] / 2, LINE * (0.5 + 0.9 * line), text)
        side = start + (rooms[number] - scale * columns) / 2
        low, high, edge = float(matrix.min()), float(matrix.max()), OUTPUT if number else INPUT
        drawing.paint((side, head, scale * columns, scale * rows), matrix, low, high, edge)
        top, left, down, across = (scale * n for n in box)
        color = OUTPUT if number == last else KERNEL
        drawing.box(side + left, head + top, across, down, color=color)
        middle = head + top + down / 2
        ends += [(side + left, middle), (side + left + across, middle)]
        start += rooms[number] + ARROW
        where = f"{box[2]} by {box[3]} values from row {box[0]}, column {box[1]}"
        alts.append(f"{name}, {rows} by {columns}, with a frame around {where}")
    for tail, tip in zip(ends[1::2], ends[2::2], strict=False):
        drawing.arrow(tail, tip, KERNEL)
    drawing.alt = "; an arrow to ".join(alts)
    return drawing


def draw_slide(
    x: Tensor,
    feature_map: Tensor,
    place: tuple[int, int],
    kernels: Mapping[str, Tensor],
    settings: Mapping[str, int],
) -> Drawing:
    """Draw what `slide` describes: the window of one output, and the numbers to step on from it."""
    row, column = place
    given = [(name, _stacked(kernel).tolist()) for name, kernel in kernels.items()]
    size = settings.get("kernel_size") or len(given[0][1][0])
    size = settings.get("dilation", 1) * (size - 1) + 1
    channels = _stacked(x)  # (C, H, W)
    padded = F.pad(channels[0], [settings.get("padding", 0)] * 4)
    top, left = (n * settings.get("stride", 1) for n in place)
    window, answer = (top, left, size, size), (row, column, 1, 1)
    drawing = draw_trail({"input": (padded, window), "output": (feature_map, answer)})
    drawing.alt = (
        f"Input of {padded.shape[0]} by {padded.shape[1]} with a frame around the {size} by {size} "
        f"window at row {top}, column {left}; an arrow to row {row}, column {column} "
        f"of the output of {feature_map.shape[0]} by {feature_map.shape[1]}, which is "
        f"{float(feature_map[row, column].detach()):.2f}"
    )
    if len(channels) > 1:
        drawing.alt = f"The first of {len(channels)} channels. {drawing.alt}"
    values = [[[round(v, 6) for v in values] for values in rows] for rows in channels.tolist()]
    drawing.values = {"x": values, "kernels": given, "settings": settings}
    drawing.values |= {"row": row, "column": column}
    return drawing


def _stacked(x: Tensor) -> Tensor:
    """Return (C, H, W) as it is, and (H, W) as one channel."""
    return x.reshape(-1, *x.shape[-2:])
