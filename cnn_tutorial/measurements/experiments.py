"""One change at a time: what each does to the accuracy of the network of the pages.

Each change is trained with the same seeds as the network without it, so that both see the same
digits in the same order, and is measured on the validation digits, since these are choices.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from cnn_tutorial.data import Digits, load_digits
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.measurements import Measurements, Runs, measured, seeds_in_a_row
from cnn_tutorial.measurements.changes import (
    averaging,
    frozen,
    fully_connected,
    noisy,
    one_convolution,
    one_linear,
    ordered,
    rotated,
    shifted,
    some,
    strided,
    three_convolutions,
    with_batch_norm,
    with_dropout,
)
from cnn_tutorial.recipes import RECIPES, Recipe
from cnn_tutorial.support.terminal import printable
from cnn_tutorial.trainer import Trainer

# An epoch less than on the pages leaves time for more seeds.
BASE = replace(RECIPES["plain"], epochs=2)
PARTS = (0.01, 0.03, 0.1, 0.3)  # of the training digits
SHIFTS = range(1, 7)  # pixels
ANGLES = range(15, 91, 15)  # degrees
NOISES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)  # standard deviations, where white is 1

# Validation digits that are harder than those in training, by what is special about them.
HARDER: dict[str, Callable[[Tensor], Tensor]] = {
    **{f"shifted by {n}": partial(shifted, pixels=n) for n in SHIFTS},
    **{f"rotated by {n}": partial(rotated, degrees=n) for n in ANGLES},
    **{f"noise {n}": partial(noisy, strength=n) for n in NOISES},
}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A network, how it is trained, and on what.

    Attributes:
        changed: What is special about it.
        network: Makes the network; `recipe.network` if None.
        recipe: How it is trained.
        digits: Changes the digits, by the seed.
        base: What it is compared with.
        harder: Whether it is tested on harder digits too.
    """

    changed: str
    network: Callable[[], nn.Module] | None = None
    recipe: Recipe = BASE
    digits: Callable[[Digits, int], Digits] = lambda digits, _: digits
    base: str = "plain"
    harder: bool = False


def _with_less() -> dict[str, Experiment]:
    """Return the experiments with fewer digits, each of as many steps as with all of them."""
    return {
        f"{name}, {part:.0%} of digits": Experiment(
            changed=f"{part:.0%} of the training digits, seen the more often",
            network=network,
            recipe=replace(BASE, epochs=round(BASE.epochs / part)),
            digits=partial(some, part=part),
            base=name,
        )
        for name, network in (("plain", None), ("fully connected", fully_connected))
        for part in PARTS
    }


EXPERIMENTS = {
    "plain": Experiment(changed="nothing: the network of the pages", harder=True),
    "1×1 kernels": Experiment(
        changed="kernel_size=1: no pixel sees another", recipe=replace(BASE, kernel_size=1)
    ),
    "5×5 kernels": Experiment(changed="kernel_size=5", recipe=replace(BASE, kernel_size=5)),
    "7×7 kernels": Experiment(changed="kernel_size=7", recipe=replace(BASE, kernel_size=7)),
    "stride, no pooling": Experiment(
        changed="convolutions of stride 2 for pooling", network=strided, harder=True
    ),
    "average pooling": Experiment(
        changed="average pooling for max pooling", network=averaging, harder=True
    ),
    "half the channels": Experiment(
        changed="3 and 8 channels for 6 and 16", recipe=replace(BASE, channels=(3, 8))
    ),
    "twice the channels": Experiment(
        changed="12 and 32 channels for 6 and 16", recipe=replace(BASE, channels=(12, 32))
    ),
    "4× the channels": Experiment(
        changed="24 and 64 channels for 6 and 16", recipe=replace(BASE, channels=(24, 64))
    ),
    "one convolution": Experiment(
        changed="one convolution to 16 channels, pooled by 4", network=one_convolution
    ),
    "three convolutions": Experiment(
        changed="a third convolution, of 16 channels", network=three_convolutions
    ),
    "one linear layer": Experiment(
        changed="one fully-connected layer for three", network=one_linear
    ),
    "dropout": Experiment(
        changed="dropout of 0.3 between the fully-connected layers", network=with_dropout
    ),
    "batch norm": Experiment(
        changed="batch normalisation after each convolution", network=with_batch_norm
    ),
    "frozen kernels": Experiment(changed="kernels stay as chance made them", network=frozen),
    "shifts up to 2": Experiment(
        changed="digits shifted at random while training", recipe=replace(BASE, shift=2)
    ),
    "shifts up to 4": Experiment(
        changed="digits shifted further while training",
        recipe=replace(BASE, shift=4),
        harder=True,
    ),
    "fully connected": Experiment(
        changed="no convolution, as many parameters", network=fully_connected, harder=True
    ),
    "fully connected, shifts up to 4": Experiment(
        changed="digits shifted while training",
        network=fully_connected,
        recipe=replace(BASE, shift=4),
        base="fully connected",
        harder=True,
    ),
    "plain, random order": Experiment(changed="pixels in one random order", digits=ordered),
    "stride, no pooling, random order": Experiment(
        changed="pixels in one random order",
        network=strided,
        digits=ordered,
        base="stride, no pooling",
    ),
    "frozen kernels, random order": Experiment(
        changed="pixels in one random order", network=frozen, digits=ordered, base="frozen kernels"
    ),
    "fully connected, random order": Experiment(
        changed="pixels in one random order",
        network=fully_connected,
        digits=ordered,
        base="fully connected",
    ),
    **_with_less(),
}


def run(name: str, seed: int) -> dict[str, float]:
    """Train once, and return accuracies on the validation digits by the name of their row."""
    experiment = EXPERIMENTS[name]
    digits = experiment.digits(load_digits(), seed)
    # After each epoch, of which some have many, the trainer measures: there a few digits will do.
    few = TensorDataset(*digits.validation[:100])
    torch.manual_seed(seed)
    network = (experiment.network or experiment.recipe.network)()
    training = digits._replace(validation=few)
    cpu = torch.device("cpu")
    trainer = Trainer(network, training, experiment.recipe, seed=seed, device=cpu)
    trainer.fit()
    found = {name: evaluate(trainer.model, digits.validation).accuracy}
    if experiment.harder:
        images, labels = digits.validation.tensors
        for kind, change in HARDER.items():
            harder = TensorDataset(change(images), labels)
            found[f"{name}, {kind}"] = evaluate(trainer.model, harder).accuracy
    return found


def measure(seeds: int, say: Callable[[str], object] = print) -> Measurements:
    """Train the network of each experiment with several seeds, side by side in processes.

    Each process computes in one thread: two of them do more than one with two threads.

    Args:
        seeds: How many trainings of each network.
        say: Called with a line after each training.

    Raises:
        ValueError: There are too few seeds for an interval.
    """
    chosen = seeds_in_a_row(seeds)
    digits = load_digits()
    tasks = [(name, seed) for seed in chosen for name in EXPERIMENTS]
    found: dict[tuple[str, int], dict[str, float]] = {}
    with ProcessPoolExecutor(
        mp_context=get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(1,),
    ) as pool:
        futures = {pool.submit(run, *task): task for task in tasks}
        for future in as_completed(futures):
            name, seed = futures[future]
            found[name, seed] = future.result()
            accuracy = found[name, seed][name]
            say(f"{len(found)}/{len(tasks)}  seed {seed}  {name:34}  {accuracy:.2%}")
    runs: dict[str, Runs] = {}
    for name, seed in tasks:
        for row, accuracy in found[name, seed].items():
            changed = EXPERIMENTS[name].changed
            if row != name:
                changed += row.removeprefix(name)
            runs.setdefault(row, Runs(changed=changed))
            runs[row].seeds.append(seed)
            runs[row].accuracies.append(accuracy)
    command = f"cnn-tutorial benchmark experiments --seeds {seeds}"
    result = measured(command, digits.source, runs)
    result.machine["threads"] = 1  # of each process
    return result


def gains(
    runs: Mapping[str, Runs], names: Iterable[str], base: str = "plain"
) -> dict[str, tuple[float, float, float]]:
    """Return what each network gains over another in points: mean, lowest and highest."""
    pairs = {name: runs[name].gain_over(runs[base]) for name in names}
    return {name: (100 * mean, 100 * low, 100 * high) for name, (mean, low, high) in pairs.items()}


def means_of(
    runs: Mapping[str, Runs], names: Iterable[str], kinds: Sequence[str]
) -> tuple[dict[str, list[float]], dict[str, list[tuple[float, float]]]]:
    """Return mean accuracies of networks and their intervals, as they are and then of each kind.

    Args:
        runs: What was measured.
        names: Networks.
        kinds: What stands behind their names in the rows, such as `noise 0.1`.
    """
    rows = {name: [runs[name], *(runs[f"{name}, {kind}"] for kind in kinds)] for name in names}
    means = {name: [run.mean for run in row] for name, row in rows.items()}
    return means, {name: [run.interval for run in row] for name, row in rows.items()}


def table(found: Measurements) -> str:
    """Return the outcome of `measure` as a text for people: each network, then harder digits."""
    runs = found.runs
    lines = [
        str(found),
        "",
        "validation digits                  seeds  accuracy  gain in points, 95 % interval",
    ]
    for name, experiment in EXPERIMENTS.items():
        line = f"{name:34}{len(runs[name].seeds):6}{runs[name].mean:10.2%}"
        if name != "plain":
            gain, low, high = gains(runs, [name], experiment.base)[name]
            line += f"  {gain:+6.2f}, {low:+.2f} to {high:+.2f}"
            line += f", over {experiment.base}" * (experiment.base != "plain")
        lines.append(line)
    for what, values in ("shifted by", SHIFTS), ("rotated by", ANGLES), ("noise", NOISES):
        lines += ["", f"{what:34}" + "".join(f"{value:7}" for value in values)]
        for name, experiment in EXPERIMENTS.items():
            if experiment.harder:
                means = (runs[f"{name}, {what} {value}"].mean for value in values)
                lines.append(f"{name:34}" + "".join(f"{mean:7.1%}" for mean in means))
    if found.digits.is_sample:
        lines += ["", "Measured on the sample: not comparable with figures for the full MNIST."]
    return printable("\n".join(lines))
