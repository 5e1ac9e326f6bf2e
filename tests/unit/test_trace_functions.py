"""The trace of what people write: functions, shared and parametrised layers, foreign models."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchinfo
import torchvision.models
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.utils.flop_counter import FlopCounterMode

from cnn_tutorial.model import ConvolutionalNetwork
from cnn_tutorial.trace import Row, trace

DIGITS = torch.zeros(3, 1, 28, 28)


class Notebook(nn.Module):
    """The network of most notebooks: layers for what learns, functions for the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 16, 3)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2, 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2, 2)
        x = x.view(-1, 400)
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        return self.fc3(x)  # type: ignore[no-any-return]


class Written(nn.Module):
    """A model with a forward pass of its own."""

    def __init__(self, forward: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.steps = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Any:
        return self.steps(self, x)


def last(forward: Callable[..., Any], x: Tensor = DIGITS, **layers: nn.Module) -> Row:
    return trace(Written(forward, **layers), x)[-1]


def test_functions_have_rows_like_layers() -> None:
    ours = trace(Notebook(), DIGITS)
    theirs = trace(ConvolutionalNetwork(), DIGITS)  # the same from layers
    kinds = {"F.relu": "ReLU", "F.max_pool2d": "MaxPool2d", "Tensor.view": "Flatten"}
    assert [row.name for row in ours][:4] == ["conv1", "relu", "max_pool2d", "conv2"]
    assert [row._replace(name="", kind=kinds.get(row.kind, row.kind)) for row in ours] == [
        row._replace(name="") for row in theirs
    ]
    assert (ours.parameters, ours.multiply_adds) == (theirs.parameters, theirs.multiply_adds)


@pytest.mark.parametrize(
    ("forward", "kind", "shape", "field"),
    [
        (lambda net, x: F.avg_pool2d(x, 2), "F.avg_pool2d", (3, 1, 14, 14), 2),
        (lambda net, x: torch.flatten(x, 1), "torch.flatten", (3, 784), 1),
        (lambda net, x: x.reshape(3, -1), "Tensor.reshape", (3, 784), 1),
        (lambda net, x: x.permute(0, 2, 3, 1), "Tensor.permute", (3, 28, 28, 1), 1),
        (lambda net, x: F.pad(x, (1, 2, 3, 4)), "F.pad", (3, 1, 35, 31), 1),
        (lambda net, x: torch.cat([x, x], 1), "torch.cat", (3, 2, 28, 28), 1),
        (lambda net, x: x + 1, "Tensor.add", (3, 1, 28, 28), 1),
        (lambda net, x: x.mean((2, 3)), "Tensor.mean", (3, 1), 28),
        (lambda net, x: F.adaptive_avg_pool2d(x, 1), "F.adaptive_avg_pool2d", (3, 1, 1, 1), 28),
        (lambda net, x: F.interpolate(x, scale_factor=2), "F.interpolate", (3, 1, 56, 56), 1),
        (lambda net, x: x[:, :, ::2], "Tensor.__getitem__", (3, 1, 14, 28), 1),
        (lambda net, x: x.mT, "Tensor.mT", (3, 1, 28, 28), 1),
    ],
)
def test_the_last_row_is_what_a_function_makes(
    forward: Callable[..., Tensor], kind: str, shape: tuple[int, ...], field: int
) -> None:
    row = last(forward)
    assert (row.kind, row.output_shape) == (kind, shape)
    assert row.name == kind.split(".")[-1].strip("_")
    assert row.receptive_field == (field, field)


def test_what_changes_nothing_has_no_row() -> None:
    rows = trace(Written(lambda net, x: x.contiguous().to(torch.double).detach().relu()), DIGITS)
    assert [row.kind for row in rows] == ["Tensor.relu"]
    assert len(trace(Written(lambda net, x: x), DIGITS)) == 1
    rows = trace(Written(lambda net, x: [x.relu(), x[:, :, 1]][0]), DIGITS)
    assert [row.name for row in rows] == ["relu", "getitem", "output"]
    assert rows[-1].output_shape == (3, 1, 28, 28)


def test_a_function_is_named_behind_the_module_that_calls_it() -> None:
    block = Written(lambda net, x: net.conv(x) + x, conv=nn.Conv2d(1, 1, 3, padding=1))
    rows = trace(nn.Sequential(block, nn.ReLU(), block), DIGITS)
    assert [row.name for row in rows] == ["0.conv", "0.add", "1", "0.conv", "0.add"]
    assert [row.receptive_field for row in rows] == [(3, 3)] * 3 + [(5, 5)] * 2


def test_the_field_follows_the_tensor_and_not_its_shape() -> None:
    """Both branches start from x, though the second layer would fit on the first."""
    layers = {"a": nn.Conv2d(1, 1, 3, padding=1), "b": nn.Conv2d(1, 1, 5, padding=2)}
    rows = trace(Written(lambda net, x: net.a(x) * net.b(x), **layers), DIGITS)
    assert [row.receptive_field for row in rows] == [(3, 3), (5, 5), (5, 5)]
    # Here the second sees a turned map.
    a, b = nn.Conv2d(1, 1, (1, 3), padding=(0, 1)), nn.Conv2d(1, 1, (1, 3))
    assert last(lambda net, x: net.b(net.a(x).mT), a=a, b=b).receptive_field is None
    row = last(lambda net, x: net.b(F.max_pool2d(net.a(x), 3, 1, 1)), a=a, b=b)
    assert row.receptive_field == (3, 7)


def test_parametrised_layers_are_the_layers_themselves() -> None:
    pruned = nn.Conv2d(2, 2, 3)
    prune.l1_unstructured(pruned, "weight", amount=3)
    twice = nn.Conv2d(2, 2, 3, padding=1)
    layers = [spectral_norm(nn.Conv2d(1, 2, 3)), weight_norm(nn.Conv2d(2, 2, 3)), pruned]
    rows = trace(nn.Sequential(*layers, twice, twice, twice), DIGITS)
    plain = [nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3), *[nn.Conv2d(2, 2, 3)] * 3]
    assert [row.kind for row in rows] == ["Conv2d"] * 6
    assert [row.parameters for row in rows] == [20, 38 + 2, *[38] * 4]  # with a length each
    assert rows.parameters == 20 + 40 + 38 + 38
    assert [row.multiply_adds for row in rows][:3] == [
        row.multiply_adds for row in trace(nn.Sequential(*plain), DIGITS)
    ][:3]
    assert rows[-1].receptive_field == (13, 13)


def test_lazy_layers_stay_lazy() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(3))
    random_state = torch.get_rng_state()
    rows = trace(model, DIGITS)
    assert [(row.kind, row.parameters) for row in rows] == [
        ("Conv2d", 40),
        ("Flatten", 0),
        ("Linear", 4 * 26 * 26 * 3 + 3),
    ]
    assert isinstance(model[0], nn.LazyConv2d)
    assert model[0].has_uninitialized_params()
    assert torch.equal(torch.get_rng_state(), random_state)


def test_a_layer_whose_modules_never_ran_is_right() -> None:
    """The weights of one inside are used without it."""
    rows = trace(Written(lambda net, x: F.conv2d(x, net.c.weight), c=nn.Conv2d(1, 2, 3)), DIGITS)
    assert [(row.name, row.parameters, row.multiply_adds) for row in rows] == [
        ("conv2d", 18, 3 * 18 * 26**2)
    ]
    attention = nn.MultiheadAttention(28, 2, batch_first=True)
    rows = trace(Written(lambda net, x: net.a(x[:, 0], x[:, 0], x[:, 0]), a=attention), DIGITS)
    assert rows[-1].kind == "MultiheadAttention"
    assert rows[-1].parameters == sum(p.numel() for p in attention.parameters())
    with FlopCounterMode(display=False) as theirs, torch.no_grad():
        attention.train()(*[DIGITS[:, 0]] * 3)
    biases = 3 * 28 * (3 * 28 + 28)
    assert rows[-1].multiply_adds == theirs.get_total_flops() // 2 + biases


def test_a_layer_with_two_inputs() -> None:
    layer = nn.Bilinear(28, 28, 3)
    row = last(lambda net, x: net.layer(x, x.flip(3)), layer=layer)
    assert (row.kind, row.output_shape) == ("Bilinear", (3, 1, 28, 3))
    assert row.receptive_field is None


def test_a_transposed_convolution_is_counted() -> None:
    row = last(lambda net, x: net.up(x), up=nn.ConvTranspose2d(1, 3, 2, stride=2))
    assert row.multiply_adds == 3 * (28 * 28 * 12 + 56 * 56 * 3)  # weights, biases
    assert row.all_counted


def test_what_is_not_counted_is_marked() -> None:
    rows = trace(
        Written(
            lambda net, x: net.fc(net.lstm(x[:, 0])[0]), lstm=nn.LSTM(28, 5), fc=nn.Linear(5, 2)
        ),
        DIGITS,
    )
    assert [row.all_counted for row in rows] == [True, False, True]
    assert not rows.all_counted
    assert "at least 1,008" in str(rows).split("\n")[-1]  # 3 · 28 · 2 · (5 + 1)
    assert "at least 1,008" in rows._repr_html_()


def test_what_is_written_into_a_tensor_changes_what_it_sees() -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        y = x.clone()
        part = y[:, :, 1:]
        part += F.max_pool2d(x, 3, 1, 1)[:, :, 1:]
        return y * 1

    assert last(forward).receptive_field is None
    assert DIGITS.sum() == 0
    trace(Written(lambda net, x: x.add_(1)), DIGITS)
    assert DIGITS.sum() == 0


def test_batch_statistics_see_the_whole_image() -> None:
    norm = nn.BatchNorm2d(1, track_running_stats=False)
    assert last(lambda net, x: net.norm(x), norm=norm).receptive_field == (28, 28)
    assert last(lambda net, x: net.norm(x), norm=nn.BatchNorm2d(1)).receptive_field == (1, 1)
    assert last(lambda net, x: net.norm(x), norm=nn.InstanceNorm2d(1)).receptive_field == (28, 28)


def biases(model: nn.Module, x: Tensor) -> int:
    """Values that a bias is added to, by layers that are called."""
    count = 0

    def add(layer: nn.Module, args: object, y: Tensor) -> None:
        nonlocal count
        count += y.numel() if layer.bias is not None else 0

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(add)
    with torch.no_grad():
        model(x)
    return count


@pytest.mark.parametrize(
    ("name", "layer", "field"),
    [
        ("resnet18", "layer4.1.conv2", (435, 435)),  # larger than the image, if that had no border
        ("vgg16", "features.30", (212, 212)),
        ("mobilenet_v3_small", "features.0.0", (3, 3)),
        ("vit_b_16", "conv_proj", (16, 16)),
    ],
)
def test_models_of_torchvision(name: str, layer: str, field: tuple[int, int]) -> None:
    with torch.device("meta"):  # shapes without values: no work and no memory
        model = getattr(torchvision.models, name)().eval()
        x = torch.zeros(1, 3, 224, 224)
    rows = trace(model, x)
    with FlopCounterMode(display=False) as theirs, torch.no_grad():
        model(x)
    summary = torchinfo.summary(model, input_data=x, verbose=0, device="meta")
    assert rows.parameters == summary.total_params
    expected = theirs.get_total_flops() // 2 + biases(model, x)
    if name == "vit_b_16":  # whose attention does not call its layers
        expected += 12 * 197 * (3 * 768 + 768)
    assert rows.multiply_adds == expected
    assert rows.all_counted
    if name in ("resnet18", "vgg16"):  # torchinfo counts the weights of norms, once an image
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        theirs_too = sum(p.numel() for norm in norms for p in norm.parameters())
        assert rows.multiply_adds == summary.total_mult_adds - theirs_too
    assert rows[-1].output_shape == (1, 1000)
    assert {row.name: row.receptive_field for row in rows}[layer] == field
