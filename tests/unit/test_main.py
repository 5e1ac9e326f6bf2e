"""The command line: what it prints, where, and its exit status."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT, environment, started
from PIL import Image
from torch.utils.data import TensorDataset

from cnn_tutorial import __main__, data
from cnn_tutorial.__main__ import SURE, main
from cnn_tutorial.data import Digits, load_digits
from cnn_tutorial.evaluation import evaluate, predict
from cnn_tutorial.handwriting import read_digit
from cnn_tutorial.measurements import Measurements, published, read, recipes
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.checkpoint import load, load_network
from cnn_tutorial.support.pen import SEVEN, photograph
from cnn_tutorial.trainer import Trainer


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "predict", "export", "download", "benchmark", "cache"]
)
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ["--help"], [command, "--help"]:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert f"\n  cnn-tutorial {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [[], ["upload"], ["download", "--rot", "x"], ["train", "--recipe", "slow"]]
)
def test_wrong_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: cnn-tutorial" in capsys.readouterr().err


def test_download_goes_to_the_data_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CNN_TUTORIAL_DATA", str(tmp_path))
    monkeypatch.setattr(__main__, "download", lambda root, dataset: root)
    assert main(["download"]) == 0
    assert capsys.readouterr().out == f"The full MNIST is in {tmp_path}\n"


def test_download_elsewhere_says_how_to_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__, "download", lambda root, dataset: root)
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
    def interrupted(root: Any, dataset: Any) -> None:
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


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Digits:
    """Have the commands use 2,000, 100 and 100 real digits, in an empty folder."""
    digits = load_digits()
    train, validation, test = (
        TensorDataset(*(tensor[:count] for tensor in part.tensors))
        for part, count in zip(digits[:3], (2000, 100, 100), strict=True)
    )
    few = Digits(train, validation, test, digits.source)
    monkeypatch.setattr(data, "load_digits", lambda dataset: few)
    monkeypatch.chdir(tmp_path)
    return few


def test_train_evaluate_predict(few_digits: Digits, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--seed", "5", "--history", "history.json"]) == 0
    output = capsys.readouterr()
    assert output.err == ""  # quiet where nobody watches
    assert f"Learning from {load_digits().source}" in output.out
    assert "Saved in model.safetensors" in output.out
    [epoch] = json.loads(Path("history.json").read_text())
    assert f"{epoch['validation_accuracy']:.2%}" in output.out

    assert main(["evaluate"]) == 0
    found = evaluate(load_network("model.safetensors"), few_digits.test)
    expected = f"Test digits of {few_digits.source}: {found}\n"
    assert capsys.readouterr().out == expected

    images, labels = few_digits.test.tensors
    digit = int(
        (predict(load_network("model.safetensors"), images).argmax(1) == labels).nonzero()[0]
    )
    picture = (255 - 255 * images[digit, 0]).byte().numpy()  # dark on light
    Image.fromarray(picture).resize((280, 280)).save("digit.png")
    Image.new("L", (100, 100), 200).save("blank.png")
    Path("text.png").write_text("seven")
    assert main(["predict", "digit.png", "text.png", "blank.png", "no.png"]) == 1
    output = capsys.readouterr()
    image = read_digit("digit.png")
    assert image is not None
    probability, (first_guess, second_guess) = predict(load_network("model.safetensors"), image)[
        0
    ].topk(2)
    assert first_guess == labels[digit]
    sure = probability[0] >= SURE
    answer = f"{first_guess}" if sure else f"not sure, perhaps {first_guess}, or {second_guess}"
    assert output.out.startswith(f"digit.png: {answer}\n\nThe network saw:\n")
    assert len(re.findall(r"^\d +\d+\.\d%", output.out, re.MULTILINE)) == 10
    assert "blank.png: no answer" in output.out
    first, second = output.err.splitlines()
    assert "text.png" in first
    assert "no.png" in second


@pytest.mark.parametrize(("highest", "answer"), [(0.81, "4"), (0.79, "not sure, perhaps 4, or 9")])
def test_an_answer_that_is_not_sure_says_so(
    few_digits: Digits,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    highest: float,
    answer: str,
) -> None:
    assert main(["train"]) == 0
    photograph(SEVEN).save("digit.png")
    probabilities = torch.zeros(1, 10)
    probabilities[0, [4, 9]] = torch.tensor([highest, 1 - highest])
    monkeypatch.setattr("cnn_tutorial.evaluation.predict", lambda *_: probabilities)
    capsys.readouterr()
    assert main(["predict", "digit.png"]) == 0
    assert capsys.readouterr().out.startswith(f"digit.png: {answer}\n")


def test_train_overwrites_nothing(few_digits: Digits, capsys: pytest.CaptureFixture[str]) -> None:
    Path("model.safetensors").write_text("mine")
    for option in [], ["--resume"]:
        assert main(["train", *option]) == 1
        assert Path("model.safetensors").read_text() == "mine"
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("cnn-tutorial: error: model.safetensors ")


def test_ctrl_c_saves_and_resume_ends_alike(
    few_digits: Digits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--checkpoint", "whole.safetensors"]) == 0
    step = Trainer.step

    def step_with_ctrl_c(self: Trainer, *arguments: Any) -> None:
        if self.progress.steps == 7:
            signal.raise_signal(signal.SIGINT)
        step(self, *arguments)

    monkeypatch.setattr(Trainer, "step", step_with_ctrl_c)
    assert main(["train"]) == 130
    assert (
        "Stopped after step 8, saved in model.safetensors: --resume goes on."
        in capsys.readouterr().out
    )
    monkeypatch.setattr(Trainer, "step", step)
    assert main(["train", "--resume"]) == 0
    weights = (
        load_network(name).state_dict() for name in ("whole.safetensors", "model.safetensors")
    )
    whole, resumed = weights
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_ctrl_c_in_a_process_saves(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cnn_tutorial", "train", "--recipe", "classic"]
    variables = environment(ROOT, CNN_TUTORIAL_DATA="")
    with started(
        [*command, "--save-every", "1e9"],
        cwd=tmp_path,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (tmp_path / "model.safetensors").exists():  # saved before the first step
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=100)
    assert process.returncode == 130
    assert errors == ""
    said = re.search(r"Stopped after step ([\d,]+), saved in model.safetensors", output)
    assert said
    steps = load(tmp_path / "model.safetensors").training["progress"]["steps"]
    assert f"{steps:,}" == said[1] != "0"


def test_diverged(
    few_digits: Digits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(RECIPES, "fast", replace(RECIPES["fast"], learning_rate=1e30))
    assert main(["train"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "learning rate" in line
    assert load_network("model.safetensors")  # from before the first step


def test_benchmark_prints_a_table_and_saves_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def published_again(seeds: int) -> Measurements:
        asked.append(seeds)
        return published("recipes")

    monkeypatch.setattr(recipes, "measure", published_again)
    assert main(["benchmark", "--seeds", "7", "--json", str(tmp_path / "figures.json")]) == 0
    assert asked == [7]
    assert recipes.table(published("recipes")) in capsys.readouterr().out
    assert read((tmp_path / "figures.json").read_text()) == published("recipes")


def test_predict_says_what_is_no_image_before_it_loads_torch(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "text.png").write_text("seven")
    code = """if True:
        import sys
        from cnn_tutorial.__main__ import main
        status = main(["predict", "no.png", "text.png"])
        sys.exit(status if "torch" not in sys.modules else 9)"""
    finished = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(ROOT),
    )
    first, second = finished.stderr.splitlines()
    assert finished.returncode == 1
    assert "no.png" in first
    assert "text.png is not an image" in second
