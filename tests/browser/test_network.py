"""The network of the browser against PyTorch, and the terms of its numbers, in a browser."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from conftest import ROOT
from fingers import small_network  # noqa: F401 (a fixture)
from hosting import serve
from playwright.sync_api import Browser, Page
from torch import Tensor

from cnn_tutorial.data import load_digits
from cnn_tutorial.export import for_browser
from cnn_tutorial.model import ConvolutionalNetwork

DIGITS = 200
CELLS = 50  # of each layer
# In PyTorch's order of running them; the last is what it makes of the logits.
LAYERS = [
    *("input", "conv1", "relu1", "pool1", "conv2", "relu2", "pool2"),
    *("fc1", "relu3", "fc2", "relu4", "fc3", "softmax"),
]
FORWARD = """(digits) => digits.map((digit) => {
  const probabilities = [...n.forward(Float32Array.from(digit))];
  return [[...n.values.at(-2)], probabilities];
})"""
# From each number along its largest terms down to a pixel: layer, place, value, and sum.
WALKS = """([digit, cells]) => {
  n.forward(Float32Array.from(digit));
  return cells.map(([layer, cell]) => {
    const steps = [];
    for (let [k, i] = [layer, cell]; k > 0; k--) {
      const terms = n.terms(k, i);
      const total = terms.reduce((sum, { product }) => sum + product, 0);
      const own = terms.find(({ from }) => from === i);
      const sum = m.LAYERS[k].kind === "softmax" ? own.product / total : total + n.bias(k, i);
      steps.push([k, i, n.values[k][i], sum, terms.map((t) => [t.from, t.value, t.product])]);
      i = terms[0].from;
    }
    return steps;
  });
}"""


@pytest.fixture(scope="module")
def page(
    browser: Browser, network: ConvolutionalNetwork, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page in which `m` is the module and `n` the network."""
    folder = tmp_path_factory.mktemp("network")
    for name in ("network.js", "safetensors.js"):
        (folder / name).write_bytes((ROOT / "docs/assets/scripts" / name).read_bytes())
    file = for_browser(network, load_digits().test, 0.5)
    (folder / "network.safetensors").write_bytes(file)
    with serve(folder) as host:
        page = browser.new_page()
        page.goto(f"{host.address}network.js")
        page.evaluate(
            """async () => {
              window.m = await import("/network.js");
              const { read } = await import("/safetensors.js");
              window.n = new m.Network((await read(fetch("network.safetensors"))).tensors);
            }"""
        )
        yield page
        page.close()


def ask(page: Page, function: str, values: object) -> Any:
    return json.loads(page.evaluate(f"JSON.stringify(({function})({json.dumps(values)}))"))


def followed(network: ConvolutionalNetwork, x: Tensor) -> dict[str, Tensor]:
    """What each layer makes of one digit, as lists."""
    f = network.features
    layers = [f.conv1, f.relu1, f.pool1, f.conv2, f.relu2, f.pool2, network.flatten]
    layers += [network.fc1, network.relu1, network.fc2, network.relu2, network.fc3]
    made = [x]
    for layer in layers:
        made.append(layer(made[-1]))
    del made[6]  # flattening leaves the list as it is
    made.append(made[-1].softmax(1))
    return dict(zip(LAYERS, [stage.flatten() for stage in made], strict=True))


def test_digits_make_the_logits_of_torch(page: Page, network: ConvolutionalNetwork) -> None:
    digits = load_digits().test.tensors[0][:DIGITS]
    logits = network(digits)  # (200, 10)
    there = torch.tensor(ask(page, FORWARD, digits.flatten(1).tolist()))  # (200, 2, 10)
    difference = (there[:, 0] - logits).abs().max().item()
    print(f"{DIGITS} digits, logits to {logits.abs().max():.1f}, difference {difference:.1e}")
    assert logits.abs().max() > 5
    assert difference < 1e-4
    assert (there[:, 1] - logits.softmax(1)).abs().max() < 1e-5


def test_every_number_is_the_sum_of_its_terms(page: Page, network: ConvolutionalNetwork) -> None:
    """Numbers of each layer, and all on the way from each to a pixel, are those of PyTorch."""
    rng = random.Random(0)
    x = load_digits().test.tensors[0][:1]
    ours = followed(network, x)
    cells = [
        (k, rng.randrange(ours[LAYERS[k]].numel())) for k in range(1, 13) for _ in range(CELLS)
    ]
    walks = ask(page, WALKS, [x.flatten().tolist(), cells])
    assert [len(walk) for walk in walks] == [k for k, _ in cells]
    largest = dict.fromkeys(LAYERS[1:], 0.0)
    for (first, _), walk in zip(cells, walks, strict=True):
        for k, i, value, total, terms in walk:
            right = ours[LAYERS[k]][i].item()
            difference = max(abs(value - right), abs(total - right))
            if k == first:
                largest[LAYERS[k]] = max(largest[LAYERS[k]], difference)
            assert difference < 1e-4, (LAYERS[k], i)
            products = [abs(product) for *_, product in terms]
            assert products == sorted(products, reverse=True)
            before = ours[LAYERS[k - 1]]
            assert all(abs(before[place].item() - value) < 1e-4 for place, value, _ in terms)
    print(" ".join(f"{name} {difference:.0e}" for name, difference in largest.items()))
    assert (ours["conv2"] < 0).any()  # ReLU had something to do
