"""What a training did, epoch by epoch."""

import json
from pathlib import Path
from typing import NamedTuple

from cnn_tutorial.support.files import write_whole


class Epoch(NamedTuple):
    """One pass through the training digits.

    Attributes:
        learning_rate: Of its last step.
        train_loss: Mean of the loss that was minimised, label smoothing included, on the way.
        train_accuracy: Share of the training digits that were right when they came along.
        validation_loss: Mean cross-entropy of the validation digits at the end.
        validation_accuracy: Share of the validation digits that are right at the end.
        seconds: Time of training, without validation.
        images_per_second: Training digits seen in a second.
    """

    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float


class History(list[Epoch]):
    """The epochs of a training, in order: print it, or save it.

    Examples:
        >>> from cnn_tutorial.history import Epoch, History
        >>> history = History([Epoch(0.01, 0.31, 0.9, 0.12, 0.965, 2.1, 25_000)])
        >>> print(history)
        epoch      rate    loss  accuracy  val. loss  val. accuracy  seconds  images/s
            1  1.00e-02  0.3100    90.00%     0.1200         96.50%      2.1    25,000
    """

    def __str__(self) -> str:
        """Return a table."""
        lines = ["epoch      rate    loss  accuracy  val. loss  val. accuracy  seconds  images/s"]
        for number, epoch in enumerate(self, 1):
            lines.append(
                f"{number:5}  {epoch.learning_rate:8.2e}"
                f"  {epoch.train_loss:6.4f}  {epoch.train_accuracy:8.2%}"
                f"  {epoch.validation_loss:9.4f}  {epoch.validation_accuracy:13.2%}"
                f"  {epoch.seconds:7.1f}  {epoch.images_per_second:8,.0f}"
            )
        return "\n".join(lines)

    def save(self, path: Path | str) -> None:
        """Save the epochs as JSON.

        Raises:
            OSError: The file cannot be written; an old one stays.
        """
        text = json.dumps([epoch._asdict() for epoch in self], indent=1)
        write_whole(path, f"{text}\n".encode())
