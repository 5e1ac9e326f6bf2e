"""Checkpoints: what is saved comes back, and what is damaged, foreign or junk is refused."""

import io
import json
import math
import os
import pickle
import random
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from small_training import TINY, few, half_trained, make_trainer, outcome, resumed, same, state
from torch import Tensor, nn

from cnn_tutorial.evaluation import predict
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support import checkpoint
from cnn_tutorial.support.checkpoint import (
    FORMAT,
    Checkpoint,
    as_bytes,
    load,
    load_network,
    resume,
    save,
)

LOADERS: dict[str, Callable[[Path], object]] = {
    "load": load,
    "load_network": load_network,
    "resume": resumed,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of a training that was stopped in its second epoch."""
    path = tmp_path_factory.mktemp("good") / "checkpoint.safetensors"
    half_trained(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def end(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What that training comes to."""
    path = tmp_path_factory.mktemp("end") / "checkpoint.safetensors"
    make_trainer(TINY, few(41)).fit(path)
    return outcome(path)


@pytest.fixture
def saved(path: Path, good: bytes) -> Checkpoint:
    """What the checkpoint holds."""
    path.write_bytes(good)
    return load(path)


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


# Good files


def test_what_is_saved_comes_back(path: Path) -> None:
    training = half_trained(path)
    deeper = path.parent / "new" / "folder" / path.name
    save(training, str(deeper))  # a path may be a text
    assert [file.name for file in deeper.parent.iterdir()] == [path.name]
    assert same(outcome(deeper), outcome(path))
    assert same(state(resumed(deeper)), state(training))


def test_file_is_open_to_any_reader_of_safetensors(path: Path, good: bytes) -> None:
    path.write_bytes(good)
    with safetensors.safe_open(path, framework="numpy") as file:
        weights = {
            name: file.get_tensor(f"model.{name}") for name in load_network(path).state_dict()
        }
        training = json.loads(file.metadata()["training"])
    assert all((weights[n] == t.numpy()).all() for n, t in load_network(path).state_dict().items())
    assert training["recipe"]["channels"] == [2, 3]
    assert training["digits"]["dataset"] == "MNIST"


@pytest.mark.parametrize("name", RECIPES)
def test_network_comes_back_without_being_told_its_architecture(path: Path, name: str) -> None:
    training = make_trainer(replace(RECIPES[name], epochs=1), few(150))
    training.fit(path)
    network = load_network(path)
    assert same(network.state_dict(), training.model.state_dict())
    images = few(20).test.tensors[0]
    assert torch.equal(predict(network, images), predict(training.model, images))
    assert {p.device.type for p in network.parameters()} == {"cpu"}


def test_weights_that_are_shared_and_parameters_without_gradient(path: Path) -> None:
    def network() -> nn.Module:
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 784), nn.Linear(784, 784))
        model.append(nn.Linear(784, 10))
        model[2].weight = model[1].weight
        model.register_parameter("unused", nn.Parameter(torch.zeros(3)))
        return model

    training = make_trainer(TINY, few(41), network())
    training.fit(path)
    again = make_trainer(TINY, few(41), network())
    resume(again, path)
    assert same(state(again), state(training))


def test_missing_file_is_no_damage(tmp_path: Path) -> None:
    for loader in LOADERS.values():
        with pytest.raises(FileNotFoundError):
            loader(tmp_path / "nothing")
        with pytest.raises(IsADirectoryError):
            loader(tmp_path)


# Damaged files


def damaged(good: bytes) -> Iterator[bytes]:
    generator = random.Random(0)
    size, header = len(good), 8 + int.from_bytes(good[:8], "little")
    for end in [size] * 60 + [header] * 60:
        flipped = bytearray(good)
        flipped[generator.randrange(end)] ^= 1 << generator.randrange(8)
        yield bytes(flipped)
    for _ in range(20):
        many = bytearray(good)
        for _ in range(100):
            many[generator.randrange(size)] = generator.randrange(256)
        yield bytes(many)
    for kept in [0, 1, 4, 8, 100, header, size - 1]:
        yield good[:kept]
    for _ in range(23):
        yield good[: generator.randrange(size)]
    for _ in range(15):
        start = generator.randrange(size)
        yield good[:start] + good[start + generator.randrange(1, 1000) :]
    for _ in range(15):
        start, length = generator.randrange(size), generator.randrange(1, 5000)
        yield good[:start] + bytes(length) + good[start + length :]
    for length in [1, 10, 100, 10_000]:
        yield generator.randbytes(length)
        yield good[:header] + generator.randbytes(length)
    yield good + b"\0"
    yield good * 2
    yield good[::-1]


def test_damaged_file_is_refused(path: Path, good: bytes, saved: Checkpoint) -> None:
    files = list(damaged(good))
    taken = 0
    for content in files:
        said = refusals(path, content)
        if not said:  # then it holds what it did: a space has become another
            assert same(load(path), saved)
            taken += 1
        else:
            assert said.keys() == LOADERS.keys()
    print(f"{len(files)} damaged files: {taken} taken, with their whole content")
    assert len(files) >= 200
    assert taken <= 5


# Foreign files


class Canary:
    """Would write a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "code was run")


class SystemCanary(Canary):
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo > {self.path}",)


def by_torch(content: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def foreign(saved: Checkpoint, canary: Path) -> dict[str, bytes]:
    weights = saved.of("model")
    header = json.dumps({"__metadata__": [1]}).encode()
    return {
        "pickle with code": pickle.dumps(Canary(canary)),
        "pickle with code of the system": pickle.dumps(SystemCanary(canary)),
        "torch.save with code": by_torch(weights | {"x": Canary(canary)}),
        "torch.save of old with code": by_torch(
            Canary(canary), _use_new_zipfile_serialization=False
        ),
        "zip with code": zipped("archive/data.pkl", pickle.dumps(Canary(canary))),
        "torch.save": by_torch({"format": "cnn-tutorial checkpoint 1", "model": weights}),
        "weights": safetensors.torch.save(weights),
        "other format": safetensors.torch.save(weights, {"format": "cnn-tutorial checkpoint 3"}),
        "long format": safetensors.torch.save(weights, {"format": "line\n" * 10_000}),
        "no training": safetensors.torch.save(weights, {"format": FORMAT}),
        "training that is no JSON": safetensors.torch.save(
            weights, {"format": FORMAT, "training": "[" * 100_000, "sha256": ""}
        ),
        "metadata that is a list": struct.pack("<Q", len(header)) + header,
        "text": b"# not a checkpoint\n" * 100,
        "image": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "gzip": b"\x1f\x8b\x08" + bytes(100),
    }


FOREIGN = list(foreign(Checkpoint({"model.w": torch.zeros(2)}, {}), Path()))


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_file_is_refused_and_not_run(path: Path, saved: Checkpoint, name: str) -> None:
    canary = path.with_name("canary")
    said = refusals(path, foreign(saved, canary)[name])
    assert not canary.exists()
    assert said.keys() == LOADERS.keys()
    assert len(set(said.values())) == 1
    expected = {"torch.save": "an older one", "other format": "not 'cnn-tutorial checkpoint 2'"}
    assert expected.get(name, "") in said["load"]


def test_canary_is_run_by_plain_pickle(path: Path) -> None:
    pickle.loads(pickle.dumps(Canary(path)))
    assert path.exists()


# Whole files of the right format, whose contents are not those of this training


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
