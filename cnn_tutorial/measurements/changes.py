"""What the experiments change: the layers of the network, and the digits."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from cnn_tutorial.data import Digits
from cnn_tutorial.model import PoolingFirst


def with_head(*features: nn.Module) -> nn.Sequential:
    """Put the three fully-connected layers of the pages on top of any others.

    Args:
        features: Layers that take digits `(N, 1, 28, 28)`.
    """
    flat = nn.Sequential(*features)(torch.zeros(1, 1, 28, 28)).numel()
    return nn.Sequential(
        *features,
        nn.Flatten(),
        nn.Linear(flat, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def strided() -> nn.Sequential:
    """Make the network with convolutions of stride 2 in the place of pooling."""
    return with_head(
        nn.Conv2d(1, 6, 3, stride=2),  # (N, 6, 13, 13)
        nn.ReLU(),
        nn.Conv2d(6, 16, 3, stride=2),  # (N, 16, 6, 6)
        nn.ReLU(),
    )


def averaging() -> nn.Sequential:
    """Make the network with average pooling in the place of max pooling."""
    return with_head(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),  # (N, 6, 13, 13)
        nn.Conv2d(6, 16, 3),
        nn.ReLU(),
        nn.AvgPool2d(2),  # (N, 16, 5, 5)
    )


def one_convolution() -> nn.Sequential:
    """Make the network without its second convolution, and pool as much at once."""
    return with_head(nn.Conv2d(1, 16, 3), nn.MaxPool2d(4), nn.ReLU())  # (N, 16, 6, 6)


def three_convolutions() -> nn.Sequential:
    """Make the network with a third convolution, which keeps the size."""
    return with_head(
        nn.Conv2d(1, 6, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),  # (N, 6, 13, 13)
        nn.Conv2d(6, 16, 3),
        nn.ReLU(),  # (N, 16, 11, 11)
        nn.Conv2d(16, 16, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),  # (N, 16, 5, 5)
    )


def one_linear() -> nn.Sequential:
    """Make the network with one fully-connected layer in the place of three."""
    return nn.Sequential(PoolingFirst(), nn.Flatten(), nn.Linear(400, 10))


def with_dropout() -> nn.Sequential:
    """Make the network with dropout of 0.3 before its last two fully-connected layers.

    N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
    Journal of Machine Learning Research 15, 2014.
    """
    *layers, last = with_head(PoolingFirst())
    dropout = nn.Dropout(0.3)
    return nn.Sequential(*layers[:4], dropout, *layers[4:], dropout, last)


def with_batch_norm() -> nn.Sequential:
    """Make the network with batch normalisation after each convolution.

    S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", ICML, 2015.
    """
    return with_head(
        nn.Conv2d(1, 6, 3),
        nn.BatchNorm2d(6),
        nn.MaxPool2d(2),
        nn.ReLU(),  # (N, 6, 13, 13)
        nn.Conv2d(6, 16, 3),
        nn.BatchNorm2d(16),
        nn.MaxPool2d(2),
        nn.ReLU(),  # (N, 16, 5, 5)
    )


def frozen() -> nn.Sequential:
    """Make the network with kernels that stay as chance made them."""
    return with_head(PoolingFirst().requires_grad_(False))


def fully_connected() -> nn.Sequential:
    """Make a network without convolutions, with as many parameters as that of the pages."""
    return nn.Sequential(
        nn.Flatten(),  # (N, 784)
        nn.Linear(784, 68),
        nn.ReLU(),
        nn.Linear(68, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def in_random_order(images: Tensor, seed: int) -> Tensor:
    """Put the pixels of images (N, 1, 28, 28) in an order that chance chose, the same for all."""
    order = torch.randperm(784, generator=torch.Generator().manual_seed(seed))
    return images.flatten(1)[:, order].view_as(images)


def shifted(images: Tensor, pixels: int) -> Tensor:
    """Move images (N, 1, 28, 28) to the right; what leaves them is lost."""
    return F.pad(images, (pixels, -pixels, 0, 0))


def rotated(images: Tensor, degrees: float) -> Tensor:
    """Turn images (N, 1, 28, 28) to the left around their middle."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[cos, -sin, 0], [sin, cos, 0]]).expand(len(images), 2, 3)
    grid = F.affine_grid(turn, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).clamp(0, 1)


def noisy(images: Tensor, strength: float) -> Tensor:
    """Add normal noise of this standard deviation to images, and keep them between 0 and 1."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + strength * noise).clamp(0, 1)


def ordered(digits: Digits, seed: int) -> Digits:
    """Return digits whose pixels stand in one random order."""
    train, validation = (
        TensorDataset(in_random_order(part.tensors[0], seed), part.tensors[1])
        for part in (digits.train, digits.validation)
    )
    return digits._replace(train=train, validation=validation)


def some(digits: Digits, seed: int, part: float) -> Digits:
    """Return digits with only a part of those for training, drawn at random."""
    count = len(digits.train)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(count, generator=generator)[: round(part * count)]
    return digits._replace(train=TensorDataset(*digits.train[chosen]))
