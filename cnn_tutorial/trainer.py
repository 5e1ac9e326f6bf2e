"""The loop that trains a network.

Under `torchrun`, each process takes its share of every batch, and all add up what they found: the
steps are those of a single process, up to the order of additions.
"""

import hashlib
import inspect
import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
import torch.nn.functional as F
from platformdirs import user_cache_path
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from cnn_tutorial import checkpoint, data, evaluation, model, recipes
from cnn_tutorial.data import Digits, Pictures, check_digits, shift
from cnn_tutorial.device import add_up, choose_device, has_bfloat16, held_back, process
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.history import Epoch, History
from cnn_tutorial.recipes import Recipe


class Trainer:
    """Trains a network by a recipe.

    What is random in an epoch is drawn from the seed and the number of the epoch, so that a
    training can go on from any position as if it had never stopped: bit for bit on a CPU with the
    same number of threads.

    Attributes:
        history: What every finished epoch did.
        position: Steps taken.
        steps: Steps of the whole training.

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
        self.rank, self.world = process()
        check_digits(*digits.validation.tensors)
        images, labels = digits.train.tensors
        check_digits(images, labels)
        if not self.world <= recipe.batch_size <= len(images):
            raise ValueError(
                f"Of {len(images)} digits for {self.world} processes, the batch size can be "
                f"{self.world} to {len(images)}; it is {recipe.batch_size}."
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
        for p in self.parameters:  # else AdamW makes these in its first step
            means = {name: torch.zeros_like(p) for name in ("exp_avg", "exp_avg_sq")}
            self.optimizer.state[p] = {"step": torch.tensor(0.0, device=p.device)} | means
        self.autocast = torch.autocast(
            self.device.type, torch.bfloat16, recipe.bfloat16 and has_bfloat16(self.device)
        )
        self.steps = recipe.epochs * math.ceil(len(images) / recipe.batch_size)
        self.position = 0
        self.so_far = [0.0, 0.0, 0.0]  # of this epoch: loss and correct, added up, and seconds
        self.last_loss = math.nan
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
        self.save(save_to)  # now, rather than late, it turns out if it cannot be written
        quiet = True if self.rank else None  # None: where nobody watches a terminal
        bar = tqdm(total=self.steps, initial=self.position, unit=" steps", disable=quiet)
        saved = last = time.perf_counter()
        self.model.train()
        with bar, held_back(signal.SIGINT) as interrupts:
            while len(self.history) < self.recipe.epochs:
                for images, labels, count in self.batches():
                    self.step(images, labels, count)
                    bar.update()
                    self.so_far[2] += -last + (last := time.perf_counter())
                    if interrupts or last > saved + save_every:
                        self.save(save_to)
                        saved = last
                    if interrupts:
                        raise KeyboardInterrupt
                self._end_epoch()
                last = time.perf_counter()
            self.save(save_to)
            if interrupts:
                raise KeyboardInterrupt
        return self.history

    def batches(self) -> Iterator[tuple[Tensor, Tensor, int]]:
        """Yield what is left of the epoch: images, labels, and the size of the whole batch."""
        recipe, epoch, n = self.recipe, len(self.history), len(self.labels)
        random = torch.Generator().manual_seed((self.seed << 16) + epoch)
        order = torch.randperm(n, generator=random).split(recipe.batch_size)
        shifts = torch.randint(0, 2 * recipe.shift + 1, (2, n), generator=random)
        order = order[self.position - epoch * len(order) :]
        mine = slice(self.rank, None, self.world)  # this process's share of each batch
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
                    images = shift(images, shifts[:, share], recipe.shift)
                yield images, self.labels[share], len(batch)

    def step(self, images: Tensor, labels: Tensor, count: int) -> None:
        """Take one step of gradient descent.

        Args:
            images: (N, 1, 28, 28), the share of this process of a batch.
            labels: (N,).
            count: Size of the whole batch.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate_at((self.position + 0.5) / self.steps)
        with self.autocast:
            logits = self.model(images).float()  # (N, 10)
        smoothing = self.recipe.label_smoothing
        loss = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
        self.optimizer.zero_grad()
        (loss / count).backward()
        self._record(loss.detach(), (logits.argmax(1) == labels).sum(), count)
        self.optimizer.step()
        self.position += 1

    def _record(self, loss: Tensor, correct: Tensor, count: int) -> None:
        """Add up what all processes found; stop if it is not finite, before weights are spoiled."""
        found = torch.stack([loss, correct])  # (2,)
        if self.world > 1:
            add_up([found, *(p.grad for p in self.parameters if p.grad is not None)])
        loss_sum, right = found.tolist()
        if not math.isfinite(loss_sum):
            raise FloatingPointError(
                f"The loss is {loss_sum / count} at step {self.position + 1} of {self.steps}, at "
                f"learning rate {self.optimizer.param_groups[0]['lr']:.3g}; the last finite loss "
                f"was {self.last_loss:.4f}. Try a lower learning rate."
            )
        self.last_loss = loss_sum / count
        self.so_far[0] += loss_sum
        self.so_far[1] += right

    def save(self, path: Path | str | None) -> None:
        """Save all that a training needs to go on, unless `path` is None.

        Raises:
            FloatingPointError: A weight is not finite: an old checkpoint stays.
            OSError: The file cannot be written: an old checkpoint stays.
        """
        if path is None or self.rank:
            return
        if not all(p.isfinite().all() for p in self.parameters):
            raise FloatingPointError(
                f"A weight is not finite after step {self.position} of {self.steps}; the last loss "
                f"was {self.last_loss:.4f}. Try a lower learning rate."
            )
        checkpoint.save(path, self._state())

    def resume(self, path: Path | str) -> None:
        """Go on from a checkpoint of the same training.

        Raises:
            OSError: There is no such file.
            ValueError: It is damaged, or of another training.
        """
        state, mine = checkpoint.load(path), self._state()
        for what in ("recipe", "seed", "digits"):
            found, expected = repr(state.get(what)), repr(mine[what])
            if found != expected:
                raise ValueError(
                    f"{path} is of another training: its {what} is {shorten(found, 400)}, "
                    f"not {expected}."
                )
        for what in ("model", "moments"):
            checkpoint.check_tensors(state.get(what), mine[what], path)
        try:
            history = History(Epoch(*map(float, epoch)) for epoch in state["history"])
            position, (loss, correct, seconds), last_loss = state["position"]
            so_far, last_loss = [float(loss), float(correct), float(seconds)], float(last_loss)
            first = len(history) * (self.steps // self.recipe.epochs)
            last = min(first + self.steps // self.recipe.epochs, self.steps)
            if position not in range(first, last + 1):
                raise ValueError(f"step {position} is not in epoch {len(history) + 1}")
            torch.set_rng_state(state["random"])
        except Exception as error:  # whoever made the file, what is in it may be anything
            reason = shorten(repr(error), 400)
            raise ValueError(f"{path} holds no training to go on with: {reason}") from error
        # From here on nothing can fail, so that a training goes on wholly or is as it was.
        with torch.no_grad():
            for what in ("model", "moments"):
                for name, tensor in mine[what].items():
                    tensor.copy_(state[what][name])
        self.position, self.so_far, self.last_loss = int(position), so_far, last_loss
        self.history = history

    def _state(self) -> dict[str, Any]:
        return {
            "recipe": asdict(self.recipe),
            "seed": self.seed,
            "digits": self.digits.source,
            "model": self.model.state_dict(),
            "moments": {
                f"{name} {number}": value
                for number, p in enumerate(self.parameters)
                for name, value in self.optimizer.state[p].items()
            },
            "random": torch.get_rng_state(),
            "history": [tuple(epoch) for epoch in self.history],
            "position": (self.position, list(self.so_far), self.last_loss),
        }

    def _end_epoch(self) -> None:
        loss, correct, seconds = self.so_far
        validation = evaluate(self.model, self.digits.validation)
        n = len(self.labels)
        epoch = Epoch(
            learning_rate=self.recipe.learning_rate_at((self.position - 0.5) / self.steps),
            train_loss=loss / n,
            train_accuracy=correct / n,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            seconds=seconds,
            images_per_second=n / seconds,
        )
        self.history.append(epoch)
        self.so_far = [0.0, 0.0, 0.0]


def trained(recipe: Recipe, digits: Digits, *, seed: int = 0) -> tuple[nn.Module, History]:
    """Train a network, or take it from the user's cache folder if the same was trained before.

    It is the same if the code, the digits, the recipe, the seed and the version of PyTorch are.
    """
    key = hashlib.sha256(repr((recipe, seed, torch.__version__)).encode())
    for module in (data, model, recipes, evaluation, sys.modules[__name__]):
        key.update(inspect.getsource(module).encode())
    for tensor in (*digits.train.tensors, *digits.validation.tensors):
        key.update(tensor.numpy().data)
    path = user_cache_path("cnn-tutorial") / "trained" / f"{key.hexdigest()[:16]}.pt"
    torch.manual_seed(seed)
    trainer = Trainer(recipe.network(), digits, recipe, seed=seed, device=torch.device("cpu"))
    try:
        trainer.resume(path)
    except (OSError, ValueError):
        trainer.fit()
        with suppress(OSError):  # a folder that cannot be written to costs only time
            trainer.save(path)
    return trainer.model, trainer.history
