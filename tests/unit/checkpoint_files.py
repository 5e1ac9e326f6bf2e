"""A good checkpoint for tests, and what is said of those that are refused."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from small_training import half_trained, resumed

from cnn_tutorial.support.checkpoint import Checkpoint, load, load_network

LOADERS: dict[str, Callable[[Path], object]] = {
    "load": load,
    "load_network": load_network,
    "resume": resumed,
}


@pytest.fixture(name="path")
def path_of_checkpoint(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


@pytest.fixture(name="good", scope="module")
def good_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of a training that was stopped in its second epoch."""
    path = tmp_path_factory.mktemp("good") / "checkpoint.safetensors"
    half_trained(path)
    return path.read_bytes()


@pytest.fixture(name="saved")
def saved_checkpoint(path: Path, good: bytes) -> Checkpoint:
    """What the checkpoint holds."""
    path.write_bytes(good)
    return load(path)


def refusals(path: Path, content: bytes, loaders: Iterable[str] = LOADERS) -> dict[str, str]:
    """Load a file in some ways, and return what was said by those that refused it.

    An error of another kind, an error of many lines or a warning fails the test.
    """
    path.write_bytes(content)
    said = {}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for name in loaders:
            try:
                LOADERS[name](path)
            except ValueError as error:
                said[name] = str(error)
                assert len(said[name].splitlines()) == 1, said[name]
                assert len(said[name]) < 1000, said[name]
                assert said[name].startswith(str(path)), said[name]
    assert [str(warning.message) for warning in warned] == []
    return said
