"""The trace of a model: against torchinfo for counts, against gradients for receptive fields."""

import copy
from typing import Any

import pytest
import torch
import torchinfo
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from cnn_tutorial.model import ConvolutionalNetwork, TwoConvolutions
from cnn_tutorial.trace import trace

DIGITS = torch.zeros(3, 1, 28, 28)


def assert_counts_are_those_of_torchinfo(model: nn.Module, x: Tensor) -> None:
    """Compare layer by layer, and the totals."""
    ours = trace(model, x)
    theirs = torchinfo.summary(model, input_data=x, verbose=0)
    leaves = [layer for layer in theirs.summary_list if layer.is_leaf_layer]
    assert [(r.kind, r.output_shape, r.parameters, r.multiply_adds) for r in ours] == [
        (layer.class_name, tuple(layer.output_size), layer.num_params, layer.macs)
        for layer in leaves
    ]
    assert ours.parameters == theirs.total_params
    assert ours.multiply_adds == theirs.total_mult_adds


CHAINS = {
    "stride, padding and dilation": nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.Conv2d(4, 8, (3, 2), dilation=(2, 1))
    ),
    "groups without bias": nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), nn.Conv2d(6, 12, 3, groups=3, bias=False)
    ),
    "padding by name": nn.Sequential(
        nn.Conv2d(1, 2, 4, padding="same", dilation=2), nn.Conv2d(2, 2, 3, padding="valid")
    ),
    "average pooling and linear layers": nn.Sequential(
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 7, bias=False), nn.Tanh(), nn.Linear(7, 2)
    ),
    "dropout": nn.Sequential(nn.Conv2d(1, 2, 5), nn.Dropout2d(), nn.GELU(), nn.Dropout()),
}


@pytest.mark.parametrize(
    "model",
    [TwoConvolutions(), ConvolutionalNetwork(), *CHAINS.values()],
    ids=["TwoConvolutions", "ConvolutionalNetwork", *CHAINS],
)
def test_counts_are_those_of_torchinfo(model: nn.Module) -> None:
    assert_counts_are_those_of_torchinfo(model, DIGITS)


class Twice(nn.Module):
    """One layer run twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.conv(x))  # type: ignore[no-any-return]


def test_a_layer_run_twice_costs_twice_and_its_parameters_count_once() -> None:
    assert_counts_are_those_of_torchinfo(Twice(), DIGITS)
    result = trace(Twice(), DIGITS)
    assert [row.parameters for row in result] == [10, 10]
    assert result.parameters == 10
    assert result.multiply_adds == 3 * 10 * (26**2 + 24**2)
    assert result[-1].receptive_field == (5, 5)


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def layers(draw: st.DrawFn, *, channels: int = 2, max_dilation: int = 2) -> nn.Module:
    """A layer of windows; the stride does not exceed the kernel, so no pixel is skipped."""
    kind = draw(st.sampled_from(["conv", "max", "average", "elementwise"]))
    kernel = draw(pairs(1, 4))
    stride = draw(st.tuples(*(st.integers(1, min(2, k)) for k in kernel)))
    dilation = draw(pairs(1, max_dilation))
    half = draw(st.tuples(*(st.integers(0, k // 2) for k in kernel)))
    if kind == "conv":
        padding: Any = half
        if stride == (1, 1) and kernel[0] % 2 == kernel[1] % 2 == 1:  # even ones make torch warn
            padding = draw(st.sampled_from([half, "same", "valid"]))
        groups = draw(st.sampled_from([1, channels]))
        bias = draw(st.booleans())
        return nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups, bias)
    if kind == "max":
        return nn.MaxPool2d(kernel, stride, half, dilation)
    if kind == "average":
        return nn.AvgPool2d(kernel, stride, half, ceil_mode=draw(st.booleans()))
    return draw(st.sampled_from([nn.ReLU(), nn.BatchNorm2d(channels), nn.Identity()]))


@given(st.lists(layers(), min_size=1, max_size=3))
def test_counts_of_random_chains_are_those_of_torchinfo(chain: list[nn.Module]) -> None:
    # torchinfo counts a BatchNorm once an image, whatever its size; here it counts 0.
    chain = [layer for layer in chain if not isinstance(layer, nn.BatchNorm2d)]
    assert_counts_are_those_of_torchinfo(
        nn.Sequential(nn.Identity(), *chain), torch.zeros(2, 2, 48, 48)
    )


def summing(layer: nn.Module) -> nn.Module:
    """A layer with the same windows whose gradient reaches every pixel: its weights are 1.

    A maximum sends its gradient to one pixel of a window, so that a sum takes its place.
    """
    if isinstance(layer, nn.MaxPool2d):
        kernel, stride, padding, dilation = (
            layer.kernel_size, layer.stride, layer.padding, layer.dilation
        )  # fmt: skip
        layer = nn.Conv2d(2, 2, kernel, stride, padding, dilation)
    layer = copy.deepcopy(layer)
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
    return layer


def extent(gradient: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last row, first and last column that `gradient` (…, H, W) reaches."""
    reached = gradient.flatten(0, -3).abs().sum(0) > 0  # (H, W)
    rows, columns = reached.any(1).nonzero(), reached.any(0).nonzero()
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))


def seen(model: nn.Module, x: Tensor, *position: int) -> list[tuple[int, int]]:
    """Where the output at `position` looks, measured by backpropagation from it alone."""
    x = x.clone().requires_grad_()
    output = model(x)
    output[:, 0, *position].sum().backward()
    assert x.grad is not None
    return list(extent(x.grad))


@given(st.lists(layers(), min_size=1, max_size=3))
def test_the_receptive_field_is_the_one_measured_by_gradients(chain: list[nn.Module]) -> None:
    x = torch.ones(1, 2, 80, 80, dtype=torch.float64)
    model = nn.Sequential(*map(summing, chain)).double().eval()
    row, column = (n // 2 for n in model(x).shape[2:])
    here, below = seen(model, x, row, column), seen(model, x, row + 1, column + 1)
    # Away from the borders, which cut regions off.
    assume(all(first > 0 and last < 79 for first, last in here + below))
    last_row = trace(nn.Sequential(*chain), x.float())[-1]
    assert last_row.receptive_field == tuple(last - first + 1 for first, last in here)
    assert last_row.field_stride == tuple(b[0] - h[0] for h, b in zip(here, below, strict=True))


@given(st.lists(layers(max_dilation=1), min_size=1, max_size=3), pairs(24, 32))
def test_the_field_of_a_linear_layer_is_measured_too(
    chain: list[nn.Module], size: tuple[int, int]
) -> None:
    x = torch.ones(1, 2, *size, dtype=torch.float64)
    features = nn.Sequential(*map(summing, chain)).double().eval()
    inputs = features(x).numel()
    model = nn.Sequential(features, nn.Flatten(), summing(nn.Linear(inputs, 3)).double())
    last_row = trace(nn.Sequential(*chain, nn.Flatten(), nn.Linear(inputs, 3)), x.float())[-1]
    measured = seen(model, x)
    assert last_row.receptive_field == tuple(last - first + 1 for first, last in measured)
    assert last_row.field_stride is None


def test_the_field_of_a_linear_layer_after_padding_by_name() -> None:
    # Three windows of 8 leave out 4 of 28 rows; a convolution reaches 2 rows further.
    chain = [nn.Conv2d(1, 1, 5, padding="same"), nn.AvgPool2d(8), nn.Flatten(), nn.Linear(9, 1)]
    model = nn.Sequential(*map(summing, chain))
    assert seen(model, DIGITS) == [(0, 25), (0, 25)]
    assert trace(model, DIGITS)[-1].receptive_field == (26, 26)


def noise(images: int) -> Tensor:
    """Random images, enough of them that every pixel of a window is the largest in some."""
    return torch.rand(images, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def test_the_receptive_field_of_the_two_convolutions_themselves() -> None:
    model = TwoConvolutions()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0, 1, generator=torch.Generator().manual_seed(0))
    here, below = seen(model, noise(500), 2, 2), seen(model, noise(500), 3, 3)
    assert here == [(8, 17), (8, 17)]
    assert below == [(12, 21), (12, 21)]
    last_row = trace(model, DIGITS)[-1]
    assert (last_row.receptive_field, last_row.field_stride) == ((10, 10), (4, 4))


def test_the_logits_do_not_see_the_last_two_rows_and_columns() -> None:
    torch.manual_seed(0)
    model = ConvolutionalNetwork()
    assert seen(model, noise(500)) == [
        (0, 25),
        (0, 25),
    ]  # 10 + 4 · 4 = 26
    fields = {row.name: row.receptive_field for row in trace(model, DIGITS)}
    assert fields["flatten"] == (10, 10)
    assert fields["fc1"] == fields["fc3"] == (26, 26)


def field_after(*chain: nn.Module) -> tuple[int, ...] | None:
    return trace(nn.Sequential(*chain), DIGITS)[-1].receptive_field


def test_the_field_is_unknown_after_what_cannot_be_followed() -> None:
    assert field_after(nn.Conv2d(1, 1, 3), nn.ReLU()) == (3, 3)
    # 26 rows in four windows of 7, which overlap; and in seven of 4 or 5.
    assert field_after(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(4), nn.ReLU()) == (9, 9)
    assert field_after(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(7), nn.ReLU()) is None
    rows = trace(nn.Sequential(nn.ConvTranspose2d(1, 1, 3), nn.Conv2d(1, 1, 3)), DIGITS)
    assert [(row.receptive_field, row.field_stride) for row in rows] == [(None, None)] * 2


def state(model: nn.Module) -> list[Any]:
    hooks = [len(m._forward_hooks) for m in model.modules()]
    tensors = [t.clone() for t in model.state_dict().values()]
    return [
        [m.training for m in model.modules()],
        hooks,
        [p.grad for p in model.parameters()],
        tensors,
    ]


def test_the_model_and_the_random_numbers_are_left_as_they_were() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.ReLU())
    model[1].eval()  # a frozen layer in a model that trains
    before, random_state = state(model), torch.get_rng_state()
    trace(model, noise(4))
    *flags, tensors = state(model)
    assert flags == before[:-1]
    assert all(map(torch.equal, tensors, before[-1]))
    assert torch.equal(torch.get_rng_state(), random_state)


class Mode(nn.Module):
    """Notes how it was run."""

    def forward(self, x: Tensor) -> Tensor:
        self.ran = (self.training, torch.is_grad_enabled())
        return x


def test_the_model_runs_once_in_evaluation_mode_without_gradients() -> None:
    model = Mode().train()
    assert len(trace(model, DIGITS)) == 1
    assert model.ran == (False, False)
    assert model.training
    assert torch.is_grad_enabled()


def test_it_makes_no_difference_where_it_is_called() -> None:
    outside = trace(ConvolutionalNetwork(), DIGITS)
    with torch.inference_mode():
        assert trace(ConvolutionalNetwork(), torch.zeros(3, 1, 28, 28)) == outside
    assert trace(ConvolutionalNetwork(), torch.zeros(3, 1, 28, 28, requires_grad=True)) == outside


def test_the_model_is_left_as_it_was_when_it_fails() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(5, 5))
    before = state(model)
    with pytest.raises(RuntimeError, match="takes 5 features"):
        trace(model, DIGITS)
    assert state(model)[:-1] == before[:-1]


def test_wrong_inputs_are_named() -> None:
    with pytest.raises(ValueError, match=r"x must have four dimensions \(N, C, H, W\).*\(28, 28\)"):
        trace(TwoConvolutions(), torch.zeros(28, 28))
    with pytest.raises(TypeError, match=r"x must be a tensor \(N, C, H, W\); got list"):
        trace(TwoConvolutions(), [[0.0]])  # type: ignore[arg-type]
