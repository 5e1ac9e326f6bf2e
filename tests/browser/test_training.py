"""How the network of the browser learns against PyTorch, in a browser."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hosting import module_page
from playwright.sync_api import Browser, Page
from torch import nn
from torch.nn.utils import parameters_to_vector

from cnn_tutorial.data import load_digits
from cnn_tutorial.model import ConvolutionalNetwork

STEPS, BATCH, RATE = 20, 5, 0.004
LEARN = """([weights, isOn, images, labels, size, rate]) => {
  const learner = new m.Learner(m.generator(0));
  learner.all.set(weights);
  learner.lowest = isOn ? 0 : -Infinity;
  const x = images.map((image) => Float32Array.from(image));
  const results = [];
  for (let n = 0; n < x.length; n += size) {
    const loss = learner.learn(x.slice(n, n + size), labels.slice(n, n + size), rate);
    results.push([loss, n ? [] : [...learner.gradients], [...learner.all]]);
  }
  return results;
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page of a site, in which `m` is the module."""
    with module_page(browser, "training.js") as page:
        yield page


def ask(page: Page, function: str, values: object) -> Any:
    """Run a function in the page on values."""
    return json.loads(page.evaluate(f"JSON.stringify(({function})({json.dumps(values)}))"))


def without_relu(network: ConvolutionalNetwork) -> None:
    for part in network, network.features:
        for name in "relu1", "relu2":
            setattr(part, name, nn.Identity())


@pytest.mark.parametrize(("seed", "is_on"), [(0, True), (1, True), (2, True), (2, False)])
def test_steps_are_those_of_torch(page: Page, seed: int, is_on: bool) -> None:
    """From the same weights and on the same batches: gradients, losses, weights.

    Adam divides by the size of the gradient, and so enlarges what rounding makes of one that is
    almost 0. Of steps in single and in double precision, PyTorch's own weights differ by as much.
    """
    torch.manual_seed(seed)
    network = ConvolutionalNetwork()
    if not is_on:
        without_relu(network)
    images, labels = (tensor[: STEPS * BATCH] for tensor in load_digits().train.tensors)
    start = parameters_to_vector(network.parameters()).tolist()
    given = [start, is_on, images.flatten(1).tolist(), labels.tolist(), BATCH, RATE]
    results = ask(page, LEARN, given)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    gradients = torch.zeros(0)
    differences = []
    for n, (loss, _, weights) in enumerate(results):
        x, y = images.split(BATCH)[n], labels.split(BATCH)[n]
        expected = F.cross_entropy(network(x), y)
        optimizer.zero_grad()
        expected.backward()
        if n == 0:
            gradients = parameters_to_vector(
                [p.grad for p in network.parameters() if p.grad is not None]
            )
        optimizer.step()
        assert abs(loss - expected.item()) < 1e-4
        ours = parameters_to_vector(network.parameters()).detach()
        differences.append((torch.tensor(weights) - ours).abs().max().item())
    difference = (torch.tensor(results[0][1]) - gradients).abs().max().item()
    print(f"seed {seed}: gradients to {gradients.abs().max():.2f}, difference {difference:.1e}")
    print(f"weights after {STEPS} steps: largest difference {differences[-1]:.1e}")
    assert len(differences) == STEPS
    assert gradients.abs().max() > 0.01
    assert difference < 1e-7
    assert max(differences) < (1e-4 if is_on else RATE / 10)


def test_weights_begin_as_in_torch(page: Page) -> None:
    """Uniform within ±1/√fan_in, the same for the same seed, and others for another."""
    starts = torch.tensor(
        ask(page, "(seeds) => seeds.map((s) => [...new m.Learner(m.generator(s)).all])", [0, 0, 1])
    )
    assert torch.equal(starts[0], starts[1])
    assert torch.corrcoef(starts[1:])[0, 1].abs() < 0.02
    parameters = [*ConvolutionalNetwork().parameters()]
    parts = starts[0].split([p.numel() for p in parameters])
    for n, part in enumerate(parts):
        bound = parameters[n - n % 2][0].numel() ** -0.5
        assert part.abs().max() <= bound
        if len(part) > 500:
            # What a uniform distribution has: its ends are met, its mean is 0, its deviation b/√3.
            assert part.abs().max() > 0.98 * bound
            assert part.mean().abs() < 4 * bound / (3 * len(part)) ** 0.5
            assert abs(part.std() / bound - 3**-0.5) < 0.03


def test_a_loss_that_is_no_number_spoils_no_weight(page: Page) -> None:
    digit = [0.5] * 784
    step = """([digit]) => {
      const learner = new m.Learner(m.generator(0));
      learner.all.fill(1e20);
      const before = [...learner.all];
      const loss = learner.learn([Float32Array.from(digit)], [3], 0.1);
      return [String(loss), learner.all.every((weight, i) => weight === before[i])];
    }"""
    assert ask(page, step, [digit]) == ["NaN", True]
