"""What goes on beside the steps of a training: checkpoints, a progress bar, Ctrl-C."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from cnn_tutorial.support import checkpoint

if TYPE_CHECKING:
    from cnn_tutorial.trainer import Trainer


@contextmanager
def watched(
    trainer: "Trainer", path: Path | str | None, save_every: float
) -> Iterator[Callable[[], None]]:
    """Save a training while it runs, show how far it is, and stop it between two steps at Ctrl-C.

    Args:
        trainer: The training; of several processes, the first one saves and shows.
        path: The file for checkpoints; if None, there are none.
        save_every: Seconds between two checkpoints.

    Yields:
        What to call after each step.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the training is saved.
        OSError: A checkpoint cannot be written, which is tried before the first step.
    """

    def save() -> None:
        if path is not None and trainer.rank == 0:
            checkpoint.save(trainer, path)

    save()
    quiet = True if trainer.rank else None  # None: where nobody watches a terminal
    total, done = trainer.total_steps, trainer.progress.steps
    saved_at = time.perf_counter()
    with (
        tqdm(total=total, initial=done, unit=" steps", disable=quiet) as bar,
        deferred_interrupts() as interrupts,
    ):

        def after_step() -> None:
            nonlocal saved_at
            bar.update()
            now = time.perf_counter()
            if interrupts or now > saved_at + save_every:
                save()
                saved_at = now
            if interrupts:
                raise KeyboardInterrupt

        yield after_step
        save()
        if interrupts:  # in the last validation
            raise KeyboardInterrupt


@contextmanager
def deferred_interrupts() -> Iterator[list[int]]:
    """Collect the signals of Ctrl-C in a list, so that they do not stop the program just anywhere.

    Outside the main thread, which alone may handle signals, the list stays empty.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    previous = signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, previous)
