"""Networks that pages share: trained once, and again only if anything differs."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import BRIEF, few, make_trainer, same, with_set

from cnn_tutorial import checkpoint, trainer
from cnn_tutorial.trainer import Trainer, trained


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(trainer, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "cnn-tutorial" / "trained"


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Holds the number of steps of each training from now on."""
    steps: list[int] = []
    fit: Callable[..., Any] = Trainer.fit

    def counted(training: Trainer, *arguments: Any, **named: Any) -> Any:
        steps.append(training.steps - training.position)
        return fit(training, *arguments, **named)

    monkeypatch.setattr(Trainer, "fit", counted)
    return steps


def test_same_training_is_done_once(cache: Path, fits: list[int]) -> None:
    digits = few(45)
    network, history = trained(BRIEF, digits)
    [file] = cache.iterdir()
    again, history_again = trained(BRIEF, digits)
    assert fits == [10]
    assert list(cache.iterdir()) == [file]
    assert same(network.state_dict(), again.state_dict())
    assert history == history_again
    assert len(history) == 2
    plain = make_trainer(BRIEF, digits)
    plain.fit()
    assert same(network.state_dict(), plain.model.state_dict())


def test_every_other_training_is_done(
    cache: Path, fits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = few(45)
    images, labels = digits.train.tensors
    trained(BRIEF, digits)
    trained(replace(BRIEF, learning_rate=9e-3), digits)
    trained(BRIEF, digits, seed=1)
    trained(BRIEF, with_set(digits, "train", images.flip(0), labels.flip(0)))
    trained(BRIEF, with_set(digits, "validation", images[:30], labels[:30]))
    monkeypatch.setattr("inspect.getsource", lambda module: "other code")
    trained(BRIEF, digits)
    assert fits == [10] * 6
    assert len(list(cache.iterdir())) == 6


@pytest.mark.parametrize("damage", ["cut", "flipped", "folder", "foreign moments", "unwritable"])
def test_cache_that_cannot_be_used_costs_only_time(
    cache: Path, fits: list[int], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = few(45)
    expected, history = trained(BRIEF, digits)
    [file] = cache.iterdir()
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "folder":
        file.unlink()
        file.mkdir()
    elif damage == "foreign moments":
        state = checkpoint.load(file)
        *_, last = state["moments"]  # all before it are good
        state["moments"][last] = torch.ones(3)
        checkpoint.save(file, state)
    else:
        file.unlink()
        cache.rmdir()
        cache.write_text("a file in the way", encoding="utf-8")
    found, again = trained(BRIEF, digits)
    assert fits == [10, 10]
    assert same(found.state_dict(), expected.state_dict())
    assert [epoch[:-2] for epoch in again] == [epoch[:-2] for epoch in history]
    if damage in ("cut", "flipped", "foreign moments"):
        trained(BRIEF, digits)
        assert fits == [10, 10], "the damaged file was not replaced"


def test_cache_folder_is_where_the_system_keeps_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        pytest.skip("XDG_CACHE_HOME is of Linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    trained(BRIEF, few(45))
    [file] = (tmp_path / "cnn-tutorial" / "trained").iterdir()
    assert os.access(file, os.R_OK)
