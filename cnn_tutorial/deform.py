"""Digits as other hands might have drawn them: turned, larger or smaller, bolder or thinner."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

DIGIT_SIDE = 20  # pixels of the longer side of a digit of MNIST


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
    bold = F.max_pool2d(images, 3, stride=1, padding=1)
    bolder = F.max_pool2d(bold, 3, stride=1, padding=1)
    thin = -F.max_pool2d(-images, 3, stride=1, padding=1)
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
