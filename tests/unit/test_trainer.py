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
import torch.nn.functional as F
from PIL import Image
from small_training import BRIEF, CPU, before_each_step, few, largest_difference, make_trainer, same
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import ToTensor

from cnn_tutorial import trainer
from cnn_tutorial.data import load_digits, shift
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.history import History
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.device import choose_device
from cnn_tutorial.trainer import NO_DIGIT, Trainer

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


# Drawings that are no digit


def test_outliers_stand_beside_the_digits_and_are_to_be_of_no_class() -> None:
    digits = few(45)
    training = make_trainer(replace(BRIEF, outliers=0.4, epochs=1, label_smoothing=0), digits)
    known = {image.numpy().tobytes() for image in digits.train.tensors[0]}
    drawn = {image.numpy().tobytes() for image in training.outliers}
    assert len(training.outliers) > 1000
    seen = []
    for images, labels, size in training.batches():
        assert size == (labels != NO_DIGIT).sum()
        assert len(images) == len(labels) == size + round(0.4 * size)
        for image, label in zip(images, labels, strict=True):
            assert image.numpy().tobytes() in (drawn if label == NO_DIGIT else known)
        seen += [image.numpy().tobytes() for image in images[labels == NO_DIGIT]]
    assert len(set(seen)) > 10

    images, labels, size = next(training.batches())
    plain = copy.deepcopy(training.model)
    targets = torch.full((len(labels), 10), 0.1)
    is_digit = labels != NO_DIGIT
    targets[is_digit] = F.one_hot(labels[is_digit], 10).float()
    loss = nn.CrossEntropyLoss(reduction="sum")(plain(images), targets) / size
    loss.backward()
    training.optimizer.step = lambda: None
    training.step(images, labels, size)
    for mine, theirs in zip(training.model.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-6)
    of_digits = F.cross_entropy(plain(images[is_digit]), labels[is_digit])
    assert training.progress.last_loss == pytest.approx(of_digits.item())


def test_each_epoch_deforms_the_digits_anew() -> None:
    digits = few(45)
    recipe = replace(BRIEF, batch_size=45, turn=20, size=0.2, stroke=1)
    training = make_trainer(recipe, digits)
    orders = torch.stack([training.images] * 2)
    for epoch in range(2):
        training.history = History([None] * epoch)  # type: ignore[list-item]
        training.progress.steps = epoch
        [(images, labels, _)] = training.batches()
        order = torch.randperm(45, generator=torch.Generator().manual_seed(epoch))
        assert torch.equal(labels, training.labels[order])
        orders[epoch][order] = images
    for one, other in ((orders[0], orders[1]), (orders[0], training.images)):
        changed = (one - other).abs().amax((1, 2, 3)) > 0.1
        assert changed.sum() > 40  # of 45: some are drawn close to what they were


# Shifts


def shifted(image: Tensor, down: int, right: int) -> Tensor:
    """Move an image (1, H, W) pixel by pixel."""
    height, width = image.shape[1:]
    result = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[0, row, column] = image[0, row - down, column - right]
    return result


@pytest.mark.parametrize("most", [0, 1, 3])
def test_shift_moves_each_image_by_its_own_offset(most: int) -> None:
    side = 2 * most + 1
    offsets = torch.cartesian_prod(torch.arange(side), torch.arange(side)).view(-1, 2).T
    images = few(side**2).train.tensors[0] + 0.5  # no pixel is black like the background
    found = shift(images, offsets, most)
    assert found.shape == images.shape
    for image, (row, column), moved in zip(images, offsets.T.tolist(), found, strict=True):
        assert torch.equal(moved, shifted(image, most - row, most - column))


def test_shift_by_nothing_changes_nothing() -> None:
    images = few(5).train.tensors[0]
    assert torch.equal(shift(images, torch.full((2, 5), 2), 2), images)


def test_training_shifts_by_up_to_so_many_pixels_in_all_directions() -> None:
    digits = few(300)
    training = make_trainer(replace(BRIEF, batch_size=100, shift=2), digits)
    steps = range(-2, 3)
    originals = {
        # Negative padding crops.
        F.pad(image, (right, -right, down, -down)).numpy().tobytes(): (index, down, right)
        for index, image in enumerate(digits.train.tensors[0])
        for down in steps
        for right in steps
    }
    found = [
        originals[image.numpy().tobytes()]
        for images, _, _ in training.batches()
        for image in images
    ]
    assert sorted(index for index, _, _ in found) == list(range(300))
    assert {(down, right) for _, down, right in found} == {(d, r) for d in steps for r in steps}


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
