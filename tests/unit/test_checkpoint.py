"""Checkpoints: what is saved comes back, and what is damaged, foreign or junk is refused."""

import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from checkpoint_files import (  # noqa: F401 (three are fixtures)
    LOADERS,
    good_checkpoint,
    path_of_checkpoint,
    refusals,
    saved_checkpoint,
)
from small_training import TINY, few, half_trained, make_trainer, outcome, resumed, same, state
from torch import nn

from cnn_tutorial.evaluation import predict
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.checkpoint import (
    FORMAT,
    Checkpoint,
    load,
    load_network,
    resume,
    save,
)

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
