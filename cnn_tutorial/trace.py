"""The trace of a model: what each of its layers does to the shape, and what that costs."""

import copy
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from cnn_tutorial.shapes import Shape
from cnn_tutorial.support.calls import Call, Recorder
from cnn_tutorial.support.misfits import misfit
from cnn_tutorial.support.terminal import printable


class Row(NamedTuple):
    """One layer or function of a [`Trace`][cnn_tutorial.trace.Trace].

    Attributes:
        name: Its name in the model, such as `features.conv1`; that of a function comes after that
            of the module which calls it.
        kind: Its class, such as `Conv2d`; or the function, such as `F.relu`.
        input_shape: Shape of what came in.
        output_shape: Shape of what went out.
        parameters: Number of its weights and biases.
        multiply_adds: Number of its multiplications, each with an addition, for the whole batch.
        all_counted: Whether these are all; if not, it does more that nobody has counted.
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
    all_counted: bool
    receptive_field: tuple[int, ...] | None
    field_stride: tuple[int, ...] | None


@dataclass(frozen=True)
class Trace:
    """What a model ran, in that order: a sequence of rows that prints as a table.

    Attributes:
        input_shape: Shape of the model's input, `(N, C, H, W)`.
        rows: One row a layer or function.
        parameters: Number of the model's parameters; those of a layer that ran twice count once.
    """

    input_shape: Shape
    rows: tuple[Row, ...]
    parameters: int

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of all layers, for the whole batch."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def all_counted(self) -> bool:
        """Whether these are all; if not, the table says "at least"."""
        return all(row.all_counted for row in self.rows)

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
            counts = f"{row.parameters:,}", _count(row.multiply_adds, row.all_counted)
            field = "×".join(map(str, row.receptive_field or "–"))
            stride = "×".join(map(str, row.field_stride or "–"))
            lines.append((row.name, row.kind, str(row.output_shape), *counts, field, stride))
        total = _count(self.multiply_adds, self.all_counted)
        lines.append(("total", "", "", f"{self.parameters:,}", total, "", ""))
        return lines


def _count(multiply_adds: int, all_counted: bool) -> str:
    return f"{'' if all_counted else 'at least '}{multiply_adds:,}"


def _html_row(cells: list[str], shape: str = "") -> str:
    """Return a row of the table: a name, a kind, a shape with a class, four numbers."""
    name, kind, size, *numbers = cells
    colored = f'<td class="{shape}">{size}</td>' if shape else f"<td>{size}</td>"
    counts = "".join(f'<td class="number">{number}</td>' for number in numbers)
    return f'<tr><th scope="row">{name}</th><td>{kind}</td>{colored}{counts}</tr>'


def trace(model: nn.Module, x: Tensor) -> Trace:
    """Run `model` on `x` once and write down what each layer and function does to the shape.

    A layer is a module of `torch.nn`, or any other without modules inside. A function, such as
    `F.relu`, has a row if it runs outside of layers and makes a tensor of one that depends on `x`.
    So the last row is the model's output. The model runs in evaluation mode without gradients, and
    is left as it was.

    Multiply-adds count each weight and each bias once for every output that it adds to, as
    torchinfo does, and products of activations, as in attention. Additions, means and activations
    count 0.

    A window of `k` elements adds `(k − 1) · dilation` steps of the current field stride to the
    receptive field, and its own stride multiplies the field stride (Araujo, Norris and Sim,
    "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019): so it is given
    for the middle of an image that is large enough. Where two paths join, it holds both their
    regions. What sees all positions, such as a `Linear` layer on flattened images, sees what any of
    them sees: the input, less what strides have left out at its border.

    Args:
        model: Any module that takes a batch of images.
        x: The batch, `(N, C, H, W)`.

    Raises:
        TypeError: If `x` is not a tensor, or the model takes more than that, or is compiled.
        ValueError: If `x` does not have four dimensions, or the output is made outside of PyTorch.
        RuntimeError: If what arrives at a layer does not fit it: with the numbers that would.

    Examples:
        >>> import torch
        >>> from torch import nn
        >>> from cnn_tutorial.trace import trace
        >>> model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.MaxPool2d(2))
        >>> for row in trace(model, torch.zeros(1, 1, 28, 28)):
        ...     print(row.kind, row.output_shape, row.parameters, row.receptive_field)
        Conv2d (1, 6, 26, 26) 60 (3, 3)
        MaxPool2d (1, 6, 13, 13) 0 (4, 4)
    """
    _check_input(model, x)
    with torch.inference_mode(False):  # there, operations would not be seen one by one
        if any(isinstance(p, UninitializedParameter) for p in model.parameters()):
            model = _settled(model, x)
        x = x.detach().clone()  # a model may write into it
        recorder = Recorder(model, x)
        try:
            recorder.run(x)
        except (RuntimeError, ValueError, IndexError) as error:
            call, cause = recorder.failed or (None, None)
            if call is None or cause is not error:  # it is not about a tensor
                raise
            raise RuntimeError(misfit(call, error)) from error
    rows = tuple(map(_row, recorder.calls))
    return Trace(tuple(x.shape), rows, sum(p.numel() for p in model.parameters()))


def _settled(model: nn.Module, x: Tensor) -> nn.Module:
    """Return a copy of a model whose lazy layers have run once, and so have their shapes."""
    model = copy.deepcopy(model).eval()
    with torch.random.fork_rng(), torch.no_grad():
        model(x)
    return model


def _check_input(model: nn.Module, x: Tensor) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor (N, C, H, W); got {type(x).__name__}")
    if x.ndim != 4:
        hint = {
            2: ": for one grey image, take x[None, None]",
            3: ": for one image (C, H, W), take x.unsqueeze(0); for grey ones (N, H, W), "
            "x.unsqueeze(1)",
        }.get(x.ndim, "")
        raise ValueError(
            f"x must have four dimensions (N, C, H, W); got shape {tuple(x.shape)}{hint}"
        )
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise TypeError("trace cannot look into what torch.jit has compiled: trace it before that")
    try:
        inspect.signature(model.forward).bind(x)
    except TypeError as error:
        raise TypeError(
            f"trace runs a model on one batch, but {type(model).__name__}.forward takes "
            f"{inspect.signature(model.forward)}: put it into a module whose forward takes one"
        ) from error


def _row(call: Call) -> Row:
    """Return a call as a row of the table."""
    axes = call.seen.axes if call.seen else ()
    sizes, strides = [axis.size for axis in axes], [axis.stride for axis in axes]
    assert call.output is not None
    return Row(
        name=call.name,
        kind=call.kind,
        input_shape=tuple(call.inputs[0].shape),
        output_shape=tuple(call.output.shape),
        parameters=sum(p.numel() for p in call.parameters),
        multiply_adds=call.multiply_adds,
        all_counted=call.all_counted,
        receptive_field=_known(sizes),
        field_stride=_known(strides),
    )


def _known(pair: Sequence[int | None]) -> tuple[int, ...] | None:
    """Return a height and a width, or None if one of them is unknown."""
    known = tuple(n for n in pair if n is not None)
    return known if len(known) == 2 else None
