"""The two models: their shapes, their counts, and that the loops compute the same."""

import inspect
import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnn_tutorial.convolution import conv2d, max_pool2d
from cnn_tutorial.data import load_digits
from cnn_tutorial.model import ConvolutionalNetwork, PoolingFirst, TwoConvolutions
from cnn_tutorial.trace import trace


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    images, labels = load_digits().test.tensors
    return images[:8], labels[:8]


def test_shapes_on_real_digits(digits: tuple[Tensor, Tensor]) -> None:
    images, _ = digits
    assert TwoConvolutions()(images).shape == (8, 16, 5, 5)
    assert ConvolutionalNetwork()(images).shape == (8, 10)


@pytest.mark.parametrize("model", [TwoConvolutions(), ConvolutionalNetwork()])
def test_the_shape_comments_of_forward_are_the_shapes(model: nn.Module) -> None:
    comments = re.findall(r"# \(N, ([\d, ]+)\)", inspect.getsource(type(model).forward))
    shapes = [", ".join(map(str, row.output_shape[1:])) for row in trace(model, DIGIT)]
    changes = [new for old, new in zip(["", *shapes], shapes, strict=False) if new != old]
    assert comments == changes[-len(comments) :]
    assert len(comments) == {TwoConvolutions: 4, ConvolutionalNetwork: 5}[type(model)]


DIGIT = torch.zeros(1, 1, 28, 28)


def test_parameters_counted_by_hand() -> None:
    convolutions = (3 * 3 * 1 + 1) * 6 + (3 * 3 * 6 + 1) * 16
    linear = (400 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10
    assert trace(TwoConvolutions(), DIGIT).parameters == convolutions == 940
    assert trace(ConvolutionalNetwork(), DIGIT).parameters == convolutions + linear == 60_074


def test_two_convolutions_are_the_loops(digits: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    model = TwoConvolutions()
    image = digits[0][:1]
    with torch.no_grad():
        x = conv2d(image, model.conv1.weight, model.conv1.bias).relu()
        x = max_pool2d(x, 2)
        x = conv2d(x, model.conv2.weight, model.conv2.bias).relu()
        x = max_pool2d(x, 2)
        torch.testing.assert_close(x, model(image), rtol=1e-5, atol=1e-5)


def test_the_network_returns_logits_that_it_can_learn_from(digits: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    model = ConvolutionalNetwork()
    images, labels = digits
    logits = model(images)
    assert logits.min() < 0 < logits.max()  # no softmax, no ReLU at the end
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    with torch.no_grad():
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter.sub_(0.1 * parameter.grad)
    assert F.cross_entropy(model(images), labels) < loss


@pytest.mark.parametrize(
    ("channels", "kernel_size"), [((6, 16), 3), ((16, 32), 5), ((1, 2), 1), ((3, 2), 7)]
)
def test_the_network_of_other_channels_and_kernels(
    digits: tuple[Tensor, Tensor], channels: tuple[int, int], kernel_size: int
) -> None:
    model = ConvolutionalNetwork(channels, kernel_size)
    first, second = channels
    side = ((28 - kernel_size + 1) // 2 - kernel_size + 1) // 2
    features = model.features(digits[0])
    assert features.shape == (8, second, side, side)
    assert model(digits[0]).shape == (8, 10)
    convolutions = (kernel_size**2 + 1) * first + (kernel_size**2 * first + 1) * second
    linear = (second * side**2 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10
    assert sum(parameter.numel() for parameter in model.parameters()) == convolutions + linear
    twin = nn.Sequential(
        nn.Conv2d(1, first, kernel_size),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, kernel_size),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * side**2, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        theirs.data = ours.data
    with torch.no_grad():
        assert torch.equal(twin(digits[0]), model(digits[0]))


def test_the_network_draws_its_weights_as_its_layers_do() -> None:
    # Whoever builds the same layers after the same seed has the same weights.
    torch.manual_seed(3)
    model = ConvolutionalNetwork()
    torch.manual_seed(3)
    layers = nn.ModuleList([nn.Conv2d(1, 6, 3), nn.Conv2d(6, 16, 3)])
    layers.extend([nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)])
    for ours, theirs in zip(model.parameters(), layers.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_pooling_first_changes_neither_values_nor_gradients(digits: tuple[Tensor, Tensor]) -> None:
    images, labels = digits
    found = []
    for features in TwoConvolutions, PoolingFirst:
        torch.manual_seed(0)
        model = ConvolutionalNetwork((16, 32), 5, features)
        assert isinstance(model.features, features)
        logits = model(images)
        F.cross_entropy(logits, labels).backward()
        found.append([logits, *(parameter.grad for parameter in model.parameters())])
    for usual, faster in zip(*found, strict=True):
        assert torch.equal(usual, faster)
