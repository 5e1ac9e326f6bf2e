"""Digits as other hands might have drawn them: turned, larger or smaller, bolder or thinner.

`deform` does it to many at once, for training. `redraw` does it one by one on a large canvas, as on
the pad of the playground, and places the digit anew: it is for measuring.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor

from cnn_tutorial.handwriting import DIGIT_SIDE, place
from cnn_tutorial.support.images import Grey

ENLARGED = 5  # times, on the canvas


def deform(images: Tensor, turns: Tensor, sizes: Tensor, strokes: Tensor) -> Tensor:
    """Deform digits on a black background, each in its own way.

    Strokes become bolder where each pixel becomes the largest of the nine around it, as max pooling
    with stride 1 does, and thinner where it becomes the least. A digit that fills MNIST's 20 pixels
    still does, unless its size is changed.

    Args:
        images: (N, 1, H, W), from 0 to 1.
        turns: (N,), degrees to turn them to the left.
        sizes: (N,), how many times as large they become.
        strokes: (N,), pixels that strokes gain on each side, at most 2; they lose some where it is
            negative, at most 1.

    Returns:
        (N, 1, H, W), the brightest pixel of each as bright as before.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.deform import deform
        >>> digits = load_digits().test.tensors[0][:2]  # (2, 1, 28, 28)
        >>> no, same = torch.zeros(2), torch.ones(2)
        >>> thin, bold = deform(digits, no, same, torch.tensor([-0.5, 1]))
        >>> bool(thin.sum() < digits[0].sum()), bool(bold.sum() > digits[1].sum())
        (True, True)
    """
    amount = strokes[:, None, None, None]
    bold, thin = _largest_around(images), -_largest_around(-images)
    bolder = _largest_around(bold)
    drawn = images + amount.clamp(0, 1) * (bold - images) + amount.clamp(-1, 0) * (images - thin)
    drawn = drawn + (amount - 1).clamp(0, 1) * (bolder - bold)  # (N, 1, H, W)
    angles, sizes = turns * (math.pi / 180), sizes * DIGIT_SIDE / (DIGIT_SIDE + 2 * strokes)
    cos, sin, zero = angles.cos() / sizes, angles.sin() / sizes, torch.zeros_like(angles)
    rows = [torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), [*images.shape], align_corners=False)
    turned = F.grid_sample(drawn, grid, align_corners=False)  # (N, 1, H, W)
    brightest = (image.amax((1, 2, 3), keepdim=True) for image in (images, turned))
    before, now = (value.clamp(min=1e-3) for value in brightest)
    return (turned * (before / now)).clamp(0, 1)


def _largest_around(images: Tensor) -> Tensor:
    """Do what `F.max_pool2d(images, 3, 1, 1)` does, which takes ten times as long."""
    padded = F.pad(images, (1, 1, 1, 1), value=-math.inf)  # (N, 1, H + 2, W + 2)
    rows = padded[:, :, :-2].maximum(padded[:, :, 1:-1]).maximum(padded[:, :, 2:])
    return rows[..., :-2].maximum(rows[..., 1:-1]).maximum(rows[..., 2:])


def redraw(images: Tensor, *, size: float = 1, pen: float = 1) -> Tensor:
    """Draw digits again on a larger canvas, and place them there as MNIST places its digits.

    Args:
        images: (N, 1, 28, 28), from 0 to 1.
        size: How many times as large they are drawn.
        pen: How many times as wide the strokes are drawn. Their width is that of a bar whose pixels
            are as far from its edge on average.

    Returns:
        (N, 1, 28, 28).

    Examples:
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.deform import redraw
        >>> digits = load_digits().test.tensors[0][:2]  # (2, 1, 28, 28)
        >>> bool((redraw(digits, pen=2).sum((1, 2, 3)) > digits.sum((1, 2, 3))).all())
        True
    """
    canvas = F.interpolate(images, scale_factor=ENLARGED * size, mode="bilinear")
    margin = 4 * ENLARGED
    return torch.cat([place(_with_pen(np.pad(ink.numpy(), margin), pen)) for ink in canvas[:, 0]])


def _with_pen(ink: Grey, pen: float) -> Grey:
    """Draw the strokes of a canvas (H, W) so many times as wide."""
    if pen == 1:
        return ink
    mask = ink > 0.5
    inside, outside = distance_transform_edt(mask), distance_transform_edt(~mask)
    width = 4 * (inside[mask].mean() - 0.5)
    grown = (pen - 1) * width / 2  # on each side
    mask = outside <= grown if pen > 1 else inside > -grown
    soft = gaussian_filter(mask.astype(np.float32), ENLARGED / 4)
    return np.where(soft > 0.05, soft, 0)
