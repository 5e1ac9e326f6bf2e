"""How far a training is."""

import math
from dataclasses import dataclass


@dataclass
class Progress:
    """Steps taken so far, and what the epoch that is under way has added up.

    Attributes:
        steps: Steps taken since the training began.
        last_loss: Mean loss of the last batch; NaN before the first.
        loss_sum: Loss of each digit of this epoch, added up.
        correct: Digits of this epoch that were right.
        seconds: Time of this epoch.
    """

    steps: int = 0
    last_loss: float = math.nan
    loss_sum: float = 0.0
    correct: int = 0
    seconds: float = 0.0

    def add(self, loss_sum: float, correct: int, batch_size: int) -> None:
        """Add a step on a batch."""
        self.steps += 1
        self.last_loss = loss_sum / batch_size
        self.loss_sum += loss_sum
        self.correct += correct

    def end_epoch(self) -> None:
        """Begin the sums of the next epoch at zero."""
        self.loss_sum, self.correct, self.seconds = 0.0, 0, 0.0
