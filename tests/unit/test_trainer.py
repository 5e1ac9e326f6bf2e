"""The trainer: its steps are those of a plain loop, its numbers true, its errors for people."""

import copy
import io
import subprocess
import sys
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from small_training import BRIEF, CPU, before_each_step, few, largest_difference, make_trainer, same
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import ToTensor

from cnn_tutorial import trainer
from cnn_tutorial.data import load_digits
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.device import choose_device
from cnn_tutorial.trainer import Trainer

Batch = tuple[Tensor, Tensor]


def recorded(training: Trainer) -> list[Batch]:
    """Return a list that will hold a copy of each batch that the training takes a step on."""
    batches: list[Batch] = []
    step = training.step

    def record(images: Tensor, labels: Tensor, batch_size: int) -> None:
        assert len(images) == len(labels) == batch_size
        batches.append((images.clone(), labels.clone()))
        step(images, labels, batch_size)

    training.step = record  # type: ignore[method-assign]
    return batches


def positions(batches: list[Batch], digits: TensorDataset) -> list[list[int]]:
    """Find the digits of each batch in their set, by their pixels."""
    at = {image.numpy().tobytes(): index for index, image in enumerate(digits.tensors[0])}
    assert len(at) == len(digits), "two digits are alike"
    return [[at[image.numpy().tobytes()] for image in images] for images, _ in batches]


# The steps


def test_training_does_without_the_compiler() -> None:
    code = (
        "import sys; from small_training import BRIEF, few, make_trainer\n"
        "make_trainer(BRIEF, few(300)).fit()\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)


class Plain(Dataset[tuple[Tensor, int]]):
    """MNIST as torchvision serves it: a picture from bytes, made a tensor when asked for."""

    def __init__(self, digits: TensorDataset) -> None:
        images, labels = digits.tensors
        self.bytes = (images * 255).round().to(torch.uint8).squeeze(1).numpy()
        self.labels = labels.tolist()
        self.to_tensor = ToTensor()

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.to_tensor(Image.fromarray(self.bytes[index])), self.labels[index]


def test_classic_is_the_plain_loop_of_most_tutorials() -> None:
    digits = few(305)
    training = make_trainer(replace(RECIPES["classic"], epochs=2), digits)
    plain = copy.deepcopy(training.model)
    batches = recorded(training)
    training.fit()

    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)
    for images, labels in DataLoader(
        Plain(digits.train), batch_sampler=positions(batches, digits.train)
    ):
        loss = nn.CrossEntropyLoss()(plain(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    difference = largest_difference(plain.state_dict(), training.model.state_dict())
    print(f"classic against a plain loop: largest difference of a weight {difference:.1e}")
    assert difference <= 1e-6


def test_one_cycle_is_that_of_torch() -> None:
    digits = few(305)
    recipe = replace(BRIEF, batch_size=50, warmup=0.3, label_smoothing=0.1, weight_decay=0.05)
    training = make_trainer(recipe, digits)
    plain = copy.deepcopy(training.model)
    batches = recorded(training)
    training.fit()

    assert [len(labels) for _, labels in batches] == [50, 50, 50, 50, 50, 50, 5] * 2
    optimizer = torch.optim.AdamW(
        plain.parameters(), lr=1e-2, betas=(0.9, 0.99), weight_decay=0.05, foreach=False
    )

    def factor(step: int) -> float:
        done = (step + 0.5) / 14
        return done / 0.3 if done < 0.3 else (1 - done) / 0.7

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    rates = []
    for images, labels in batches:
        rates.append(schedule.get_last_lr()[0])
        optimizer.zero_grad()
        criterion(plain(images), labels).backward()
        optimizer.step()
        schedule.step()
    difference = largest_difference(plain.state_dict(), training.model.state_dict())
    print(f"one cycle against torch's own: largest difference of a weight {difference:.1e}")
    assert difference <= 1e-5
    assert [epoch.learning_rate for epoch in training.history] == pytest.approx(rates[6::7])


@pytest.mark.parametrize("one_by_one", [False, True])
def test_each_epoch_takes_each_digit_once_in_another_order(one_by_one: bool) -> None:
    digits = few(45)
    recipe = replace(BRIEF, one_by_one=one_by_one, epochs=3)
    orders = []
    for seed in (0, 1):
        training = make_trainer(recipe, digits, seed=seed)
        batches = recorded(training)
        training.fit()
        order = [index for batch in positions(batches, digits.train) for index in batch]
        labels = torch.cat([labels for _, labels in batches])
        assert torch.equal(labels, digits.train.tensors[1][order])
        orders += [order[:45], order[45:90], order[90:]]
    assert all(sorted(order) == list(range(45)) for order in orders)
    assert len({tuple(order) for order in orders}) == 6


def test_both_ways_to_take_a_batch_train_alike() -> None:
    ends: list[dict[str, Tensor]] = []
    for one_by_one in (False, True):
        training = make_trainer(replace(BRIEF, one_by_one=one_by_one), few(45))
        training.fit()
        ends.append(training.model.state_dict())
    assert same(*ends)


def test_seed_decides_everything() -> None:
    recipe = replace(BRIEF, shift=2)
    ends: list[dict[str, Tensor]] = []
    for seed in (7, 7, 8):
        training = make_trainer(recipe, few(45), seed=seed)
        torch.manual_seed(len(ends))  # what others draw does not matter
        training.fit()
        ends.append(training.model.state_dict())
    assert same(ends[0], ends[1])
    assert not same(ends[0], ends[2])


# What it learns and says


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains(name: str) -> None:
    history = make_trainer(replace(RECIPES[name], epochs=1), few(130)).fit()
    assert len(history) == 1


def test_fast_learns_the_sample_in_one_epoch(tmp_path: Path) -> None:
    training = make_trainer(RECIPES["fast"], load_digits(tmp_path))
    [epoch] = training.fit()
    print(f"fast, one epoch of the sample: {epoch.validation_accuracy:.2%}, {epoch.seconds:.1f} s")
    assert epoch.validation_accuracy >= 0.9


def test_means_are_over_digits_not_over_batches() -> None:
    # With a learning rate of next to nothing, the network of every step is the one at the end.
    recipe = replace(BRIEF, batch_size=50, learning_rate=1e-30, weight_decay=0, label_smoothing=0)
    training = make_trainer(recipe, few(101))  # the last batch is of one digit
    before = copy.deepcopy(training.model.state_dict())
    history = training.fit()
    assert same(training.model.state_dict(), before)
    train, validation = (
        evaluate(training.model, digits)
        for digits in (training.digits.train, training.digits.validation)
    )
    assert len(history) == 2
    for epoch in history:
        assert epoch.train_loss == pytest.approx(train.loss, rel=1e-5)
        assert epoch.train_accuracy == train.accuracy
        assert epoch.validation_loss == validation.loss
        assert epoch.validation_accuracy == validation.accuracy
        assert epoch.images_per_second == pytest.approx(101 / epoch.seconds)


def test_time_of_an_epoch_is_that_of_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    training = make_trainer(replace(BRIEF, batch_size=20), few(50))

    def slowly() -> None:
        clock[0] += 2

    def slow_evaluate(model: nn.Module, digits: TensorDataset) -> Any:
        clock[0] += 1000
        return evaluate(model, digits)

    before_each_step(training, slowly)
    monkeypatch.setattr(trainer, "evaluate", slow_evaluate)
    assert [epoch.seconds for epoch in training.fit()] == [6, 6]


def test_network_learns_in_training_mode_after_each_validation() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 10)).eval()
    training = make_trainer(BRIEF, few(45), network)
    modes = set()
    network[1].register_forward_hook(
        lambda module, *_: modes.add((len(training.history), module.training))
    )
    training.fit()
    # In each epoch: trained in training mode, measured without.
    assert modes == {(epoch, mode) for epoch in (0, 1) for mode in (True, False)}
    assert training.model.training


def test_fit_of_a_finished_training_does_nothing() -> None:
    training = make_trainer(BRIEF, few(45))
    history = copy.deepcopy(training.fit())
    before = copy.deepcopy(training.model.state_dict())
    assert training.fit() == history
    assert same(training.model.state_dict(), before)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_and_nothing_in_a_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_trainer(BRIEF, few(45)).fit()
    assert capsys.readouterr() == ("", "")
    with redirect_stderr(Terminal()) as terminal:
        make_trainer(BRIEF, few(45)).fit()
    assert "10/10" in terminal.getvalue()


def test_device_is_chosen_unless_it_is_given() -> None:
    assert Trainer(BRIEF.network(), few(45), BRIEF).device == choose_device()
    assert make_trainer(BRIEF, few(45)).device == CPU
