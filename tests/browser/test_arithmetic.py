"""The arithmetic of the browser against the package and against PyTorch, in a browser."""

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hosting import module_page
from playwright.sync_api import Browser, Page
from torch import Tensor, nn

from cnn_tutorial import convolution
from cnn_tutorial.data import load_digits
from cnn_tutorial.model import ConvolutionalNetwork
from cnn_tutorial.shapes import conv_output_size, pool_output_size

SIZES = 3_000  # random settings
TENSORS = 300
DIGITS = 200
NONSENSE: list[Any] = [
    *(-1, 0, 2.5, -0.5, float("nan"), float("inf"), -float("inf"), 10**6),
    *("", "3", "same", "🙂", "it's", 'a "b"', 'it\'s "c"', "<b>\\</b>"),
    *((), (3,), (1, 2, 3), (0, 1), (2, -1), (1, 2.5), ("3", 3)),
]
# Names of errors as Python has them, and whatever took too long.
CALL = """
window.called = [];
window.call = (make) => {
  const start = performance.now();
  let outcome;
  try {
    outcome = make();
  } catch (error) {
    outcome = [error.name.replace("RangeError", "ValueError"), error.message];
  }
  if (performance.now() - start > 100) throw new Error("it took longer than 100 ms");
  return outcome;
};
"""
NETWORK = """([w, digits]) => digits.map((digit) => {
  let x = m.maxPool2d(m.relu(m.conv2d([digit], w.conv1[0], w.conv1[1])), 2);
  x = m.maxPool2d(m.relu(m.conv2d(x, w.conv2[0], w.conv2[1])), 2).flat(Infinity);
  x = m.relu(m.linear(x, ...w.fc1));
  x = m.linear(m.relu(m.linear(x, ...w.fc2)), ...w.fc3);
  return [x, m.softmax(x)];
})"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page of a site, in which `m` is the module."""
    with module_page(browser, "arithmetic.js") as page:
        page.evaluate(CALL)
        yield page


def ask(page: Page, function: str, values: object) -> Any:
    """Run a function in the page on values, NaN and infinities included."""
    literal = json.dumps(values)  # what JavaScript reads too, and faster than one by one
    return json.loads(page.evaluate(f"JSON.stringify(({function})({literal}))"))


def outcome(compute: Callable[[], Any]) -> Any:
    """What a function returns, as JSON has it, or the name and the sentence of its error."""
    try:
        result = compute()
    except (TypeError, ValueError) as error:
        return [type(error).__name__, str(error)]
    return result.tolist() if isinstance(result, Tensor) else list(result)


def some(rng: random.Random, low: int, high: int, strange: float = 0.04) -> Any:
    """A number, or a pair; now and then nonsense."""
    if rng.random() < strange:
        return rng.choice(NONSENSE)
    first, second = rng.randint(low, high), rng.randint(low, high)
    return (first, second) if rng.random() < 0.3 else first


def test_sizes_and_sentences_are_those_of_the_package(page: Page) -> None:
    rng = random.Random(0)
    cases = []
    for _ in range(SIZES):
        settings = [some(rng, *ends) for ends in ((1, 16), (1, 6), (1, 4), (0, 3), (1, 3))]
        cases.append((rng.choice(["conv", "max", "ceil"]), settings))
    ours = []
    for kind, settings in cases:
        if kind == "conv":
            ours.append(outcome(partial(conv_output_size, *settings)))
        else:
            ours.append(outcome(partial(pool_output_size, *settings, ceil_mode=kind == "ceil")))
    there = ask(
        page,
        """(cases) => cases.map(([kind, s]) => call(() => kind === "conv"
            ? m.convOutputSize(...s) : m.poolOutputSize(...s, kind === "ceil")))""",
        cases,
    )
    refused = [result for result in ours if isinstance(result[0], str)]
    assert SIZES / 4 < len(refused) < SIZES * 3 / 4
    assert {name for name, _ in refused} == {"TypeError", "ValueError"}
    assert len(there) == SIZES
    for case, mine, its in zip(cases, ours, there, strict=True):
        assert mine == its, case
        if not isinstance(mine[0], str):
            assert mine == size_of_torch(*case), case


def size_of_torch(kind: str, settings: list[Any]) -> list[int]:
    size, kernel_size, stride, padding, dilation = (
        s if isinstance(s, tuple) else (s, s) for s in settings
    )
    if max(*size, *padding) > 1000:  # more than there is room for
        return list(conv_output_size(*settings))
    x = torch.zeros(1, 1, *size)
    if kind == "conv":
        y = F.conv2d(x, torch.zeros(1, 1, *kernel_size), None, stride, padding, dilation)
    else:
        y = F.max_pool2d(x, kernel_size, stride, padding, dilation, kind == "ceil")
    return list(y.shape[2:])


def test_tensors_come_out_as_those_of_torch(page: Page) -> None:
    """Convolution and both poolings, with every setting, on random images."""
    rng = random.Random(1)
    torch.manual_seed(0)
    cases: list[tuple[str, list[Any]]] = []
    ours: list[Tensor] = []
    while len(cases) < TENSORS:
        kind = rng.choice(["conv2d", "conv2d", "maxPool2d", "avgPool2d"])
        c, h, w = rng.randint(1, 3), rng.randint(3, 9), rng.randint(3, 9)
        x = torch.randn(rng.randint(1, 2), c, h, w, dtype=torch.float64)
        stride, padding, dilation = (some(rng, *e, 0) for e in ((1, 3), (0, 2), (1, 2)))
        settings = {"stride": stride, "padding": padding, "dilation": dilation}
        try:
            if kind == "conv2d":
                kernel = torch.randn(2, c, rng.randint(1, 3), rng.randint(1, 3)).double()
                bias = torch.randn(2).double() if rng.random() < 0.5 else None
                y = F.conv2d(x, kernel, bias, **settings)
                arguments = [x.tolist(), kernel.tolist(), bias if bias is None else bias.tolist()]
            else:
                size, ceil = some(rng, 1, 3, 0), rng.random() < 0.5
                arguments = [x.tolist(), size]
                if kind == "maxPool2d":
                    y = F.max_pool2d(x, size, stride, padding, dilation, ceil)
                else:
                    del settings["dilation"]
                    y = F.avg_pool2d(x, size, stride, padding, ceil)
                settings["ceilMode"] = ceil
        except RuntimeError:  # no window fits; the sizes are compared above
            continue
        cases.append((kind, [*arguments, settings]))
        ours.append(y)
    there = ask(page, "(cases) => cases.map(([kind, s]) => call(() => m[kind](...s)))", cases)
    differences = [
        (torch.tensor(its, dtype=torch.float64) - mine).abs().max().item()
        for mine, its in zip(ours, there, strict=True)
    ]
    print(f"{TENSORS} tensors, largest difference {max(differences):.1e}")
    assert max(differences) < 1e-12


def test_digits_go_through_the_network_as_in_torch(page: Page) -> None:
    torch.manual_seed(0)
    network = ConvolutionalNetwork().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)  # so that the logits are as large as those of a trained network
        digits = load_digits().test.tensors[0][:DIGITS]  # (200, 1, 28, 28)
        logits = network(digits)  # (200, 10)
    weights = {
        name.rpartition(".")[2]: [parameter.tolist() for parameter in layer.parameters()]
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    }
    there = torch.tensor(ask(page, NETWORK, [weights, digits.tolist()]))  # (200, 2, 10)
    difference = (there[:, 0] - logits).abs().max().item()
    print(f"{DIGITS} digits, logits to {logits.abs().max():.1f}, difference {difference:.1e}")
    assert logits.abs().max() > 5
    assert difference < 1e-4
    assert (there[:, 1] - logits.softmax(1)).abs().max() < 1e-5


def test_receptive_fields_are_what_gradients_reach(page: Page) -> None:
    """What a number of the output depends on, by PyTorch's gradients."""
    rng = random.Random(2)
    networks, ours = [], []
    for _ in range(60):
        layers = [
            {"kernelSize": some(rng, 1, 3, 0), "stride": some(rng, 1, 2, 0)}
            | {"dilation": some(rng, 1, 2, 0)}
            for _ in range(rng.randint(1, 3))
        ]
        x = torch.zeros(1, 1, 64, 64, requires_grad=True)
        y: Tensor = x
        for layer in layers:
            size, stride, dilation = layer.values()
            kernel = torch.ones(1, 1, *(size if isinstance(size, tuple) else (size, size)))
            y = F.conv2d(y, kernel, None, stride, 0, dilation)
        (gradient,) = torch.autograd.grad(y[0, 0, 0, 0], x)
        reached = gradient[0, 0].nonzero().amax(0) + 1  # from the first pixel on
        ours.append(reached.tolist())
        networks.append(layers)
    assert ask(page, "(networks) => networks.map(m.receptiveField)", networks) == ours


def test_what_does_not_fit_together_is_said_as_the_package_says_it(page: Page) -> None:
    shapes: list[tuple[tuple[int, ...], tuple[int, ...], int | None]] = [
        ((1, 2, 5, 5), (4, 3, 3, 3), None),
        ((2, 5, 5), (4, 2, 3, 3), None),
        ((1, 2, 5, 5), (2, 3, 3), None),
        ((1, 2, 5, 5), (4, 2, 3, 3), 3),
        ((1, 2, 2, 5), (4, 2, 3, 3), 4),
    ]
    cases = []
    ours = []
    for x, kernel, bias in shapes:
        images, kernels = torch.zeros(x), torch.zeros(kernel)
        biases = None if bias is None else torch.zeros(bias)
        ours.append(outcome(partial(convolution.conv2d, images, kernels, biases)))
        cases.append([images.tolist(), kernels.tolist(), biases if bias is None else [0.0] * bias])
    assert all(name == "ValueError" for name, _ in ours)
    assert ask(page, "(cases) => cases.map((c) => call(() => m.conv2d(...c)))", cases) == ours
    flat = outcome(lambda: convolution.max_pool2d(torch.zeros(5, 5), 2))
    zeros = torch.zeros(5, 5).tolist()
    assert ask(page, "(x) => call(() => m.maxPool2d(x, 2))", zeros) == flat
