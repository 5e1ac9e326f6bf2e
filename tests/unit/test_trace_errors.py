"""What does not fit is named, with what would: the commonest mistakes, word for word."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_trace_functions import Written
from torch import Tensor, nn

from cnn_tutorial.trace import trace

DIGITS = torch.zeros(2, 1, 28, 28)
CONV = nn.Conv2d(1, 6, 5)

CASES: list[tuple[str, Callable[..., Any], dict[str, nn.Module]]] = [
    (
        "fc1 (Linear) takes 256 features; 216 arrived from flatten: make it nn.Linear(216, ...)",
        lambda net, x: net.fc1(torch.flatten(F.max_pool2d(net.conv1(x), 4), 1)),
        {"conv1": CONV, "fc1": nn.Linear(256, 120)},
    ),
    (
        "fc1 (Linear) takes 3456 features; (2, 6, 24, 24) arrived from conv1: "
        "put torch.flatten(x, 1) before it",
        lambda net, x: net.fc1(net.conv1(x)),
        {"conv1": CONV, "fc1": nn.Linear(3456, 120)},
    ),
    (
        "fc1 (Linear) takes 100 features; (2, 6, 24, 24) arrived from conv1: "
        "put torch.flatten(x, 1) before it and make it nn.Linear(3456, ...)",
        lambda net, x: net.fc1(net.conv1(x)),
        {"conv1": CONV, "fc1": nn.Linear(100, 120)},
    ),
    (
        "fc1 (Linear) takes (N, 3456); (6912,) arrived from flatten, the batch dimension is "
        "flattened too: torch.flatten(x, 1) keeps it",
        lambda net, x: net.fc1(torch.flatten(net.conv1(x))),
        {"conv1": CONV, "fc1": nn.Linear(3456, 120)},
    ),
    (
        "fc1 (Linear) takes (N, 3456); (6, 576) arrived from flatten, one image without its batch "
        "dimension: x.unsqueeze(0) gives it one",
        lambda net, x: net.fc1(torch.flatten(net.conv1(x[0]), 1)),
        {"conv1": CONV, "fc1": nn.Linear(3456, 120)},
    ),
    (
        "conv2 (Conv2d) takes 16 channels; 6 arrived from conv1: make it nn.Conv2d(6, ...)",
        lambda net, x: net.conv2(net.conv1(x)),
        {"conv1": CONV, "conv2": nn.Conv2d(16, 6, 5)},
    ),
    (
        "norm (BatchNorm2d) takes 1 channel; 6 arrived from conv1: make it nn.BatchNorm2d(6)",
        lambda net, x: net.norm(net.conv1(x)),
        {"conv1": CONV, "norm": nn.BatchNorm2d(1)},
    ),
    (
        "conv1 (Conv2d) takes (N, 1, H, W); (2, 28, 28) arrived from getitem: x.unsqueeze(1) gives "
        "grey images the channel that is missing",
        lambda net, x: net.conv1(x[:, 0]),
        {"conv1": CONV},
    ),
    (
        "conv1 (Conv2d) takes (N, 1, H, W); (2, 28, 28, 1) arrived from permute: "
        "x.permute(0, 3, 1, 2) puts the channels where it looks for them",
        lambda net, x: net.conv1(x.permute(0, 2, 3, 1)),
        {"conv1": CONV},
    ),
    (
        "conv1 (Conv2d) takes (N, 1, H, W); (2, 784) arrived from flatten: it is for images, so "
        "put it before they are flattened",
        lambda net, x: net.conv1(torch.flatten(x, 1)),
        {"conv1": CONV},
    ),
    (
        "pool (MaxPool2d) has no room for its window in (2, 1, 2, 2), which arrived from "
        "max_pool2d: take a smaller one, leave it out, or begin with larger images",
        lambda net, x: net.pool(F.max_pool2d(x, 14)),
        {"pool": nn.MaxPool2d(3)},
    ),
    (
        "conv1 (Conv2d) has no room for its window in (2, 1, 2, 2), which arrived from "
        "max_pool2d: take a smaller one, leave it out, or begin with larger images",
        lambda net, x: net.conv1(F.max_pool2d(x, 14)),
        {"conv1": CONV},
    ),
    (
        "max_pool2d (F.max_pool2d) has no room for its window in (2, 1, 2, 2), which arrived from "
        "avg_pool2d: take a smaller one, leave it out, or begin with larger images",
        lambda net, x: F.max_pool2d(F.avg_pool2d(x, 14), 3),
        {},
    ),
    (
        "conv1 (Conv2d) takes torch.float32; torch.uint8 arrived from byte: "
        "make it x.to(torch.float32)",
        lambda net, x: net.conv1(x.byte()),
        {"conv1": CONV},
    ),
    (
        "add (Tensor.add) failed on (2, 1, 28, 28) from the input and (2, 6, 24, 24) from conv1: "
        "The size of tensor a (28) must match the size of tensor b (24) at non-singleton "
        "dimension 3",
        lambda net, x: x + net.conv1(x),
        {"conv1": CONV},
    ),
]


@pytest.mark.parametrize(("message", "forward", "layers"), CASES)
def test_what_does_not_fit_is_named(
    message: str, forward: Callable[..., Any], layers: dict[str, nn.Module]
) -> None:
    with pytest.raises(RuntimeError) as caught:
        trace(Written(forward, **layers), DIGITS)
    assert str(caught.value) == message
    assert isinstance(caught.value.__cause__, RuntimeError | ValueError)  # what PyTorch said


def test_the_advice_for_features_and_channels_works() -> None:
    with pytest.raises(RuntimeError, match=r"make it nn.Conv2d\(6, ...\)"):
        trace(nn.Sequential(CONV, nn.Conv2d(16, 6, 5)), DIGITS)
    layers = CONV, nn.Conv2d(6, 6, 5), nn.Flatten()
    with pytest.raises(RuntimeError, match=r"make it nn.Linear\(2400, ...\)"):
        trace(nn.Sequential(*layers, nn.Linear(256, 10)), DIGITS)
    assert trace(nn.Sequential(*layers, nn.Linear(2400, 10)), DIGITS)[-1].output_shape == (2, 10)


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((28, 28), ": for one grey image, take x[None, None]"),
        (
            (1, 28, 28),
            ": for one image (C, H, W), take x.unsqueeze(0); for grey ones (N, H, W), "
            "x.unsqueeze(1)",
        ),
        ((5,), ""),
    ],
)
def test_a_dimension_of_the_input_that_is_missing(shape: tuple[int, ...], advice: str) -> None:
    with pytest.raises(ValueError, match="x must have four dimensions") as caught:
        trace(CONV, torch.zeros(shape))
    assert str(caught.value) == (
        f"x must have four dimensions (N, C, H, W); got shape {shape}{advice}"
    )


def test_a_model_of_two_inputs() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    with pytest.raises(TypeError) as caught:
        trace(Two(), DIGITS)
    assert str(caught.value).startswith(
        "trace runs a model on one batch, but Two.forward takes (x: torch.Tensor, y: torch.Tensor)"
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit")  # deprecated, and still met
def test_a_compiled_model() -> None:
    part = torch.jit.trace(CONV, DIGITS)
    with pytest.raises(TypeError, match=r"cannot look into what torch.jit has compiled"):
        trace(nn.Sequential(part, nn.ReLU()), DIGITS)


def test_what_leaves_pytorch_is_not_followed() -> None:
    with pytest.raises(ValueError, match="trace follows tensors only, and what Written returns"):
        trace(Written(lambda net, x: torch.from_numpy(x.numpy() + 1)), DIGITS)
    row = trace(Written(lambda net, x: x * x.max().item()), DIGITS)[-1]
    assert row.receptive_field is None
    row = trace(Written(lambda net, x: x * 2 if x.sum() > 1 else x.relu()), DIGITS)[-1]
    assert (row.name, row.receptive_field) == ("relu", (1, 1))


def test_an_error_that_a_model_caught_is_not_taken_for_its_own() -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        try:
            return x.view(5, 5)
        except RuntimeError:
            raise KeyError("mine") from None

    with pytest.raises(KeyError, match="mine"):
        trace(Written(forward), DIGITS)

    def silent(net: nn.Module, x: Tensor) -> Tensor:
        try:
            return x.view(5, 5)
        except RuntimeError:
            return F.relu(x)

    assert [row.name for row in trace(Written(silent), DIGITS)] == ["relu"]
