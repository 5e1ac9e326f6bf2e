"""What is said to people where the machine refuses: a full disk, files of others, no memory."""

import builtins
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from messages import copy_of_them, folder_of_files, said_by  # noqa: F401 (two fixtures)

from cnn_tutorial import data
from cnn_tutorial.__main__ import main


def refuse(error: Exception) -> Callable[..., NoReturn]:
    def refused(*_: object, **__: object) -> NoReturn:
        raise error

    return refused


def denied(name: str) -> Callable[..., NoReturn]:
    return refuse(PermissionError(errno.EACCES, "Permission denied", name))


FULL = OSError(errno.ENOSPC, "No space left on device")
NO_GPU = RuntimeError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`\n")
# What fails, with what, at which command, and what is said.
REFUSALS: dict[str, tuple[object, str, Callable[..., NoReturn], str, str]] = {
    "a full disk": (
        os,
        "fsync",
        refuse(FULL),
        "train",
        "model.safetensors cannot be written: No space left on device.",
    ),
    "a folder of others": (
        Path,
        "touch",
        denied(".model.safetensors-1"),
        "train",
        "model.safetensors cannot be written: Permission denied.",
    ),
    "a file of others": (
        Path,
        "open",
        denied("good"),
        "evaluate --checkpoint good",
        "good cannot be read: Permission denied.",
    ),
    "a folder of data of others": (
        Path,
        "iterdir",
        denied("damaged/MNIST/raw"),
        "download --root damaged",
        "MNIST/raw cannot be read: Permission denied.",
    ),
    "a full disk for data": (
        Path,
        "mkdir",
        refuse(FULL),
        "download --root new",
        "MNIST/raw cannot be written: No space left on device.",
    ),
    "a cache of others": (
        shutil,
        "rmtree",
        denied("trained"),
        "cache --clear",
        "trained cannot be removed: Permission denied.",
    ),
    "no memory": (
        data,
        "load_digits",
        refuse(MemoryError()),
        "train",
        "There is not enough memory",
    ),
    "a GPU": (data, "load_digits", refuse(NO_GPU), "train", "CUDA error: out of memory"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_machine_that_refuses(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, what, refusal, command, message = REFUSALS[name]
    with monkeypatch.context() as patch:
        patch.setattr(owner, what, refusal)
        said = said_by(command, capsys)
    assert message in said


def test_output_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builtins, "print", full_output(print, FULL))
    assert main(["cache"]) == 1
    said = capsys.readouterr().err.removeprefix("cnn-tutorial: error: ").strip()
    assert said == "The output cannot be used: No space left on device."
    monkeypatch.setattr(builtins, "print", full_output(print, BrokenPipeError(errno.EPIPE, "")))
    assert main(["cache"]) == 1
    assert capsys.readouterr() == ("", ""), "`head` has read as much as it wants"


def full_output(usual: Callable[..., None], error: OSError) -> Callable[..., None]:
    def printed(*texts: object, file: Any = None, **options: Any) -> None:
        if file is not sys.stderr:
            raise error
        usual(*texts, file=file, **options)

    return printed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_full_output_is_one_line_at_the_end_of_python_too() -> None:
    code = "import sys; from cnn_tutorial.__main__ import main; sys.exit(main(['cache']))"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "cnn-tutorial: error: The output cannot be used: No space left on device.\n"
    )
