"""What to say when what arrives at a layer does not fit it: what it takes, and what would fit."""

from math import prod

from torch import Tensor, nn

from cnn_tutorial.shapes import conv_output_size, pool_output_size
from cnn_tutorial.support.calls import Call


def misfit(call: Call, error: Exception) -> str:
    """Return what is wrong with what arrived at a call, and how to mend it.

    Args:
        call: The layer or function that failed, or whatever ran last before.
        error: What PyTorch said. It is repeated where there is nothing better to say.
    """
    layer, x = call.module, call.inputs[0]
    arrived = f"arrived from {call.sources[0]}"
    weight = next(layer.parameters(), None) if layer else None
    said = None
    if weight is not None and weight.dtype != x.dtype:
        said = f"takes {weight.dtype}; {x.dtype} {arrived}: make it x.to({weight.dtype})"
    elif weight is not None and weight.device != x.device:
        said = f"is on {weight.device}; what {arrived} is on {x.device}: move one to the other"
    elif isinstance(layer, nn.Linear):
        said = _features(layer, x, arrived)
    elif isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
        said = _channels(layer, x, arrived)
    if said is None and (_is_empty(layer, x) or "too small" in str(error)):
        said = (
            f"has no room for its window in {tuple(x.shape)}, which {arrived}: take a smaller one, "
            "leave it out, or begin with larger images"
        )
    if said is None:
        pairs = zip(call.inputs, call.sources, strict=True)
        given = " and ".join(f"{tuple(y.shape)} from {source}" for y, source in pairs)
        said = f"failed on {given}: {str(error).splitlines()[0]}"
    return f"{call.name} ({call.kind}) {said}"


def _features(layer: nn.Linear, x: Tensor, arrived: str) -> str | None:
    """Return what to say if a linear layer is given another number of features than it takes."""
    takes, shape = layer.in_features, tuple(x.shape)
    features = prod(shape[1:])
    if shape[-1] == takes:
        return None
    if len(shape) == 2 and prod(shape) != takes:
        hint = f"make it nn.Linear({features}, ...)"
        return f"takes {takes} features; {features} {arrived}: {hint}"
    if len(shape) <= 2:
        hint = "one image without its batch dimension: x.unsqueeze(0) gives it one"
        if len(shape) == 1:
            hint = "the batch dimension is flattened too: torch.flatten(x, 1) keeps it"
        return f"takes (N, {takes}); {shape} {arrived}, {hint}"
    hint = "put torch.flatten(x, 1) before it"
    if features != takes:
        hint += f" and make it nn.Linear({features}, ...)"
    return f"takes {takes} features; {shape} {arrived}: {hint}"


def _channels(layer: nn.Conv2d | nn.BatchNorm2d, x: Tensor, arrived: str) -> str | None:
    """Return what to say if a layer is given another number of channels than it takes, or none."""
    is_convolution = isinstance(layer, nn.Conv2d)
    takes = layer.in_channels if is_convolution else layer.num_features
    shape, kind = tuple(x.shape), type(layer).__name__
    if len(shape) == 3:
        hint = "x.unsqueeze(1) gives grey images the channel that is missing"
    elif len(shape) != 4:
        hint = "it is for images, so put it before they are flattened"
    elif shape[1] == takes:
        return None
    elif shape[3] == takes:
        hint = "x.permute(0, 3, 1, 2) puts the channels where it looks for them"
    else:
        channels = f"{takes} channel{'s' * (takes != 1)}"
        rest = ", ..." if is_convolution else ""
        return f"takes {channels}; {shape[1]} {arrived}: make it nn.{kind}({shape[1]}{rest})"
    return f"takes (N, {takes}, H, W); {shape} {arrived}: {hint}"


def _is_empty(layer: nn.Module | None, x: Tensor) -> bool:
    """Return whether no window of a layer fits into its input."""
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d) or x.ndim != 4:
        return False
    size = conv_output_size if isinstance(layer, nn.Conv2d) else pool_output_size
    padding = 0 if isinstance(layer.padding, str) else layer.padding
    dilation = getattr(layer, "dilation", 1)
    try:
        size(tuple(x.shape[2:]), layer.kernel_size, layer.stride, padding, dilation)  # type: ignore[arg-type]
    except ValueError:
        return True
    return False
