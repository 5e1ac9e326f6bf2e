"""What deformed digits bring to a network that reads drawings: digits in other pens and sizes."""

from collections.abc import Callable

import torch
from torch import Tensor

from cnn_tutorial.data import load_digits
from cnn_tutorial.deform import redraw
from cnn_tutorial.evaluation import predict
from cnn_tutorial.measurements import Measurements, Runs, measured, seeds_in_a_row
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.terminal import printable
from cnn_tutorial.trainer import Trainer

COMPARED = ("plain", "browser")  # recipes
DRAWN = {  # size and pen, by name
    "as it is": (1.0, 1.0),
    "0.6 × as large": (0.6, 1.0),
    "1.4 × as large": (1.4, 1.0),
    "half the pen": (1.0, 0.5),
    "double the pen": (1.0, 2.0),
}
DIGITS = 2000  # of the validation set


def measure(seeds: int, say: Callable[[str], object] = print) -> Measurements:
    """Train by each recipe with several seeds, and measure it on validation digits drawn again.

    Args:
        seeds: How many trainings of each recipe.
        say: Called with a line after each training.

    Raises:
        ValueError: There are too few seeds for an interval.
    """
    chosen = seeds_in_a_row(seeds)
    digits = load_digits()
    images, labels = (tensor[:DIGITS] for tensor in digits.validation.tensors)
    sets = {name: redraw(images, size=size, pen=pen) for name, (size, pen) in DRAWN.items()}
    runs = {
        run_name(recipe, drawn): Runs(changed=f"the recipe {recipe} on digits {drawn}")
        for recipe in COMPARED
        for drawn in DRAWN
    }
    for seed in chosen:
        for recipe in COMPARED:
            torch.manual_seed(seed)
            training = Trainer(RECIPES[recipe].network(), digits, RECIPES[recipe], seed=seed)
            training.fit()
            for drawn, x in sets.items():
                run = runs[run_name(recipe, drawn)]
                run.seeds.append(seed)
                run.accuracies.append(_accuracy(training.model, x, labels))
            say(f"seed {seed}  {recipe:8}  {training.history[-1].validation_accuracy:.2%}")
    return measured(f"cnn-tutorial benchmark drawn --seeds {seeds}", digits.source, runs)


def run_name(recipe: str, drawn: str) -> str:
    """Return the name of the runs of a recipe on digits that were drawn in one way."""
    return f"{recipe}: {drawn}"


def table(found: Measurements) -> str:
    """Return the outcome of `measure` as a text for people."""
    lines = [str(found), "", f"{'':16}{'plain':>8}{'browser':>10}   gain, 95 % interval"]
    for drawn in DRAWN:
        plain, browser = (found.runs[run_name(recipe, drawn)] for recipe in COMPARED)
        gain, low, high = (100 * value for value in browser.gain_over(plain))
        lines.append(
            f"{drawn:16}{plain.mean:8.2%}{browser.mean:10.2%}"
            f"   {gain:+.2f}, {low:+.2f} to {high:+.2f} points"
        )
    return printable("\n".join(lines))


def _accuracy(model: torch.nn.Module, images: Tensor, labels: Tensor) -> float:
    return (predict(model, images).argmax(1) == labels).float().mean().item()
