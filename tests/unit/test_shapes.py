"""The output sizes of `cnn_tutorial.shapes` against those of PyTorch.

A size of a torch tensor can be 0, not negative, so sizes start at 0 here; the other parameters go
one below what is allowed. PyTorch is asked on the CPU: on its meta device a convolution takes
negative padding, and strides and dilations of 0. Its own refusals are RuntimeErrors.
"""

import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import event, given
from hypothesis import strategies as st
from torch import Tensor

from cnn_tutorial.shapes import IntOrPair, conv_output_size, pool_output_size


def one_below(low: int, high: int) -> st.SearchStrategy[IntOrPair]:
    """An int or a pair, from `low` to `high`; now and then `low - 1`, which is not allowed."""
    ints = range(low, high + 1)
    allowed: list[IntOrPair] = [*ints, *itertools.product(ints, ints)]
    return st.sampled_from([*4 * allowed, low - 1, (low - 1, high), (high, low - 1)])


def outcome(compute: Callable[[], Tensor | tuple[int, int]]) -> tuple[int, ...] | None:
    """The output size, or None where it is refused."""
    try:
        result = compute()
    except (ValueError, RuntimeError):
        event("refused")
        return None
    event("accepted")
    return tuple(result.shape[2:]) if isinstance(result, Tensor) else result


def image(size: IntOrPair) -> Tensor:
    height, width = size if isinstance(size, tuple) else (size, size)
    return torch.zeros(1, 1, height, width)


@given(
    size=one_below(1, 16),
    kernel_size=one_below(1, 5),
    stride=one_below(1, 4),
    padding=one_below(0, 3),
    dilation=one_below(1, 3),
)
def test_conv_output_size_is_that_of_torch(
    size: IntOrPair,
    kernel_size: IntOrPair,
    stride: IntOrPair,
    padding: IntOrPair,
    dilation: IntOrPair,
) -> None:
    ours = outcome(lambda: conv_output_size(size, kernel_size, stride, padding, dilation))
    theirs = outcome(
        lambda: F.conv2d(
            image(size), image(kernel_size), None, stride=stride, padding=padding, dilation=dilation
        )
    )
    assert ours == theirs


@given(
    size=one_below(1, 16),
    kernel_size=one_below(1, 5),
    stride=st.none() | one_below(1, 4),
    padding=one_below(0, 2),
    dilation=st.just(1) | one_below(1, 3),
    ceil_mode=st.booleans(),
)
def test_pool_output_size_is_that_of_torch_max_pooling(
    size: IntOrPair,
    kernel_size: IntOrPair,
    stride: IntOrPair | None,
    padding: IntOrPair,
    dilation: IntOrPair,
    ceil_mode: bool,
) -> None:
    ours = outcome(
        lambda: pool_output_size(size, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)
    )
    theirs = outcome(
        lambda: F.max_pool2d(image(size), kernel_size, stride, padding, dilation, ceil_mode)
    )
    assert ours == theirs


@given(
    size=one_below(1, 16),
    kernel_size=one_below(1, 5),
    stride=st.none() | one_below(1, 4),
    padding=one_below(0, 2),
    ceil_mode=st.booleans(),
)
def test_pool_output_size_is_that_of_torch_average_pooling(
    size: IntOrPair,
    kernel_size: IntOrPair,
    stride: IntOrPair | None,
    padding: IntOrPair,
    ceil_mode: bool,
) -> None:
    ours = outcome(
        lambda: pool_output_size(size, kernel_size, stride, padding, ceil_mode=ceil_mode)
    )
    theirs = outcome(lambda: F.avg_pool2d(image(size), kernel_size, stride, padding, ceil_mode))
    assert ours == theirs


def test_sizes_of_the_first_notebook() -> None:
    assert conv_output_size(28, 3) == (26, 26)
    assert pool_output_size(26, 2) == (13, 13)
    assert conv_output_size(13, 3) == (11, 11)
    assert pool_output_size(11, 2) == (5, 5)
    assert pool_output_size(11, 2, ceil_mode=True) == (6, 6)


def test_a_pair_is_height_then_width_and_any_sequence_of_two() -> None:
    assert conv_output_size((28, 20), (3, 5), (1, 2), (0, 1), (2, 1)) == (24, 9)
    assert conv_output_size(torch.zeros(1, 1, 28, 20).shape[2:], [3, 5]) == (26, 16)  # type: ignore[arg-type]


# Each parameter with each bad value: what the error must name besides them.
TOO_SMALL = [
    ("size", 0, "at least 1"),
    ("size", (28, -1), "at least 1"),
    ("kernel_size", 0, "at least 1"),
    ("stride", (0, 1), "at least 1"),
    ("padding", -1, "at least 0"),
    ("padding", (0, -2), "at least 0"),
    ("dilation", 0, "at least 1"),
]
BAD_VALUES = ["same", "3", 3.0, True, (1, True), (3,), (1, 2, 3), (), (1, 2.0), None, {1, 2}, b"33"]
FUNCTIONS = [conv_output_size, pool_output_size]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("name", "value", "allowed"), TOO_SMALL)
def test_a_value_too_small_is_named_with_what_is_allowed(
    function: Callable[..., tuple[int, int]], name: str, value: IntOrPair, allowed: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .*{allowed}") as caught:
        function(**{"size": 28, "kernel_size": 3, name: value})
    assert str(caught.value).endswith(f"got {value!r}")


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [
        (function, name, value)
        for function in FUNCTIONS
        for name in ("size", "kernel_size", "stride", "padding", "dilation")
        for value in BAD_VALUES
        # None is the stride of a pool by default.
        if (function, name, value) != (pool_output_size, "stride", None)
    ],
)
def test_what_is_not_an_int_or_a_pair_is_a_type_error(
    function: Callable[..., tuple[int, int]], name: str, value: object
) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be .*an int or a pair") as caught:
        function(**{"size": 28, "kernel_size": 3, name: value})
    assert str(caught.value).endswith(f"got {value!r}")


def test_padding_same_is_told_that_padding_counts_pixels() -> None:
    with pytest.raises(TypeError, match=r"pixels added on each side.*got 'same'"):
        conv_output_size(28, 3, padding="same")  # type: ignore[arg-type]


def test_an_empty_output_is_refused_with_the_numbers() -> None:
    with pytest.raises(ValueError, match=r"kernel_size 3 with dilation 2 spans 5 .* at most 4 is"):
        conv_output_size((28, 4), 3, dilation=2)
    with pytest.raises(ValueError, match=r"height, but size 2 with padding 1 .* has 4.* at most 4"):
        conv_output_size((2, 28), 5, padding=1)
    with pytest.raises(ValueError, match=r"width.* at most 4 is"):
        pool_output_size((28, 3), 5, stride=2, ceil_mode=True)
    assert pool_output_size(3, 4, stride=2, ceil_mode=True) == (1, 1)


def test_padding_of_a_pool_is_at_most_half_of_its_window() -> None:
    assert pool_output_size(28, 3, padding=1) == (10, 10)
    with pytest.raises(ValueError, match=r"padding must be at most half .* 2 and kernel_size 3"):
        pool_output_size(28, 3, padding=2)
