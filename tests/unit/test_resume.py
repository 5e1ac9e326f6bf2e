"""Training that was killed and resumed ends as training that was never killed, bit for bit.

`python tests/unit/test_resume.py 50` kills 50 times and prints what it found.
"""

import argparse
import copy
import functools
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from small_training import BRIEF, before_each_step, few, make_trainer, outcome, same
from torch import nn
from torch.utils.data import TensorDataset
from tqdm import tqdm

from cnn_tutorial import outliers
from cnn_tutorial.data import Digits
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.support import checkpoint
from cnn_tutorial.trainer import Trainer

save = checkpoint.save

# Stopped after any step


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: it is processes that end here, not the machine."""
    monkeypatch.setattr(os, "fsync", lambda number: None)


class Stopped(BaseException):
    """Stands for the end of the process: nothing of the trainer is run any more."""


def stop_after(training: Trainer, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a training end as soon as it saves itself after so many steps, and not save before."""

    def save_and_stop(trainer: Trainer, path: Path | str) -> None:
        if trainer is not training:
            save(trainer, path)
        elif training.progress.steps == steps:
            save(training, path)
            raise Stopped

    monkeypatch.setattr(checkpoint, "save", save_and_stop)


def dropout() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(784, 20),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(20, 10),
    )


def normalised() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, 2), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 12 * 12, 10)
    )


ONE_BY_ONE = replace(BRIEF, one_by_one=True)
TRAININGS: dict[str, tuple[Recipe, Callable[[], nn.Module]]] = {
    "one cycle": (BRIEF, BRIEF.network),
    "shifted": (replace(BRIEF, shift=2, label_smoothing=0.2), BRIEF.network),
    "deformed": (replace(BRIEF, turn=9, size=0.1, stroke=1, outliers=0.4), BRIEF.network),
    "constant": (replace(BRIEF, warmup=None, weight_decay=0, epochs=1), BRIEF.network),
    "bfloat16": (replace(BRIEF, bfloat16=True, epochs=1), BRIEF.network),
    "dropout": (BRIEF, dropout),
    "normalised": (BRIEF, normalised),
    "one by one": (ONE_BY_ONE, ONE_BY_ONE.network),
    "one by one, dropout": (ONE_BY_ONE, dropout),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_resumed_after_any_step_it_ends_the_same(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, network = TRAININGS[name]
    digits = few(41)  # the last of the 5 steps of an epoch is of a single digit
    # Each training draws the same by its seed, which takes much longer than its steps.
    monkeypatch.setattr(outliers, "draw_outliers", functools.cache(outliers.draw_outliers))

    def new_training(seed: int = 0) -> Trainer:
        torch.manual_seed(seed)
        return make_trainer(recipe, digits, network())

    whole, path = tmp_path / "whole.pt", tmp_path / "stopped.pt"
    training = new_training()
    history = training.fit(whole)
    expected = outcome(whole)
    assert len(history) == recipe.epochs
    for position in range(training.total_steps + 1):
        training = new_training()
        stop_after(training, position, monkeypatch)
        with pytest.raises(Stopped):  # at the end of an epoch, before its validation
            training.fit(path, save_every=0)
        resumed = new_training(seed=1)  # of which nothing must remain
        checkpoint.resume(resumed, path)
        assert resumed.progress.steps == position
        resumed.fit(path)
        assert same(outcome(path), expected), (
            f"stopped after {position} of {training.total_steps} steps"
        )
        resumed = new_training(seed=1)
        checkpoint.resume(resumed, path)  # which is at its end
        resumed.fit(path)
        assert same(outcome(path), expected)


def test_resumed_time_and_again_it_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, path = tmp_path / "whole.pt", tmp_path / "stopped.pt"
    network = dropout()
    digits = few(41)
    make_trainer(BRIEF, digits, copy.deepcopy(network)).fit(whole)
    training = make_trainer(BRIEF, digits, copy.deepcopy(network))
    for position in range(1, training.total_steps + 1):
        stop_after(training, position, monkeypatch)
        with pytest.raises(Stopped):
            training.fit(path, save_every=0)
        training = make_trainer(BRIEF, digits, dropout())
        checkpoint.resume(training, path)
    training.fit(path)
    assert same(outcome(path), outcome(whole))


def test_seconds_before_the_stop_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stopped.pt"
    training = make_trainer(BRIEF, few(41))
    stop_after(training, 3, monkeypatch)
    with pytest.raises(Stopped):
        training.fit(path, save_every=0)
    saved = checkpoint.load(path)
    saved.training["progress"]["seconds"] = 1000.0
    path.write_bytes(checkpoint.as_bytes(saved))
    resumed = make_trainer(BRIEF, few(41))
    checkpoint.resume(resumed, path)
    first, second = resumed.fit()
    assert 1000 < first.seconds < 1010
    assert second.seconds < 10


def test_saves_as_often_as_it_is_told_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: seconds[0])
    training = make_trainer(BRIEF, few(41))
    saved = []

    def second_passes() -> None:
        seconds[0] += 1

    def note(trainer: Trainer, path: object) -> None:
        saved.append(trainer.progress.steps)

    before_each_step(training, second_passes)
    monkeypatch.setattr(checkpoint, "save", note)
    training.fit(tmp_path / "checkpoint.pt", save_every=2.5)
    assert saved == [0, 3, 6, 9, 10]


# Killed at any moment

RECIPE = replace(BRIEF, epochs=3, batch_size=25, shift=1)
TRAINED_ON, MEASURED_ON = 490, 100  # 60 steps


def train_until_killed(
    path: Path, arrays: list[np.ndarray], started: Connection, save_every: float
) -> None:
    """What the process does that is killed: go on with what is saved, as the command does."""
    torch.set_num_threads(1)
    tqdm.set_lock(threading.RLock())  # the lock that it would make outlives a killed process
    sets = [TensorDataset(torch.from_numpy(x), torch.from_numpy(y)) for x, y in pairs(arrays)]
    training = make_trainer(RECIPE, Digits(sets[0], sets[1], sets[1], few(1).source))
    started.send(None)
    if path.exists():
        checkpoint.resume(training, path)
    training.fit(path, save_every)


def pairs(arrays: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(arrays[::2], arrays[1::2], strict=True))


class Outcome(NamedTuple):
    """What killing did."""

    kills: int
    in_a_write: int
    """Of them, those that left a half-written file beside the checkpoint."""
    readable: int
    """After how many the checkpoint was readable, or nothing had been saved so far."""
    identical: int
    """After how many the resumed training ended with all the bits of one that was never killed."""
    trainings: int
    """How many trainings they were in."""


def kill_and_resume(folder: Path, kills: int, seed: int = 0, save_every: float = 0.0) -> Outcome:
    """Kill trainings at random moments, and go on with each until it ends by itself.

    A training may be killed more than once, or end before its time has come.
    """
    context = multiprocessing.get_context("forkserver")  # torch is imported once
    context.set_forkserver_preload(["pytest", "cnn_tutorial.trainer", "torch._dynamo"])
    generator = random.Random(seed)
    digits = few(TRAINED_ON, MEASURED_ON)
    arrays = [t.numpy() for part in (digits.train, digits.validation) for t in part.tensors]

    def run(path: Path, delay: float | None) -> float | None:
        """Train; return None if it was killed after a delay, else the seconds it took."""
        here, there = context.Pipe()
        process = context.Process(target=train_until_killed, args=(path, arrays, there, save_every))
        process.start()
        there.close()
        here.recv()
        start = time.perf_counter()
        process.join(delay)
        process.kill()
        process.join()
        here.close()
        if process.exitcode == -signal.SIGKILL:
            return None
        assert process.exitcode == 0
        return time.perf_counter() - start

    run(folder / "warm.pt", None)
    duration = run(folder / "whole.pt", None)
    assert duration is not None
    expected = outcome(folder / "whole.pt")
    assert same(outcome(folder / "warm.pt"), expected)
    done = in_a_write = readable = trainings = identical = 0
    while done < kills:
        trainings, before = trainings + 1, done
        path = folder / f"{trainings}" / "checkpoint.pt"
        path.parent.mkdir()
        while done < kills and run(path, generator.uniform(0, duration)) is None:
            done += 1
            files = [file.name for file in path.parent.iterdir()]
            in_a_write += any(name != path.name for name in files)
            for leftover in path.parent.glob(".*"):
                leftover.unlink()
            try:
                if path.name in files:
                    checkpoint.load(path)
                readable += 1
            except ValueError as error:
                print(error)
        run(path, None)
        if same(outcome(path), expected):
            identical += done - before
    return Outcome(done, in_a_write, readable, identical, trainings)


def test_killed_at_any_moment_it_ends_the_same(tmp_path: Path) -> None:
    found = kill_and_resume(tmp_path, kills=6)
    print(found)
    assert found.readable == found.identical == found.kills == 6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill trainings at random moments.")
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = kill_and_resume(Path(name), arguments.kills, arguments.seed)
    print(
        f"{found.kills} kills in {found.trainings} trainings, {found.in_a_write} of them in the "
        f"middle of a write. The checkpoint was readable after {found.readable}, and the training, "
        f"resumed, ended with the bits of one that was never killed after {found.identical}."
    )
    sys.exit(min(found.readable, found.identical) < found.kills)
