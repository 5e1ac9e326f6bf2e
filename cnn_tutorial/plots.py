"""The figures of the pages: each a drawing with its alt text, both made from the tensors shown.

One colour means one thing in all of them: `INPUT`, `KERNEL` and `OUTPUT`. Values are grey from
black (lowest) to white (highest); where some are negative, blue is below zero and red above it.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib import figure
from matplotlib.patches import Rectangle
from torch import Tensor

INPUT = "#3b8bd4"
KERNEL = "#e07b00"
OUTPUT = "#159a72"
LINES = ("#8a6fd8", "#c8558f", "#8c8a1c", "#808792")  # of plots, where no line is one of the three
INK = "#123456"  # stands for the colour of the text around the figure: currentColor in the SVG
STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 13,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "cnn_tutorial",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
WIDTH = 560  # on a phone, the text of a wider figure would be too small to read
LINE = 22  # height of a line of text
GAP = 10  # between neighbours

Box = tuple[int, int, int, int]
"""Row, column, height and width of a region of a matrix."""


class Figure(figure.Figure):
    """A figure that notebooks show as SVG. Lengths are CSS pixels, the origin is at the top left.

    Attributes:
        alt: What is seen, in words.
    """

    def __init__(self, width: float, height: float, alt: str) -> None:
        """Make an empty figure."""
        super().__init__(figsize=(width / 72, height / 72), dpi=72)
        self.alt = alt
        self.page = self.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        self.page.set_axis_off()

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text, centred at a point unless the style says otherwise."""
        self.page.text(x, y, text, **({"ha": "center", "va": "center", "color": INK} | style))

    def box(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """Draw a rectangle, without filling unless the style says otherwise."""
        self.page.add_patch(Rectangle((x, y), width, height, **({"fill": False, "lw": 2} | style)))

    def paint(
        self, x: float, y: float, size: float, matrix: Tensor, low: float, high: float
    ) -> None:
        """Paint the values of a matrix (H, W), `size` pixels each, between two limits."""
        height, width = (size * n for n in matrix.shape)
        if low < 0:
            low, high, colours = -max(-low, high), max(-low, high), "RdBu_r"
        else:
            colours = "gray"
        self.page.imshow(
            matrix.detach().cpu().numpy(),
            cmap=colours,
            vmin=low,
            vmax=high,
            extent=(x, x + width, y + height, y),
            interpolation="none",
            aspect="auto",
        )
        self.page.set(xlim=(0, self.bbox.width), ylim=(self.bbox.height, 0))

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
        """Return the SVG and, as its metadata, the alt text and the size."""
        file = io.StringIO()
        with mpl.rc_context(STYLE):
            self.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        svg = file.getvalue().replace(INK, "currentColor").replace("'DejaVu Sans'", "system-ui")
        svg = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', svg, count=2)
        width, height = round(self.bbox.width), round(self.bbox.height)
        about = {"alt": self.alt, "width": width, "height": height}
        return {"image/svg+xml": svg[svg.index("<svg") :]}, {"image/svg+xml": about}


@mpl.rc_context(STYLE)
def images(
    x: Tensor,
    titles: Sequence[object] = (),
    *,
    columns: int = 5,
    boxes: Sequence[Box] = (),
    color: str = KERNEL,
) -> Figure:
    """Show images or feature maps beside each other, all on the same scale.

    Args:
        x: One matrix each, (N, H, W) or (N, 1, H, W).
        titles: What stands above each, from the first on.
        columns: How many stand in a row.
        boxes: Regions to frame, the same in each.
        color: Colour of the frames.
    """
    maps = x.detach().flatten(0, -3)  # (N, H, W)
    height, width = maps.shape[-2:]
    columns = min(columns, len(maps))
    scale = min((WIDTH - GAP * (columns - 1)) / columns, 180) / width
    step_x, step_y = scale * width + GAP, scale * height + GAP + (LINE if titles else 0)
    low, high = float(maps.min()), float(maps.max())
    texts = [str(title) for title in titles]
    alt = f"{len(maps)} {'images' if len(maps) > 1 else 'image'} of {height} by {width} values "
    alt += f"from {low:.2f} to {high:.2f}" + (f": {', '.join(texts)}" if texts else "")
    for top, left, rows, cols in boxes:
        alt += f"; a frame around {rows} by {cols} values from row {top}, column {left}"
    rows = -(-len(maps) // columns)
    drawing = Figure(columns * step_x - GAP, rows * step_y - GAP, alt)
    for number, matrix in enumerate(maps):
        x0, y0 = number % columns * step_x, number // columns * step_y + (LINE if titles else 0)
        if number < len(texts):
            drawing.write(x0 + scale * width / 2, y0 - LINE / 2, texts[number])
        drawing.paint(x0, y0, scale, matrix, low, high)
        for box in boxes:
            row, column, box_height, box_width = (scale * n for n in box)
            drawing.box(x0 + column, y0 + row, box_width, box_height, color=color)
    return drawing


@mpl.rc_context(STYLE)
def matrices(
    named: Mapping[str, Tensor], signs: str = "", *, colors: Sequence[str] = (), digits: int = 2
) -> Figure:
    """Write out small matrices beside each other, such as a window, a kernel and their products.

    Args:
        named: Matrices (H, W) by what stands above them.
        signs: One character between each and the next, such as `×=`.
        colors: Colour of the frame of each; without it, the first is an input, the last an output
            and those between are kernels.
        digits: Decimals.
    """
    colors = colors or [INPUT, *[KERNEL] * (len(named) - 2), OUTPUT]
    texts = {name: [[f"{v:z.{digits}f}" for v in row] for row in m] for name, m in named.items()}
    longest = max(len(text) for rows in texts.values() for row in rows for text in row)
    columns = sum(matrix.shape[1] for matrix in named.values())
    gap = 30
    cell = min(longest * 8 + 12, (WIDTH - gap * (len(named) - 1)) / columns)
    height = cell * max(len(matrix) for matrix in named.values())
    alt = "; ".join(
        f"{name}, {len(rows)} by {len(rows[0])}: " + " / ".join(" ".join(row) for row in rows)
        for name, rows in texts.items()
    )
    drawing = Figure(cell * columns + gap * (len(named) - 1), height + LINE + 4, alt)
    left = 0.0
    for number, (name, matrix) in enumerate(named.items()):
        rows, cols = matrix.shape
        top = LINE + (height - cell * rows) / 2
        drawing.write(left + cell * cols / 2, top - LINE / 2 - 1, name)
        for i in range(rows):
            for j in range(cols):
                x, y = left + cell * j, top + cell * i
                drawing.box(x, y, cell, cell, color=INK, lw=0.5, alpha=0.5)
                size = min(13, cell / longest * 1.5)
                drawing.write(x + cell / 2, y + cell / 2, texts[name][i][j], size=size)
        drawing.box(left + 1, top + 1, cell * cols - 2, cell * rows - 2, color=colors[number])
        left += cell * cols
        if number < len(signs):
            drawing.write(left + gap / 2, LINE + height / 2, signs[number], size=20)
        left += gap
    return drawing


@mpl.rc_context(STYLE)
def slide(
    x: Tensor, feature_map: Tensor, row: int, column: int, *, kernel_size: int, stride: int = 1
) -> Figure:
    """Show an input beside its output: the window at one position, and the value that it makes.

    Args:
        x: The input, (H, W).
        feature_map: What a convolution or pooling without padding makes of it, (H', W').
        row: Row of the output.
        column: Column of the output.
        kernel_size: Height and width of the window.
        stride: Pixels from one window to the next.
    """
    x, feature_map = x.detach(), feature_map.detach()
    scale = (WIDTH - 40) / (x.shape[1] + feature_map.shape[1])
    top, left = row * stride, column * stride
    value = float(feature_map[row, column])
    alt = (
        f"Input of {x.shape[0]} by {x.shape[1]} with a frame around the {kernel_size} by "
        f"{kernel_size} window at row {top}, column {left}; an arrow to row {row}, column {column} "
        f"of the output of {feature_map.shape[0]} by {feature_map.shape[1]}, which is {value:.2f}"
    )
    drawing = Figure(WIDTH, LINE + scale * max(len(x), len(feature_map)) + 2, alt)
    right = scale * x.shape[1] + 40
    sides = ("input", 0, x, INPUT), ("output", right, feature_map, OUTPUT)
    for name, start, matrix, color in sides:
        size = "×".join(map(str, matrix.shape))
        middle = start + scale * matrix.shape[1] / 2
        drawing.paint(start, LINE, scale, matrix, float(matrix.min()), float(matrix.max()))
        drawing.write(middle, LINE / 2, f"{name} {size}", color=color, size=16)
    window = scale * kernel_size
    drawing.box(scale * left, LINE + scale * top, window, window, color=KERNEL)
    drawing.box(right + scale * column, LINE + scale * row, scale, scale, color=OUTPUT)
    drawing.page.annotate(
        "",
        (right + scale * column, LINE + scale * (row + 0.5)),
        (scale * left + window, LINE + scale * top + window / 2),
        arrowprops={"arrowstyle": "->", "color": KERNEL, "lw": 1.5},
    )
    return drawing


@mpl.rc_context(STYLE)
def windows(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Figure:
    """Show along one axis where each window of a convolution lies, a row each.

    Args:
        size: Pixels of the input.
        kernel_size: Weights of the kernel.
        stride: Pixels from one window to the next.
        padding: Pixels added on each side.
        dilation: Pixels from one weight to the next.
    """
    span = dilation * (kernel_size - 1) + 1
    starts = range(0, size + 2 * padding - span + 1, stride)
    cell = min(36, (WIDTH - 2) / (size + 2 * padding))
    unread = size + padding - (starts[-1] + span)
    alt = (
        f"A row of {size} pixels"
        + (f" with {padding} of padding on each side" if padding else "")
        + f"; below it {len(starts)} windows of {kernel_size} weights that span {span} pixels, "
        f"each starting {stride} after the one before"
        + (f"; no window reads the last {unread}" if unread > 0 else "")
    )
    drawing = Figure(cell * (size + 2 * padding) + 2, (len(starts) + 1) * (cell * 0.6 + 6) + 8, alt)
    height = cell * 0.6
    for pixel in range(size + 2 * padding):
        inside = padding <= pixel < padding + size
        style: dict[str, Any] = {"fill": True, "fc": INPUT} if inside else {"ls": ":"}
        drawing.box(1 + pixel * cell, 1, cell, height, ec=INK, lw=1, **style)
    for number, start in enumerate(starts, 1):
        top = 6 + number * (height + 6)
        drawing.box(1 + start * cell, top + height / 2, span * cell, 0, ec=KERNEL, lw=1)
        for weight in range(kernel_size):
            x = 1 + (start + weight * dilation) * cell
            drawing.box(x + 2, top, cell - 4, height, fill=True, fc=KERNEL, lw=0)
    return drawing


@mpl.rc_context(STYLE)
def layers(named: Mapping[str, Tensor]) -> Figure:
    """Show what goes through a model as stacks of sheets, one sheet a channel.

    Each stack has a scale of values of its own.

    Args:
        named: Feature maps (1, C, H, W) of one image, by the name of the layer that made them.
    """
    named = {name: x.detach() for name, x in named.items()}
    columns = min(len(named), 4)
    step = WIDTH / columns
    scale = 0.62 * step / max(x.shape[-1] for x in named.values())
    scales = [max(scale, 8 / x.shape[-1]) for x in named.values()]  # sheets of 1×1 are seen too
    shifts = [min(8.0, 0.5 * step / x.shape[1]) for x in named.values()]  # from sheet to sheet
    heights = [
        2 * LINE + scale * x.shape[2] + shift * (x.shape[1] - 1) + GAP
        for x, scale, shift in zip(named.values(), scales, shifts, strict=True)
    ]
    rows = [max(heights[n : n + columns]) for n in range(0, len(heights), columns)]
    alt = "; then ".join(
        f"{name}: {x.shape[1]} {'sheets' if x.shape[1] > 1 else 'sheet'} of "
        f"{x.shape[2]} by {x.shape[3]}, values from {x.min():.2f} to {x.max():.2f}"
        for name, x in named.items()
    )
    drawing = Figure(WIDTH, sum(rows), alt)
    for number, (name, x) in enumerate(named.items()):
        left, top = number % columns * step, sum(rows[: number // columns]) + 2 * LINE
        drawing.write(left + step / 2, top - 1.5 * LINE, name, weight="bold")
        drawing.write(left + step / 2, top - 0.6 * LINE, str(tuple(x.shape)))
        scale, shift, color = scales[number], shifts[number], INPUT if number == 0 else OUTPUT
        width = scale * x.shape[3] + shift * (x.shape[1] - 1)
        for sheet, matrix in enumerate(x[0]):  # (H, W)
            corner = left + (step - width) / 2 + shift * sheet, top + shift * sheet
            drawing.paint(*corner, scale, matrix, float(x.min()), float(x.max()))
            drawing.box(*corner, scale * x.shape[3], scale * x.shape[2], color=color, lw=shift / 8)
    return drawing


@mpl.rc_context(STYLE)
def curves(
    x: Sequence[float], named: Mapping[str, Sequence[float]], xlabel: str, ylabel: str
) -> Figure:
    """Plot lines over a common axis, with their names above.

    Args:
        x: Where the values stand.
        named: The values of each line, by its name.
        xlabel: What `x` is, with its unit.
        ylabel: What the values are, with their unit.
    """
    alt = f"{ylabel} over {xlabel}. " + "; ".join(
        f"{name}: from {values[0]:.3g} at {x[0]:g} to {values[-1]:.3g} at {x[-1]:g}, "
        f"lowest {min(values):.3g}, highest {max(values):.3g}"
        for name, values in named.items()
    )
    drawing = Figure(440, 280, alt)  # narrow, for phones to shrink its text little
    axes = drawing.add_axes((0.16, 0.17, 0.8, 0.73), xlabel=xlabel, ylabel=ylabel)
    for number, (name, values) in enumerate(named.items()):
        axes.plot(x, values, color=LINES[number % 4], lw=2, label=name)
    if len(named) > 1:
        axes.legend(loc=(0, 1), ncols=4, columnspacing=1, handlelength=1)
    if len(x) < 10:
        axes.set_xticks(x)
    return drawing
