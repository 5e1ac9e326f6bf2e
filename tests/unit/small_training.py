"""Trainings of a few real digits for tests, and how to compare two of them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from cnn_tutorial import checkpoint
from cnn_tutorial.data import Digits, load_digits
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.trainer import Trainer

CPU = torch.device("cpu")
BRIEF = Recipe(epochs=2, batch_size=10, learning_rate=1e-2)


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


def before_each_step(training: Trainer, do: Callable[[], None]) -> None:
    """Have something done before each step, which is not taken if that raises an error."""
    step = training.step

    def do_and_step(images: Tensor, labels: Tensor, count: int) -> None:
        do()
        step(images, labels, count)

    training.step = do_and_step  # type: ignore[method-assign]


def largest_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference of any value in two sets of named tensors."""
    assert one.keys() == other.keys()
    return max((tensor - other[name]).abs().max().item() for name, tensor in one.items())


def outcome(path: Path) -> dict[str, Any]:
    """What a checkpoint holds that must not depend on interruptions: all but times."""
    state = checkpoint.load(path)
    state["history"] = [epoch[:-2] for epoch in state["history"]]
    position, so_far, last_loss = state["position"]
    return state | {"position": (position, so_far[:-1], last_loss)}


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
