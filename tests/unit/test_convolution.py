"""The loops of `cnn_tutorial.convolution` against `torch.nn.functional`, number by number."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cnn_tutorial.convolution import avg_pool2d, conv2d, max_pool2d
from cnn_tutorial.data import load_digits

Pair = tuple[int, int]
Draw = st.DrawFn


def assert_same(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def random_tensor(draw: Draw, *shape: int) -> Tensor:
    """Normal numbers, of both signs, so that zeros of a padding are not always the smallest."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return torch.randn(shape, generator=generator)


@st.composite
def windows(draw: Draw, *, dilated: bool = True, half: bool = False) -> dict[str, Pair]:
    """Height and width of an image, and windows that fit into it at least once."""
    axes = []
    for _ in range(2):
        kernel_size = draw(st.integers(1, 3))
        padding = draw(st.integers(0, kernel_size // 2 if half else 2))
        dilation = draw(st.integers(1, 3)) if dilated else 1
        smallest = max(1, dilation * (kernel_size - 1) + 1 - 2 * padding)
        size = draw(st.integers(smallest, smallest + 3))
        axes.append((size, kernel_size, draw(st.integers(1, 3)), padding, dilation))
    names = ("size", "kernel_size", "stride", "padding", "dilation")
    return dict(zip(names, zip(*axes, strict=True), strict=True))


@st.composite
def convolutions(draw: Draw) -> dict[str, Any]:
    config: dict[str, Any] = draw(windows())
    channels, kernels = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    config["x"] = random_tensor(draw, draw(st.integers(1, 2)), channels, *config.pop("size"))
    config["kernel"] = random_tensor(draw, kernels, channels, *config.pop("kernel_size"))
    config["bias"] = random_tensor(draw, kernels) if draw(st.booleans()) else None
    return config


@st.composite
def poolings(draw: Draw, *, dilated: bool) -> dict[str, Any]:
    config: dict[str, Any] = draw(windows(dilated=dilated, half=True))
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    config["x"] = random_tensor(draw, batch, channels, *config.pop("size"))
    config["ceil_mode"] = draw(st.booleans())
    if draw(st.booleans()):
        config["stride"] = None
    if not dilated:
        del config["dilation"]
    return config


@given(convolutions())
def test_conv2d_is_that_of_torch(config: dict[str, Any]) -> None:
    ours = conv2d(**config)
    assert_same(ours, F.conv2d(config.pop("x"), config.pop("kernel"), **config))


@given(poolings(dilated=True))
def test_max_pool2d_is_that_of_torch(config: dict[str, Any]) -> None:
    assert_same(max_pool2d(**config), F.max_pool2d(config.pop("x"), **config))


@given(poolings(dilated=False))
def test_avg_pool2d_is_that_of_torch(config: dict[str, Any]) -> None:
    assert_same(avg_pool2d(**config), F.avg_pool2d(config.pop("x"), **config))


@pytest.fixture(scope="module")
def digits() -> Tensor:
    return load_digits().test.tensors[0][:2]  # (2, 1, 28, 28)


def test_on_real_digits(digits: Tensor) -> None:
    edges = torch.tensor([[[[1.0, 0.0, -1.0]] * 3]])
    assert_same(conv2d(digits, edges, padding=1), F.conv2d(digits, edges, padding=1))
    assert_same(max_pool2d(digits, 2), F.max_pool2d(digits, 2))
    assert_same(avg_pool2d(digits, 3, 2, 1), F.avg_pool2d(digits, 3, 2, 1))


def test_one_int_stands_for_both_axes(digits: Tensor) -> None:
    kernel = torch.arange(9.0).reshape(1, 1, 3, 3)
    square = conv2d(digits, kernel, stride=3, padding=1, dilation=2)
    assert torch.equal(square, conv2d(digits, kernel, None, (3, 3), (1, 1), (2, 2)))
    assert torch.equal(max_pool2d(digits, 3), max_pool2d(digits, (3, 3), (3, 3)))


def test_inputs_are_left_as_they_were(digits: Tensor) -> None:
    before = digits.clone()
    conv2d(digits, torch.ones(1, 1, 3, 3))
    max_pool2d(digits, 2)
    avg_pool2d(digits, 2)
    assert torch.equal(digits, before)


def test_gradients_flow_through_the_loops() -> None:
    generator = torch.Generator().manual_seed(0)

    def tensor(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)

    def convolve(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        return conv2d(x, kernel, bias, stride=2, padding=1, dilation=(1, 2))

    x = tensor(2, 2, 5, 4)
    assert torch.autograd.gradcheck(convolve, (x, tensor(3, 2, 3, 2), tensor(3)))
    assert torch.autograd.gradcheck(lambda x: max_pool2d(x, 2, 1, 1, ceil_mode=True), (x,))
    assert torch.autograd.gradcheck(lambda x: avg_pool2d(x, 3, 2, 1, ceil_mode=True), (x,))


def test_gradient_descent_recovers_a_kernel(digits: Tensor) -> None:
    x = digits[:1, :, 7:21, 7:21]  # the middle, (1, 1, 14, 14)
    hidden = torch.tensor([[[[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]]])
    target = F.conv2d(x, hidden)
    kernel = torch.zeros(1, 1, 3, 3, requires_grad=True)
    losses = []
    for _ in range(100):
        loss = F.mse_loss(conv2d(x, kernel), target)
        (gradient,) = torch.autograd.grad(loss, kernel)
        kernel = (kernel - 0.1 * gradient).detach().requires_grad_()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.05 * losses[0]
    assert F.cosine_similarity(kernel.flatten(), hidden.flatten(), dim=0) > 0.95


def test_shapes_that_do_not_fit_are_named() -> None:
    x, kernel = torch.zeros(1, 2, 5, 5), torch.zeros(3, 2, 3, 3)
    with pytest.raises(ValueError, match=r"same C; got x \(1, 2, 5, 5\) and kernel \(3, 1, 3, 3\)"):
        conv2d(x, kernel[:, :1])
    with pytest.raises(ValueError, match=r"\(N, C, H, W\).* got x \(2, 5, 5\)"):
        conv2d(x[0], kernel)
    with pytest.raises(ValueError, match=r"kernel \(O, C, kH, kW\).* kernel \(2, 3, 3\)"):
        conv2d(x, kernel[0])
    with pytest.raises(ValueError, match=r"bias must be \(O,\), here \(3,\).*; got \(1,\)"):
        conv2d(x, kernel, torch.zeros(1))
    for pool in (max_pool2d, avg_pool2d):
        with pytest.raises(ValueError, match=r"x must be \(N, C, H, W\); got \(2, 5, 5\)"):
            pool(x[0], 2)


def test_only_tensors_of_floats_of_one_kind() -> None:
    x, kernel = torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 3, 3)
    with pytest.raises(TypeError, match=r"x must hold floats; got torch.uint8: try x.float\(\)"):
        conv2d(x.byte(), kernel)
    with pytest.raises(TypeError, match=r"kernel must hold floats; got torch.int64"):
        conv2d(x, kernel.long())
    with pytest.raises(TypeError, match=r"kernel must hold torch.float32, as x does; got torch.fl"):
        conv2d(x, kernel.double())
    with pytest.raises(TypeError, match=r"bias must hold torch.float32"):
        conv2d(x, kernel, torch.zeros(1, dtype=torch.float64))
    with pytest.raises(TypeError, match="kernel must be a tensor; got list"):
        conv2d(x, [[1.0]])  # type: ignore[arg-type]
    for pool in (max_pool2d, avg_pool2d):
        with pytest.raises(TypeError, match=r"x must hold floats; got torch.int64"):
            pool(x.long(), 2)


def test_parameters_are_checked_as_sizes_are() -> None:
    x, kernel = torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 3, 3)
    with pytest.raises(TypeError, match=r"padding must be .*got 'same'"):
        conv2d(x, kernel, padding="same")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"padding must be .*at least 0; got -1"):
        conv2d(x, kernel, padding=-1)
    with pytest.raises(ValueError, match=r"spans 7 pixels .* would be empty"):
        conv2d(x, kernel, dilation=3)
    for pool in (max_pool2d, avg_pool2d):
        with pytest.raises(ValueError, match=r"stride must be .*got 0"):
            pool(x, 2, 0)
        with pytest.raises(ValueError, match="padding must be at most half"):
            pool(x, 2, padding=2)
