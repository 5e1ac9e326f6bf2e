"""The loop that trains a network.

Under `torchrun`, each process takes its share of every batch, and all add up their gradients: the
steps are those of a single process, up to the order of additions.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cnn_tutorial.data import Digits, Pictures, check_digits, shift
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.history import Epoch, History
from cnn_tutorial.progress import Progress
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.support.device import choose_device, has_bfloat16
from cnn_tutorial.support.processes import rank_and_world_size, sum_over_processes
from cnn_tutorial.support.watch import watched


class Trainer:
    """Trains a network by a recipe.

    What is random in an epoch is drawn from the seed and the number of the epoch, so that a
    training can go on from any step as if it had never stopped: bit for bit on a CPU with the same
    number of threads.

    Attributes:
        total_steps: Steps of the whole training.
        progress: How many of them are taken, and what the current epoch has added up.
        history: What every finished epoch did.

    Args:
        model: The network; it is moved to the device.
        digits: It learns from `digits.train`, and is measured on `digits.validation`.
        recipe: How to train it.
        seed: Of everything random in the training.
        device: `choose_device()` if None.

    Raises:
        ValueError: The digits, the batch size or the seed make no sense.
    """

    def __init__(
        self,
        model: nn.Module,
        digits: Digits,
        recipe: Recipe,
        *,
        seed: int = 0,
        device: torch.device | None = None,
    ) -> None:
        self.digits, self.recipe, self.seed = digits, recipe, seed
        self.device = device or choose_device()
        self.rank, self.world_size = rank_and_world_size()
        check_digits(*digits.validation.tensors)
        images, labels = digits.train.tensors
        check_digits(images, labels)
        if not self.world_size <= recipe.batch_size <= len(images):
            raise ValueError(
                f"Of {len(images)} digits for {self.world_size} processes, the batch size can be "
                f"{self.world_size} to {len(images)}; it is {recipe.batch_size}."
            )
        if not 0 <= seed < 2**32:
            raise ValueError(f"The seed must be from 0 to 2³² − 1; it is {seed}.")
        self.images, self.labels = images.to(self.device), labels.to(self.device)
        # Channels last is the order in which convolutions on processors are fastest.
        self.model = model.to(self.device).to(memory_format=torch.channels_last)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
        )
        bfloat16 = recipe.bfloat16 and has_bfloat16(self.device)
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, bfloat16)
        self.total_steps = recipe.epochs * math.ceil(len(images) / recipe.batch_size)
        self.progress = Progress()
        self.history = History()

    def fit(self, save_to: Path | str | None = None, save_every: float = 5.0) -> History:
        """Train to the end, from wherever the training is.

        Args:
            save_to: The file for checkpoints; if None, there are none.
            save_every: Seconds between two checkpoints.

        Raises:
            FloatingPointError: The loss is not finite. The last good checkpoint stays.
            KeyboardInterrupt: Ctrl-C was pressed, which takes effect, and saves, between two steps.
            OSError: A checkpoint cannot be written.
        """
        self.model.train()
        with watched(self, save_to, save_every) as after_step:  # saves it, and heeds Ctrl-C
            while len(self.history) < self.recipe.epochs:
                start = time.perf_counter() - self.progress.seconds
                for images, labels, count in self.batches():
                    self.step(images, labels, count)
                    self.progress.seconds = time.perf_counter() - start
                    after_step()
                self.history.append(self._measured_epoch())
                self.progress.end_epoch()
        return self.history

    def batches(self) -> Iterator[tuple[Tensor, Tensor, int]]:
        """Yield what is left of the epoch: images, labels, and the size of the whole batch."""
        recipe, epoch, n = self.recipe, len(self.history), len(self.labels)
        random = torch.Generator().manual_seed((self.seed << 16) + epoch)
        order = torch.randperm(n, generator=random).split(recipe.batch_size)
        offsets = torch.randint(0, 2 * recipe.shift + 1, (2, n), generator=random)
        order = order[self.progress.steps - epoch * len(order) :]
        mine = slice(self.rank, None, self.world_size)  # this process's share of each batch
        if recipe.one_by_one:
            loader = DataLoader(
                Pictures(self.digits.train),
                batch_sampler=[batch.tolist() for batch in order],
                generator=random,  # else it draws from the state that is saved
            )
            for images, labels in loader:
                yield images[mine].to(self.device), labels[mine].to(self.device), len(labels)
        else:
            for batch in order:
                share = batch[mine]
                images = self.images[share]  # (N, 1, 28, 28)
                if recipe.shift:
                    images = shift(images, offsets[:, share], recipe.shift)
                yield images, self.labels[share], len(batch)

    def step(self, images: Tensor, labels: Tensor, count: int) -> None:
        """Take one step of gradient descent.

        Args:
            images: (N, 1, 28, 28), the share of this process of a batch.
            labels: (N,).
            count: Size of the whole batch.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.progress.steps)
        with self.autocast:
            logits = self.model(images).float()  # (N, 10)
        smoothing = self.recipe.label_smoothing
        loss = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
        self.optimizer.zero_grad()
        (loss / count).backward()
        sums = torch.stack([loss.detach(), (logits.argmax(1) == labels).sum()])  # (2,)
        sum_over_processes([sums, *(p.grad for p in self.parameters if p.grad is not None)])
        loss_sum, correct = sums.tolist()
        self._check_loss(loss_sum / count)  # before the step, which would spoil the weights
        self.optimizer.step()
        self.progress.add(loss_sum, int(correct), count)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.recipe.learning_rate_at((step + 0.5) / self.total_steps)

    def _check_loss(self, loss: float) -> None:
        step = self.progress.steps
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss is {loss} at step {step + 1} of {self.total_steps}, at learning rate "
                f"{self.learning_rate(step):.3g}; the last finite loss was "
                f"{self.progress.last_loss:.4f}. Try a lower learning rate."
            )

    def _measured_epoch(self) -> Epoch:
        n, seconds = len(self.labels), self.progress.seconds
        validation = evaluate(self.model, self.digits.validation)
        return Epoch(
            learning_rate=self.learning_rate(self.progress.steps - 1),
            train_loss=self.progress.loss_sum / n,
            train_accuracy=self.progress.correct / n,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            seconds=seconds,
            images_per_second=n / seconds,
        )
