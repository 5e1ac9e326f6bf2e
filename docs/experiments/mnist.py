"""A convolutional network learns to read digits: loading, network and training in plain PyTorch.

It needs `pip install torch torchvision`, and puts MNIST, 12 MB, into the folder `data`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torchvision.datasets import MNIST

EPOCHS, BATCH, RATE = 1, 32, 1e-2


class Network(nn.Module):
    """Two convolutions with max pooling, and three fully-connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 16, 3)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)  # (N, 6, 13, 13)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # (N, 16, 5, 5)
        x = torch.flatten(x, 1)  # (N, 400)
        x = F.relu(self.fc2(F.relu(self.fc1(x))))  # (N, 84)
        return self.fc3(x)  # (N, 10), one score for each digit


def load(train: bool) -> tuple[Tensor, Tensor]:
    digits = MNIST("data", train=train, download=True)
    return digits.data.unsqueeze(1) / 255, digits.targets  # (N, 1, 28, 28), (N,)


@torch.no_grad()
def accuracy(network: Network, images: Tensor, labels: Tensor) -> float:
    answers = torch.cat([network(x).argmax(1) for x in images.split(1000)])
    return (answers == labels).float().mean().item()


torch.manual_seed(0)
images, labels = load(train=True)
validation, training = torch.randperm(len(images)).split([len(images) // 10, 9 * len(images) // 10])

network = Network()
optimizer = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
steps = EPOCHS * len(training.split(BATCH))
schedule = OneCycleLR(optimizer, RATE, steps, pct_start=0.15, cycle_momentum=False)
for epoch in range(1, EPOCHS + 1):
    for batch in training[torch.randperm(len(training))].split(BATCH):
        loss = F.cross_entropy(network(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()  # the learning rate rises, and then falls to 0
    right = accuracy(network, images[validation], labels[validation])
    print(f"epoch {epoch}: {right:.2%} of the validation digits are read right")
print(f"test: {accuracy(network, *load(train=False)):.2%}")
