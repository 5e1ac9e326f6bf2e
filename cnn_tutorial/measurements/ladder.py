"""From the classic loop to the recipe `fast`, one lever a step: what each of them is worth here."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from cnn_tutorial.data import Digits, Pictures, load_digits
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.measurements import Measurements, Runs, measured, seconds_of, seeds_in_a_row
from cnn_tutorial.recipes import RECIPES, Recipe
from cnn_tutorial.support.terminal import printable
from cnn_tutorial.trainer import LeanAdamW, Trainer

PART = 5_760  # digits that are timed: 576 batches of 10, 60 of 96, 45 of 128


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A training by the package's trainer, with some of what makes that fast taken back.

    Attributes:
        changed: What is other than in the rung that it is compared with.
        recipe: Of the training.
        fused: Change all weights in one call, rather than each tensor in a dozen calls.
        channels_last: Keep the channels of a pixel side by side in memory.
        workers: Processes that make batches for a `DataLoader`, beside the one that trains.
        threads: Of PyTorch; if None, as many as it takes by itself.
    """

    changed: str
    recipe: Recipe
    fused: bool = True
    channels_last: bool = True
    workers: int = 0
    threads: int | None = None

    def trainer(self, digits: Digits, seed: int) -> Trainer:
        """Return its trainer, with a new network."""
        torch.manual_seed(seed)
        trainer = Trainer(self.recipe.network(), digits, self.recipe, seed=seed)
        if not self.channels_last:
            trainer.model.to(memory_format=torch.contiguous_format)
        if not self.fused:
            betas, decay = self.recipe.betas, self.recipe.weight_decay
            trainer.optimizer = LeanAdamW(trainer.parameters, betas=betas, weight_decay=decay)
        return trainer

    def batches(self, trainer: Trainer) -> Iterator[tuple[Tensor, Tensor, int]]:
        """Yield what `Trainer.step` takes, for an epoch."""
        if not self.workers:
            yield from trainer.batches()
            return
        pictures, size = Pictures(trainer.digits.train), self.recipe.batch_size
        for images, labels in DataLoader(pictures, size, shuffle=True, num_workers=self.workers):
            yield images.to(trainer.device), labels.to(trainer.device), len(labels)


_classic = Rung(
    changed="the classic loop", recipe=RECIPES["classic"], fused=False, channels_last=False
)
_tensors = replace(
    _classic,
    changed="one tensor, no DataLoader",
    recipe=replace(_classic.recipe, one_by_one=False),
)
_fused = replace(_tensors, changed="all weights in one call", fused=True)
_batches = replace(
    _fused,
    changed="batches of 128, 4 × the rate",
    recipe=replace(_fused.recipe, batch_size=128, learning_rate=4e-3),
)
_channels_last = replace(_batches, changed="channels last", channels_last=True)
_pooling_first = replace(
    _channels_last,
    changed="pooling before ReLU",
    recipe=replace(_channels_last.recipe, pooling_first=True),
)
_one_cycle = replace(
    _pooling_first,
    changed="the recipe small: one cycle",
    recipe=replace(RECIPES["small"], bfloat16=False),
)
_kernels = replace(
    _one_cycle,
    changed="5×5 kernels, 16 and 32 channels",
    recipe=replace(RECIPES["fast"], bfloat16=False),
)
_fast = replace(_kernels, changed="bfloat16", recipe=RECIPES["fast"])

LADDER = {
    "classic": _classic,
    "tensors": _tensors,
    "fused": _fused,
    "batches": _batches,
    "channels last": _channels_last,
    "pooling first": _pooling_first,
    "one cycle": _one_cycle,
    "kernels": _kernels,
    "fast": _fast,
}
LEARNING = ("classic", "batches", "one cycle", "fast")  # the rungs that learn something else

ASIDE = {  # the rung that each is compared with; levers taken back from `fast`, and what was tried
    "no tensors": (
        "fast",
        replace(_fast, changed="without tensors", recipe=replace(RECIPES["fast"], one_by_one=True)),
    ),
    "not fused": ("fast", replace(_fast, changed="without the fused optimizer", fused=False)),
    "channels first": (
        "fast",
        replace(_fast, changed="without channels last", channels_last=False),
    ),
    "ReLU first": (
        "fast",
        replace(
            _fast,
            changed="without pooling first",
            recipe=replace(RECIPES["fast"], pooling_first=False),
        ),
    ),
    "one thread": ("fast", replace(_fast, changed="without more than one thread", threads=1)),
    "two workers": (
        "classic",
        replace(_classic, changed="2 processes that load, classic", workers=2),
    ),
    "classic, one thread": (
        "classic",
        replace(_classic, changed="a single thread, classic loop", threads=1),
    ),
    "small bfloat16": (
        "one cycle",
        replace(_one_cycle, changed="bfloat16, small network", recipe=RECIPES["small"]),
    ),
}
ALL = LADDER | {name: rung for name, (_, rung) in ASIDE.items()}
STARTS = {
    "torch": "import torch",
    "torchvision": "import torch, torchvision",
    "Adam": "import torch; torch.optim.Adam([torch.zeros(1)])",
}


def measure(seeds: int, say: Callable[[str], object] = print) -> Measurements:
    """Time an epoch of each rung, all of them once, then again, so that noise hits all alike.

    A part of an epoch is timed, and its seconds are scaled to the whole. What is learned is
    measured on the test digits after whole trainings, with the first, the middle and the last seed.

    Args:
        seeds: How often each rung is timed.
        say: Called with a line after each round and each training.

    Raises:
        ValueError: There are too few seeds to tell a gain from noise.
    """
    chosen = seeds_in_a_row(seeds)
    digits = load_digits()
    runs = {name: Runs(changed=rung.changed) for name, rung in ALL.items()}
    runs |= {learned(name): Runs(changed=f"{name}, to its end") for name in LEARNING}
    runs |= {start(name): Runs(changed=code) for name, code in STARTS.items()}
    for number, seed in enumerate(chosen):
        for name, rung in ALL.items():
            runs[name].seeds.append(seed)
            runs[name].seconds.append(seconds_of_an_epoch(rung, digits, seed))
        say(f"seed {seed}  " + " ".join(f"{runs[name].seconds[-1]:.1f}" for name in ALL) + " s")
        if number not in {0, seeds // 2, seeds - 1}:
            continue
        for name in LEARNING:
            accuracy = accuracy_of(LADDER[name], digits, seed)
            runs[learned(name)].seeds.append(seed)
            runs[learned(name)].accuracies.append(accuracy)
            say(f"seed {seed}  {name}: {accuracy:.2%}")
        for name, code in STARTS.items():
            runs[start(name)].seeds.append(seed)
            runs[start(name)].seconds.append(seconds_of("-c", code))
    return measured(f"cnn-tutorial benchmark ladder --seeds {seeds}", digits.source, runs)


def seconds_of_an_epoch(rung: Rung, digits: Digits, seed: int, part: int = PART) -> float:
    """Return the seconds of an epoch, from those of its first part.

    The first step, in which PyTorch prepares more than it computes, is not counted.

    Args:
        rung: What to time.
        digits: Those of the whole epoch.
        seed: Of the network and the order of the digits.
        part: How many digits are timed.
    """
    images, labels = digits.train.tensors
    few = digits._replace(train=TensorDataset(images[:part], labels[:part]))
    trainer = rung.trainer(few, seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(rung.threads or threads)
    batches = rung.batches(trainer)
    trainer.step(*next(batches))
    seen, begin = 0, time.perf_counter()
    for batch in batches:
        trainer.step(*batch)
        seen += batch[2]
    seconds = time.perf_counter() - begin
    torch.set_num_threads(threads)
    return seconds / seen * len(labels)


def accuracy_of(rung: Rung, digits: Digits, seed: int) -> float:
    """Train to the end, and return the accuracy on the test digits.

    In the quickest way, since the way changes nothing but the rounding.
    """
    quick = replace(rung.recipe, one_by_one=False, pooling_first=True)
    trainer = Rung(changed="", recipe=quick).trainer(digits, seed)
    trainer.fit()
    return evaluate(trainer.model, digits.test).accuracy


def learned(name: str) -> str:
    """Return the name of the runs of what a rung has learned in the end."""
    return f"{name}, learned"


def start(name: str) -> str:
    """Return the name of the runs of a process that does little more than import."""
    return f"{name}, imported"


def training_seconds(found: Measurements) -> dict[str, float]:
    """Return the seconds of each rung's whole training: the median over the seeds."""
    return {
        name: rung.recipe.epochs * found.runs[name].median_seconds for name, rung in LADDER.items()
    }


def gain(found: Measurements, name: str, base: str) -> tuple[float, float, float]:
    """Return how many times as fast a training is as another: the median, lowest and highest.

    Each pair was timed with the same seed, one soon after the other.
    """
    epochs = ALL[base].recipe.epochs / ALL[name].recipe.epochs
    pairs = zip(found.runs[base].seconds, found.runs[name].seconds, strict=True)
    gains = [epochs * before / after for before, after in pairs]
    return statistics.median(gains), min(gains), max(gains)


def table(found: Measurements) -> str:
    """Return the outcome of `measure` as a text for people."""
    lines = [str(found), "", f"{'':32} seconds epochs  right  × as fast as above"]
    above = ""
    for name, rung in LADDER.items():
        epoch, epochs = found.runs[name].median_seconds, rung.recipe.epochs
        right = f"{found.runs[learned(name)].mean:.1%}" if name in LEARNING else ""
        line = f"{rung.changed:32}{epoch:8.1f}{epochs:7}{right:>7}"
        lines.append(f"{line}  {_shown(gain(found, name, above))}" if above else line)
        above = name
    lines.append(f"{'all of them':54}  {_shown(gain(found, 'fast', 'classic'))}")
    for base, head in ("fast", "with it"), ("", "without it"):
        lines += ["", f"{'':32} seconds                × as fast as {head}"]
        for name, (other, rung) in ASIDE.items():
            if (other == "fast") == (base == "fast"):
                line = f"{rung.changed:32}{found.runs[name].median_seconds:8.1f}"
                lines.append(f"{line:54}  {_shown(gain(found, name, other))}")
    lines += ["", f"{'in a new process':52}seconds"]
    lines += [
        f"{code:55}{found.runs[start(name)].median_seconds:.1f}" for name, code in STARTS.items()
    ]
    return printable("\n".join(lines))


def _shown(gains: tuple[float, float, float]) -> str:
    median, low, high = gains
    noise = " ≈ 1" if low <= 1 <= high else ""
    return f"{median:.2f} ({low:.2f} to {high:.2f}){noise}"
