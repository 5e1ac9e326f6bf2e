"""The two models of the tutorial: two convolutions alone, and the network built on them."""

import torch
from torch import Tensor, nn


class TwoConvolutions(nn.Module):
    """Two convolutions, each followed by ReLU and max pooling.

    Takes digits `(N, 1, 28, 28)` and returns feature maps `(N, 16, 5, 5)`. The
    shapes in the code are those without arguments.

    Args:
        channels: Output channels of each convolution.
        kernel_size: Height and width of the kernels of both.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.model import TwoConvolutions
        >>> TwoConvolutions()(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 16, 5, 5])
    """

    def __init__(
        self,
        channels: tuple[int, int] = (6, 16),
        kernel_size: int = 3,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels[0], kernel_size)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=2)
        self.conv2 = nn.Conv2d(channels[0], channels[1], kernel_size)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(kernel_size=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return feature maps `(N, 16, 5, 5)` of digits `(N, 1, 28, 28)`."""
        x = self.relu1(self.conv1(x))  # (N, 6, 26, 26)
        x = self.pool1(x)  # (N, 6, 13, 13)
        x = self.relu2(self.conv2(x))  # (N, 16, 11, 11)
        x = self.pool2(x)  # (N, 16, 5, 5)
        return x


class PoolingFirst(TwoConvolutions):
    """The same two convolutions, with max pooling before ReLU, which makes training faster.

    ReLU never turns the order of two values round, so the largest of a window stays the largest,
    and every output is the same. But there is a quarter of the values left for ReLU to work on.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the feature maps `(N, 16, 5, 5)` of digits `(N, 1, 28, 28)`."""
        x = self.relu1(self.pool1(self.conv1(x)))  # (N, 6, 13, 13)
        x = self.relu2(self.pool2(self.conv2(x)))  # (N, 16, 5, 5)
        return x


class ConvolutionalNetwork(nn.Module):
    """Two convolutions, then three fully-connected layers: a classifier of digits.

    Takes digits `(N, 1, 28, 28)` and returns logits `(N, 10)`, one score for each digit. There is
    no softmax at the end: `torch.nn.functional.cross_entropy` takes logits and applies it itself,
    in a way that does not overflow.

    Args:
        channels: Output channels of each convolution.
        kernel_size: Height and width of the kernels of both.
        features: `TwoConvolutions`, or `PoolingFirst` for speed.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> ConvolutionalNetwork()(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 10])
        >>> sum(p.numel() for p in ConvolutionalNetwork().parameters())
        60074
    """

    def __init__(
        self,
        channels: tuple[int, int] = (6, 16),
        kernel_size: int = 3,
        features: type[TwoConvolutions] = TwoConvolutions,
    ) -> None:
        super().__init__()
        self.features = features(channels, kernel_size)
        self.flatten = nn.Flatten()
        flat = self.features(torch.zeros(1, 1, 28, 28)).numel()  # 16 · 5 · 5 = 400
        self.fc1 = nn.Linear(flat, 120)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(120, 84)
        self.relu2 = nn.ReLU()
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits `(N, 10)` of digits `(N, 1, 28, 28)`."""
        x = self.features(x)  # (N, 16, 5, 5)
        x = self.flatten(x)  # (N, 400)
        x = self.relu1(self.fc1(x))  # (N, 120)
        x = self.relu2(self.fc2(x))  # (N, 84)
        x = self.fc3(x)  # (N, 10)
        return x
