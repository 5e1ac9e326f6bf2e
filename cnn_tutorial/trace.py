"""The trace of a model: what each of its layers does to the shape, and what that costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cnn_tutorial.shapes import Shape, as_pair
from cnn_tutorial.support.terminal import printable


class Row(NamedTuple):
    """One layer of a [`Trace`][cnn_tutorial.trace.Trace].

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
        rule = "─" * len(header)
        return printable("\n".join([header, rule, *body, rule, total]))

    def _repr_html_(self) -> str:
        header, first, *body, total = [[escape(cell) for cell in line] for line in self._table()]
        colors = ["", "", "output", "kernel number", "number", "number", "number"]
        head = "".join(
            f'<th scope="col" class="{color}">{cell}</th>'
            for cell, color in zip(header, colors, strict=True)
        ).replace(' class=""', "")
        return (
            "<table>\n<caption>Shape, cost and receptive field after each layer</caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
            + "\n".join([_html_row(first, shape="input"), *map(_html_row, body)])
            + f"\n</tbody>\n<tfoot>{_html_row(total)}</tfoot>\n</table>"
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


def _html_row(cells: list[str], shape: str = "") -> str:
    """Return a row of the table: a name, a kind, a shape with a class, four numbers."""
    name, kind, size, *numbers = cells
    colored = f'<td class="{shape}">{size}</td>' if shape else f"<td>{size}</td>"
    counts = "".join(f'<td class="number">{number}</td>' for number in numbers)
    return f'<tr><th scope="row">{name}</th><td>{kind}</td>{colored}{counts}</tr>'


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
        padding = as_pair("padding", 0 if word else settings["padding"], 0)
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
