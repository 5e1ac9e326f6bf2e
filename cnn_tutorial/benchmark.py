"""How exact and how fast the recipes are on this machine, measured side by side in one run."""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import torch
from scipy.special import stdtrit
from torch import nn

from cnn_tutorial.data import load_digits
from cnn_tutorial.datasets import Source
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.recipes import RECIPES, Recipe
from cnn_tutorial.support.device import choose_device, has_bfloat16
from cnn_tutorial.trace import trace
from cnn_tutorial.trainer import Trainer

UNIT = replace(RECIPES["classic"], epochs=1)
MEASURED = ("fast", "small", "accurate")
FIRST_SEED = 2000  # nobody has looked at what it or any higher one comes to


def benchmark(seeds: int, say: Callable[[str], object] = print) -> dict[str, Any]:
    """Train each recipe with several seeds, and measure it on the test digits.

    The unit of time is an epoch of the recipe `classic`, measured first, last and in the middle.

    Args:
        seeds: How many trainings of each recipe; of `accurate` a quarter, but 5 if there are 5.
        say: Called with a line after each training.

    Returns:
        What was measured, on which machine and when, fit for JSON.

    Raises:
        ValueError: There are too few seeds for an interval.
    """
    if seeds < 2:
        raise ValueError(f"An interval takes 2 seeds or more, not {seeds}.")
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in ("classic", *MEASURED)}
    turns = {name: range(seeds) for name in MEASURED} | {
        "classic": {0, seeds // 2, seeds - 1},
        "accurate": range(min(seeds, max(5, seeds // 4))),  # the slowest by far
    }
    for number in range(seeds):
        for name in (name for name in runs if number in turns[name]):
            recipe = UNIT if name == "classic" else RECIPES[name]
            accuracy, seconds = run(recipe, FIRST_SEED + number)
            say(f"seed {FIRST_SEED + number}  {name:8}  {accuracy:7.2%}  {seconds:6.1f} s")
            runs[name].append((accuracy, seconds))
    unit = statistics.median(seconds for _, seconds in runs["classic"])
    cold = _seconds_of_a_new_process()
    say(f"fast, in a process of its own: {cold:.1f} s")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "digits": asdict(load_digits().source),
        "machine": describe_machine(),
        "unit": {"seconds": [seconds for _, seconds in runs["classic"]], "median_seconds": unit},
        "recipes": {name: _summary(name, runs[name], unit) for name in MEASURED},
        "new_process": {"recipe": "fast", "seconds": cold, "ratio": cold / unit},
    }


def run(recipe: Recipe, seed: int) -> tuple[float, float]:
    """Train once, and return the accuracy on the test digits and the seconds.

    The seconds are those of loading the digits and of training; validation is not counted.
    """
    torch.manual_seed(seed)
    start = time.perf_counter()
    digits = load_digits()
    loading = time.perf_counter() - start
    trainer = Trainer(recipe.network(), digits, recipe, seed=seed)
    training = sum(epoch.seconds for epoch in trainer.fit())
    return evaluate(trainer.model, digits.test).accuracy, loading + training


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of the mean of values, by Student's t.

    Args:
        values: At least two, taken to be normally distributed.
        level: The probability that such an interval holds the mean.
    """
    return _t_interval(values, level, (1 / len(values)) ** 0.5)


def prediction_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of one further value, by Student's t.

    Args:
        values: At least two, taken to be normally distributed.
        level: The probability that such an interval holds the next value.
    """
    return _t_interval(values, level, (1 / len(values) + 1) ** 0.5)


def _t_interval(values: Sequence[float], level: float, width: float) -> tuple[float, float]:
    mean = statistics.mean(values)
    quantile = float(stdtrit(len(values) - 1, (1 + level) / 2))
    half = quantile * statistics.stdev(values) * width
    return mean - half, mean + half


def convolution_rate(bfloat16: bool, seconds: float = 0.5) -> float:
    """Measure the multiply-adds a second that this machine does in a convolution that suits it.

    64 channels in and out, 3×3, forward and backward, are work of which little is overhead.
    """
    device = choose_device()
    layer = nn.Conv2d(64, 64, 3).to(device).to(memory_format=torch.channels_last)
    x = torch.rand(64, 64, 34, 34, device=device, requires_grad=True)
    work = 3 * len(x) * trace(layer, x[:1]).multiply_adds  # the backward pass does it twice
    best, end = 0.0, time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        with torch.autocast(device.type, torch.bfloat16, bfloat16):
            total = layer(x).sum()
        total.backward()
        total.item()  # waits for a GPU
        best = max(best, work / (time.perf_counter() - start))
    return best


def describe_machine() -> dict[str, str | int]:
    """Return what decides how fast this machine is."""
    device = choose_device()
    names = torch.cpu.get_capabilities().get("cpu_name", platform.machine())
    return {
        "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else str(names),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "bfloat16": "in hardware" if has_bfloat16(device) else "no",
        "system": platform.system(),
        "Python": platform.python_version(),
        "torch": torch.__version__,
    }


def table(result: dict[str, Any]) -> str:
    """Return the outcome of `benchmark` as a text for people."""
    machine, new = result["machine"], result["new_process"]
    source = Source(**result["digits"] | {"classes": tuple(result["digits"]["classes"])})
    lines = [
        f"{source}, {result['date']}",
        ", ".join(str(machine[name]) for name in ("processor", "system"))
        + f", {machine['threads']} threads, bfloat16 {machine['bfloat16']}",
        f"Python {machine['Python']}, torch {machine['torch']}",
        f"U, the unit of time: {result['unit']['median_seconds']:.1f} s, an epoch of `classic`",
        "",
        "recipe    seeds  accuracy, 95 % interval of mean  seconds     U  of peak",
    ]
    for name, measured in result["recipes"].items():
        seeds, mean, (low, high) = (measured[key] for key in ("seeds", "mean", "interval"))
        lines.append(
            f"{name:8}  {len(seeds):5}  {mean:8.2%}, {low:.2%} to {high:.2%}"
            f"{measured['median_seconds']:14.1f}  {measured['ratio']:.2f}"
            f"  {measured['share_of_peak']:7.0%}"
        )
    lines += ["", f"fast, as a command: {new['seconds']:.1f} s, {new['ratio']:.2f} U"]
    if source.is_sample:
        lines += ["", "Measured on the sample: not comparable with figures for the full MNIST."]
    return "\n".join(lines)


def _summary(name: str, runs: Sequence[tuple[float, float]], unit: float) -> dict[str, Any]:
    recipe, digits = RECIPES[name], load_digits()
    accuracies, seconds = zip(*runs, strict=True)
    median = statistics.median(seconds)
    model = trace(recipe.network(), digits.train.tensors[0][:1])
    work = 3 * recipe.epochs * len(digits.train) * model.multiply_adds
    peak = convolution_rate(recipe.bfloat16 and has_bfloat16(choose_device()))
    return {
        "seeds": list(range(FIRST_SEED, FIRST_SEED + len(runs))),
        "accuracies": accuracies,
        "mean": statistics.mean(accuracies),
        "interval": mean_interval(accuracies),
        "one_run": prediction_interval(accuracies, 0.99),
        "seconds": seconds,
        "median_seconds": median,
        "ratio": median / unit,
        "share_of_peak": work / median / peak,
    }


def _seconds_of_a_new_process() -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = ["train", "--recipe", "fast", "--checkpoint", f"{folder}/model.safetensors"]
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "cnn_tutorial", *command], check=True, capture_output=True
        )
        return time.perf_counter() - start
