"""What the trainer does to the digits of a batch, and which drawings it puts beside them."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_training import BRIEF, few, make_trainer
from torch import Tensor, nn

from cnn_tutorial.data import shift
from cnn_tutorial.history import History
from cnn_tutorial.trainer import NO_DIGIT

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
