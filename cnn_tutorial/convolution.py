"""Convolution and pooling from loops: slow, and made to be read.

Each function gives what its namesake in `torch.nn.functional` gives, one window at a time.
"""

from collections.abc import Iterator
from itertools import product
from math import inf

import torch
import torch.nn.functional as F
from torch import Tensor

from .shapes import IntOrPair, as_pair, conv_output_size, pool_output_size


def conv2d(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
) -> Tensor:
    """Slide each kernel over each image; an output is the sum of a window times the kernel.

    Strictly, this is a cross-correlation: a convolution would flip the kernel first. Gradients
    flow through it to `x`, `kernel` and `bias`.

    Args:
        x: Images, `(N, C, H, W)`.
        kernel: One kernel for each output channel, `(O, C, kH, kW)`.
        bias: A number to add to each output channel, `(O,)`, or None.
        stride: Pixels from one window to the next.
        padding: Zeros added on each side of an image.
        dilation: Pixels from one weight of the kernel to the next; 1 is ordinary.

    Returns:
        Feature maps, `(N, O, H', W')`, of the size that
        [`conv_output_size`][cnn_tutorial.shapes.conv_output_size] gives.

    Raises:
        TypeError: If a tensor does not hold floats, or a parameter is not an int or a pair.
        ValueError: If the shapes do not fit together, a parameter is too small, or the output would
            be empty.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.convolution import conv2d
        >>> x = torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]])  # an edge
        >>> conv2d(x, kernel=torch.tensor([[[[-1.0, 1.0]]]]))
        tensor([[[[0., 1., 0.]]]])
    """
    _check_convolution(x, kernel, bias)
    images, _, h, w = x.shape
    channels_out, _, kh, kw = kernel.shape
    sizes = (h, w), (kh, kw)
    rows, columns = conv_output_size(*sizes, stride, padding, dilation)
    sh, sw = as_pair("stride", stride)
    ph, pw = as_pair("padding", padding, 0)
    dh, dw = as_pair("dilation", dilation)
    bias = kernel.new_zeros(channels_out) if bias is None else bias

    x = F.pad(x, (pw, pw, ph, ph))  # (N, C, H + 2·ph, W + 2·pw)
    output = x.new_empty(images, channels_out, rows, columns)  # (N, O, H', W')
    for n, o in product(range(images), range(channels_out)):
        for row in range(rows):
            for column in range(columns):
                top, left = row * sh, column * sw
                bottom, right = top + kh * dh, left + kw * dw
                window = x[n, :, top:bottom:dh, left:right:dw]  # (C, kH, kW)
                output[n, o, row, column] = (window * kernel[o]).sum() + bias[o]
    return output


def max_pool2d(
    x: Tensor,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    *,
    ceil_mode: bool = False,
) -> Tensor:
    """Keep the largest value of each window, channel by channel.

    Args:
        x: Images or feature maps, `(N, C, H, W)`.
        kernel_size: Height and width of the window.
        stride: Pixels from one window to the next; by default the windows lie side by side.
        padding: Elements of −∞, which are never the largest, added on each side.
        dilation: Pixels from one element of the window to the next; 1 is ordinary.
        ceil_mode: Whether a last window may run over the edge.

    Returns:
        Feature maps, `(N, C, H', W')`, of the size that
        [`pool_output_size`][cnn_tutorial.shapes.pool_output_size] gives.

    Raises:
        TypeError: If `x` does not hold floats, or a parameter is not an int or a pair.
        ValueError: If `x` does not have four dimensions, or a parameter is out of its range.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.convolution import max_pool2d
        >>> max_pool2d(torch.arange(16.0).view(1, 1, 4, 4), kernel_size=2)
        tensor([[[[ 5.,  7.],
                  [13., 15.]]]])
    """
    size = _check_images(x)
    stride = kernel_size if stride is None else stride
    rows, columns = pool_output_size(
        size, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode
    )
    ph, pw = as_pair("padding", padding, 0)
    x = F.pad(x, (pw, pw, ph, ph), value=-inf)  # (N, C, H + 2·ph, W + 2·pw)
    output = x.new_empty(*x.shape[:2], rows, columns)  # (N, C, H', W')
    for row, column, window in _windows(x, rows, columns, kernel_size, stride, dilation):
        output[:, :, row, column] = window.amax(dim=(2, 3))  # (N, C)
    return output


def avg_pool2d(
    x: Tensor,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    *,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the mean of each window, channel by channel.

    The zeros of the padding count in the mean. What a last window has beyond the padding does not.

    Args:
        x: Images or feature maps, `(N, C, H, W)`.
        kernel_size: Height and width of the window.
        stride: Pixels from one window to the next; by default the windows lie side by side.
        padding: Zeros added on each side.
        ceil_mode: Whether a last window may run over the edge.

    Returns:
        Feature maps, `(N, C, H', W')`, of the size that
        [`pool_output_size`][cnn_tutorial.shapes.pool_output_size] gives.

    Raises:
        TypeError: If `x` does not hold floats, or a parameter is not an int or a pair.
        ValueError: If `x` does not have four dimensions, or a parameter is out of its range.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.convolution import avg_pool2d
        >>> avg_pool2d(torch.arange(16.0).view(1, 1, 4, 4), kernel_size=2)
        tensor([[[[ 2.5000,  4.5000],
                  [10.5000, 12.5000]]]])
    """
    size = _check_images(x)
    stride = kernel_size if stride is None else stride
    rows, columns = pool_output_size(size, kernel_size, stride, padding, ceil_mode=ceil_mode)
    ph, pw = as_pair("padding", padding, 0)
    x = F.pad(x, (pw, pw, ph, ph))  # (N, C, H + 2·ph, W + 2·pw)
    output = x.new_empty(*x.shape[:2], rows, columns)  # (N, C, H', W')
    for row, column, window in _windows(x, rows, columns, kernel_size, stride, 1):
        output[:, :, row, column] = window.mean(dim=(2, 3))  # (N, C)
    return output


def _windows(
    x: Tensor,
    rows: int,
    columns: int,
    kernel_size: IntOrPair,
    stride: IntOrPair,
    dilation: IntOrPair,
) -> Iterator[tuple[int, int, Tensor]]:
    """Yield each row and column of the output with its window of `x`, cut off at the edge."""
    kh, kw = as_pair("kernel_size", kernel_size)
    sh, sw = as_pair("stride", stride)
    dh, dw = as_pair("dilation", dilation)
    for row in range(rows):
        for column in range(columns):
            top, left = row * sh, column * sw
            bottom, right = top + kh * dh, left + kw * dw
            yield row, column, x[:, :, top:bottom:dh, left:right:dw]  # (N, C, kH, kW)


def _check_convolution(x: Tensor, kernel: Tensor, bias: Tensor | None) -> None:
    """Raise an error unless images, kernels and bias fit together."""
    _check_floats("x", x)
    _check_floats("kernel", kernel, x.dtype)
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[1] != kernel.shape[1]:
        raise ValueError(
            "x must be (N, C, H, W) and kernel (O, C, kH, kW) with the same C; "
            f"got x {tuple(x.shape)} and kernel {tuple(kernel.shape)}"
        )
    if bias is not None:
        _check_floats("bias", bias, x.dtype)
        if bias.shape != kernel.shape[:1]:
            raise ValueError(
                f"bias must be (O,), here ({kernel.shape[0]},) for kernel {tuple(kernel.shape)}; "
                f"got {tuple(bias.shape)}"
            )


def _check_images(x: Tensor) -> tuple[int, int]:
    """Return the height and width of images, or raise an error unless they are `(N, C, H, W)`."""
    _check_floats("x", x)
    if x.ndim != 4:
        raise ValueError(f"x must be (N, C, H, W); got {tuple(x.shape)}")
    return x.shape[2], x.shape[3]


def _check_floats(name: str, tensor: Tensor, dtype: torch.dtype | None = None) -> None:
    """Raise a TypeError unless `tensor` is a tensor of floats, of kind `dtype` if that is given."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a tensor; got {type(tensor).__name__}")
    if not tensor.is_floating_point():
        raise TypeError(f"{name} must hold floats; got {tensor.dtype}: try {name}.float()")
    if dtype not in (None, tensor.dtype):
        raise TypeError(f"{name} must hold {dtype}, as x does; got {tensor.dtype}")
