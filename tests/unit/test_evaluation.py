"""Evaluation: counts, means and the interval against independent calculations."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_training import few
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from cnn_tutorial.evaluation import Evaluation, evaluate, predict
from cnn_tutorial.model import ConvolutionalNetwork


@pytest.fixture
def network() -> ConvolutionalNetwork:
    torch.manual_seed(0)
    return ConvolutionalNetwork()


def one_by_one(network: nn.Module, digits: TensorDataset) -> tuple[float, int]:
    """Mean loss and number of correct digits, each digit on its own."""
    losses, correct = [], 0
    with torch.no_grad():
        for image, label in zip(*digits.tensors, strict=True):
            scores = network(image[None])[0].double()
            losses.append(math.log(scores.exp().sum().item()) - scores[label].item())
            correct += int(max(range(10), key=lambda k: scores[k].item()) == label)
    return math.fsum(losses) / len(losses), correct


def test_each_digit_counts_once_in_unequal_parts(network: ConvolutionalNetwork) -> None:
    # 1 + 1000 digits: a mean over parts would give the single one the weight of the thousand.
    images, labels = few(1000).train.tensors
    with torch.no_grad():
        hardest = F.cross_entropy(network(images), labels, reduction="none").argmax()
    order = torch.cat([torch.arange(1000), hardest[None]])
    digits = TensorDataset(images[order], labels[order])
    loss, correct = one_by_one(network, digits)
    alone, _ = one_by_one(network, TensorDataset(images[order[-1:]], labels[order[-1:]]))
    assert alone > loss + 0.01
    found = evaluate(network, digits)
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert (found.correct, found.total) == (correct, 1001)
    assert found.accuracy == correct / 1001


def test_probabilities_are_those_of_the_logits(network: ConvolutionalNetwork) -> None:
    images = few(5).train.tensors[0]
    with torch.no_grad():
        exp = network(images).double().exp()
    expected = (exp / exp.sum(1, keepdim=True)).float()
    found = predict(network, images)
    assert found.shape == (5, 10)
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


class Half(nn.Module):
    """Random in training mode, as networks with dropout are."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = ConvolutionalNetwork()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.inner(self.dropout(x))
        return result


@pytest.mark.parametrize("training", [True, False])
def test_model_is_left_in_its_mode_but_measured_as_after_training(training: bool) -> None:
    torch.manual_seed(0)
    model, digits = Half(), few(20).train
    model.train(training)
    assert evaluate(model, digits) == evaluate(model, digits)
    assert evaluate(model, digits).loss == pytest.approx(one_by_one(model.inner, digits)[0])
    assert torch.equal(predict(model, digits.tensors[0]), predict(model.inner, digits.tensors[0]))
    assert {module.training for module in model.modules()} == {training}
    assert all(parameter.grad is None for parameter in model.parameters())


# Wilson's interval


def boundary(correct: int, total: int, sign: int) -> float:
    """Solve |p − correct/total| = 1.96 √(p (1 − p) / total) for p by bisection."""
    share = correct / total
    near, far = share, float(sign > 0)  # the root lies between the share and 0 or 1
    for _ in range(200):
        middle = (near + far) / 2
        if abs(middle - share) <= 1.96 * math.sqrt(middle * (1 - middle) / total):
            near = middle
        else:
            far = middle
    return near


@pytest.mark.parametrize(
    ("correct", "total"), [(1, 2), (1, 10), (9, 10), (81, 263), (1968, 2000), (9916, 10_000)]
)
def test_interval_solves_the_score_equation(correct: int, total: int) -> None:
    low, high = Evaluation(0.0, correct, total).wilson_interval
    assert low == pytest.approx(boundary(correct, total, -1), abs=1e-12)
    assert high == pytest.approx(boundary(correct, total, +1), abs=1e-12)


def test_interval_stays_within_what_an_accuracy_can_be() -> None:
    for total in range(1, 3000):
        for correct in (0, total):
            evaluation = Evaluation(0.0, correct, total)
            low, high = evaluation.wilson_interval
            assert 0 <= low < high <= 1
            assert "-0" not in str(evaluation)


def test_evaluation_prints_itself() -> None:
    assert str(Evaluation(0.03125, 9916, 10_000)) == (
        "99.16% of 10,000 right, 95 % interval 98.96% to 99.32%, loss 0.0312"
    )


# Bad input: which one is, the tests of data say


def test_bad_digits_are_refused(network: ConvolutionalNetwork) -> None:
    images, labels = few(3).train.tensors
    for call in (
        lambda: predict(network, 255 * images),
        lambda: evaluate(network, TensorDataset(255 * images, labels)),
        lambda: evaluate(network, TensorDataset(images[:0], labels[:0])),
    ):
        with pytest.raises(ValueError, match=r"Images must be torch\.float32 of shape \(N, 1, 28"):
            call()
    with pytest.raises(ValueError, match=r"Labels must be torch\.int64"):
        evaluate(network, TensorDataset(images, labels + 10))


def test_full_range_of_good_values_is_taken(network: ConvolutionalNetwork) -> None:
    labels = torch.arange(10)
    images = torch.linspace(0, 1, 7840).view(10, 1, 28, 28)
    assert evaluate(network, TensorDataset(images, labels)).total == 10
    assert np.allclose(predict(network, images).sum(1), 1, atol=1e-6)
