"""What a convolution and a pooling layer do to a shape: the arithmetic of output sizes."""

IntOrPair = int | tuple[int, int]
"""One number for both axes, or a pair `(height, width)`."""

Shape = tuple[int, ...]
"""Sizes in PyTorch's order, such as `(N, C, H, W)`."""


def as_pair(name: str, value: IntOrPair, minimum: int = 1) -> tuple[int, int]:
    """Return a parameter as a pair `(height, width)`: an int stands for both.

    Args:
        name: Name of the parameter.
        value: An int, or a tuple, list or `torch.Size` of two ints.
        minimum: The least that each may be: 0 for padding.

    Raises:
        TypeError: If `value` is neither an int nor a pair of ints.
        ValueError: If an int is too small.
    """
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    meaning = "" if minimum else "the number of pixels added on each side, "
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

    Examples:
        >>> from cnn_tutorial.shapes import conv_output_size
        >>> conv_output_size(28, kernel_size=3)
        (26, 26)
        >>> conv_output_size((28, 20), kernel_size=5, stride=2, padding=2)
        (14, 10)
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

    Examples:
        >>> from cnn_tutorial.shapes import pool_output_size
        >>> pool_output_size(13, kernel_size=2)
        (6, 6)
        >>> pool_output_size(13, kernel_size=2, ceil_mode=True)
        (7, 7)
    """
    pairs = as_pair("padding", padding, 0), as_pair("kernel_size", kernel_size)
    if any(p > k // 2 for p, k in zip(*pairs, strict=True)):
        raise ValueError(
            "padding must be at most half of kernel_size, rounded down; "
            f"got padding {padding!r} and kernel_size {kernel_size!r}"
        )
    stride = kernel_size if stride is None else stride
    return _output_size(size, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)


def _output_size(*parameters: IntOrPair, ceil_mode: bool = False) -> tuple[int, int]:
    """Return how many windows fit down and across: ⌊(size + 2·padding − span) / stride⌋ + 1."""
    names = "size", "kernel_size", "stride", "padding", "dilation"
    pairs = map(as_pair, names, parameters, (1, 1, 1, 0, 1))
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
