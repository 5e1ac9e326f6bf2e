"""The loop that trains a network.

Under `torchrun`, each process takes its share of every batch, and all add up their gradients: the
steps are those of a single process, up to the order of additions.
"""

import math
import time
from collections.abc import Iterator
from inspect import unwrap
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cnn_tutorial.data import Digits, Pictures, check_digits, shift
from cnn_tutorial.deform import deform
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.history import Epoch, History
from cnn_tutorial.progress import Progress
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.support.device import choose_device, has_bfloat16
from cnn_tutorial.support.processes import rank_and_world_size, sum_over_processes
from cnn_tutorial.support.watch import watched

NO_DIGIT = -100  # the label of a drawing that is none, which PyTorch's losses leave out


def check_seed(seed: int) -> None:
    """Check that a seed is one.

    Raises:
        ValueError: It is not.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"The seed must be from 0 to {2**32 - 1:,}; it is {seed}.")


class LeanAdamW(torch.optim.AdamW):
    """AdamW as it is without PyTorch's compiler, whose import takes a second or two.

    Each of these methods is wrapped in a function that imports it, to have it left alone.
    """

    add_param_group = unwrap(torch.optim.AdamW.add_param_group)
    load_state_dict = unwrap(torch.optim.AdamW.load_state_dict)
    state_dict = unwrap(torch.optim.AdamW.state_dict)
    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))
    zero_grad = unwrap(torch.optim.AdamW.zero_grad)


class Trainer:
    """Trains a network by a recipe.

    The order and the changes of the digits are drawn from the seed and the epoch; what layers draw
    comes from PyTorch's own state, which a checkpoint holds. So a training goes on from any step as
    if it had never stopped: bit for bit on a CPU with the same number of threads.

    Attributes:
        total_steps: Steps of the whole training.
        progress: Steps taken so far, and the sums of the current epoch.
        history: What every finished epoch did.

    Args:
        model: The network; it is moved to the device.
        digits: It learns from `digits.train`, and is measured on `digits.validation`.
        recipe: How to train it.
        seed: Of everything random in the training.
        device: `choose_device()` if None.

    Raises:
        ValueError: The digits, the batch size or the seed make no sense.

    Examples:
        >>> from torch.utils.data import TensorDataset
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> from cnn_tutorial.recipes import RECIPES
        >>> from cnn_tutorial.trainer import Trainer
        >>> digits = load_digits()
        >>> few = digits._replace(train=TensorDataset(*digits.train[:640]))
        >>> trainer = Trainer(ConvolutionalNetwork(), few, RECIPES["fast"], seed=1)
        >>> history = trainer.fit()
        >>> len(history)  # epochs
        1
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
        check_digits(*digits.train.tensors)
        least, most = self.world_size, len(digits.train)
        if not least <= recipe.batch_size <= most:
            size = f"from {least} (processes) to {most} (digits); it is {recipe.batch_size}"
            raise ValueError(f"The batch size can be {size}.")
        check_seed(seed)
        self.images, self.labels = (tensor.to(self.device) for tensor in digits.train.tensors)
        self.outliers = self.images[:0]  # (M, 1, 28, 28)
        if recipe.outliers:
            # Imported here, since drawing takes libraries that only this needs.
            from cnn_tutorial.outliers import LEARNED, draw_outliers

            drawn = (draw_outliers(k, 300, digits.train.tensors[0], seed=seed) for k in LEARNED)
            self.outliers = torch.cat([*drawn]).to(self.device)
        # Channels last is the order in which convolutions on processors are fastest.
        self.model = model.to(self.device).to(memory_format=torch.channels_last)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.loss = nn.CrossEntropyLoss(reduction="sum", label_smoothing=recipe.label_smoothing)
        self.optimizer = LeanAdamW(
            self.parameters, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True
        )
        bfloat16 = recipe.bfloat16 and has_bfloat16(self.device)
        self.autocast = torch.autocast(self.device.type, torch.bfloat16, bfloat16)
        self.total_steps = recipe.epochs * math.ceil(most / recipe.batch_size)
        self.progress, self.history = Progress(), History()

    def fit(self, save_to: Path | str | None = None, save_every: float = 5.0) -> History:
        """Train to the end, from wherever the training is.

        Args:
            save_to: The file for checkpoints; if None, there are none.
            save_every: Seconds between two checkpoints.

        Raises:
            FloatingPointError: The loss is not finite. The last good checkpoint stays.
            KeyboardInterrupt: Ctrl-C was pressed; the step under way was ended, and saved.
            OSError: A checkpoint cannot be written.
            ValueError: `save_every` is no number of seconds.
        """
        if not save_every >= 0:  # NaN is neither
            raise ValueError(f"save_every must be 0 seconds or more; it is {save_every}.")
        self.model.train()
        with watched(self, save_to, save_every) as after_step:  # which saves, and heeds Ctrl-C
            while len(self.history) < self.recipe.epochs:
                start = time.perf_counter() - self.progress.seconds  # it may have been stopped
                for images, labels, batch_size in self.batches():
                    self.step(images, labels, batch_size)
                    self.progress.seconds = time.perf_counter() - start
                    after_step()
                self.history.append(self._measured_epoch())
                self.progress.end_epoch()
        return self.history

    def batches(self) -> Iterator[tuple[Tensor, Tensor, int]]:
        """Yield what is left of the epoch: images, labels, and the digits of the whole batch."""
        recipe, epoch, n = self.recipe, len(self.history), len(self.labels)
        generator = torch.Generator().manual_seed((self.seed << 16) + epoch)
        all_batches = torch.randperm(n, generator=generator).split(recipe.batch_size)
        offsets = torch.randint(0, 2 * recipe.shift + 1, (2, n), generator=generator)
        most = torch.tensor([[recipe.turn], [recipe.size], [recipe.stroke]])
        least = -most * torch.tensor([[1], [1], [0.5]])
        changes = least + (most - least) * torch.rand(3, n, generator=generator)  # (3, n)
        is_deformed = bool(changes.any())
        beside = torch.randint(len(self.outliers) or 1, (n,), generator=generator)
        remaining = all_batches[self.progress.steps - epoch * len(all_batches) :]
        my_share = slice(self.rank, None, self.world_size)  # of each batch, for this process
        if recipe.one_by_one:
            loader = DataLoader(
                Pictures(self.digits.train),
                batch_sampler=[batch.tolist() for batch in remaining],  # shares may be empty
                generator=generator,  # else it draws from PyTorch's own state
            )
            for batch in loader:
                images, labels = (x[my_share].to(self.device) for x in batch)
                yield images, labels, len(batch[1])
        else:
            for batch in remaining:
                mine = batch[my_share]
                images, labels = self.images[mine], self.labels[mine]  # (N, 1, 28, 28), (N,)
                if recipe.outliers:
                    some = batch[: round(recipe.outliers * len(batch))][my_share]
                    images = torch.cat([images, self.outliers[beside[some]]])
                    labels = torch.cat([labels, torch.full_like(labels[: len(some)], NO_DIGIT)])
                    mine = torch.cat([mine, some])  # they are changed as these digits are
                if recipe.shift:
                    images = shift(images, offsets[:, mine], recipe.shift)
                if is_deformed and len(mine):
                    turns, sizes, strokes = changes[:, mine].to(self.device)
                    images = deform(images, turns, 1 + sizes, strokes)
                yield images, labels, len(batch)

    def step(self, images: Tensor, labels: Tensor, batch_size: int) -> None:
        """Take one step of gradient descent.

        Args:
            images: (N, 1, 28, 28), the share of a batch that this process has.
            labels: (N,), `NO_DIGIT` where the target is the same probability of each class; those
                count for the gradients, and not for the loss that is reported.
            batch_size: Digits of the whole batch.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(self.progress.steps)
        with self.autocast:
            logits = self.model(images).float()  # (N, 10)
        loss = whole = self.loss(logits, labels)
        if self.recipe.outliers:
            whole = loss - logits[labels == NO_DIGIT].log_softmax(1).mean(1).sum()
        self.optimizer.zero_grad()
        (whole / batch_size).backward()
        # From the gradients of this share to those of the whole batch.
        correct = (logits.argmax(1) == labels).sum()
        totals = torch.stack([loss.detach(), correct])  # (2,)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        sum_over_processes([totals, *gradients])
        loss_sum, right = totals.tolist()
        self._check_loss(loss_sum / batch_size)  # before it spoils the weights
        self.optimizer.step()
        self.progress.add(loss_sum, int(right), batch_size)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.recipe.learning_rate_at((step + 0.5) / self.total_steps)

    def _check_loss(self, loss: float) -> None:
        if not math.isfinite(loss):
            step, last_loss = self.progress.steps, self.progress.last_loss
            rate, where = self.learning_rate(step), f"step {step + 1} of {self.total_steps}"
            raise FloatingPointError(
                f"The loss is {loss} at {where}, at learning rate {rate:.3g}; "
                f"the last finite loss was {last_loss:.4f}. Try a lower learning rate."
            )

    def _measured_epoch(self) -> Epoch:
        n, progress = len(self.labels), self.progress
        validation = evaluate(self.model, self.digits.validation)
        return Epoch(
            learning_rate=self.learning_rate(progress.steps - 1),
            train_loss=progress.loss_sum / n,
            train_accuracy=progress.correct / n,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            seconds=progress.seconds,
            images_per_second=n / progress.seconds,
        )
