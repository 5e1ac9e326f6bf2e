"""Two processes under `torchrun` against one: the same steps, whoever takes them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from small_training import BRIEF, before_each_step, few, largest_difference, make_trainer
from torch import Tensor

from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.support import checkpoint
from cnn_tutorial.support.processes import joined_processes, rank_and_world_size

RECIPES = {
    "one cycle": BRIEF,
    "shifted": replace(BRIEF, shift=2),
    "deformed": replace(BRIEF, turn=9, size=0.1, stroke=1, outliers=0.4),
    "one by one": replace(BRIEF, one_by_one=True),
}
TRAINED_ON = 41  # 10 steps: the last of each epoch is of one digit, so that one process has none
MEASURED_ON = 101  # odd: one process has one more
KILLED_AT = 7


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Train by a recipe and note all that must not depend on the number of processes."""
    rank, _ = rank_and_world_size()
    training = make_trainer(RECIPES[name], few(TRAINED_ON, MEASURED_ON))
    gradients: list[dict[str, Tensor]] = []

    def note(*_: object) -> None:
        parameters = training.model.named_parameters()
        gradients.append({name: p.grad.clone() for name, p in parameters if p.grad is not None})

    training.optimizer.register_step_pre_hook(note)
    history = training.fit(folder / f"{name}-{rank}.pt", save_every=0)
    return {
        "first gradients": gradients[0],
        "weights": training.model.state_dict(),
        "history": [tuple(epoch[:-2]) for epoch in history],
        "evaluation": tuple(evaluate(training.model, few(TRAINED_ON, MEASURED_ON).test)),
    }


def train_and_wait(folder: Path) -> None:
    """Train to a step at which one process waits to be killed, and the other one for it."""
    rank, _ = rank_and_world_size()
    training = make_trainer(BRIEF, few(TRAINED_ON))

    def wait() -> None:
        if rank == 1 and training.progress.steps == KILLED_AT:
            (folder / "new").write_text(str(os.getpid()), encoding="utf-8")
            (folder / "new").rename(folder / "waiting")
            time.sleep(600)

    before_each_step(training, wait)
    training.fit(folder / "killed.pt", save_every=0)


def main(folder: Path) -> None:
    """What each process does."""
    with joined_processes():
        rank, _ = rank_and_world_size()
        for name in RECIPES:
            torch.save(measure(name, folder), folder / f"{name}.found-{rank}")
        train_and_wait(folder)


class Run(NamedTuple):
    """What two processes left, one of them killed in the end."""

    folder: Path
    status: int
    log: str

    def found(self, name: str, rank: int) -> dict[str, Any]:
        content: dict[str, Any] = torch.load(self.folder / f"{name}.found-{rank}")
        return content


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from conftest import once, started  # which the processes of torchrun do without

    def make(folder: Path) -> str:
        options = ["--standalone", "--local-addr=127.0.0.1", "--nproc-per-node=2"]
        command = [sys.executable, "-m", "torch.distributed.run", *options, __file__, str(folder)]
        log = folder / "log"
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
        with (
            log.open("wb") as output,
            started(command, env=environment, stdout=output, stderr=subprocess.STDOUT) as job,
        ):
            deadline = time.monotonic() + 240
            while not (folder / "waiting").exists() or saved_at(folder / "killed.pt") != KILLED_AT:
                assert job.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.05)
            os.kill(int((folder / "waiting").read_text(encoding="utf-8")), signal.SIGKILL)
            return str(job.wait(120))

    folder, status = once(tmp_path_factory, "two", make)
    return Run(folder, int(status), (folder / "log").read_text(encoding="utf-8"))


def saved_at(path: Path) -> int:
    return int(checkpoint.load(path).training["progress"]["steps"])


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_take_the_steps_of_one(two: Run, tmp_path: Path, name: str) -> None:
    one = measure(name, tmp_path)
    first, second = two.found(name, 0), two.found(name, 1)
    assert largest_difference(first["weights"], second["weights"]) == 0, "the two went apart"
    gradients = largest_difference(one["first gradients"], first["first gradients"])
    weights = largest_difference(one["weights"], first["weights"])
    size = max(gradient.abs().max().item() for gradient in one["first gradients"].values())
    print(
        f"{name}: largest difference of a first gradient {gradients:.1e} (the largest is "
        f"{size:.1e}), of a weight after 10 steps {weights:.1e}"
    )
    assert gradients <= 1e-6 * size
    assert weights <= 1e-4
    for ours, theirs in zip(one["history"], first["history"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
        assert (ours[2], ours[4]) == (theirs[2], theirs[4]), "accuracies"
    assert first["history"] == second["history"]


@pytest.mark.parametrize("name", RECIPES)
def test_evaluation_counts_each_digit_once(two: Run, tmp_path: Path, name: str) -> None:
    loss, correct, total = measure(name, tmp_path)["evaluation"]
    assert total == MEASURED_ON
    for rank in (0, 1):
        found = two.found(name, rank)["evaluation"]
        assert found[1:] == (correct, total)
        assert found[0] == pytest.approx(loss, rel=1e-4)
    print(f"{name}: {correct} of {total} digits are right, by one process and by two")


def test_only_the_first_process_writes(two: Run) -> None:
    written = {path.name for path in two.folder.iterdir() if path.name.endswith(".pt")}
    assert written == {"killed.pt", *(f"{name}-0.pt" for name in RECIPES)}
    assert not list(two.folder.glob(".*"))


def test_killed_process_ends_the_job_with_an_error(two: Run) -> None:
    assert two.status != 0
    assert "SIGKILL" in two.log


def test_one_process_goes_on_from_what_the_killed_job_left(two: Run, tmp_path: Path) -> None:
    training = make_trainer(BRIEF, few(TRAINED_ON), seed=0)
    checkpoint.resume(training, two.folder / "killed.pt")
    assert training.progress.steps == KILLED_AT
    training.fit(tmp_path / "resumed.pt")
    whole = make_trainer(BRIEF, few(TRAINED_ON))
    whole.fit()
    difference = largest_difference(training.model.state_dict(), whole.model.state_dict())
    print(f"killed at step {KILLED_AT} of two processes, ended by one: {difference:.1e}")
    assert difference <= 1e-4


if __name__ == "__main__":
    main(Path(sys.argv[1]))
