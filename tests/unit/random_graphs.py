"""Random networks with paths that part and join, layers used twice, and functions for layers."""

import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 4


class RandomGraph(nn.Module):
    """A few steps, drawn at random. Each takes the latest tensor, and one of its size.

    Every value depends on all that it can depend on, and by its gradient too: weights and inputs
    are above 0, and if it `is_smooth`, there is a mean for a maximum, whose gradient goes one way.
    """

    def __init__(self, seed: int, steps: int = 6) -> None:
        super().__init__()
        draw = random.Random(seed)
        kernel_size = draw.choice([(1, 1), (2, 2), (3, 3), (5, 5), (3, 2)])
        stride = draw.choice([(1, 1), (1, 1), (2, 2), (1, 2)])
        padding = draw.choice([(0, 0), (0, 0), (1, 1), (2, 0)])
        dilation, groups = draw.choice([1, 1, 2]), draw.choice([1, 2, CHANNELS])
        self.conv = nn.Conv2d(
            CHANNELS, CHANNELS, kernel_size, stride, padding, dilation=dilation, groups=groups
        )
        self.same = nn.Conv2d(CHANNELS, CHANNELS, draw.choice([1, 3, 5]), padding="same")
        self.narrow = nn.Conv2d(2 * CHANNELS, CHANNELS, 1)
        self.norm = nn.BatchNorm2d(CHANNELS)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, 0.5, 1.5, generator=generator)
        self.steps = [
            draw.choice([*(HARD if draw.random() < 0.05 else STEPS)]) for _ in range(steps)
        ]
        if draw.random() < 0.3:
            self.steps.append(draw.choice([*LAST]))
        self.seed, self.is_smooth = seed, False

    def forward(self, x: Tensor) -> Tensor:
        draw = random.Random(self.seed)
        made = [x]
        for name in self.steps:
            x = made[-1]
            other = draw.choice([y for y in made if y.shape == x.shape])
            made.append((STEPS | HARD | LAST)[name](self, x, other))
        return made[-1]


def two_poolings(net: RandomGraph, x: Tensor) -> Tensor:
    wide = F.avg_pool2d(x, 3, 1, 1) if net.is_smooth else F.max_pool2d(x, 3, 1, 1)
    return net.narrow(torch.cat([net.same(x), wide], 1))  # type: ignore[no-any-return]


def depthwise(net: RandomGraph, x: Tensor) -> Tensor:
    weight = net.norm.weight.view(-1, 1, 1, 1).expand(-1, 1, 3, 3)
    return F.conv2d(x, weight, groups=CHANNELS)


def shuffled(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def added(x: Tensor, y: Tensor) -> Tensor:
    x = x.clone()
    x += y
    return x


def added_to_a_part(x: Tensor, y: Tensor) -> Tensor:
    x = x.clone()
    part = x[:, :, :3]
    part += y[:, :, :3]
    return x


def written_into_another(x: Tensor) -> Tensor:
    new = torch.zeros_like(x)
    new[:, :, 1:] = x[:, :, 1:]
    return new


Step = Callable[[RandomGraph, Tensor, Tensor], Tensor]

STEPS: dict[str, Step] = {
    "convolution": lambda net, x, y: net.conv(x),
    "shared layer": lambda net, x, y: net.same(x),
    "functional": lambda net, x, y: F.conv2d(x, net.conv.weight, groups=net.conv.groups),
    "depthwise": lambda net, x, y: depthwise(net, x),
    "norm": lambda net, x, y: net.norm(x),
    "relu": lambda net, x, y: F.softplus(x) if net.is_smooth else F.relu(x),
    "pool": lambda net, x, y: F.avg_pool2d(x, 2) if net.is_smooth else F.max_pool2d(x, 2),
    "pool of three": lambda net, x, y: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "residual": lambda net, x, y: x + net.same(x),
    "branches": lambda net, x, y: two_poolings(net, x),
    "add": lambda net, x, y: x + y,
    "add in place": lambda net, x, y: added(x, y),
    "multiply": lambda net, x, y: x * y,
    "cat": lambda net, x, y: torch.cat([x[:, ::2], y[:, 1::2]], 1),
    "stack": lambda net, x, y: torch.stack([x, y]).sum(0),
    "first channels": lambda net, x, y: x.chunk(2, 1)[0].repeat(1, 2, 1, 1),
    "shuffle": lambda net, x, y: shuffled(x),
    "gate": lambda net, x, y: x * x.mean(1, keepdim=True).sigmoid(),
    "squeeze": lambda net, x, y: x * x.mean((2, 3), keepdim=True),
    "mean of a row": lambda net, x, y: x + x.mean(3, keepdim=True),
    "normalise": lambda net, x, y: F.normalize(x, dim=1),
    "layer norm": lambda net, x, y: F.layer_norm(x, x.shape[-1:]),
    "group norm": lambda net, x, y: F.group_norm(x, 2),
    "pad": lambda net, x, y: F.pad(x, (1, 0, 2, 1)),
    "reflect": lambda net, x, y: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "crop": lambda net, x, y: x[:, :, 1:-1, 2:],
    "every second": lambda net, x, y: x[..., ::2],
    "flip": lambda net, x, y: x.flip(2),
    "roll": lambda net, x, y: x.roll(3, 3),
    "there and back": lambda net, x, y: x.permute(0, 2, 3, 1).mul(2).permute(0, 3, 1, 2),
    "flat and back": lambda net, x, y: x.flatten(1).mul(2).view(x.shape),
    "transpose": lambda net, x, y: x.transpose(2, 3),
    "enlarge": lambda net, x, y: F.interpolate(x, scale_factor=2),
    "adapt": lambda net, x, y: F.adaptive_avg_pool2d(x, 12),
    "matrix": lambda net, x, y: x @ x.new_ones(x.shape[3], 9),
}
# Where it is known of few.
HARD: dict[str, Step] = {
    "circular": lambda net, x, y: F.pad(x, (1, 1, 1, 1), mode="circular"),
    "smoothly": lambda net, x, y: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "add to a part": lambda net, x, y: added_to_a_part(x, y),
    "written": lambda net, x, y: written_into_another(x),
    "scan": lambda net, x, y: x.cumsum(3),
}
LAST: dict[str, Step] = {
    "linear": lambda net, x, y: x.flatten(1) @ x.new_ones(x[0].numel(), 3),
    "mean": lambda net, x, y: x.mean((2, 3)),
    "one place": lambda net, x, y: x[:, :, 1, 2],
}
