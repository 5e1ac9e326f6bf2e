"""The command line: what it prints, where, and its exit status."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnn_tutorial import __main__
from cnn_tutorial.__main__ import main


@pytest.mark.parametrize("arguments", [["--help"], ["download", "--help"]])
def test_help_has_examples(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    assert "cnn-tutorial download --root" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["upload"], ["download", "--rot", "x"]])
def test_wrong_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: cnn-tutorial" in capsys.readouterr().err


def test_download_goes_to_the_data_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CNN_TUTORIAL_DATA", str(tmp_path))
    monkeypatch.setattr(__main__, "download", lambda root: root)
    assert main(["download"]) == 0
    assert capsys.readouterr().out == f"The full MNIST is in {tmp_path}\n"


def test_download_elsewhere_says_how_to_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__, "download", lambda root: root)
    assert main(["download", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"The full MNIST is in {tmp_path}",
        f'To use it: export CNN_TUTORIAL_DATA="{tmp_path}"',
    ]


def test_error_is_a_line_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03")
    assert main(["download", "--root", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    [line] = output.err.splitlines()
    assert line.startswith(f"cnn-tutorial: error: {raw / 'train-images-idx3-ubyte'} is truncated")


def test_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["download", "--root", str(tmp_path / "file")]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("cnn-tutorial: error: ")
    assert str(tmp_path / "file") in line


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(root: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "download", interrupted)
    assert main(["download"]) == 130
    assert capsys.readouterr() == ("", "")


def test_runs_as_a_module_without_torch() -> None:
    code = """if True:
        import runpy, sys
        sys.argv = ["cnn-tutorial", "--help"]
        try:
            runpy.run_module("cnn_tutorial", run_name="__main__")
        except SystemExit as stop:
            sys.exit(stop.code or "torch" in sys.modules)"""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0
    assert finished.stdout.startswith("usage: cnn-tutorial [-h] command ...")
