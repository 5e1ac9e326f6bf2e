"""Whole checkpoints whose contents are not those of this training, or are junk: refused."""

import math
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import (  # noqa: F401 (three are fixtures)
    good_checkpoint,
    path_of_checkpoint,
    refusals,
    saved_checkpoint,
)
from small_training import TINY, few, half_trained, make_trainer, outcome, resumed, same
from torch import Tensor, nn

from cnn_tutorial.support import checkpoint
from cnn_tutorial.support.checkpoint import (
    Checkpoint,
    as_bytes,
    load,
    load_network,
    resume,
)


@pytest.fixture(scope="module")
def end(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What that training comes to."""
    path = tmp_path_factory.mktemp("end") / "checkpoint.safetensors"
    make_trainer(TINY, few(41)).fit(path)
    return outcome(path)


def test_checkpoint_of_another_training_is_told_by_what_differs(path: Path) -> None:
    others = replace(few(41).source, train=10)
    for recipe, seed, digits, expected in [
        (
            replace(TINY, channels=(2, 4)),
            0,
            few(41),
            r"its recipe has channels \[2, 4\], not \[2, 3",
        ),
        (replace(TINY, learning_rate=9e-3), 0, few(41), "its recipe has learning_rate 0.009, not"),
        (TINY, 1, few(41), "its seed is 1, not 0"),
        (TINY, 0, few(41)._replace(source=others), "its digits has train 10, not"),
    ]:
        half_trained(path, recipe, seed, digits)
        load_network(path)
        with pytest.raises(ValueError, match=expected) as caught:
            resumed(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_network_of_another_architecture_is_told_by_the_layer(path: Path, good: bytes) -> None:
    path.write_bytes(good)
    training = make_trainer(TINY, few(41), nn.Sequential(nn.Flatten(), nn.Linear(784, 10)))
    with pytest.raises(ValueError, match=r"of another network: expected .* to be .*, found "):
        resume(training, path)


JUNK: dict[str, Any] = {
    "none": None,
    "true": True,
    "number": 3,
    "negative": -1,
    "huge": 10**30,
    "too huge": 10**400,
    "fraction": 7.0,
    "nan": math.nan,
    "text": "text",
    "lines": "many\nlines\n" * 1000,
    "empty list": [],
    "list": [1, 2, 3],
    "empty dictionary": {},
    "dictionary": {"a": 1},
}


def branches(tree: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in a tree of containers."""
    if way:
        yield way
    if isinstance(tree, list):
        tree = dict(enumerate(tree))
    for key, child in tree.items() if isinstance(tree, dict) else ():
        yield from branches(child, (*way, key))


def replaced(tree: Any, way: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a tree with another value at a place; without it if it is `...`."""
    if not way:
        return value
    key, rest = way[0], way[1:]
    if isinstance(tree, dict):
        changed = tree | {key: replaced(tree[key], rest, value)}
        return {name: item for name, item in changed.items() if item is not ...}
    items = [replaced(item, rest, value) if n == key else item for n, item in enumerate(tree)]
    return [item for item in items if item is not ...]


def test_any_junk_in_what_it_says_is_refused_or_trained_with(path: Path, saved: Checkpoint) -> None:
    # What is taken must be good enough to train to the end and to be printed and saved.
    generator = random.Random(2)
    ways, tries = list(branches(saved.training)), 0
    for way in ways:
        names = ["missing", *(JUNK if len(way) == 1 else generator.sample(list(JUNK), 3))]
        for name in names:
            junk = JUNK.get(name, ...)
            content = as_bytes(saved._replace(training=replaced(saved.training, way, junk)))
            tries += 1
            if not refusals(path, content, ["resume"]):
                # Values of the right type cannot be told from true ones.
                assert way[0] in ("history", "progress"), (way, name)
                training = resumed(path)
                try:
                    str(training.fit(path))
                    training.history.save(path.with_name("history.json"))
                except FloatingPointError:
                    pass  # clear enough
    print(f"{tries} values replaced in {len(ways)} places")


def test_running_means_that_no_training_has_are_refused(path: Path, saved: Checkpoint) -> None:
    others = {name: t for name, t in saved.tensors.items() if not name.startswith("optimizer.")}
    assert refusals(path, as_bytes(saved._replace(tensors=others)), ["resume"])
    for name in ("optimizer.3.exp_avg_sq", "optimizer.3.step"):
        tensors = saved.tensors | {name: -1 - saved.tensors[name]}
        said = refusals(path, as_bytes(saved._replace(tensors=tensors)), ["resume"])
        assert said["resume"].endswith(" is negative.")


def test_header_that_looks_like_a_zip_is_read(path: Path, saved: Checkpoint) -> None:
    def with_more(count: int) -> bytes:
        return as_bytes(saved._replace(training=saved.training | {"more": " " * count}))

    missing = int.from_bytes(b"PK", "little") - int.from_bytes(with_more(0)[:2], "little")
    content = with_more(missing % 2**16)
    assert content.startswith(b"PK")
    path.write_bytes(content)
    assert load(path).of("model")


def test_endless_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        load("/dev/zero" if Path("/dev/zero").exists() else path)


ODD: dict[str, Callable[[Tensor], Tensor]] = {
    "not a number": lambda t: torch.full_like(t, torch.nan),
    "infinite": lambda t: torch.full_like(t, -torch.inf),
    "double": lambda t: t.double(),
    "half": lambda t: t.half(),
    "whole numbers": lambda t: t.long(),
    "too small": lambda t: t.flatten()[:-1].clone(),
    "too large": lambda t: torch.cat([t.flatten(), t.flatten()]),
    "flat": lambda t: t.flatten()[None],
    "empty": lambda t: torch.zeros(0),
}


@pytest.mark.parametrize("name", [*ODD, "missing", "under another name"])
def test_odd_tensors_are_refused(path: Path, saved: Checkpoint, name: str) -> None:
    assert len(saved.tensors) == 10 + 3 * 10 + 1  # of 5 layers, and the state of random numbers
    for key, tensor in saved.tensors.items():
        tensors = dict(saved.tensors)
        if name in ODD:
            odd = ODD[name](tensor if key != "random" else tensor.float())
            tensors[key] = odd
        else:
            del tensors[key]
        if name == "under another name":
            tensors[f"{key}.other"] = tensor
        loaders = ["load_network", "resume"] if key.startswith("model.") else ["resume"]
        said = refusals(path, as_bytes(saved._replace(tensors=tensors)), loaders)
        assert list(said) == loaders, key


def test_refused_checkpoint_leaves_the_training_as_it_was(
    path: Path, saved: Checkpoint, end: Any
) -> None:
    for key in saved.training:
        training = make_trainer(TINY, few(41))
        path.write_bytes(as_bytes(saved._replace(training=replaced(saved.training, (key,), ...))))
        with pytest.raises(ValueError, match=path.name):
            resume(training, path)
        training.fit(path)
        assert same(outcome(path), end), key


@pytest.mark.skipif(sys.platform == "win32", reason="the measure of memory is that of POSIX")
@pytest.mark.parametrize(
    "claim",
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
    ],
    ids=str,
)
def test_claims_of_a_recipe_are_not_believed(
    path: Path, saved: Checkpoint, claim: dict[str, Any]
) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    training = saved.training | {"recipe": asdict(TINY) | claim}
    said = refusals(path, as_bytes(saved._replace(training=training)))
    assert said.keys() == {"load_network", "resume"}
    unit = 1 if sys.platform == "darwin" else 1024
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 100e6
