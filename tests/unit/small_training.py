"""Trainings of a few real digits for tests, their checkpoints, and how to compare two of them."""

import functools
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from cnn_tutorial.data import Digits, load_digits
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.support import checkpoint
from cnn_tutorial.trainer import Trainer

CPU = torch.device("cpu")
BRIEF = Recipe(epochs=2, batch_size=10, learning_rate=1e-2)
TINY = replace(BRIEF, channels=(2, 3))
HALFWAY = 7  # steps, of the 10 that both recipes take with 41 digits: in the second epoch


@functools.cache
def all_digits() -> Digits:
    return load_digits()


def few(train: int, validation: int = 30) -> Digits:
    digits = all_digits()
    return Digits(
        first(digits.train, train),
        first(digits.validation, validation),
        first(digits.test, validation),
        digits.source,
    )


def first(dataset: TensorDataset, count: int) -> TensorDataset:
    return TensorDataset(*(tensor[:count] for tensor in dataset.tensors))


def with_set(digits: Digits, part: str, images: Tensor, labels: Tensor) -> Digits:
    sets = digits._asdict() | {part: TensorDataset(images, labels)}
    return Digits(**sets)


def make_trainer(
    recipe: Recipe, digits: Digits, network: nn.Module | None = None, seed: int = 0
) -> Trainer:
    torch.manual_seed(seed)
    return Trainer(network or recipe.network(), digits, recipe, seed=seed, device=CPU)


def resumed(path: Path, recipe: Recipe = TINY, train: int = 41) -> Trainer:
    """A new training that goes on from a checkpoint."""
    training = make_trainer(recipe, few(train))
    checkpoint.resume(training, path)
    return training


def before_each_step(training: Trainer, do: Callable[[], None]) -> None:
    """Have something done before each step, which is not taken if that raises an error."""
    step = training.step

    def do_and_step(images: Tensor, labels: Tensor, batch_size: int) -> None:
        do()
        step(images, labels, batch_size)

    training.step = do_and_step  # type: ignore[method-assign]


def half_trained(
    path: Path, recipe: Recipe = TINY, seed: int = 0, digits: Digits | None = None
) -> Trainer:
    """Train, and save at a step in the second epoch."""
    training = make_trainer(recipe, digits or few(41), seed=seed)

    def stop() -> None:
        if training.progress.steps == HALFWAY:
            raise EOFError

    before_each_step(training, stop)
    with pytest.raises(EOFError):
        training.fit(path, save_every=0)
    return training


def largest_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference of any value in two sets of named tensors."""
    assert one.keys() == other.keys()
    return max((tensor - other[name]).abs().max().item() for name, tensor in one.items())


def outcome(path: Path) -> dict[str, Any]:
    """What a checkpoint holds that must not depend on interruptions: all but times."""
    tensors, training = checkpoint.load(path)
    timed = [training["progress"], *training["history"]]
    for numbers in timed:
        numbers.pop("seconds")
        numbers.pop("images_per_second", None)
    return {"tensors": tensors, "training": training}


def state(training: Trainer) -> dict[str, Any]:
    """All that a training has come to."""
    return {
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict()["state"],
        "progress": asdict(training.progress),
        "history": [epoch._asdict() for epoch in training.history],
    }


def same(one: Any, other: Any) -> bool:
    """Whether two trees of containers are alike down to the bits of their tensors and numbers."""
    if isinstance(one, Tensor):
        return (
            isinstance(other, Tensor)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and one.contiguous().numpy().tobytes() == other.contiguous().numpy().tobytes()
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)  # which is so for NaN
