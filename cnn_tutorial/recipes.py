"""Recipes: how a network is built and trained, as values."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnn_tutorial.model import ConvolutionalNetwork


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network and its training: with the seed, all that decides the result.

    Attributes:
        channels: Output channels of each convolution.
        kernel_size: Height and width of their kernels.
        pooling_first: Pool before ReLU: the same values, sooner.
        epochs: How often each digit is seen.
        batch_size: Digits in each step; fewer in the last step of an epoch, if they do not divide.
        learning_rate: Of AdamW [1]: the highest, if it changes.
        betas: Of AdamW: how much of the running means of gradient and squared gradient stays.
        weight_decay: Of AdamW; with 0, it is Adam.
        warmup: Part of the steps in which the learning rate rises from 0 in a straight line, to
            fall back to 0 in the rest (one cycle [2]); if None, it does not change.
        label_smoothing: Probability that the targets spread over all ten classes [3].
        shift: Pixels that a digit is moved at most, at random, in each direction.
        turn: Degrees that it is turned at most, to either side.
        size: Share that it becomes larger or smaller at most.
        stroke: Pixels that its strokes gain at most, on each side; they lose at most half as many.
        outliers: Drawings that are no digit, for each digit: the network learns to give all classes
            the same probability then [4].
        bfloat16: Compute in bfloat16 where the device does it in hardware.
        one_by_one: Make each digit a tensor when it is asked for, through a `DataLoader`, as most
            tutorials do, rather than take a batch out of one tensor.

    References:
        1. I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR, 2019.
        2. L. N. Smith, N. Topin, "Super-Convergence", 2018.
        3. C. Szegedy et al., "Rethinking the Inception Architecture", CVPR, 2016.
        4. D. Hendrycks, M. Mazeika, T. Dietterich, "Deep Anomaly Detection with Outlier Exposure",
           ICLR, 2019.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.recipes import Recipe
        >>> recipe = Recipe(epochs=2, batch_size=64, learning_rate=1e-2)
        >>> recipe.learning_rate_at(0.25)  # the highest, after a quarter of the steps
        0.01
        >>> recipe.network()(torch.zeros(1, 1, 28, 28)).shape
        torch.Size([1, 10])
    """

    channels: tuple[int, int] = (6, 16)
    kernel_size: int = 3
    pooling_first: bool = False
    epochs: int
    batch_size: int
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    warmup: float | None = 0.25
    label_smoothing: float = 0.05
    shift: int = 0
    turn: float = 0
    size: float = 0
    stroke: float = 0
    outliers: float = 0
    bfloat16: bool = False
    one_by_one: bool = False

    def network(self) -> "ConvolutionalNetwork":
        """Make the network, with random weights."""
        # Imported here, so that naming the recipes does without torch.
        from cnn_tutorial.model import ConvolutionalNetwork, PoolingFirst, TwoConvolutions

        features = PoolingFirst if self.pooling_first else TwoConvolutions
        return ConvolutionalNetwork(self.channels, self.kernel_size, features)

    def learning_rate_at(self, done: float) -> float:
        """Return the learning rate when this part of the training, from 0 to 1, is done."""
        if self.warmup is None:
            return self.learning_rate
        return self.learning_rate * min(done / self.warmup, (1 - done) / (1 - self.warmup))


RECIPES = {
    # The notebook's own network and training.
    "classic": Recipe(
        epochs=5,
        batch_size=10,
        learning_rate=1e-3,
        betas=(0.9, 0.999),
        weight_decay=0,
        warmup=None,
        label_smoothing=0,
        one_by_one=True,
    ),
    # The notebook's own network, trained like the next.
    "small": Recipe(
        pooling_first=True,
        epochs=2,
        batch_size=128,
        learning_rate=1.4e-2,
        warmup=0.15,
        label_smoothing=0.02,
        bfloat16=True,
    ),
    "fast": Recipe(
        channels=(16, 32),
        kernel_size=5,
        pooling_first=True,
        epochs=1,
        batch_size=96,
        learning_rate=1.4e-2,
        warmup=0.15,
        bfloat16=True,
    ),
    "accurate": Recipe(
        channels=(32, 64),
        kernel_size=5,
        pooling_first=True,
        epochs=5,
        batch_size=128,
        learning_rate=1e-2,
        shift=2,
        bfloat16=True,
    ),
}
# That of the pages: smaller batches, since the sample has fewer digits; without label smoothing, so
# that both losses of its history measure the same.
RECIPES["plain"] = replace(
    RECIPES["small"], epochs=3, batch_size=64, learning_rate=1.2e-2, label_smoothing=0
)
# That of the playground, where people draw, and not only digits.
RECIPES["browser"] = replace(
    RECIPES["plain"],
    epochs=10,
    learning_rate=5e-3,
    turn=10,
    size=0.1,
    stroke=1.6,
    outliers=0.25,
    bfloat16=False,
)
