"""Checkpoints: what is saved comes back, and what is damaged or foreign is refused."""

import io
import json
import math
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
import torch
from checkpoint_files import LOADERS, RECIPE, as_bytes, contents, refusals
from small_training import few, make_trainer, same

from cnn_tutorial import checkpoint
from cnn_tutorial.checkpoint import FORMAT, load, load_network
from cnn_tutorial.evaluation import predict
from cnn_tutorial.recipes import RECIPES

# Good files


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "checkpoint.pt"
    state = {
        "tensor": few(3).train.tensors[0],
        "numbers": [1, 2.5, math.inf, 2**60],
        "tuple": (0.1, ("text ä", None, True)),
        "by number": {0: torch.arange(3), 1: torch.tensor(2.0)},
    }
    checkpoint.save(path, state)
    assert same(load(path), {"format": FORMAT} | state)
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]
    checkpoint.save(str(path), {})  # a path may be a text
    assert load(str(path)) == {"format": FORMAT}


@pytest.mark.parametrize("name", RECIPES)
def test_network_comes_back_without_being_told_its_architecture(tmp_path: Path, name: str) -> None:
    path = tmp_path / "checkpoint.pt"
    training = make_trainer(replace(RECIPES[name], epochs=1), few(150))
    training.fit(path)
    network = load_network(path)
    assert same(network.state_dict(), training.model.state_dict())
    images = few(20).test.tensors[0]
    assert torch.equal(predict(network, images), predict(training.model, images))
    assert {p.device.type for p in network.parameters()} == {"cpu"}


def test_missing_file_is_no_damage(tmp_path: Path) -> None:
    for loader in LOADERS.values():
        with pytest.raises(FileNotFoundError):
            loader(tmp_path / "nothing.pt")
        with pytest.raises(IsADirectoryError):
            loader(tmp_path)


# Damaged and foreign files


def assert_good_or_refused(path: Path, content: bytes, good: bytes) -> bool:
    """Whether a damaged file is refused; one that is not must hold what the good one does."""
    said = refusals(path, content)
    if "load" in said:
        assert said.keys() == LOADERS.keys()
        return True
    assert said == {}
    assert same(load(path), contents(good))
    assert same(load_network(path).state_dict(), contents(good)["model"])
    return False


def damaged(good: bytes) -> Iterator[bytes]:
    generator = random.Random(0)
    size = len(good)
    directory = good.index(b"PK\1\2")  # of the archive: its end is all names, sizes and offsets
    for start in [0] * 60 + [directory] * 60:
        flipped = bytearray(good)
        flipped[generator.randrange(start, size)] ^= 1 << generator.randrange(8)
        yield bytes(flipped)
    for _ in range(20):
        many = bytearray(good)
        for _ in range(100):
            many[generator.randrange(size)] = generator.randrange(256)
        yield bytes(many)
    for kept in [0, 1, 4, 100, directory, size - 22, size - 1]:
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
        yield b"PK\3\4" + generator.randbytes(length)
    yield good + b"\0"
    yield good * 2
    yield good[::-1]


def test_damaged_file_is_refused(tmp_path: Path, good: bytes) -> None:
    refused = [
        assert_good_or_refused(tmp_path / "checkpoint.pt", content, good)
        for content in damaged(good)
    ]
    print(f"{len(refused)} damaged files: {sum(refused)} refused, the others hold what they should")
    assert len(refused) >= 200
    # Some bits decide nothing: dates, padding. Most do.
    assert sum(refused) > 0.75 * len(refused)


def test_damage_within_the_weights_is_always_seen(tmp_path: Path, good: bytes) -> None:
    weights = contents(good)["model"]["fc1.weight"].numpy().tobytes()
    start = good.index(weights)
    generator = random.Random(1)
    for _ in range(30):
        flipped = bytearray(good)
        flipped[start + generator.randrange(len(weights))] ^= 1 << generator.randrange(8)
        assert refusals(tmp_path / "checkpoint.pt", bytes(flipped)).keys() == LOADERS.keys()


class Canary:
    """Would write a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "code was run")


class SystemCanary(Canary):
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo > {self.path}",)


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return buffer.getvalue()


def legacy(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def foreign(good: bytes, canary: Path) -> dict[str, bytes]:
    state = contents(good)
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    with zipfile.ZipFile(io.BytesIO(good)) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    [folder] = {name.partition("/")[0] for name in files}
    script = files | {f"{folder}/constants.pkl": b"\x80\x02).", f"{folder}/code/m.py": b"x = 1"}
    tensor = state["model"]["fc1.weight"]
    return {
        "pickle with code": pickle.dumps(Canary(canary)),
        "pickle with code of the system": pickle.dumps(SystemCanary(canary)),
        "checkpoint with code": as_bytes(state | {"history": Canary(canary)}),
        "checkpoint with code of the system": as_bytes(state | {"x": SystemCanary(canary)}),
        "legacy file with code": legacy(state | {"x": Canary(canary)}),
        "legacy checkpoint": legacy(state),
        "whole module": as_bytes(RECIPE.network()),
        "bare weights": as_bytes(state["model"]),
        "bare tensor": as_bytes(tensor),
        "list": as_bytes([state]),
        "older format": as_bytes(state | {"format": "cnn-tutorial checkpoint 0"}),
        "format that is a tensor": as_bytes(state | {"format": tensor}),
        "format that is long": as_bytes(state | {"format": "line\n" * 10_000}),
        "format that is nested": as_bytes(state | {"format": [[[tensor.tolist()]]]}),
        "other zip": archive({"readme.txt": b"hello"}),
        "empty zip": archive({}),
        "zip with data.pkl": archive({"archive/data.pkl": pickle.dumps(Canary(canary))}),
        "TorchScript": archive(script),
        "safetensors": struct.pack("<Q", len(header)) + header + bytes(8),
        "numpy": archive({"weights.npy": b"\x93NUMPY\1\0" + bytes(100)}),
        "text": b"# not a checkpoint\n" * 100,
        "image": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
        "gzip": b"\x1f\x8b\x08" + bytes(100),
        "tar": bytes(100) + b"ustar" + bytes(500),
    }


FOREIGN = list(foreign(as_bytes({"model": {"fc1.weight": torch.zeros(2)}}), Path()))


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_file_is_refused_and_not_run(tmp_path: Path, good: bytes, name: str) -> None:
    canary = tmp_path / "canary"
    said = refusals(tmp_path / "checkpoint.pt", foreign(good, canary)[name])
    assert not canary.exists()
    assert said.keys() == LOADERS.keys()
    assert len(set(said.values())) == 1
    if name.startswith("checkpoint with code"):
        assert "holds code, which was not run" in said["load"]
    if name in ("bare weights", "older format"):
        assert repr(FORMAT) in said["load"]


def test_canary_is_run_by_plain_pickle(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists()
