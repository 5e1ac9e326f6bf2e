"""Drawings of tensors: each has its alt text, and both are made from the values shown."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from cnn_tutorial.support import stages
from cnn_tutorial.support.colors import INK, INPUT, KERNEL, OUTPUT, RIGHT, WRONG
from cnn_tutorial.support.drawing import (
    FINE,
    GAP,
    LINE,
    WIDE,
    Box,
    Drawing,
    drawn,
    measure,
    width,
)


@drawn
def images(
    x: Tensor,
    titles: Sequence[object] = (),
    *,
    columns: int = 10,
    boxes: Sequence[Box] = (),
    places: Sequence[Box] = (),
    right: Sequence[bool] = (),
    scale_of: str = "",
) -> Drawing:
    """Show images or feature maps beside each other, all on the same scale.

    Args:
        x: One matrix each, (N, H, W) or (N, 1, H, W). What is not a number (NaN) is left empty.
        titles: What stands above each, from the first on, in one line or several.
        columns: How many stand in a row; where there is no room for them, it is parted evenly.
        boxes: Regions to frame, the same in each.
        places: Regions of one size to frame, one in each.
        right: Whether each title is right, for a frame and a mark that say so.
        scale_of: What the values are, for a bar that shows which colour is which value.

    Examples:
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.plots import images
        >>> digits = load_digits().test.tensors[0][:3]
        >>> images(digits, ["seven", "two", "one"]).alt
        '3 images of 28 by 28 values from 0.00 to 1.00: seven, two, one'
    """
    maps = x.detach().flatten(0, -3)  # (N, H, W)
    rows, cols = maps.shape[-2:]
    low, high = stages.limits_of(maps[~maps.isnan()])
    texts = [str(title) for title in titles]
    said = [text.replace("\n", " ") for text in texts]
    for number, is_right in enumerate(right):
        said[number] += ", right" if is_right else ", wrong"
        texts[number] = ("✓ " if is_right else "✗ ") + texts[number]
    alt = f"{len(maps)} image{'s' * (len(maps) > 1)} of {rows} by {cols} values "
    alt += (
        f"from {low:.2f} to {high:.2f}" + ": " * bool(said) + ("; " if right else ", ").join(said)
    )
    for top, left, height, across in boxes:
        alt += f"; a frame around {height} by {across} values from row {top}, column {left}"
    if places:
        alt += f"; frames around {places[0][2]} by {places[0][3]} values, one in each: "
        alt += "; ".join(f"from row {top}, column {left}" for top, left, _, _ in places)
    lines = [text.split("\n") for text in texts]
    longest = max((measure(line) for text in lines for line in text), default=0)
    columns = _columns(min(columns, len(maps)), longest, 10 if width() == WIDE else 5)
    scale = min((width() - GAP * (columns - 1)) / columns, 220) / cols
    above = LINE * max(map(len, lines), default=0)
    size_x, size_y = scale * cols, scale * rows
    drawing = Drawing(alt)
    for number, matrix in enumerate(maps):
        row, column = divmod(number, columns)
        x0, y0 = column * (size_x + GAP), above + row * (above + size_y + GAP)
        drawing.fit(columns * (size_x + GAP) - GAP, y0 + size_y)
        for line, text in enumerate(lines[number] if number < len(lines) else []):
            drawing.write(x0 + size_x / 2, y0 - above + LINE * (line + 0.5), text)
        drawing.paint((x0, y0, size_x, size_y), matrix, low, high)
        for box in [*boxes, *places[number : number + 1]]:
            box_y, box_x, box_height, box_width = (scale * n for n in box)
            drawing.box(x0 + box_x, y0 + box_y, box_width, box_height, color=KERNEL)
        if right:
            color = RIGHT if right[number] else WRONG
            drawing.box(x0 + 1, y0 + 1, size_x - 2, size_y - 2, color=color, lw=4)
    if scale_of:
        drawing.color_bar(y0 + size_y + GAP, low, high, scale_of)
    return drawing


def tile(x: Tensor, columns: int) -> Tensor:
    """Lay several images side by side, to be shown as one by `images`.

    Args:
        x: K images of each kind, (N, K, H, W).
        columns: How many stand beside each other, a divisor of K.

    Returns:
        One for each kind, with gaps of one value that is not a number (NaN) between its images.
    """
    n, count, rows, cols = x.shape
    x = F.pad(x, (0, 1, 0, 1), value=math.nan)  # (N, K, H + 1, W + 1)
    x = x.view(n, count // columns, columns, rows + 1, cols + 1).transpose(2, 3)
    return x.flatten(3).flatten(1, 2)[:, :-1, :-1]


@drawn
def pictures(named: Mapping[str, Tensor], *, right: Mapping[str, bool] | None = None) -> Drawing:
    """Show pictures of any size beside each other, all from black for 0 to white for 1.

    Args:
        named: Each by its title, of one line or several: in grey, (1, H, W), or in colour,
            (3, H, W).
        right: By titles that are answers, whether they are right, for a frame and a mark.
    """
    lines = {name: name.split("\n") for name in named}
    said = []
    for name, is_right in (right or {}).items():
        lines[name][0] = ("✓ " if is_right else "✗ ") + lines[name][0]
    longest = max(measure(line) for text in lines.values() for line in text)
    columns = _columns(len(named), longest, 5 if width() == WIDE else 3)
    side = min((width() + GAP) / columns - GAP, 220)
    above = LINE * max(map(len, lines.values()))
    drawing = Drawing()
    for number, (name, picture) in enumerate(named.items()):
        channels, rows, cols = picture.shape
        left, top = number % columns * (side + GAP), number // columns * (above + side + GAP)
        drawing.fit(columns * (side + GAP) - GAP, top + above + side)
        for line, text in enumerate(lines[name]):
            drawing.write(left + side / 2, top + LINE * (line + 0.5), text)
        across, down = (side * n / max(rows, cols) for n in (cols, rows))
        place = left + (side - across) / 2, top + above, across, down
        drawing.paint(place, picture[0] if channels == 1 else picture.movedim(0, -1), 0, 1)
        answer = ""
        if right and name in right:
            color = RIGHT if right[name] else WRONG
            drawing.box(place[0] + 1, place[1] + 1, across - 2, down - 2, color=color, lw=4)
            answer = ", right" if right[name] else ", wrong"
        kind = "grey" if channels == 1 else "colour"
        title = " ".join(name.split("\n"))
        said.append(f"{title}{answer}: {rows} by {cols} pixels in {kind}")
    drawing.alt = "; ".join(said)
    return drawing


@drawn
def matrices(
    named: Mapping[str, Tensor], signs: str = "", *, colors: Sequence[str] = (), digits: int = 2
) -> Drawing:
    """Write out small matrices, such as a window, a kernel and their products.

    Args:
        named: Matrices (H, W) by what stands above them, in as many rows as they need.
        signs: One character between each and the next, such as `×=`.
        colors: Colour of the frame of each; without it, windows and what is between the first and
            the last have that of kernels, the first has that of inputs, the last that of outputs.
        digits: Decimals.

    Raises:
        ValueError: A matrix is too wide for its numbers to be read.
    """
    ends = [INPUT, *[KERNEL] * (len(named) - 2), OUTPUT]
    colors = colors or [
        KERNEL if name.startswith("window") else color
        for name, color in zip(named, ends, strict=False)
    ]
    texts = {name: [[f"{v:z.{digits}f}" for v in row] for row in m] for name, m in named.items()}
    longest = max(
        measure(text.replace("-", "−")) for rows in texts.values() for row in rows for text in row
    )
    cell, gap = max(28, longest + 8), 20
    drawing = Drawing(
        "; ".join(
            f"{name}, {len(rows)} by {len(rows[0])}: " + " / ".join(" ".join(row) for row in rows)
            for name, rows in texts.items()
        )
    )
    left, top, right, bottom = 0.0, 0.0, 0.0, 0.0
    for number, (name, rows) in enumerate(texts.items()):
        across, height = cell * len(rows[0]), cell * len(rows)
        room = max(across, measure(name))
        if left + room > width() and number:
            left, top = gap if signs else 0, bottom + GAP
        if left + room > width():
            raise ValueError(f"{name} with {len(rows[0])} columns is too wide to be read")
        drawing.write(left + room / 2, top + LINE / 2, name)
        if 0 < number <= len(signs):
            drawing.write(left - gap / 2, top + LINE + height / 2, signs[number - 1], size=20)
        right, bottom = max(right, left + room), max(bottom, top + LINE + height)
        start, left = left + (room - across) / 2, left + room + gap
        for i, row in enumerate(rows):
            for j, text in enumerate(row):
                x, y = start + cell * j, top + LINE + cell * i
                drawing.box(x, y, cell, cell, ec=FINE, lw=1)
                drawing.write(x + cell / 2, y + cell / 2, text.replace("-", "−"))
        drawing.box(start + 1, top + LINE + 1, across - 2, height - 2, color=colors[number])
    drawing.fit(right, bottom)
    return drawing


@drawn
def slide(
    x: Tensor,
    feature_map: Tensor,
    row: int,
    column: int,
    *,
    kernels: Mapping[str, Tensor] | None = None,
    **settings: int,
) -> Drawing:
    """Show an input beside its output: the window at one position, and the value that it makes.

    The drawing keeps the numbers too, so that a page can let its readers step on from here, take
    another kernel, and change the settings that are given.

    Args:
        x: The input, (H, W), or (C, H, W), of which the first channel is shown.
        feature_map: What a convolution or pooling makes of it, (H', W').
        row: Row of the output.
        column: Column of the output.
        kernels: Kernels, (kH, kW) or (C, kH, kW), by their names; the first made the output.
            Without them it is a pooling, and `kernel_size` is given.
        settings: `kernel_size`, `stride`, `padding` and `dilation`, as in PyTorch.
    """
    return stages.draw_slide(x, feature_map, (row, column), kernels or {}, settings)


@drawn
def trail(named: Mapping[str, tuple[Tensor, Box]]) -> Drawing:
    """Show what a number was made of: maps side by side, of each the region behind the next one.

    Args:
        named: Maps (H, W) to scale, from input to output, each with the region that was made a
            number of the next; the region of the last is that number.
    """
    return stages.draw_trail(named)


@drawn
def windows(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Drawing:
    """Show along one axis where each window of a convolution lies, a row each, and what comes out.

    Args:
        size: Pixels of the input.
        kernel_size: Weights of the kernel.
        stride: Pixels from one window to the next.
        padding: Pixels added on each side.
        dilation: Pixels from one weight to the next.
    """
    span = dilation * (kernel_size - 1) + 1
    starts = range(0, size + 2 * padding - span + 1, stride)
    cell = min(44, width() / (size + 2 * padding))
    unread = size + padding - (starts[-1] + span)
    drawing = Drawing(
        f"A row of {size} pixels"
        + (f" with {padding} of padding on each side" if padding else "")
        + f"; below it {len(starts)} windows that read {kernel_size} of {span} pixels, "
        f"each starting {stride} after the one before"
        + (f"; no window reads the last {unread}" if unread > 0 else "")
        + f"; at the bottom {len(starts)} outputs, each below the middle of its window"
    )
    height = cell * 0.6
    drawing.fit(cell * (size + 2 * padding), (len(starts) + 2) * (height + 6) - 6)
    for pixel in range(size + 2 * padding):
        inside = padding <= pixel < padding + size
        look: dict[str, Any] = {"fill": True, "fc": INPUT} if inside else {"ls": ":"}
        drawing.box(pixel * cell, 0, cell, height, ec=INK, lw=1, **look)
    for number, start in enumerate(starts, 1):
        top = number * (height + 6)
        drawing.box((start + 0.5) * cell, top + height / 2, (span - 1) * cell, 0, ec=KERNEL, lw=1)
        for weight in range(kernel_size):
            x = (start + weight * dilation) * cell
            drawing.box(x + 1, top, cell - 2, height, fill=True, fc=KERNEL, lw=0)
        place = (start + (span - 1) / 2) * cell, (len(starts) + 1) * (height + 6), cell, height
        drawing.box(*place, ec=INK, lw=1, fill=True, fc=OUTPUT)
    return drawing


@drawn
def layers(
    named: Mapping[str, Tensor],
    seen: Mapping[str, tuple[Sequence[int], Box]] | None = None,
    *,
    arrows: bool = True,
    scale_of: str = "",
    classes: Sequence[str] = (),
) -> Drawing:
    """Show what goes through a model, from left to right: feature maps to scale, and vectors.

    Each stage has a scale of values of its own, unless `scale_of` is given. Up to ten values, such
    as scores, are bars, with their classes beside them, the one of the highest in bold.

    Args:
        named: Feature maps (1, C, H, W) or vectors (1, F) of one image, by the name of the layer
            that made them. What follows a comma in a name stands in a line of its own.
        seen: Regions to frame, by the name of the stage, each with the channels in which it lies.
        arrows: Whether each stage is made of the one before it.
        scale_of: What the values are: all stages then have one scale, with a bar of its colours.
        classes: The names of the classes; without them, they are counted from 0.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.plots import layers
        >>> layers({"maps": torch.zeros(1, 6, 26, 26)}).alt
        'maps: 6 maps of 26 by 26, values from 0.00 to 0.00'
    """
    return stages.draw_layers(named, seen or {}, arrows, scale_of, classes)


def _columns(count: int, longest: float, most: int) -> int:
    """Return how many images stand in a row: at most so many, all rows about alike.

    Args:
        count: Of all.
        longest: Width of the longest line of a title.
        most: How many there may be.
    """
    most = min(most, int((width() + GAP) / (longest + GAP)) or 1)
    return math.ceil(count / math.ceil(count / most))
