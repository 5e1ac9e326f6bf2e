"""What a layer does to a shape: output sizes, and the trace of a model layer by layer."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

IntOrPair = int | tuple[int, int]
"""One number for both axes, or a pair `(height, width)`."""

Shape = tuple[int, ...]
"""Sizes in PyTorch's order, such as `(N, C, H, W)`."""


def as_pair(name: str, value: IntOrPair) -> tuple[int, int]:
    """Return a parameter as a pair `(height, width)`: an int stands for both.

    Args:
        name: Name of the parameter. `padding` may be 0; all others are at least 1.
        value: An int, or a tuple, list or `torch.Size` of two ints.

    Raises:
        TypeError: If `value` is neither an int nor a pair of ints.
        ValueError: If an int is too small.
    """
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    minimum = 0 if name == "padding" else 1
    meaning = "the number of pixels added on each side, " if name == "padding" else ""
    allowed = f"{meaning}an int or a pair (height, width) of ints, each at least {minimum}"
    # A bool is an int to Python, but True pixels are a mistake.
    if len(pair) != 2 or any(isinstance(n, bool) or not isinstance(n, int) for n in pair):
        raise TypeError(f"{name} must be {allowed}; got {value!r}")
    if min(pair) < minimum:
        raise ValueError(f"{name} must be {allowed}; got {value!r}")
    return pair[0], pair[1]


def conv_output_size(
    size: IntOrPair,
    kernel_size: IntOrPair,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
) -> tuple[int, int]:
    """Return the height and width that a convolution makes of an input.

    Args:
        size: Height and width of the input, in pixels.
        kernel_size: Height and width of the kernel, in weights.
        stride: Pixels from one window to the next.
        padding: Pixels added on each side of the input.
        dilation: Pixels from one weight of the kernel to the next; 1 is ordinary.

    Raises:
        TypeError: If a parameter is neither an int nor a pair of ints.
        ValueError: If a parameter is too small, or the kernel larger than the padded input.
    """
    return _output_size(size, kernel_size, stride, padding, dilation)


def pool_output_size(
    size: IntOrPair,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    *,
    ceil_mode: bool = False,
) -> tuple[int, int]:
    """Return the height and width that a pooling layer makes of an input.

    Args:
        size: Height and width of the input, in pixels.
        kernel_size: Height and width of the window, in pixels.
        stride: Pixels from one window to the next; by default the windows lie side by side.
        padding: Pixels added on each side of the input, at most half of the window.
        dilation: Pixels from one element of the window to the next; 1 is ordinary.
        ceil_mode: Whether a last window may run over the edge, if it does not start beyond it.

    Raises:
        TypeError: If a parameter is neither an int nor a pair of ints.
        ValueError: If a parameter is too small, the padding more than half of the window, or the
            window larger than the padded input.
    """
    pairs = as_pair("padding", padding), as_pair("kernel_size", kernel_size)
    if any(p > k // 2 for p, k in zip(*pairs, strict=True)):
        raise ValueError(
            "padding must be at most half of kernel_size, rounded down; "
            f"got padding {padding!r} and kernel_size {kernel_size!r}"
        )
    stride = kernel_size if stride is None else stride
    return _output_size(size, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)


def _output_size(*parameters: IntOrPair, ceil_mode: bool = False) -> tuple[int, int]:
    """Return how many windows fit down and across: ⌊(size + 2·padding − span) / stride⌋ + 1."""
    pairs = map(as_pair, ("size", "kernel_size", "stride", "padding", "dilation"), parameters)
    counts = []
    for axis, (n, k, s, p, d) in zip(("height", "width"), zip(*pairs, strict=True), strict=True):
        span = d * (k - 1) + 1  # pixels from the first to the last of a window
        overhang = s - 1 if ceil_mode else 0  # turns the floor into a ceiling
        count = (n + 2 * p - span + overhang) // s + 1
        if ceil_mode and (count - 1) * s >= n + p:  # the last window would start past the input
            count -= 1
        if count < 1:
            raise ValueError(
                f"kernel_size {k} with dilation {d} spans {span} pixels of the {axis}, but size "
                f"{n} with padding {p} on each side has {n + 2 * p}: the output would be empty; "
                f"a span of at most {n + 2 * p + overhang} is allowed"
            )
        counts.append(count)
    return counts[0], counts[1]


class Row(NamedTuple):
    """One layer of a [`Trace`][cnn_tutorial.shapes.Trace].

    Attributes:
        name: Its name in the model, such as `features.conv1`.
        kind: Its class, such as `Conv2d`.
        input_shape: Shape of what came in.
        output_shape: Shape of what went out.
        parameters: Number of its weights and biases.
        multiply_adds: Number of its multiplications, each with an addition, for the whole batch.
        receptive_field: Height and width, in pixels of the model's input, of the region that one
            output depends on; None where unknown.
        field_stride: Pixels of the model's input from the region of one output to that of its
            neighbour, down and to the right; None where unknown, or where there is one region.
    """

    name: str
    kind: str
    input_shape: Shape
    output_shape: Shape
    parameters: int
    multiply_adds: int
    receptive_field: tuple[int, ...] | None
    field_stride: tuple[int, ...] | None


@dataclass(frozen=True)
class Trace:
    """The layers of a model in the order they ran: a sequence of rows that prints as a table.

    Attributes:
        input_shape: Shape of the model's input, `(N, C, H, W)`.
        rows: One row a layer.
        parameters: Number of the model's parameters; those of a layer that ran twice count once.
    """

    input_shape: Shape
    rows: tuple[Row, ...]
    parameters: int

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of all layers, for the whole batch."""
        return sum(row.multiply_adds for row in self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    def __str__(self) -> str:
        table = self._table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        align = "<<<>>>>"  # names and shapes to the left, numbers to the right
        header, *body, total = (
            "  ".join(f"{c:{a}{w}}" for c, a, w in zip(line, align, widths, strict=True)).rstrip()
            for line in table
        )
        return "\n".join([header, "─" * len(header), *body, "─" * len(header), total])

    def _repr_html_(self) -> str:
        header, *lines = [[escape(cell) for cell in line] for line in self._table()]
        head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
        *body, foot = (
            f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{c}</td>" for c in cells) + "</tr>"
            for name, *cells in lines
        )
        return (
            "<table>\n<caption>Shape, cost and receptive field after each layer</caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
            + "\n".join(body)
            + f"\n</tbody>\n<tfoot>{foot}</tfoot>\n</table>"
        )

    def _table(self) -> list[tuple[str, ...]]:
        """Return the cells of the table: a header, the input, one line a layer, the total."""
        columns = "Layer|Kind|Output shape|Parameters|Multiply-adds|Receptive field|Field stride"
        lines: list[tuple[str, ...]] = [
            tuple(columns.split("|")),
            ("input", "", str(self.input_shape), "", "", "1×1", "1×1"),
        ]
        for row in self.rows:
            counts = f"{row.parameters:,}", f"{row.multiply_adds:,}"
            field = "×".join(map(str, row.receptive_field or "–"))
            stride = "×".join(map(str, row.field_stride or "–"))
            lines.append((row.name, row.kind, str(row.output_shape), *counts, field, stride))
        lines.append(("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}", "", ""))
        return lines


class _Field(NamedTuple):
    """Where the outputs of a chain of layers look along one axis of its input, in pixels."""

    size: int  # of the region that one output sees
    stride: int  # from that region to the next; 0 if there is only one
    start: int  # where the first region starts, below 0 in the padding
    end: int  # where the last region ends, within the input


# Layers whose outputs see what their inputs see.
_ELEMENTWISE = (
    nn.Identity | nn.Flatten | nn.Dropout | nn.Dropout2d | nn.BatchNorm2d
    | nn.ReLU | nn.LeakyReLU | nn.ELU | nn.GELU | nn.SiLU | nn.Sigmoid | nn.Tanh
)  # fmt: skip


def _fields_after(fields: list[_Field], layer: nn.Module, output_shape: Shape) -> list[_Field]:
    """Return the fields down and across after `layer`, or none where they are unknown."""
    if isinstance(layer, _ELEMENTWISE):
        return fields
    after = []
    if isinstance(layer, nn.Linear) and len(output_shape) == 2:
        after = [_Field(field.end, 0, 0, field.end) for field in fields]  # all regions at once
    elif isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        settings = vars(layer)
        kernel_size = as_pair("kernel_size", settings["kernel_size"])
        stride = as_pair("stride", settings["stride"])
        dilation = as_pair("dilation", settings.get("dilation", 1))
        word = layer.padding if isinstance(layer.padding, str) else None  # "same" or "valid"
        padding = as_pair("padding", 0 if word else settings["padding"])
        windows = zip(kernel_size, stride, padding, dilation, output_shape[2:], strict=True)
        for field, (k, s, p, d, count) in zip(fields, windows, strict=False):
            reach = d * (k - 1)  # pixels from the first to the last of a window
            start = field.start - (reach // 2 if word == "same" else p) * field.stride
            size, step = field.size + reach * field.stride, field.stride * s
            end = min(start + (count - 1) * step + size, field.end)
            after.append(_Field(size, step, start, end))
    return after


def trace(model: nn.Module, x: Tensor) -> Trace:
    """Run `model` on `x` once and write down what each of its layers does to the shape.

    A layer is a module without modules inside; what `forward` computes without a module is not
    seen. The model runs in evaluation mode without gradients, and is left as it was.

    Multiply-adds count each weight and each bias of a `Conv2d` or `Linear` layer once for every
    output position of every image, as torchinfo does; other layers count 0.

    The receptive field is that of a chain, each layer fed by the one before. A window of `k`
    elements adds `(k − 1) · dilation` steps of the current field stride, and its own stride
    multiplies the field stride (Araujo, Norris and Sim, "Computing Receptive Fields of
    Convolutional Neural Networks", Distill, 2019). A `Linear` layer on flattened images sees what
    any position before it sees: the whole input, less the last rows and columns that strides have
    dropped. After a layer of unknown kind, or one that is not fed the shape that the layer before
    it made, the field is None.

    Args:
        model: Any module that takes a batch of images.
        x: The batch, `(N, C, H, W)`.

    Raises:
        TypeError: If `x` is not a tensor, or a layer does not take one tensor and return one.
        ValueError: If `x` does not have four dimensions.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor (N, C, H, W); got {type(x).__name__}")
    if x.ndim != 4:
        raise ValueError(f"x must have four dimensions (N, C, H, W); got shape {tuple(x.shape)}")

    names = {module: name for name, module in model.named_modules()}
    fields = [_Field(1, 1, 0, pixels) for pixels in x.shape[2:]]
    shape = tuple(x.shape)
    rows = []
    for layer, input_shape, output_shape in _run(model, x):
        if input_shape not in (shape, (*shape[:1], prod(shape[1:]))):  # as it was, or flattened
            fields = []
        shape = output_shape
        fields = _fields_after(fields, layer, shape)
        parameters = sum(p.numel() for p in layer.parameters())
        positions = 0
        if isinstance(layer, nn.Conv2d):
            positions = prod(shape) // shape[1]  # N · H · W
        elif isinstance(layer, nn.Linear):
            positions = prod(shape[:-1])  # N
        kind = type(layer).__name__
        size = tuple(field.size for field in fields) or None
        stride = tuple(field.stride for field in fields if field.stride) or None
        costs = parameters, parameters * positions
        rows.append(Row(names[layer] or kind, kind, input_shape, shape, *costs, size, stride))
    return Trace(tuple(x.shape), tuple(rows), sum(p.numel() for p in model.parameters()))


def _run(model: nn.Module, x: Tensor) -> list[tuple[nn.Module, Shape, Shape]]:
    """Return each layer that ran, with the shapes of its input and output, in order."""
    calls = []

    def record(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if len(inputs) != 1 or not isinstance(inputs[0], Tensor) or not isinstance(output, Tensor):
            raise TypeError(f"layer {layer} must take one tensor and return one")
        calls.append((layer, tuple(inputs[0].shape), tuple(output.shape)))

    training = {module: module.training for module in model.modules()}
    layers = [module for module in model.modules() if not list(module.children())]
    hooks = [layer.register_forward_hook(record) for layer in layers]
    try:
        model.eval()
        with torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training.items():
            module.training = mode
    return calls
