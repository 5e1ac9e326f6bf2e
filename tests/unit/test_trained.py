"""Networks that pages share: trained once, and again only if anything differs."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import started
from small_training import BRIEF, CPU, few, make_trainer, same, with_set
from torch import Tensor, nn

from cnn_tutorial import cache as module
from cnn_tutorial.__main__ import main
from cnn_tutorial.cache import clear, kept, trained
from cnn_tutorial.support import checkpoint
from cnn_tutorial.trainer import Trainer


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "cnn-tutorial" / "trained"


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Holds the number of steps of each training from now on."""
    steps: list[int] = []
    fit: Callable[..., Any] = Trainer.fit

    def counted(training: Trainer, *arguments: Any, **named: Any) -> Any:
        steps.append(training.total_steps - training.progress.steps)
        return fit(training, *arguments, **named)

    monkeypatch.setattr(Trainer, "fit", counted)
    return steps


def test_same_training_is_done_once(cache: Path, fits: list[int]) -> None:
    digits = few(45)
    network, history = trained(BRIEF, digits)
    [file] = cache.glob("*.safetensors")
    again, history_again = trained(BRIEF, digits)
    assert fits == [10]
    assert list(cache.glob("*.safetensors")) == [file]
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
    assert len(list(cache.glob("*.safetensors"))) == 6


@pytest.mark.parametrize("damage", ["cut", "flipped", "folder", "foreign moments", "unwritable"])
def test_cache_that_cannot_be_used_costs_only_time(
    cache: Path, fits: list[int], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = few(45)
    expected, history = trained(BRIEF, digits)
    [file] = cache.glob("*.safetensors")
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
        saved = checkpoint.load(file)
        *_, last = sorted(name for name in saved.tensors if name.startswith("optimizer."))
        saved.tensors[last] = torch.ones(3)  # all before it are good
        file.write_bytes(checkpoint.as_bytes(saved))
    else:
        clear()
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
    [file] = (tmp_path / "cnn-tutorial" / "trained").glob("*.safetensors")
    assert os.access(file, os.R_OK)


class Doubled(nn.Module):
    """The network of the recipe, whose answers are twice as sure."""

    def __init__(self) -> None:
        super().__init__()
        self.network = BRIEF.network()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(x)  # (N, 10)
        return 2 * logits


class Tripled(Doubled):
    def forward(self, x: Tensor) -> Tensor:
        return 1.5 * super().forward(x)


Tripled.__name__ = "Doubled"  # so that it looks like the other


def with_dropout() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(784, 10))


def test_network_of_a_page_is_kept_too(cache: Path, fits: list[int]) -> None:
    digits, networks = few(45), (Doubled, Tripled, with_dropout)
    states = [trained(BRIEF, digits, network=make)[0].state_dict() for make in networks]
    assert fits == [10] * 3
    assert not same(*states[:2])
    for make, state in zip(networks, states, strict=True):
        assert same(trained(BRIEF, digits, network=make)[0].state_dict(), state)
    assert fits == [10] * 3
    torch.manual_seed(0)
    plain = Trainer(with_dropout(), digits, BRIEF, device=CPU)
    plain.fit()
    assert same(plain.model.state_dict(), states[2])


TWICE = """
import sys
sys.path.insert(0, sys.argv[1])
from small_training import BRIEF, CPU, few
from cnn_tutorial.cache import log, trained
log.info = lambda *_: print("trained", flush=True)
trained(BRIEF, few(45))
"""


def test_two_processes_train_it_once(tmp_path: Path) -> None:
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", TWICE, str(Path(__file__).parent)]
    with (
        started(command, env=environment, stdout=subprocess.PIPE) as one,
        started(command, env=environment, stdout=subprocess.PIPE) as other,
    ):
        said = [process.communicate(timeout=100)[0] for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0)
    assert b"".join(said) == b"trained\n"


def test_command_says_what_is_kept_and_removes_it(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(BRIEF, few(45))
    [file] = cache.glob("*.safetensors")
    assert kept() == (1, file.stat().st_size)
    assert main(["cache"]) == 0
    said = f"1 network, {file.stat().st_size / 1e6:.1f} MB, in {cache}\n"
    assert capsys.readouterr().out == said + "To remove them: cnn-tutorial cache --clear\n"
    assert main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == "Removed " + said
    assert kept() == (0, 0)
    assert not cache.exists()
