"""What the outputs of an operation see of the model's input, given what its inputs see.

There is a rule for each kind of operation. Where there is none, or it does not hold, what the
outputs see is unknown.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from cnn_tutorial.support.fields import Axis, Seen, Unknown, Window, joined
from cnn_tutorial.support.operation import Operation


def after(operation: Operation, seen: Sequence[Seen | None]) -> list[Seen | None]:
    """Return what each output of an operation sees, given what its inputs see."""
    unknown: list[Seen | None] = [None] * len(operation.outputs)
    rule = rule_of(operation)
    known = [s for s in seen if s is not None]
    if rule is None or len(known) < len(seen):
        return unknown
    try:
        return [*rule(operation, known), *unknown][: len(unknown)]
    except Exception:  # Unknown, or arguments in a form that the rule does not foresee
        return unknown


def _seen(axes: Iterable[Axis], alike: bool) -> Seen:
    rows, columns = axes
    return Seen((rows, columns), alike)


def _only(operation: Operation) -> Tensor:
    """Return the one tensor that an operation takes of the input."""
    if len(operation.inputs) > 1:
        raise Unknown
    return operation.inputs[0]


def _join(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """A function of values at the same positions sees what all of them see."""
    shape = operation.outputs[0].shape
    new = [len(shape) - x.ndim for x in operation.inputs]  # what broadcasting puts in front
    axes = [
        joined([s.axes[i].shifted(n) for s, n in zip(seen, new, strict=True)], shape)
        for i in (0, 1)
    ]
    return [_seen(axes, all(s.alike for s in seen))]


def _concatenate(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """Channels, one behind the other, see together what each of them sees."""
    tensors, shape = operation.values["tensors"], operation.outputs[0].shape
    dim = operation.values["dim"] % len(shape)
    axes, alike = [], all(s.alike for s in seen)
    for i in (0, 1):
        parts = [s.axes[i] for s in seen]
        if operation.name == "stack":  # in a new dimension
            parts = [a.shifted(int(a.dim is not None and a.dim >= dim)) for a in parts]
        elif any(part.dim == dim for part in parts):
            axes.append(_end_to_end(operation, parts, dim))
            continue
        elif any(axis.dim == dim for s in seen for axis in s.axes):
            raise Unknown
        axes.append(joined(parts, shape))
        same = all(torch.equal(part.sees, parts[0].sees) for part in parts)
        alike = alike and same and len(seen) == len(tensors)
    if dim == 0 and not alike:  # a convolution mixes channels, and not images
        raise Unknown
    return [_seen(axes, alike)]


def _end_to_end(operation: Operation, parts: list[Axis], dim: int) -> Axis:
    """Positions, one behind the other. A tensor that does not depend on the input sees nothing."""
    remaining = iter(parts)
    sees = []
    for x in operation.values["tensors"]:
        part = next(remaining) if operation.depends(x) else None
        if part and part.dim not in (dim, None):
            raise Unknown
        these = part.sees if part else torch.zeros_like(parts[0].regions[:1])
        sees.append(these.expand(x.shape[dim], -1))
    sizes = {part.window and part.window.size for part in parts}
    size = sizes.pop() if len(sizes) == 1 else None
    return Axis.of(dim, torch.cat(sees), Window(size, None, 0) if size else None)


def _slide(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """A convolution or a pooling sees a window of its inputs."""
    values, x, shape = operation.values, _only(operation), operation.outputs[0].shape
    weight = values.get("weight")
    if x.ndim != 4 or values.get("transposed"):
        raise Unknown
    kernel_size = values["kernel_size"] if weight is None else weight.shape[2:]
    stride, dilation = values["stride"] or kernel_size, values.get("dilation") or [1]
    axes = []
    for axis, dim in zip(seen[0].axes, (2, 3), strict=True):
        pairs = kernel_size, stride, values["padding"], dilation
        k, s, p, d = (pair[(dim - 2) % len(pair)] for pair in pairs)
        axes.append(_windows(axis, x, dim, shape[dim], k, s, p, d))
    all_channels = weight is not None and values["groups"] == 1
    return [_seen(axes, all_channels or seen[0].alike)]


def _windows(
    axis: Axis, x: Tensor, dim: int, count: int, k: int, s: int = 1, p: int = 0, d: int = 1
) -> Axis:
    """Return what `count` windows of `k` see, the first of which begins at `-p`."""
    if axis.dim != dim and (axis.dim is not None or x.shape[dim] != 1):
        raise Unknown
    axis = axis.settled()
    last = len(axis.order) - 1
    at = s * torch.arange(count)[:, None] - p + d * torch.arange(k)  # (count, k)
    inside = (at >= 0) & (at <= last)
    sees = (axis.sees[at.clamp(0, last)] & inside[..., None]).any(1)  # (count, pixels)
    window = None
    if axis.window and axis.window.stride is not None and axis.is_settled():
        step = axis.window.stride
        size = axis.window.size + d * (k - 1) * step
        window = Window(size, step * s, axis.window.start - p * step)
    return Axis.of(dim, sees, window)


def _adapt(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """A pooling to a given size sees windows, of one size if that divides the size before."""
    x, shape = _only(operation), operation.outputs[0].shape
    if x.ndim != 4:
        raise Unknown
    axes = []
    for axis, dim in zip(seen[0].axes, (2, 3), strict=True):
        n, count = x.shape[dim], shape[dim]
        if n % count == 0:
            axes.append(_windows(axis, x, dim, count, n // count, n // count))
        elif axis.dim == dim:
            parts = [axis.sees[i * n // count : -(-(i + 1) * n // count)] for i in range(count)]
            axes.append(Axis.of(dim, torch.stack([part.any(0) for part in parts])))
        else:
            raise Unknown
    return [_seen(axes, seen[0].alike)]


def _mix(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """A sum over dimensions, or a norm, sees all that is along them."""
    x, shape = _only(operation), operation.outputs[0].shape
    dims = _mixed_dims(operation)

    def mixed(axis: Axis) -> Axis:
        if axis.dim in dims:
            together = axis.together()
            if shape == x.shape:
                order = torch.ones_like(axis.order)
                return Axis(axis.dim, order, together.regions, None)
            return together
        gone = sum(d < axis.dim for d in dims) if axis.dim and len(shape) < x.ndim else 0
        return axis.shifted(-gone)

    return [_seen(map(mixed, seen[0].axes), seen[0].alike)]


def _mixed_dims(operation: Operation) -> set[int]:
    """Return over which dimensions a sum or a norm is taken."""
    name, values, ndim = operation.name, operation.values, _only(operation).ndim
    if name == "native_layer_norm":
        return set(range(ndim - len(values["normalized_shape"]), ndim))
    if name == "native_group_norm":
        return set(range(1, ndim))
    if "batch_norm" in name:  # it takes the mean of the batch when it learns, and if it kept none
        return set(range(ndim)) - {1} if values.get("training", False) else set()
    dims = values.get("dim")
    dims = [dims] if isinstance(dims, int) else dims or range(ndim)
    return {dim % ndim for dim in dims}


def _multiply(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """A product of matrices sees a row of the first, and a column of the second."""
    values, shape = operation.values, operation.outputs[0].shape
    first = values.get("mat1", values.get("batch1", values["self"]))
    second = values.get("mat2", values.get("batch2"))
    several = []
    for x, s in zip(operation.inputs, seen, strict=True):
        if x is first or x is second:
            summed = len(shape) - (1 if x is first else 2)
            several.append([axis.together() if axis.dim == summed else axis for axis in s.axes])
            if first is second:
                raise Unknown
        else:  # what is added
            several.append([axis.shifted(len(shape) - x.ndim) for axis in s.axes])
    axes = [joined(pair, shape) for pair in zip(*several, strict=True)]
    return [_seen(axes, all(s.alike for s in seen))]


def move(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """Values are moved, repeated or left out: do it to the numbers of what they see, and look."""
    x, outputs = _only(operation), operation.outputs
    if not seen[0].alike and any(y.numel() < x.numel() for y in outputs):
        raise Unknown  # who knows which of the values stay
    axes: list[list[Axis]] = []
    for axis in seen[0].axes:
        if axis.dim is None:
            axes.append([axis] * len(outputs))
            continue
        numbers = axis.order.float().view(-1, *[1] * (x.ndim - axis.dim - 1))
        moved = tree_leaves(operation.run_on(numbers.expand(x.shape).contiguous()))
        axes.append([_moved(axis, y) for y in moved])
        if not operation.func.is_view or outputs[0].numel() < x.numel():  # neighbours are parted
            axes[-1] = [a if a.is_settled() else a.without_stride() for a in axes[-1]]
    return [_seen(pair, seen[0].alike) for pair in zip(*axes, strict=True)]


def _moved(axis: Axis, numbers: Tensor) -> Axis:
    """Return an axis whose regions are now where their numbers are."""
    dim, order = None, numbers.flatten()[:1]
    if (numbers != order).any():
        # Of all dimensions, that along which they are in the same order everywhere. Where the other
        # axis has its padding, they may be 0.
        orders = [
            numbers.movedim(d, -1).reshape(-1, n).amax(0) for d, n in enumerate(numbers.shape)
        ]
        shaped = [o.view(-1, *[1] * (numbers.ndim - d - 1)) for d, o in enumerate(orders)]
        dim = max(range(numbers.ndim), key=lambda d: int((numbers == shaped[d]).sum()))
        order = orders[dim]
        if ((numbers != shaped[dim]) & (numbers != 0)).any():
            raise Unknown
    return axis._replace(dim=dim, order=order.long()).settled()


def _restride(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """Memory is looked at in another way: what that moves depends on how it was laid out."""
    if any(axis.dim is not None for axis in seen[0].axes):
        raise Unknown
    return seen


def _give_up(operation: Operation, seen: list[Seen]) -> list[Seen]:
    """Here there is no telling, though it costs no multiply-adds."""
    raise Unknown


Rule = Callable[[Operation, list[Seen]], list[Seen]]

_RULES: dict[Rule, str] = {
    _join: "clone _to_copy native_dropout lift_fresh hardswish floor_divide threshold "
    "_prelu_kernel log_sigmoid_forward",
    _concatenate: "cat stack",
    _slide: "convolution avg_pool2d max_pool2d_with_indices",
    _adapt: "_adaptive_avg_pool2d adaptive_max_pool2d",
    _mix: "mean sum prod amax amin max min argmax argmin any all var std var_mean logsumexp sort "
    "topk linalg_vector_norm _softmax _safe_softmax _log_softmax native_layer_norm "
    "native_group_norm native_batch_norm _native_batch_norm_legit cudnn_batch_norm "
    "_native_batch_norm_legit_no_training",
    _multiply: "mm addmm bmm baddbmm",
    move: "constant_pad_nd reflection_pad2d replication_pad2d upsample_nearest2d flip roll repeat "
    "index index_select im2col pixel_shuffle pixel_unshuffle channel_shuffle unsafe_split "
    "_unsafe_view",
    _restride: "as_strided",
    _give_up: "copy fill zero normal uniform upsample_bilinear2d upsample_bicubic2d max_unpool2d "
    "cumsum embedding col2im gather scatter scatter_add index_put",
}
_RULE_OF = {name: rule for rule, names in _RULES.items() for name in names.split()}


def rule_of(operation: Operation) -> Rule | None:
    """Return how to tell what an operation sees, or None if there is no rule for it."""
    if operation.name in _RULE_OF:
        return _RULE_OF[operation.name]
    if operation.func.is_view:
        return move
    overloads = getattr(torch.ops.aten, operation.name, None)  # not that which writes in place
    names = overloads.overloads() if overloads else []
    pointwise = any(torch.Tag.pointwise in getattr(overloads, name).tags for name in names)
    return _join if pointwise else None
