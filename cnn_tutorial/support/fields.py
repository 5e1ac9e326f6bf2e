"""What the values of a tensor depend on: which rows and which columns of the model's input."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor


class Window(NamedTuple):
    """Regions of one size, as they would be in an image without borders.

    Attributes:
        size: Pixels of each.
        stride: Pixels from one to the next; None if that differs.
        start: Where the first begins, below 0 in the padding.
    """

    size: int
    stride: int | None
    start: int


class Axis(NamedTuple):
    """What a tensor sees of the rows of the input, or of its columns.

    Attributes:
        dim: The dimension of the tensor along which that changes; None if it does not.
        order: Which region each position along it sees, `(positions,)`; 0 sees nothing.
        regions: For each region, which pixels are in it, `(1 + regions, pixels)`.
        window: The same regions from 1 on, with what borders cut off; None if they differ in size.
    """

    dim: int | None
    order: Tensor
    regions: Tensor
    window: Window | None

    @classmethod
    def of(cls, dim: int | None, sees: Tensor, window: Window | None = None) -> "Axis":
        """Make one of the pixels that each position sees, `(positions, pixels)`."""
        regions = torch.cat([torch.zeros_like(sees[:1]), sees])
        return cls(dim, torch.arange(1, len(regions)), regions, window)

    @property
    def sees(self) -> Tensor:
        """For each position, which pixels it sees, `(positions, pixels)`."""
        return self.regions[self.order]

    @property
    def size(self) -> int | None:
        """Pixels from the first to the last of a region; None if that differs."""
        if self.window and self.dim is not None:
            return self.window.size
        sees = self.regions[self.order[self.order > 0].unique()]
        sees = sees[sees.any(1)]
        sizes = torch.tensor([int(p[-1] - p[0]) + 1 for p in (row.nonzero() for row in sees)])
        cut_off = sees[:, 0] | sees[:, -1]
        whole = sizes if cut_off.all() else sizes[~cut_off]
        # What a border cuts off is smaller.
        return int(sizes.max()) if len(sizes) and whole.min() == sizes.max() else None

    @property
    def stride(self) -> int | None:
        """Pixels from a region to the next; None if that differs, or there is but one region."""
        even = self.settled()
        return even.window.stride if even.window and self.dim is not None else None

    def settled(self) -> "Axis":
        """Return the same with its regions in order, if they are every n-th of them.

        They still are after a padding, which has region 0.
        """
        there = self.order.nonzero()[:, 0]
        if not len(there):
            return self
        first = int(there[0])
        step = int(self.order[there[1]] - self.order[first]) if len(there) > 1 else 1
        even = self.order[first] + step * (torch.arange(len(self.order)) - first)
        even[(even < 1) | (even >= len(self.regions))] = 0
        if step < 1 or not torch.equal(self.order, even):
            return self
        window = self.window
        if window and window.stride is not None:
            start = window.start + (int(self.order[first]) - 1 - first * step) * window.stride
            window = Window(window.size, step * window.stride, start)
        return Axis.of(self.dim, self.sees, window)

    def is_settled(self) -> bool:
        """Return whether each position has its own region, in order."""
        return torch.equal(self.order, torch.arange(1, len(self.regions)))

    def without_stride(self) -> "Axis":
        """Return the same with its regions in another order than the positions."""
        return self._replace(window=self.window and self.window._replace(stride=None))

    def together(self) -> "Axis":
        """Return what all positions see together."""
        return Axis.of(None, self.sees.any(0, keepdim=True))

    def shifted(self, by: int) -> "Axis":
        """Return the same in a tensor with more dimensions in front, or less."""
        return self if self.dim is None else self._replace(dim=self.dim + by)


class Seen(NamedTuple):
    """What a tensor sees of the input.

    Attributes:
        axes: Of its rows, and of its columns.
        alike: Whether all values at one position, such as those of all channels, see the same.
            If not, the axes say what they see together.
    """

    axes: tuple[Axis, Axis]
    alike: bool


class Unknown(Exception):  # noqa: N818 (no error: nobody sees it)
    """There is no telling what a tensor sees."""


def of_input(x: Tensor) -> Seen:
    """Return what the input (N, C, H, W) itself sees: each pixel sees itself."""
    rows, columns = (
        Axis.of(dim, torch.eye(x.shape[dim], dtype=torch.bool), Window(1, 1, 0)) for dim in (2, 3)
    )
    return Seen((rows, columns), alike=True)


def joined(axes: Sequence[Axis], shape: Sequence[int]) -> Axis:
    """Return what values see that are computed from values at the same positions."""
    dims = {axis.dim for axis in axes} - {None}
    if len(dims) > 1:
        raise Unknown
    dim = dims.pop() if dims else None
    axes = [axis.settled() for axis in axes]
    order, regions = axes[0].order, axes[0].regions
    if any(a.regions.shape != regions.shape or not torch.equal(a.order, order) for a in axes):
        sees = reduce(torch.bitwise_or, (axis.sees for axis in axes))
        return Axis.of(dim, sees.expand(1 if dim is None else shape[dim], -1))
    regions = reduce(torch.bitwise_or, (axis.regions for axis in axes))
    windows = [axis.window for axis in axes if axis.window]
    if len(windows) < len(axes) or len({window.stride for window in windows}) > 1:
        return Axis(dim, order, regions, None)
    start = min(window.start for window in windows)
    end = max(window.start + window.size for window in windows)
    return Axis(dim, order, regions, Window(end - start, windows[0].stride, start))
