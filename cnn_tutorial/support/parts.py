"""Which strokes of a picture are the digit, and what there is to say against it.

How long, wide and wound the strokes of a digit are was looked up in MNIST's.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    distance_transform_edt,
    find_objects,
    label,
    maximum_filter,
    minimum_filter1d,
)

Mask = NDArray[np.bool_]
ALL_SIDES = np.ones((3, 3))  # pixels that touch at a corner belong together

SPECK = 1 / 8  # shorter than this share of the digit's longest part is a speck
NEAR = 0.3  # parts that are nearer than this share of their size may be of one digit
APART = 0.1  # those of two digits are farther from each other than this
MNIST_SIDE = 28
LEAST_GAP = 3  # pixels: in an image as small as MNIST's, strokes of one digit may be less apart
BESIDE = 0.3  # what is this share as long as the digit is something beside it
MOST_PARTS = 40
LEAST_PIXELS = 8  # of a digit's longest part: less is noise
LONGEST = 3  # a digit's stroke is at most so many times as long as the digit is high
DOTS = 8  # with so many parts it is dotted: how wide the pen was can only be told roughly
MOST_CROSSINGS = 4  # of a horizontal or vertical line with a digit's strokes
MOST_HOLES = 2
CROSSING = 1.2  # two straight strokes of so many times the digit's height cross it out
ANGLES = 24  # of straight strokes, in half a turn
FINE = 40  # lines to a digit's height are enough to see them
FILLED = 0.85  # a digit that touches the edge fills so much of the picture's height or width

NO_STROKES = "shows something at its edge, or a large patch, but no digit: crop it to the paper."
UNEVEN = "is much darker in one part, at the digit: crop it to the paper, and mind the shadows."
AT_EDGE = "shows something that reaches from its edge to the digit: leave bare paper around it."
SEVERAL = "shows several digits, or something beside the digit: one at a time, and nothing else."
NO_DIGIT = "shows more strokes than a digit has: one digit, and nothing crossed out."


class Strokes(NamedTuple):
    """Strokes that may be a digit.

    Attributes:
        mask: Where they are, (H, W).
        problem: What is against it, as a sentence whose subject is the picture; or None.
    """

    mask: Mask
    problem: str | None

    @property
    def size(self) -> int:
        """Their height or width, whichever is larger."""
        return int(max(_cropped(self.mask).shape))

    @property
    def width(self) -> float:
        """How wide the pen was."""
        return _pen_width(_cropped(self.mask))


def choose(strokes: Mask, steps: Mask) -> Strokes | None:
    """Choose the parts of strokes that are one digit.

    It is the longest part that is clear of the picture's edge, with what lies near it. What comes
    in from the edge, such as a desk or a finger, is left out if there is such a part.

    Args:
        strokes: What is darker than the paper, (H, W).
        steps: Where the paper itself seems to become as dark as ink, (H, W): at the edge of a
            shadow, or in a stroke so wide that it was taken for paper.

    Returns:
        The strokes, and what is against them; None if there are none.
    """
    labels, count = label(strokes, ALL_SIDES)
    if not count:
        return None
    boxes = find_objects(labels)
    long = [max(_sides(box)) for box in boxes]
    edge = np.zeros_like(strokes)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    at_edge = np.bincount(labels[edge], minlength=count + 1)[1:]
    at_step = np.bincount(labels[steps], minlength=count + 1)[1:]
    clear = [k for k in range(count) if not at_edge[k] and not at_step[k]]
    clear = [k for k in clear if long[k] > SPECK * max(strokes.shape)]
    main = max(clear or range(count), key=lambda k: long[k])
    chosen = labels == main + 1
    if chosen.sum() < LEAST_PIXELS:
        return None
    if not clear:
        if at_edge[main] > edge.sum() * 0.15:
            return Strokes(chosen, NO_STROKES)
        if at_step[main]:
            return Strokes(chosen, UNEVEN)
    rest = [k for k in range(count) if k != main and long[k] >= SPECK * long[main]]
    if len(rest) > MOST_PARTS:
        return Strokes(chosen, SEVERAL)
    outside = {k for k in rest if clear and (at_edge[k] or at_step[k])}
    size, before = long[main], -1
    while before != len(rest):  # each part that is joined may have others near it
        before = len(rest)
        away = distance_transform_edt(~chosen)
        for k in list(rest):
            gap = away[boxes[k]][labels[boxes[k]] == k + 1].min() - 1
            if k in outside and gap <= NEAR / 3 * size:
                return Strokes(chosen, AT_EDGE)
            if k not in outside and gap <= NEAR * size:
                chosen |= labels == k + 1
                rest.remove(k)
        size = max(_cropped(chosen).shape)
    if any(long[k] >= BESIDE * size for k in rest if k not in outside):
        return Strokes(chosen, SEVERAL)
    if (chosen & edge).sum() > edge.sum() * 0.15:
        return Strokes(chosen, NO_STROKES)
    filled = FILLED if max(strokes.shape) > MNIST_SIDE else 0.7  # MNIST's are 20 pixels long
    if at_edge[main] and max(np.divide(_cropped(chosen).shape, strokes.shape)) < filled:
        return Strokes(chosen, AT_EDGE)
    return Strokes(chosen, _against(_cropped(chosen)))


def _against(mask: Mask) -> str | None:
    """Return what is against strokes (H, W), cropped to their box, being one digit."""
    height, width = mask.shape
    size = max(mask.shape)
    widest = 2 * distance_transform_edt(np.pad(mask, 1)).max() - 1
    if widest > 0.6 * size or mask.sum() > 0.7 * size**2:
        return NO_STROKES
    if width > 2 * height:
        return SEVERAL
    labels, count = label(mask, ALL_SIDES)
    holes = np.bincount(label(~np.pad(mask, 1))[0].ravel())[2:]  # 0 is the strokes, 1 is around
    crossings = max(_most_crossings(mask), _most_crossings(mask.T)) if count < 3 else 0
    length = mask.sum() / _pen_width(mask) / height
    if length > (LONGEST if count < DOTS else 2 * LONGEST):
        return NO_DIGIT
    if crossings > MOST_CROSSINGS or (holes > 0.02 * size**2).sum() > MOST_HOLES:
        return NO_DIGIT
    if length > 1.6 * CROSSING and _is_crossed_out(mask):
        return NO_DIGIT
    boxes = find_objects(labels)
    apart = max(LEAST_GAP, APART * size)
    tall = [k for k in range(count) if _sides(boxes[k])[0] > 0.4 * height]
    if sum(_sides(boxes[k])[0] > 0.8 * height for k in tall) > 1 and size > MNIST_SIDE:
        return SEVERAL  # however near to each other
    for one in tall[:-1]:
        away = distance_transform_edt(labels != one + 1)
        if any(away[labels == other + 1].min() - 1 > apart for other in tall if other != one):
            return SEVERAL
    rows = [box[0] for box in boxes if _sides(box)[0] > 0.3 * height]
    if any(low.start - high.stop > apart for high in rows for low in rows):
        return SEVERAL
    return None


def _is_crossed_out(mask: Mask) -> bool:
    """Return whether two straight strokes, each longer than a digit's are, cross each other."""
    height, width = mask.shape
    thick = np.pad(maximum_filter(mask, height // FINE | 1), 1)
    turn = np.pi * np.arange(ANGLES)[:, None, None] / ANGLES
    across, along = np.mgrid[-FINE : FINE + 1, -FINE : FINE + 1] * height / FINE
    rows = along * np.sin(turn) + across * np.cos(turn) + height / 2
    columns = along * np.cos(turn) - across * np.sin(turn) + width / 2
    at = (rows.clip(-1, height) + 1).astype(int), (columns.clip(-1, width) + 1).astype(int)
    turned = thick[at].astype(np.uint8)  # (angle, row, column): the strokes, turned by each angle
    line = minimum_filter1d(turned, int(CROSSING * FINE), mode="constant").any((1, 2))
    return any((line & np.roll(line, k)).any() for k in range(ANGLES // 3, ANGLES // 2 + 1))


def _most_crossings(mask: Mask) -> int:
    """Return how many strokes a horizontal line crosses, but for one line in ten."""
    starts = np.diff(np.pad(mask, ((0, 0), (1, 0))).astype(np.int8)) > 0
    return int(np.quantile(starts.sum(1), 0.9, method="higher"))


def _pen_width(mask: Mask) -> float:
    """Return the width of strokes: across one, the mean distance to its edge is a quarter of it."""
    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return max(1.0, 4 * float(depth[mask].mean()) - 1)


def _sides(box: tuple[slice, slice]) -> tuple[int, int]:
    return box[0].stop - box[0].start, box[1].stop - box[1].start


def _cropped(mask: Mask) -> Mask:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
