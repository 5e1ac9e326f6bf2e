"""Whole files of the right format whose contents are not those of this training."""

import math
import random
import re
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import RECIPE, State, as_bytes, contents, half_trained, refusals, resumed
from small_training import few, make_trainer, outcome, same
from torch import Tensor, nn

from cnn_tutorial.checkpoint import load, load_network


def test_checkpoint_of_another_training_is_told_by_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    for recipe, seed, digits, expected in [
        (replace(RECIPE, channels=(2, 4)), 0, few(41), "its recipe is"),
        (replace(RECIPE, kernel_size=5), 0, few(41), "its recipe is"),
        (replace(RECIPE, learning_rate=9e-3), 0, few(41), "its recipe is"),
        (RECIPE, 1, few(41), "its seed is 1, not 0"),
        (RECIPE, 0, few(41)._replace(source="others"), "its digits is|its digits are"),
    ]:
        half_trained(path, recipe, seed, digits)
        load(path)
        load_network(path)
        with pytest.raises(ValueError, match=expected) as caught:
            resumed(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_network_of_another_architecture_is_told_by_the_layer(tmp_path: Path, good: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(good)
    other = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    training = make_trainer(RECIPE, few(41), other)
    with pytest.raises(ValueError, match=r"of another network: expected .* to be .*, found "):
        training.resume(path)


JUNK: dict[str, Any] = {
    "none": None,
    "true": True,
    "number": 3,
    "negative": -1,
    "huge": 10**30,
    "nan": math.nan,
    "text": "text",
    "lines": "many\nlines\n" * 1000,
    "empty list": [],
    "list": [1, 2, 3],
    "tuple": (1, 2, 3),
    "empty dictionary": {},
    "dictionary": {"a": 1},
    "dictionary of a tensor": {"channels": torch.arange(2), "a\nb": torch.arange(1000)},
    "tensor": torch.arange(3),
    "matrix": torch.rand(100, 100),
}


def test_any_missing_or_foreign_value_is_refused(tmp_path: Path, good: bytes) -> None:
    path, state = tmp_path / "checkpoint.pt", contents(good)
    for key in state.keys() - {"format"}:
        for name, junk in {"missing": ..., **JUNK}.items():
            loaders = ["resume", *(["load_network"] if key in ("recipe", "model") else [])]
            said = refusals(path, as_bytes(replaced(state, (key,), junk)), loaders)
            assert list(said) == loaders, f"{key} is {name}"


def branches(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in a tree of containers."""
    if path:
        yield path
    if isinstance(tree, dict):
        children = list(tree.items())
    else:
        children = list(enumerate(tree)) if isinstance(tree, list | tuple) else []
    for key, child in children:
        yield from branches(child, (*path, key))


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a tree with another value at a place; without it if it is `...`."""
    if not path:
        return value
    key, *rest = path
    if isinstance(tree, dict):
        changed = {**tree, key: replaced(tree[key], tuple(rest), value)}
        return {k: v for k, v in changed.items() if v is not ...}
    items = [replaced(v, tuple(rest), value) if i == key else v for i, v in enumerate(tree)]
    return type(tree)(v for v in items if v is not ...)


def test_any_foreign_value_deep_inside_is_refused_or_trained_with(
    tmp_path: Path, good: bytes
) -> None:
    # What is taken must be good enough to train to the end and to be printed and saved.
    path, state = tmp_path / "checkpoint.pt", contents(good)
    ways = [way for way in branches(state) if len(way) > 1 and way[0] != "format"]
    generator = random.Random(2)
    taken = []
    for way in ways:
        for name in generator.sample(["missing", *JUNK], 2):
            junk = ... if name == "missing" else JUNK[name]
            content = as_bytes(replaced(state, way, junk))
            if not refusals(path, content, ["resume"]):
                try:
                    training = resumed(path)
                    str(training.fit(path))
                    training.history.save(tmp_path / "history.json")
                except FloatingPointError:
                    pass  # clear enough
                taken.append((way, name))
    print(f"{len(ways) * 2} values replaced: {len(taken)} taken")
    for way, name in taken:
        # Values of the right type cannot be told from true ones.
        assert way[0] in ("history", "position"), (way, name)
        assert name in ("true", "number", "negative", "huge", "nan"), (way, name)


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def tensors(state: State) -> list[tuple[Any, ...]]:
    found = [way for way in branches(state) if isinstance(at(state, way), Tensor)]
    return [way for way in found if way[0] != "random"]


ODD_TENSORS: dict[str, Callable[[Tensor], Tensor]] = {
    "not a number": lambda t: torch.full_like(t, torch.nan),
    "infinite": lambda t: torch.full_like(t, -torch.inf),
    "double": lambda t: t.double(),
    "half": lambda t: t.half(),
    "whole numbers": lambda t: t.long(),
    "complex": lambda t: t.to(torch.complex64),
    "too small": lambda t: t.flatten()[:-1].clone(),
    "too large": lambda t: torch.cat([t.flatten(), t.flatten()]),
    "flat": lambda t: t.flatten()[None],
    "sparse": lambda t: t.to_sparse(),
    "without content": lambda t: t.to("meta"),
    # One number in memory: who writes to the others writes somewhere else.
    "expanded": lambda t: t.flatten()[0].clone().expand(t.shape),
}


@pytest.mark.parametrize("name", ODD_TENSORS)
def test_odd_tensors_are_refused(tmp_path: Path, good: bytes, name: str) -> None:
    state = contents(good)
    ways = [way for way in tensors(state) if at(state, way).dim()]
    assert len(ways) == 30  # weights and biases of 5 layers, and their two running means
    for way in random.Random(name).sample(ways, 8):
        content = as_bytes(replaced(state, way, ODD_TENSORS[name](at(state, way))))
        loaders = ["resume", "load_network"] if way[0] == "model" else ["resume"]
        said = refusals(tmp_path / "checkpoint.pt", content, loaders)
        assert list(said) == loaders, way


def test_tensors_laid_out_otherwise_are_the_same(tmp_path: Path, good: bytes, end: State) -> None:
    # AdamW's fast implementation walks through memory without asking how a tensor lies in it.
    path, state = tmp_path / "checkpoint.pt", contents(good)
    for way in tensors(state):
        tensor = at(state, way)
        if tensor.dim() >= 2:
            state = replaced(state, way, tensor.transpose(0, 1).contiguous().transpose(0, 1))
    path.write_bytes(as_bytes(state))
    training = resumed(path)
    training.fit(path)
    assert same(outcome(path), end)


def test_refused_checkpoint_leaves_the_training_as_it_was(
    tmp_path: Path, good: bytes, end: State
) -> None:
    path, state = tmp_path / "checkpoint.pt", contents(good)
    for key in state.keys() - {"format"}:
        for junk in (..., None, [1], torch.arange(3)):
            path.write_bytes(as_bytes(replaced(state, (key,), junk)))
            training = make_trainer(RECIPE, few(41))
            with pytest.raises(ValueError, match=re.escape(str(path))):
                training.resume(path)
            if junk is ...:
                training.fit(path)
                assert same(outcome(path), end), key
            assert training.position in (0, training.steps)


@pytest.mark.parametrize(
    "recipe",
    [
        {"channels": (6000, 6000)},  # 1.3 GB
        {"channels": (10**9, 10**9)},
        {"channels": (2**31, 2**31), "kernel_size": 28},
        {"channels": (10**30, 3)},
        {"channels": (-1, 3)},
        {"channels": (0, 3)},
        {"channels": (2, 0)},
        {"channels": (2.5, 3)},
        {"channels": "23"},
        {"channels": None},
        {"kernel_size": 0},
        {"kernel_size": -3},
        {"kernel_size": 29},
        {"kernel_size": 10**9},
        {"kernel_size": (3, 3, 3)},
        {"other": 1},
        {1: 2},
    ],
    ids=str,
)
def test_claims_of_a_recipe_are_not_believed(
    tmp_path: Path, good: bytes, recipe: dict[Any, Any]
) -> None:
    state = contents(good)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    content = as_bytes(state | {"recipe": asdict(RECIPE) | recipe})
    said = refusals(tmp_path / "checkpoint.pt", content)
    assert said.keys() == {"load_network", "resume"}
    unit = 1 if sys.platform == "darwin" else 1024
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert grown < 100e6


def test_huge_claims_with_weights_to_match_cost_no_memory(tmp_path: Path, good: bytes) -> None:
    # Tensors of stride 0 make a small file of a network that would fill the memory.
    state = contents(good)
    recipe = replace(RECIPE, channels=(100_000, 100_000))
    with torch.device("meta"):
        shapes = {name: t.shape for name, t in recipe.network().state_dict().items()}
    weights = {name: torch.tensor(0.25).expand(shape) for name, shape in shapes.items()}
    content = as_bytes(state | {"recipe": asdict(recipe), "model": weights})
    assert len(content) < 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = refusals(tmp_path / "checkpoint.pt", content)
    assert said.keys() == {"load_network", "resume"}
    unit = 1 if sys.platform == "darwin" else 1024
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert grown < 100e6
