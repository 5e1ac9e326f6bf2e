"""The trainer when it must stop: at Ctrl-C, at a loss that is not finite, at bad input."""

import math
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_training import BRIEF, CPU, before_each_step, few, make_trainer, outcome, same, with_set
from torch import nn
from torch.utils.data import TensorDataset

from cnn_tutorial import trainer
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.support import checkpoint
from cnn_tutorial.trainer import Trainer

# Interruption


def interrupt_at(training: Trainer, position: int) -> None:
    """Press Ctrl-C in the middle of the step that leads to a position."""

    def press() -> None:
        if training.progress.steps == position - 1:
            signal.raise_signal(signal.SIGINT)

    before_each_step(training, press)


@pytest.mark.parametrize("position", [1, 5, 7, 10])
def test_ctrl_c_saves_between_two_steps(tmp_path: Path, position: int) -> None:
    digits, whole, path = few(45), tmp_path / "whole.pt", tmp_path / "stopped.pt"
    make_trainer(BRIEF, digits).fit(whole)
    handler = signal.getsignal(signal.SIGINT)
    training = make_trainer(BRIEF, digits)
    interrupt_at(training, position)
    with pytest.raises(KeyboardInterrupt):
        training.fit(path, save_every=1e9)
    assert signal.getsignal(signal.SIGINT) is handler
    assert training.progress.steps == position
    again = make_trainer(BRIEF, digits, seed=0)
    checkpoint.resume(again, path)
    assert again.progress.steps == position
    again.fit(path)
    assert same(outcome(path), outcome(whole))


def test_ctrl_c_stops_even_in_the_last_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(model: nn.Module, digits: TensorDataset) -> Any:
        signal.raise_signal(signal.SIGINT)
        return evaluate(model, digits)

    path = tmp_path / "checkpoint.pt"
    training = make_trainer(replace(BRIEF, epochs=1), few(45))
    monkeypatch.setattr(trainer, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.fit(path)
    assert checkpoint.load(path).training["progress"]["steps"] == 5


def test_handler_of_ctrl_c_is_restored_after_success_and_error() -> None:
    def mine(*_: Any) -> None:
        raise AssertionError("not called")

    before = signal.signal(signal.SIGINT, mine)
    try:
        make_trainer(BRIEF, few(45)).fit()
        assert signal.getsignal(signal.SIGINT) is mine
        with pytest.raises(FloatingPointError):
            make_trainer(replace(BRIEF, learning_rate=1e20), few(45)).fit()
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_training_in_a_thread() -> None:
    training = make_trainer(BRIEF, few(45))
    thread = threading.Thread(target=training.fit)
    thread.start()
    thread.join()
    assert len(training.history) == 2


# Bad input


def test_infinite_loss_stops_and_leaves_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    training = make_trainer(replace(BRIEF, learning_rate=1e20, warmup=None), few(45))
    saved: list[bytes] = []
    save = checkpoint.save

    def keep(trainer: Trainer, path: Path | str) -> None:
        save(trainer, path)
        saved.append(Path(path).read_bytes())

    monkeypatch.setattr(checkpoint, "save", keep)
    images, labels, _ = next(training.batches())
    first_loss = F.cross_entropy(training.model(images), labels, label_smoothing=0.05).item()
    with pytest.raises(FloatingPointError) as caught:
        training.fit(path, save_every=0)
    # The first step makes weights of 10²⁰: they are finite, but their products are not.
    assert len(saved) == 2
    assert path.read_bytes() == saved[1]
    assert re.fullmatch(
        r"The loss is (inf|nan) at step 2 of 10, at learning rate 1e\+20; "
        rf"the last finite loss was {first_loss:.4f}\. Try a lower learning rate\.",
        str(caught.value),
    )


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_loss_that_is_not_finite_is_told_with_step_rate_and_last_loss(
    tmp_path: Path, value: float
) -> None:
    path = tmp_path / "checkpoint.pt"
    training = make_trainer(BRIEF, few(45))

    def poison() -> None:
        if training.progress.steps == 6:
            checkpoint.save(training, path)
            with torch.no_grad():
                training.parameters[-1][0] = value

    before_each_step(training, poison)
    with pytest.raises(FloatingPointError) as caught:
        training.fit(path, save_every=1e9)
    good = checkpoint.load(path)
    assert good.training["progress"]["steps"] == 6
    assert all(tensor.isfinite().all() for tensor in good.tensors.values())
    message, rate = str(caught.value), BRIEF.learning_rate_at(6.5 / 10)
    assert f"The loss is {value} at step 7 of 10, at learning rate {rate:.3g}; " in message or (
        value == math.inf and "The loss is nan at step 7 of 10" in message
    )
    assert f"the last finite loss was {training.progress.last_loss:.4f}." in message
    assert training.progress.last_loss == good.training["progress"]["last_loss"]


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    training = make_trainer(BRIEF, few(45))
    checkpoint.save(training, path)
    before = path.read_bytes()
    with torch.no_grad():
        training.parameters[0].view(-1)[0] = math.nan
    with pytest.raises(FloatingPointError, match=r"model\..* is not finite after step 0 of 10"):
        checkpoint.save(training, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_bad_digits_are_refused_before_training(part: str) -> None:
    digits = few(45)
    images, labels = getattr(digits, part).tensors
    for bad_images, bad_labels in ((images[:0], labels[:0]), (images, labels + 10)):
        with pytest.raises(ValueError, match="must be torch"):
            make_trainer(BRIEF, with_set(digits, part, bad_images, bad_labels))


@pytest.mark.parametrize("size", [0, -1, 46])
def test_batch_size_that_makes_no_sense(size: int) -> None:
    with pytest.raises(ValueError, match=rf"from 1 \(processes\) to 45 \(digits\); it is {size}\."):
        make_trainer(replace(BRIEF, batch_size=size), few(45))
    make_trainer(replace(BRIEF, batch_size=45), few(45)).fit()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_that_makes_no_sense(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"it is {seed}\."):
        Trainer(BRIEF.network(), few(45), BRIEF, seed=seed, device=CPU)
    Trainer(BRIEF.network(), few(45), BRIEF, seed=2**32 - 1, device=CPU).fit()
