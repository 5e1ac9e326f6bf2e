"""How exact and how fast the recipes are on this machine, measured side by side in one run."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from cnn_tutorial.data import load_digits
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.measurements import Measurements, Runs, measured, seconds_of, seeds_in_a_row
from cnn_tutorial.measurements.rival import train_example
from cnn_tutorial.recipes import RECIPES, Recipe
from cnn_tutorial.support.device import choose_device, has_bfloat16
from cnn_tutorial.trace import trace
from cnn_tutorial.trainer import Trainer

UNIT = replace(RECIPES["classic"], epochs=1)
MEASURED = ("fast", "small", "accurate")
GOOD = 0.99  # the rival is trained until it is as exact as this


def measure(seeds: int, say: Callable[[str], object] = print) -> Measurements:
    """Train each recipe with several seeds, and measure it on the test digits.

    The unit of time is an epoch of the recipe `classic`. It, the recipe `fast` in a process of its
    own, what the machine can do at most, and PyTorch's own example are measured first, last and in
    the middle.

    Args:
        seeds: How many trainings of each recipe.
        say: Called with a line after each training.

    Raises:
        ValueError: There are too few seeds for an interval.
    """
    chosen = seeds_in_a_row(seeds)
    digits = load_digits()
    runs = {"unit": Runs(changed="an epoch of classic")}
    runs |= {name: Runs(changed=f"the recipe {name}") for name in MEASURED}
    runs["command"] = Runs(changed="cnn-tutorial train --recipe fast, as a process of its own")
    bounds = {name: f"{name} at peak" for name in MEASURED}
    runs |= {bound: Runs(changed="its multiply-adds at most") for bound in bounds.values()}

    def note(name: str, seed: int, seconds: float, accuracy: float | None = None) -> None:
        run = runs[name]
        run.seeds.append(seed)
        run.seconds.append(seconds)
        shown = ""
        if accuracy is not None:
            run.accuracies.append(accuracy)
            shown = f"{accuracy:.2%}"
        say(f"seed {seed}  {name:20}  {shown:>7}  {seconds:6.1f} s")

    for number, seed in enumerate(chosen):
        for name in MEASURED:
            accuracy, seconds = run(RECIPES[name], seed)
            note(name, seed, seconds, accuracy)
        if number not in {0, seeds // 2, seeds - 1}:
            continue
        note("unit", seed, run(UNIT, seed)[1])
        note("command", seed, _seconds_of_a_new_process())
        for name, bound in bounds.items():
            note(bound, seed, seconds_at_peak(RECIPES[name], len(digits.train)))
        for epoch, (accuracy, seconds) in enumerate(train_example(digits, seed), 1):
            name = f"rival, epoch {epoch}"
            runs.setdefault(name, Runs(changed=f"PyTorch's example after epoch {epoch}"))
            note(name, seed, seconds, accuracy)
            if accuracy >= GOOD:
                break
    return measured(f"cnn-tutorial benchmark recipes --seeds {seeds}", digits.source, runs)


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


def seconds_at_peak(recipe: Recipe, digits: int) -> float:
    """Return the seconds of a training if each multiply-add were as fast as the machine allows.

    Args:
        recipe: The training.
        digits: How many it sees in an epoch.
    """
    once = trace(recipe.network(), torch.rand(1, 1, 28, 28)).multiply_adds
    bfloat16 = recipe.bfloat16 and has_bfloat16(choose_device())
    return 3 * recipe.epochs * digits * once / convolution_rate(bfloat16)


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


def rival_to_good(found: Measurements) -> tuple[list[int], list[float]]:
    """Return the epochs and the seconds that the rival took to 99.0 %, for each seed."""
    epochs: list[int] = []
    seconds: list[float] = []
    for name, runs in found.runs.items():
        if name.startswith("rival"):
            for accuracy, taken in zip(runs.accuracies, runs.seconds, strict=True):
                if accuracy >= GOOD:
                    epochs.append(int(name.split()[-1]))
                    seconds.append(taken)
    return epochs, seconds


def table(found: Measurements) -> str:
    """Return the outcome of `measure` as a text for people."""
    unit, command = (found.runs[name].median_seconds for name in ("unit", "command"))
    lines = [
        str(found),
        f"U, the unit of time: {unit:.1f} s, an epoch of `classic`",
        "",
        "recipe    seeds  accuracy, 95 % interval of mean  seconds     U  of peak",
    ]
    for name in MEASURED:
        runs = found.runs[name]
        (low, high), seconds = runs.interval, runs.median_seconds
        share = found.runs[f"{name} at peak"].median_seconds / seconds
        lines.append(
            f"{name:8}  {len(runs.seeds):5}  {runs.mean:8.2%}, {low:.2%} to {high:.2%}"
            f"{seconds:14.1f}  {seconds / unit:.2f}  {share:7.0%}"
        )
    lines += ["", f"fast, as a command: {command:.1f} s, {command / unit:.2f} U"]
    epochs, taken = rival_to_good(found)
    if epochs:
        lines.append(
            f"PyTorch's own example to {GOOD:.1%}: {min(epochs)} to {max(epochs)} epochs, "
            f"{min(taken):.0f} to {max(taken):.0f} s, {len(epochs)} seeds"
        )
    if found.digits.is_sample:
        lines += ["", "Measured on the sample: not comparable with figures for the full MNIST."]
    return "\n".join(lines)


def _seconds_of_a_new_process() -> float:
    with tempfile.TemporaryDirectory() as folder:
        options = ["--recipe", "fast", "--checkpoint", f"{folder}/model.safetensors"]
        return seconds_of("-m", "cnn_tutorial", "train", *options)
