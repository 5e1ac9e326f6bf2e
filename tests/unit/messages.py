"""What is said to people: files that are wrong, and how a message is looked at and noted."""

import re
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from PIL import Image
from small_training import few, half_trained

from cnn_tutorial.__main__ import main
from cnn_tutorial.support.checkpoint import Checkpoint, as_bytes, load


@pytest.fixture(scope="module", name="made")
def folder_of_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint, and with much that is none."""
    folder = tmp_path_factory.mktemp("made")
    half_trained(folder / "good")
    good, saved = (folder / "good").read_bytes(), load(folder / "good")
    weights = saved.of("model")
    spoiled = saved.tensors | {"model.fc3.weight": torch.full((10, 84), torch.nan)}

    def of(**changed: object) -> Checkpoint:
        digits = saved.training["digits"] | changed
        return saved._replace(training=saved.training | {"digits": digits})

    header = 8 + int.from_bytes(good[:8], "little")
    files = {
        "empty": b"",
        "cut": good[: len(good) // 2],
        "flipped": good[: header + 100] + bytes([good[header + 100] ^ 1]) + good[header + 101 :],
        "notes.txt": b"seven",
        "weights.safetensors": safetensors.torch.save(weights),
        "other.safetensors": safetensors.torch.save(weights, {"format": "pt"}),
        "full": as_bytes(of(train=60_000, test=10_000, is_sample=False)),
        "cifar": as_bytes(of(dataset="CIFAR10")),
        "fewer": as_bytes(of(classes=["a", "b"])),
        "unsaid": as_bytes(of(classes=3)),
        "nan": as_bytes(saved._replace(tensors=spoiled)),
        "newer.safetensors": safetensors.torch.save(
            weights, {"format": "cnn-tutorial checkpoint 3"}
        ),
        "damaged/MNIST/raw/train-images-idx3-ubyte": b"\0\0\x08\x03",
        "kaggle/MNIST/raw/train-images.idx3-ubyte": b"\0\0\x08\x03",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    torch.save(weights, folder / "state.pt")
    picture = (255 - 255 * few(1).train.tensors[0][0, 0]).byte().numpy()  # dark on light
    Image.fromarray(picture).resize((280, 280)).save(folder / "digit.png")
    (folder / "folder").mkdir()
    return folder


@pytest.fixture(autouse=True, name="place")
def copy_of_them(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a copy of that folder, with no data set but the sample."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNN_TUTORIAL_DATA", "")
    return tmp_path


def said_by(command: str, capsys: pytest.CaptureFixture[str], status: int = 1) -> str:
    """Run a command that fails, and return the line that it says on stderr."""
    try:
        found = main(command.split())
    except SystemExit as stop:  # wrong options, as argparse has it
        found = int(stop.code or 0)
    output = capsys.readouterr()
    assert found == status
    assert "Saved in" not in output.out
    *usage, line = output.err.splitlines()
    assert not usage or usage[0].startswith("usage: cnn-tutorial")
    start = re.match(r"cnn-tutorial( \w+)?: error: ", line)
    assert start
    return told(f"cnn-tutorial {command}", line[start.end() :])


def told(what: str, message: str) -> str:
    """Check that a message is for people, and note it in the list of all."""
    print(f"{what}\n    {message}")
    assert not re.search(r"Errno|Traceback|codec|<class|Error:", message)
    assert 10 < len(message) < 450
    assert "\n" not in message
    return message
