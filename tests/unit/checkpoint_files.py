"""Checkpoints of a brief training for tests, and how to load a file that may be anything."""

import io
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import BRIEF, before_each_step, few, make_trainer

from cnn_tutorial.checkpoint import load, load_network
from cnn_tutorial.data import Digits
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.trainer import Trainer

RECIPE = replace(BRIEF, channels=(2, 3))
STEPS = 7  # in the second epoch

State = dict[str, Any]


def half_trained(
    path: Path, recipe: Recipe = RECIPE, seed: int = 0, digits: Digits | None = None
) -> Trainer:
    """Train, and save at a position in the second epoch."""
    training = make_trainer(recipe, digits or few(41), seed=seed)

    def stop() -> None:
        if training.position == STEPS:
            raise EOFError

    before_each_step(training, stop)
    with pytest.raises(EOFError):
        training.fit(path, save_every=0)
    return training


def as_bytes(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def contents(good: bytes) -> State:
    state: State = torch.load(io.BytesIO(good), weights_only=True)
    return state


LOADERS: dict[str, Callable[[Path], object]] = {
    "load": load,
    "load_network": load_network,
    "resume": lambda path: resumed(path),
}


def resumed(path: Path) -> Trainer:
    training = make_trainer(RECIPE, few(41), seed=0)
    training.resume(path)
    return training


def refusals(path: Path, content: bytes, loaders: Iterable[str] = LOADERS) -> dict[str, str]:
    """Load a file in some ways, and return what was said by those that refused it.

    An error of another kind, an error of many lines or a warning fails the test.
    """
    path.write_bytes(content)
    said = {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for name in loaders:
            try:
                LOADERS[name](path)
            except ValueError as error:
                said[name] = str(error)
                assert len(said[name].splitlines()) == 1, said[name]
                assert len(said[name]) < 1000, said[name]
                assert said[name].startswith(str(path)), said[name]
    assert [str(warning.message) for warning in warned] == []
    return said
