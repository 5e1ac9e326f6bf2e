"""Networks that were trained before: kept in the user's cache folder, so that pages share them."""

import hashlib
import inspect
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from filelock import FileLock
from platformdirs import user_cache_path
from torch import nn

from cnn_tutorial import data, deform, evaluation, model, recipes, trainer
from cnn_tutorial.data import Digits
from cnn_tutorial.history import History
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.support import checkpoint
from cnn_tutorial.support.files import explained
from cnn_tutorial.trainer import Trainer, check_seed

log = logging.getLogger(__name__)


def trained(
    recipe: Recipe,
    digits: Digits,
    *,
    network: Callable[[], nn.Module] | None = None,
    seed: int = 0,
) -> tuple[nn.Module, History]:
    """Train a network, or take it from the user's cache folder if the same was trained before.

    It is the same if these are: the recipe, the digits, the seed, the layers of the network with
    their first weights and what these make of the first digits, the package's code and the version
    of PyTorch. Of several processes that ask for the same network at once, one trains it. How much
    is kept, and where, `cnn-tutorial cache` says.

    Args:
        recipe: How to train it.
        digits: What it learns from, and is measured on.
        network: Makes it; `recipe.network` if None.
        seed: Of its first weights, and of everything random in the training.

    Examples:
        >>> from torch.utils.data import TensorDataset
        >>> from cnn_tutorial.cache import trained
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.recipes import RECIPES
        >>> digits = load_digits()
        >>> few = digits._replace(train=TensorDataset(*digits.train[:640]))
        >>> network, history = trained(RECIPES["plain"], few)  # a second
        >>> network, history = trained(RECIPES["plain"], few)  # at once
        >>> len(history)
        3
    """
    check_seed(seed)
    torch.manual_seed(seed)
    cpu = torch.device("cpu")
    training = Trainer((network or recipe.network)(), digits, recipe, seed=seed, device=cpu)
    path = cache_folder() / f"{_identity(training)}.safetensors"
    with _locked(path.with_suffix(".lock")):
        try:
            checkpoint.resume(training, path)
        except (OSError, ValueError):
            log.info("Training a network of %s, to be kept in %s", digits.source, path)
            training.fit()
            with suppress(OSError):  # a folder that cannot be written to costs only time
                checkpoint.save(training, path)
    return training.model, training.history


def cache_folder() -> Path:
    """Return the folder of the networks that are kept."""
    return user_cache_path("cnn-tutorial") / "trained"


def kept() -> tuple[int, int]:
    """Return how many networks are kept, and how many bytes they take."""
    sizes = [path.stat().st_size for path in cache_folder().glob("*.safetensors")]
    return len(sizes), sum(sizes)


def clear() -> None:
    """Remove the networks that are kept: they will be trained again when they are needed.

    Raises:
        OSError: Some cannot be removed.
    """
    folder = cache_folder()
    with suppress(FileNotFoundError), explained(f"{folder} cannot be removed"):
        shutil.rmtree(folder)


def _identity(training: Trainer) -> str:
    """Return a name for all that decides what a training comes to."""
    digits = training.digits
    parts = [training.recipe, training.seed, torch.__version__, training.model]
    key = hashlib.sha256(repr(parts).encode())
    for module in (data, deform, model, recipes, evaluation, trainer, sys.modules[__name__]):
        key.update(inspect.getsource(module).encode())
    for tensor in (*digits.train.tensors, *digits.validation.tensors, training.outliers):
        key.update(tensor.numpy().data)
    # Two networks whose layers and weights are alike may still compute different things.
    answers = evaluation.predict(training.model, digits.train.tensors[0][:100])
    for tensor in (answers, *training.model.state_dict().values()):
        key.update(tensor.contiguous().numpy().data)
    return key.hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process is at it; where there can be no lock, go on without one."""
    lock = FileLock(path)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
