"""Checkpoints: written whole or not at all, checked before they are used, never run as code."""

import io
import warnings
import zipfile
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn

from cnn_tutorial.files import write_whole
from cnn_tutorial.recipes import Recipe

FORMAT = "cnn-tutorial checkpoint 1"


def save(path: Path | str, state: dict[str, Any]) -> None:
    """Save tensors, numbers, texts, and lists and dictionaries of these.

    Raises:
        OSError: As `write_whole`.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT} | state, buffer)
    write_whole(path, buffer.getvalue())


def load(path: Path | str) -> dict[str, Any]:
    """Load what `save` saved. Nothing in the file is executed.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is truncated, corrupt, or no checkpoint of this package.
    """
    content = Path(path).read_bytes()
    state: Any = None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()  # torch.load itself does not compare checksums
        with warnings.catch_warnings(action="ignore"):  # about what is refused below
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # the bytes may be anything, and so may what goes wrong with them
        damaged = str(error)
    if damaged is not None:
        holds_code = "GLOBAL" in damaged  # a name outside torch's list of harmless ones
        raise ValueError(
            f"{path} cannot be read as a checkpoint of `cnn-tutorial train`: "
            + ("it holds code, which was not run." if holds_code else "it is damaged or foreign.")
        )
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        found = state.get("format") if isinstance(state, dict) else type(state).__name__
        raise ValueError(f"{path} is of the format {shorten(repr(found), 200)}, not {FORMAT!r}.")
    return state


def load_network(path: Path | str) -> nn.Module:
    """Load the network of a checkpoint.

    Raises:
        OSError: As `load`.
        ValueError: As `load`, or the file holds no network of this package.
    """
    state = load(path)
    try:
        # On "meta" are shapes only: what the file claims is not allocated.
        with torch.device("meta"), warnings.catch_warnings(action="ignore"):
            network = Recipe(**state["recipe"]).network()
    except Exception as error:
        reason = shorten(repr(error), 400)
        raise ValueError(f"{path} describes no network of this package: {reason}") from error
    check_tensors(state.get("model"), network.state_dict(), path)
    network.load_state_dict(state["model"], assign=True)
    return network


def check_tensors(found: object, expected: dict[str, Tensor], path: Path | str) -> None:
    """Check that the named tensors of a checkpoint are such as they must be.

    Raises:
        ValueError: Their names, shapes or types are others, or a value is not finite.
    """
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no weights.")
    kinds = {name: _kind(tensor) for name, tensor in found.items()}
    for name in expected | found:
        kind = _kind(expected[name]) if name in expected else "absent"
        if kinds.get(name) != kind:
            raise ValueError(
                f"{path} is of another network: expected {shorten(str(name), 200)} to be {kind}, "
                f"found {kinds.get(name, 'nothing')}."
            )
    for name, tensor in found.items():
        # A tensor that claims more values than there are in memory could be expanded to fill it.
        if tensor.is_meta or tensor.untyped_storage().nbytes() < tensor.nbytes:
            raise ValueError(f"{path} is of no use: {name} has fewer values than it should.")
        if not tensor.isfinite().all():
            raise ValueError(f"{path} is of no use: {name} has values that are not finite.")


def _kind(tensor: object) -> str:
    if isinstance(tensor, Tensor) and tensor.layout is torch.strided:
        return f"{tensor.dtype} of shape {tuple(tensor.shape)}"
    return f"a {type(tensor).__name__}"
