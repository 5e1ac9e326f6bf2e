"""Checkpoints: a training in a file, from which it goes on, or from which its network is used.

A checkpoint is a file of safetensors, which holds numbers and texts and no code. Its tensors are
the weights (`model.…`), AdamW's running means (`optimizer.…`) and the state of PyTorch's random
numbers on the CPU (`random`). Its metadata are this module's `FORMAT`, what else there is to know
of the training, as JSON, and the SHA-256 of that and the tensors, since the format has no checksum.
"""

import hashlib
import json
import math
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn

from cnn_tutorial.datasets import Source
from cnn_tutorial.history import Epoch, History
from cnn_tutorial.progress import Progress
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.support.files import check_network, explained, write_whole

if TYPE_CHECKING:
    from cnn_tutorial.trainer import Trainer

FORMAT = "cnn-tutorial checkpoint 2"
MOST_BYTES = 2**30
AS_BEGUN = "Go on with it as it was begun, or name another file."
AGAIN = "Train again, into another file."


class Checkpoint(NamedTuple):
    """What a file holds.

    Attributes:
        tensors: The tensors by their names.
        training: Recipe, seed, digits, progress and history, as JSON has them.
    """

    tensors: dict[str, Tensor]
    training: dict[str, Any]

    def of(self, part: str) -> dict[str, Tensor]:
        """Return the tensors of a part, without its name."""
        start = f"{part}."
        named = self.tensors.items()
        return {name.removeprefix(start): t for name, t in named if name.startswith(start)}


def save(trainer: "Trainer", path: Path | str) -> None:
    """Save all that a training needs to go on.

    Raises:
        FloatingPointError: A number is not finite: an old checkpoint stays.
        OSError: The file cannot be written: an old checkpoint stays.
    """
    snapshot = _snapshot(trainer)
    for name, tensor in snapshot.tensors.items():
        if not tensor.isfinite().all():
            raise FloatingPointError(
                f"{name} is not finite after step {trainer.progress.steps} of "
                f"{trainer.total_steps}; the last loss was {trainer.progress.last_loss:.4f}. "
                "Try a lower learning rate."
            )
    write_whole(path, as_bytes(snapshot))


def as_bytes(checkpoint: Checkpoint) -> bytes:
    """Return the content of the file of a checkpoint."""
    training = json.dumps(checkpoint.training)
    metadata = {"format": FORMAT, "training": training, "sha256": _digest(checkpoint)}
    return safetensors.torch.save(checkpoint.tensors, metadata)


def load(path: Path | str) -> Checkpoint:
    """Load what `save` saved.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is truncated, corrupt, or no checkpoint of this version of the package.
    """
    check_network(path)
    with explained(f"{path} cannot be read"), Path(path).open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} is larger than any checkpoint: more than {MOST_BYTES:,} bytes.")
    metadata: dict[str, Any] = {}
    try:
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = header.get("__metadata__", {})
        if metadata.get("format") == FORMAT:
            saved = Checkpoint(tensors, dict(json.loads(metadata["training"])))
            if metadata["sha256"] == _digest(saved):
                return saved
    except Exception as error:  # the bytes may be anything, and so may what goes wrong with them
        raise ValueError(f"{path} {_foreign(content)}") from error
    theirs = metadata.get("format")
    if theirs == FORMAT:
        raise ValueError(f"{path} is damaged: its checksum is not that of what it holds. {AGAIN}")
    if str(theirs).startswith("cnn-tutorial checkpoint"):
        raise ValueError(f"{path} is of the format {_brief(repr(theirs))}, not {FORMAT!r}. {AGAIN}")
    raise ValueError(
        f"{path} holds tensors alone, such as the state_dict of a network, and not what network "
        "they are of: only a checkpoint of `cnn-tutorial train` does. "
        f'Use the tensors by: network.load_state_dict(safetensors.torch.load_file("{path}"))'
    )


def resume(trainer: "Trainer", path: Path | str) -> None:
    """Have a training go on from a checkpoint of the same training.

    Raises:
        OSError: As `load`.
        ValueError: As `load`, or it is of another training. The training stays as it is.
    """
    saved, mine = load(path), _snapshot(trainer)
    for what in ("recipe", "seed", "digits"):
        difference = _difference(saved.training.get(what), mine.training[what])
        if difference:
            raise ValueError(f"{path} is of another training: its {what} {difference}. {AS_BEGUN}")
    check_tensors(saved.of("model"), mine.of("model"), path)
    moments = _moments(trainer, saved.of("optimizer"), path)
    try:
        history = History(
            Epoch(**{name: float(value) for name, value in epoch.items()})
            for epoch in saved.training["history"]
        )
        progress = _progress(saved.training["progress"])
        first = len(history) * (trainer.total_steps // trainer.recipe.epochs)
        last = min(first + trainer.total_steps // trainer.recipe.epochs, trainer.total_steps)
        if progress.steps not in range(first, last + 1):
            raise ValueError(f"step {progress.steps} is not in epoch {len(history) + 1}")
        if not 0 <= progress.correct <= len(trainer.labels):
            raise ValueError(f"it has {progress.correct} of {len(trainer.labels)} digits right")
        if progress.steps and not moments:
            raise ValueError("it has no running means")
        torch.set_rng_state(saved.tensors["random"])
    except Exception as error:  # whoever made the file, what is in it may be anything
        raise ValueError(f"{path} holds no training to go on with: {_why(error)}") from error
    # All has been checked, so that a training goes on wholly or is as it was.
    trainer.model.load_state_dict(saved.of("model"))
    trainer.optimizer.load_state_dict(trainer.optimizer.state_dict() | {"state": moments})
    trainer.progress, trainer.history = progress, history


def load_network(path: Path | str) -> nn.Module:
    """Load the network of a checkpoint.

    Raises:
        OSError: As `load`.
        ValueError: As `load`, or the file holds no network of this package.

    Examples:
        >>> import torch
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> from cnn_tutorial.recipes import RECIPES
        >>> from cnn_tutorial.support.checkpoint import load_network, save
        >>> from cnn_tutorial.trainer import Trainer
        >>> trainer = Trainer(ConvolutionalNetwork(), load_digits(), RECIPES["plain"])
        >>> save(trainer, "model.safetensors")
        >>> network = load_network("model.safetensors")
        >>> network(torch.zeros(1, 1, 28, 28)).shape
        torch.Size([1, 10])
    """
    saved = load(path)
    try:
        # On "meta" are shapes only: what the file claims is not allocated.
        with torch.device("meta"), warnings.catch_warnings(action="ignore"):
            network = Recipe(**saved.training["recipe"]).network()
    except Exception as error:
        raise ValueError(f"{path} describes no network of this package: {_why(error)}") from error
    weights = saved.of("model")
    check_tensors(weights, network.state_dict(), path)
    network.load_state_dict(weights, assign=True)
    # As it lay in memory while it was trained, so that its answers have the same bits.
    return network.to(memory_format=torch.channels_last)


def _foreign(content: bytes) -> str:
    """Say of the content of a file why it is no checkpoint."""
    if not content:
        return f"is empty. {AGAIN}"
    if content.startswith(b"PK\3\4"):
        return (
            "is no checkpoint of this version, but perhaps of an older one, or a state_dict: a "
            f"file of `torch.save`, which may hold code and is not read. {AGAIN}"
        )
    return (
        "cannot be read as a checkpoint of `cnn-tutorial train`: it is damaged, or a file of "
        f"another kind. {AGAIN}"
    )


def learned_from(path: Path | str) -> Source:
    """Return where the digits came from that the network of a checkpoint has learned.

    Raises:
        OSError: As `load`.
        ValueError: As `load`, or the file does not say so.
    """
    training = load(path).training
    try:
        named = training["digits"]
        source = Source(**named | {"classes": tuple(map(str, named["classes"]))})
        str(source)  # which numbers that are none would spoil
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not say what its network has learned. {AGAIN}") from error
    if len(source.classes) != 10:
        raise ValueError(f"{path} names {len(source.classes)} classes; a network has 10.")
    return source


def check_tensors(
    tensors: dict[str, Tensor], expected: dict[str, Tensor], path: Path | str
) -> None:
    """Check that the tensors of a checkpoint are such as they must be.

    Raises:
        ValueError: Their names, shapes or types are others, or a value is not finite.
    """
    theirs, ours = ({name: _kind(t) for name, t in part.items()} for part in (tensors, expected))
    for name in ours | theirs:
        if theirs.get(name) != ours.get(name):
            raise ValueError(
                f"{path} is of another network: expected {_brief(name)} to be "
                f"{ours.get(name, 'absent')}, found {theirs.get(name, 'nothing')}."
            )
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{path} is of no use: {name} has values that are not finite.")


def _snapshot(trainer: "Trainer") -> Checkpoint:
    """Copy all that a training needs to go on."""
    moments = trainer.optimizer.state_dict()["state"]
    parts: dict[str, dict[str, Tensor]] = {
        "model": trainer.model.state_dict(),
        "optimizer": {
            f"{n}.{name}": t for n, named in moments.items() for name, t in named.items()
        },
    }
    tensors = {
        f"{part}.{name}": tensor.cpu().clone(memory_format=torch.contiguous_format)
        for part, named in parts.items()
        for name, tensor in named.items()
    }
    training = {
        "recipe": asdict(trainer.recipe),
        "seed": trainer.seed,
        "digits": asdict(trainer.digits.source),
        "progress": asdict(trainer.progress),
        "history": [epoch._asdict() for epoch in trainer.history],
    }
    # Lists stand for tuples, as they will when the file is read.
    return Checkpoint(tensors | {"random": torch.get_rng_state()}, json.loads(json.dumps(training)))


def _moments(
    trainer: "Trainer", tensors: dict[str, Tensor], path: Path | str
) -> dict[int, dict[str, Tensor]]:
    """Return AdamW's state, for each parameter that has had a gradient, by its number."""
    numbers = sorted({name.partition(".")[0] for name in tensors})
    expected: dict[str, Tensor] = {}
    for number, parameter in enumerate(trainer.parameters):
        if str(number) in numbers:
            expected |= {f"{number}.{name}": parameter for name in ("exp_avg", "exp_avg_sq")}
            expected[f"{number}.step"] = torch.tensor(0.0)
    check_tensors(tensors, expected, path)
    # AdamW's fused step takes for granted that these lie in memory as the parameter does.
    laid_out = {name: torch.empty_like(expected[name]).copy_(t) for name, t in tensors.items()}
    low = {"exp_avg": -math.inf, "exp_avg_sq": 0, "step": 1}
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in laid_out.items():
        parameter_number, _, moment = name.partition(".")
        if tensor.min() < low[moment]:
            raise ValueError(f"{path} is of no use: {name} is negative.")
        moments.setdefault(int(parameter_number), {})[moment] = tensor
    return moments


def _progress(named: dict[str, Any]) -> Progress:
    progress = Progress(**named)
    for name, value in vars(Progress()).items():
        if type(getattr(progress, name)) is not type(value):
            raise TypeError(f"{name} is {named[name]!r}")
    return progress


def _difference(theirs: object, ours: object) -> str:
    """Say in what two values of JSON differ, by the first name if they have some."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in ours | theirs:
            if theirs.get(name) != ours.get(name):
                values = _brief(repr(theirs.get(name))), _brief(repr(ours.get(name)))
                return f"has {_brief(str(name))} {values[0]}, not {values[1]}"
        return ""
    return f"is {_brief(repr(theirs))}, not {_brief(repr(ours))}" if theirs != ours else ""


def _kind(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {_brief(str(tuple(tensor.shape)))}"


def _why(error: Exception) -> str:
    """Say what went wrong with what a file says."""
    return _brief(f"it has no {error}" if isinstance(error, KeyError) else str(error))


def _brief(text: str) -> str:
    """Return a text in one line of at most 200 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:199]}…"


def _digest(checkpoint: Checkpoint) -> str:
    """Return the SHA-256 of all that a checkpoint holds."""
    digest = hashlib.sha256(json.dumps(checkpoint.training, sort_keys=True).encode())
    for name, tensor in sorted(checkpoint.tensors.items()):
        digest.update(f"{name}: {_kind(tensor)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
