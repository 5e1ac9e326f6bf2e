"""What is said to people whose command, file or call is wrong: a sentence, never a traceback.

All of it in one list: `pytest -q -n 0 -s tests/unit/test_messages*.py`.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from messages import copy_of_them, folder_of_files, said_by, told  # noqa: F401 (two fixtures)
from small_training import BRIEF, TINY, few, make_trainer, resumed
from torch.utils.data import TensorDataset

from cnn_tutorial import cache, data
from cnn_tutorial.__main__ import main
from cnn_tutorial.data import load_digits
from cnn_tutorial.evaluation import evaluate, predict
from cnn_tutorial.measurements import recipes, seconds_of
from cnn_tutorial.support.checkpoint import as_bytes, load, load_network, resume
from cnn_tutorial.support.files import write_whole
from cnn_tutorial.trainer import Trainer

# Commands that cannot do what they are asked for, and how what they say ends or goes on.
COMMANDS = {
    # No network, or none that can be read
    "evaluate": "There is no network model.safetensors. Train one by: cnn-tutorial train",
    "evaluate --checkpoint no/net.pt": "cnn-tutorial train --checkpoint no/net.pt",
    "evaluate --checkpoint folder": "folder is a folder; name a file in it.",
    "evaluate --checkpoint empty": "empty is empty. Train again, into another file.",
    "evaluate --checkpoint cut": "cut cannot be read as a checkpoint of `cnn-tutorial train`: it",
    "evaluate --checkpoint flipped": "flipped is damaged: its checksum is not that of",
    "evaluate --checkpoint notes.txt": "it is damaged, or a file of another kind.",
    "evaluate --checkpoint notes.txt/net": "There is no network notes.txt/net.",
    "evaluate --checkpoint weights.safetensors": "weights.safetensors holds tensors alone, such as",
    "evaluate --checkpoint other.safetensors": "other.safetensors holds tensors alone, such as",
    "evaluate --checkpoint newer.safetensors": "of the format 'cnn-tutorial checkpoint 3', not",
    "evaluate --checkpoint state.pt": "or a state_dict: a file of `torch.save`, which may",
    "evaluate --checkpoint nan": "nan is of no use: fc3.weight has values that are not finite.",
    "evaluate --checkpoint full": "full learned from the full 60,000/10,000 MNIST, which is not on",
    "evaluate --checkpoint cifar": "There is no data set 'CIFAR10': only MNIST, FashionMNIST.",
    "evaluate --checkpoint fewer": "fewer names 2 classes; a network has 10.",
    "evaluate --checkpoint unsaid": "unsaid does not say what its network has learned. Train",
    "predict digit.png": "There is no network model.safetensors. Train one by: cnn-tutorial train",
    "predict digit.png --checkpoint folder": "folder is a folder; name a file in it.",
    "predict digit.png --checkpoint cut": "cut cannot be read as a checkpoint",
    # A training that cannot begin, or go on
    "train --checkpoint good": "good exists: go on with it by --resume, or name another file.",
    "train --checkpoint folder": "folder is a folder; name a file in it.",
    "train --checkpoint notes.txt/net": "notes.txt is in the way, since it is no folder.",
    "train --checkpoint notes.txt/a/net": "notes.txt is in the way, since it is no folder.",
    "train --resume --checkpoint folder": "folder is a folder; name a file in it.",
    "train --resume --checkpoint weights.safetensors": "weights.safetensors holds tensors alone,",
    "train --resume --checkpoint empty": "empty is empty. Train again, into another file.",
    "train --resume --checkpoint good": "good is of another training: its recipe has channels",
    "train --history folder": "folder is a folder; name a file in it.",
    "train --history notes.txt/history.json": "notes.txt is in the way, since it is no folder.",
    "train --history model.safetensors": "cannot hold both the network and its history.",
    "train --dataset FashionMNIST": "Get it by: cnn-tutorial download --dataset FashionMNIST",
    # What cannot be exported, or not there
    "export net.onnx": "There is no network model.safetensors. Train one by: cnn-tutorial train",
    "export net.onnx --checkpoint nan": "nan is of no use: fc3.weight has values that are not",
    "export net.safetensors --checkpoint good": "channels and kernels of 3×3, such as the recipes",
    "export notes.txt/net.onnx --checkpoint good": "notes.txt is in the way, since it is no",
    "export weights.safetensors --checkpoint weights.safetensors": "to be exported: name another",
    # Measurements and downloads
    "benchmark --json folder": "folder is a folder; name a file in it.",
    "benchmark --json notes.txt/figures.json": "notes.txt is in the way, since it is no folder.",
    "download --root notes.txt": "notes.txt is in the way, since it is no folder.",
    "download --root ~no-one/data": "The root is ~no-one/data, but there is no such user.",
    "download --root damaged": "train-images-idx3-ubyte is truncated: it has 4 bytes",
    "download --root kaggle": "But train-images.idx3-ubyte is there: name it train-images-",
}
# Options that make no sense, and what is said of them.
OPTIONS = {
    "train --save-every nan": "argument --save-every: 'nan' is not a number of seconds, 0 or more",
    "train --save-every -1": "'-1' is not a number of seconds",
    "train --save-every soon": "'soon' is not a number of seconds",
    "train --seed -1": "'-1' is not a whole number from 0 to 4,294,967,295",
    "train --seed 4294967296": "'4294967296' is not a whole number from 0",
    "train --seed 99999999999999999999": "is not a whole number from 0 to 4,294,967,295",
    "train --seed 1.5": "'1.5' is not a whole number from 0",
    "train --recipe slow": "argument --recipe: invalid choice: 'slow' (choose from",
    "train --dataset CIFAR": "invalid choice: 'CIFAR' (choose from",
    "train --epochs 3": "unrecognized arguments: --epochs 3",
    "benchmark --seeds 0": "'0' is not a whole number from 2 to 1,000: an interval takes two",
    "benchmark --seeds -1": "'-1' is not a whole number from 2",
    "benchmark --seeds 1": "'1' is not a whole number from 2",
    "benchmark --seeds 1e9": "'1e9' is not a whole number from 2",
    "benchmark speed": "invalid choice: 'speed' (choose from",
    "predict": "the following arguments are required: image",
    "export network.pt": "argument FILE: 'network.pt' does not end in .onnx or .safetensors",
    "upload": "argument command: invalid choice: 'upload' (choose from",
    "": "the following arguments are required: command",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_that_cannot_be_done(
    command: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: object, **__: object) -> NoReturn:
        raise AssertionError("found out after the work")

    monkeypatch.setattr(Trainer, "fit", too_late)
    monkeypatch.setattr(recipes, "measure", too_late)
    before = sorted(path.name for path in place.iterdir())
    assert COMMANDS[command] in said_by(command, capsys)
    assert sorted(path.name for path in place.iterdir()) == before


@pytest.mark.parametrize("command", OPTIONS)
def test_option_that_makes_no_sense(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert OPTIONS[command] in said_by(command, capsys, status=2)


def test_resuming_nothing_says_that_it_starts_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "load_digits", lambda dataset: few(200))
    assert main(["train", "--resume", "--checkpoint", "new"]) == 0
    said = "There is no new to go on with: the training starts anew.\n"
    assert capsys.readouterr().out.startswith(said)
    assert main(["train", "--resume", "--checkpoint", "new"]) == 0
    assert "starts anew" not in capsys.readouterr().out


# Calls of the package


def spoiled(name: str) -> Path:
    """Return a checkpoint that lacks something, and says so nowhere."""
    saved = load("good")
    training = {key: value for key, value in saved.training.items() if key != name}
    Path("spoiled").write_bytes(as_bytes(saved._replace(training=training)))
    return Path("spoiled")


IMAGES = torch.zeros(2, 1, 28, 28)
CALLS: dict[str, tuple[Callable[[], object], str]] = {
    'load_digits("FashionMNIST")': (
        lambda: load_digits("FashionMNIST"),
        "There is no folder FashionMNIST. The data set of that name: "
        "load_digits(dataset='FashionMNIST')",
    ),
    'load_digits("fashion-mnist", download=True)': (
        lambda: load_digits("fashion-mnist", download=True),
        "load_digits(dataset='FashionMNIST')",
    ),
    'load_digits(dataset="CIFAR10")': (
        lambda: load_digits(dataset="CIFAR10"),
        "There is no data set 'CIFAR10': only MNIST, FashionMNIST.",
    ),
    'load_digits(dataset="FashionMNIST")': (
        lambda: load_digits(dataset="FashionMNIST"),
        "There is no full FashionMNIST on disk, and no sample of it comes with the package.",
    ),
    'load_digits("~no-one/data")': (
        lambda: load_digits("~no-one/data"),
        "The root is ~no-one/data, but there is no such user.",
    ),
    "predict(network, bytes)": (
        lambda: predict(load_network("good"), IMAGES.byte()),
        "Bytes become such values by: images.float() / 255",
    ),
    "evaluate(network, labels of another length)": (
        lambda: evaluate(load_network("good"), TensorDataset(IMAGES, torch.tensor([3, 10]))),
        "Labels must be torch.int64 of shape (2,) with values from 0 to 9",
    ),
    "Trainer(seed=-1)": (
        lambda: make_trainer(BRIEF, few(41), seed=-1),
        "The seed must be from 0 to 4,294,967,295; it is -1.",
    ),
    "trained(seed=2**70)": (
        lambda: cache.trained(BRIEF, few(41), seed=2**70),
        "The seed must be from 0 to 4,294,967,295; it is 1",
    ),
    "fit(save_every=nan)": (
        lambda: make_trainer(BRIEF, few(41)).fit("net", float("nan")),
        "save_every must be 0 seconds or more; it is nan.",
    ),
    "fit(much too fast)": (
        lambda: make_trainer(replace(BRIEF, learning_rate=1e30), few(41)).fit(),
        "Try a lower learning rate.",
    ),
    "resume(with another seed)": (
        lambda: resume(make_trainer(TINY, few(41), seed=1), "good"),
        "its seed is 0, not 1. Go on with it as it was begun, or name another file.",
    ),
    "resume(without history)": (
        lambda: resumed(spoiled("history")),
        "spoiled holds no training to go on with: it has no 'history'",
    ),
    "load_network(without recipe)": (
        lambda: load_network(spoiled("recipe")),
        "spoiled describes no network of this package: it has no 'recipe'",
    ),
    "fit(a folder)": (
        lambda: make_trainer(BRIEF, few(41)).fit("folder"),
        "folder is a folder; name a file in it.",
    ),
    "load_network(a missing file)": (
        lambda: load_network("no.safetensors"),
        "There is no network no.safetensors. Train one by: cnn-tutorial train --checkpoint no.",
    ),
    "write_whole(below a file)": (
        lambda: write_whole("notes.txt/x", b""),
        "notes.txt/x cannot be written: notes.txt is in the way, since it is no folder.",
    ),
    "a benchmark whose process fails": (
        lambda: seconds_of("-c", "raise SystemExit('it broke')"),
        "failed: it broke",
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_call_that_makes_no_sense(call: str) -> None:
    with pytest.raises((OSError, ValueError, RuntimeError, FloatingPointError)) as caught:
        CALLS[call][0]()
    assert CALLS[call][1] in told(call, str(caught.value))
