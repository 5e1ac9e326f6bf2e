"""PyTorch's own MNIST example [1], to compare with: its network, batches, optimizer and schedule.

Written anew, for the digits of this package: as many for training as its own recipes have.

References:
    1. PyTorch contributors, "Basic MNIST Example", github.com/pytorch/examples.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cnn_tutorial.data import Digits, Pictures
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.support.device import choose_device

EPOCHS, BATCH_SIZE = 14, 64
LEARNING_RATE, DECAY = 1.0, 0.7  # of Adadelta, and what it is multiplied by after each epoch
MEAN, SPREAD = 0.1307, 0.3081  # of the pixels of MNIST


class ExampleNetwork(nn.Module):
    """Two convolutions, max pooling once, and two fully-connected layers, with dropout.

    Takes digits `(N, 1, 28, 28)` and returns logits `(N, 10)`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(64 * 12 * 12, 128)
        self.dropout2 = nn.Dropout(0.5)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits `(N, 10)` of digits `(N, 1, 28, 28)`."""
        x = (x - MEAN) / SPREAD
        x = F.relu(self.conv1(x))  # (N, 32, 26, 26)
        x = F.relu(self.conv2(x))  # (N, 64, 24, 24)
        x = self.dropout1(F.max_pool2d(x, 2))  # (N, 64, 12, 12)
        x = F.relu(self.fc1(x.flatten(1)))  # (N, 128)
        x = self.fc2(self.dropout2(x))  # (N, 10)
        return x


def train_example(digits: Digits, seed: int, epochs: int = EPOCHS) -> Iterator[tuple[float, float]]:
    """Train by the example, and yield after each epoch what it has come to.

    Yields:
        The accuracy on the test digits, and the seconds of training so far, loading included.
    """
    torch.manual_seed(seed)
    device = choose_device()
    model = ExampleNetwork().to(device)
    optimizer = torch.optim.Adadelta(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=DECAY)
    loader = DataLoader(Pictures(digits.train), BATCH_SIZE, shuffle=True)
    seconds = 0.0
    for _ in range(epochs):
        start = time.perf_counter()
        model.train()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
        schedule.step()
        seconds += time.perf_counter() - start
        yield evaluate(model, digits.test).accuracy, seconds
