"""The parts of a step of the classic loop, and how fast layers of more and more channels are."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.profiler import profile, record_function
from torch.utils.data import DataLoader

from cnn_tutorial.data import Digits, Pictures, load_digits
from cnn_tutorial.measurements import Measurements, Runs, measured, seeds_in_a_row
from cnn_tutorial.model import ConvolutionalNetwork
from cnn_tutorial.support.terminal import printable
from cnn_tutorial.trace import trace

PARTS = ("load", "forward", "backward", "optimizer")
CHANNELS = (4, 6, 8, 12, 16, 20, 24, 28, 32)
IMAGES = 64  # of 12×12, through kernels of 5×5


def measure(seeds: int, say: Callable[[str], object] = print) -> Measurements:
    """Time the parts of a step and the layers, all of them once, then again.

    Args:
        seeds: How often each is timed.
        say: Called with a line after each round.

    Raises:
        ValueError: There are too few seeds to tell a difference from noise.
    """
    chosen = seeds_in_a_row(seeds)
    digits = load_digits()
    runs = {part: Runs(changed=f"a step of the classic loop: {part}") for part in PARTS}
    runs |= {layer(n): Runs(changed=f"a convolution of {n} channels") for n in CHANNELS}
    for seed in chosen:
        found = seconds_of_a_step(digits, seed)
        found |= {layer(n): seconds_of_a_layer(n, seed) for n in CHANNELS}
        for name, seconds in found.items():
            runs[name].seeds.append(seed)
            runs[name].seconds.append(seconds)
        say(f"seed {seed}  {1000 * sum(found[part] for part in PARTS):.2f} ms a step")
    return measured(f"cnn-tutorial benchmark step --seeds {seeds}", digits.source, runs)


def seconds_of_a_step(digits: Digits, seed: int, steps: int = 50) -> dict[str, float]:
    """Return the seconds of each part of a step of the classic loop, each at its quickest."""
    torch.manual_seed(seed)
    batches = iter(DataLoader(Pictures(digits.train), 10, shuffle=True))
    model = ConvolutionalNetwork()
    optimizer = torch.optim.Adam(model.parameters())
    _train(batches, model, optimizer, 5)  # the first ones prepare a lot
    with profile() as profiler:
        _train(batches, model, optimizer, steps)
    events: Any = profiler.events()
    return {
        part: min(event.cpu_time_total for event in events if event.name == part) / 1e6
        for part in PARTS
    }


def _train(
    batches: Iterator[Any], model: nn.Module, optimizer: torch.optim.Optimizer, steps: int
) -> None:
    for _ in range(steps):
        with record_function("load"):
            x, y = next(batches)
        with record_function("forward"):
            loss = F.cross_entropy(model(x), y)
        with record_function("backward"):
            optimizer.zero_grad()
            loss.backward()
        with record_function("optimizer"):
            optimizer.step()


def seconds_of_a_layer(channels: int, seed: int, times: int = 20) -> float:
    """Return the seconds of a convolution with as many channels in and out, at its quickest."""
    torch.manual_seed(seed)
    layout = torch.channels_last
    x = torch.rand(IMAGES, channels, 12, 12).to(memory_format=layout)
    convolution = nn.Conv2d(channels, channels, 5).to(memory_format=layout)
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        convolution(x)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def layer(channels: int) -> str:
    """Return the name of the runs of a layer."""
    return f"{channels} channels"


def shares(found: Measurements) -> dict[str, float]:
    """Return the share of each part in a step, each at its quickest."""
    best = {part: min(found.runs[part].seconds) for part in PARTS}
    return {part: seconds / sum(best.values()) for part, seconds in best.items()}


def rates(found: Measurements) -> dict[int, float]:
    """Return the multiply-adds a second of each layer, at its quickest."""
    work = {n: trace(nn.Conv2d(n, n, 5), torch.zeros(1, n, 12, 12)).multiply_adds for n in CHANNELS}
    return {n: IMAGES * work[n] / min(found.runs[layer(n)].seconds) for n in CHANNELS}


def table(found: Measurements) -> str:
    """Return the outcome of `measure` as a text for people."""
    lines = [str(found), "", "a step of the classic loop"]
    lines += [f"{part:12}{share:7.1%}" for part, share in shares(found).items()]
    lines += ["", "10⁹ multiply-adds a second"]
    lines += [f"{layer(n):12}{rate / 1e9:7.1f}" for n, rate in rates(found).items()]
    return printable("\n".join(lines))
