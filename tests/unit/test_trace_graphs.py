"""The receptive field in networks of any form: that of the gradient, or unknown, never another."""

import collections
from collections.abc import Iterable

import pytest
import torch
import torch.nn.functional as F
from random_graphs import CHANNELS, HARD, LAST, STEPS, RandomGraph, Step
from torch import Tensor

from cnn_tutorial.trace import trace

HEIGHT, WIDTH = 48, 52
Span = tuple[int, int]


def measured(
    net: RandomGraph, x: Tensor, places: Iterable[tuple[int, ...]]
) -> list[list[Span | None]]:
    """First and last row, first and last column that all channels at a place depend on."""
    net.is_smooth = True
    y = net(x)
    weights = torch.arange(1.0, y.shape[1] + 1, dtype=y.dtype)  # or a softmax would add up to 1
    spans = []
    for place in places:
        value = (y[(0, slice(None), *place)] * weights).sum()
        (gradient,) = torch.autograd.grad(value, x, retain_graph=True)
        reached = gradient[0].abs().sum(0) > 0  # (H, W)
        lines = (reached.any(1).nonzero()[:, 0], reached.any(0).nonzero()[:, 0])
        spans.append([(int(n[0]), int(n[-1])) if len(n) else None for n in lines])
    return spans


def length(span: Span) -> int:
    return span[1] - span[0] + 1


def is_whole(span: Span, pixels: int) -> bool:
    """Whether neither a border nor the rows that a stride leaves out there can cut it off."""
    return span[0] > 0 and span[1] < pixels - 8


def verdict(net: RandomGraph, seed: int) -> str:
    """Compare what is said of the output of a network with its gradient."""
    net = net.double().eval()
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1, CHANNELS, HEIGHT, WIDTH, dtype=torch.double, generator=generator) + 0.5
    try:
        net(x)
    except RuntimeError:
        return "does not run"
    row = trace(net, x)[-1]
    if row.receptive_field is None:
        assert row.field_stride is None
        return "unknown"
    places: list[tuple[int, ...]] = [()]
    if len(row.output_shape) == 4:
        h, w = row.output_shape[2:]
        # The middle, its neighbour if it has one, and two more.
        places = [(h // 2, w // 2), (min(h // 2 + 1, h - 1), min(w // 2 + 1, w - 1))]
        places += [(h // 3, w // 3), (0, 0)]
    spans = measured(net, x.requires_grad_(), places)
    result = "cut off"
    for axis, pixels in enumerate((HEIGHT, WIDTH)):
        along = [span[axis] for span in spans]
        size = row.receptive_field[axis]
        assert all(span is None or length(span) <= size for span in along), (
            seed,
            net.steps,
            row,
            spans,
        )
        whole = [span for span in along[:3] if span and is_whole(span, pixels)]
        if len(spans) == 1:
            whole = [span for span in along if span]
        assert all(length(span) == size for span in whole), (seed, net.steps, row, spans)
        result = "equal" if whole else result
        if row.field_stride and len(whole) == 3 and row.output_shape[axis + 2] > 1:
            assert whole[1][0] - whole[0][0] == row.field_stride[axis], (
                seed,
                net.steps,
                row,
                spans,
            )
    return result


@pytest.mark.parametrize("first", range(0, 208, 52))
def test_the_field_is_that_of_the_gradient_or_unknown(first: int) -> None:
    counts = collections.Counter(verdict(RandomGraph(n), n) for n in range(first, first + 52))
    assert counts["equal"] >= 15, counts
    assert counts["unknown"] <= 30, counts


def test_every_kind_of_step_is_known_somewhere() -> None:
    """A rule that always gives up would be right too."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, CHANNELS, 24, 24, generator=generator)
    for name in STEPS | LAST:
        net = RandomGraph(1, steps=0)
        net.steps = [name]
        assert trace(net, x)[-1].receptive_field, name
    for name in HARD:
        net.steps = [name]
        assert trace(net, x)[-1].receptive_field is None, name


def doubled(net: RandomGraph, x: Tensor) -> Tensor:
    """Channels of which half see one pixel, and half more."""
    return torch.cat([x, net.same(x)], 1)


# What a shorter rule would get wrong.
TRICKY: dict[str, Step] = {
    "one path starts in the padding": lambda net, x, y: (
        x + F.conv2d(x, net.narrow.weight[:, :4], padding=1)[:, :, :-2, :-2]
    ),
    "windows that lie in the padding": lambda net, x, y: F.conv2d(
        x, net.narrow.weight[:, :4], stride=3, padding=1
    ).mean((2, 3)),
    "the half that sees less": lambda net, x, y: doubled(net, x)[:, :4],
    "half of what is convolved channel by channel": lambda net, x, y: F.conv2d(
        doubled(net, x), x.new_ones(8, 1, 3, 3), groups=8
    )[:, :4],
    "a product from the left": lambda net, x, y: torch.bmm(x.new_ones(4, 9, HEIGHT), x[0])[None],
    "a product from both sides": lambda net, x, y: x @ x.mT,
    "tall windows beside pixels": lambda net, x, y: torch.cat(
        [x, F.avg_pool2d(x, (3, 1), 1, (1, 0))], 3
    ),
    "a large mean beside pixels": lambda net, x, y: torch.cat([x, 0 * y + x.mean(2, True)], 3),
    "all see the same, and then a pixel": lambda net, x, y: x.mean((2, 3), True) * x[:, :, :1, :1],
    "images of a batch": lambda net, x, y: torch.cat([x, net.same(x)], 0)[:1],
    "every second of every second": lambda net, x, y: net.same(x)[:, :, 1::2][:, :, 1::2],
    "upside down and again": lambda net, x, y: net.same(x.flip(2)).flip(2),
    "more than the image": lambda net, x, y: x[:, :, :3].roll(1, 2) + x[:, :, 2:5],
}


@pytest.mark.parametrize("name", TRICKY)
def test_a_shorter_rule_would_get_it_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEPS, name, TRICKY[name])
    for seed in range(4):
        net = RandomGraph(seed, steps=0)
        net.steps = [name]
        assert verdict(net, seed) in ("equal", "unknown", "cut off")
