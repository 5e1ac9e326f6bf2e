"""Evaluation and prediction."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from cnn_tutorial.data import check_digits, check_images
from cnn_tutorial.support.processes import rank_and_world_size, sum_over_processes


class Evaluation(NamedTuple):
    """How a network does on digits: their mean cross-entropy, and how many of them are right.

    Examples:
        >>> from cnn_tutorial.evaluation import Evaluation
        >>> print(Evaluation(loss=0.05, correct=985, total=1000))
        98.50% of 1,000 right, 95 % interval 97.54% to 99.09%, loss 0.0500
    """

    loss: float
    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """The share of the digits that are right."""
        return self.correct / self.total

    @property
    def wilson_interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy, were other digits drawn from where these come from.

        E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
        """
        z, n, p = 1.96, self.total, self.accuracy
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        return max(0.0, middle - half), min(1.0, middle + half)  # rounding may leave them

    def __str__(self) -> str:
        low, high = self.wilson_interval
        return (
            f"{self.accuracy:.2%} of {self.total:,} right, 95 % interval {low:.2%} to {high:.2%}, "
            f"loss {self.loss:.4f}"
        )


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Return the probability of each class, (N, 10), for images (N, 1, 28, 28).

    Raises:
        ValueError: The images are not float32 of that shape with values in [0, 1].

    Examples:
        >>> import torch
        >>> from cnn_tutorial.evaluation import predict
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> probabilities = predict(ConvolutionalNetwork(), torch.zeros(5, 1, 28, 28))
        >>> probabilities.shape
        torch.Size([5, 10])
    """
    check_images(images)
    return _logits(model, images).softmax(1)


def evaluate(model: nn.Module, digits: TensorDataset) -> Evaluation:
    """Measure a network on digits, each counted once however many processes share the work.

    Raises:
        ValueError: The digits are not what the network takes, or there are none.

    Examples:
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.evaluation import evaluate
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> evaluation = evaluate(ConvolutionalNetwork(), load_digits().validation)
        >>> 0 < evaluation.accuracy < 1
        True
    """
    images, labels = digits.tensors
    check_digits(images, labels)
    rank, world_size = rank_and_world_size()
    share = slice(rank, None, world_size)
    logits, labels = _logits(model, images[share]), labels[share]
    loss = F.cross_entropy(logits, labels, reduction="sum")
    sums = torch.stack([loss, (logits.argmax(1) == labels).sum()])  # (2,)
    sum_over_processes([sums])
    loss_sum, correct = sums.tolist()
    return Evaluation(loss_sum / len(images), int(correct), len(images))


@torch.no_grad()
def _logits(model: nn.Module, images: Tensor) -> Tensor:
    """Return the logits (N, 10) on the CPU, computed as they are after training."""
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    logits = torch.cat([model(part.to(device)).cpu() for part in images.split(1000)])
    model.train(training)
    return logits
