"""The full MNIST is found and verified; what is damaged is named and left alone."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torchvision
from mnist_files import (  # noqa: F401 (two fixtures)
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Mirrors,
    leftovers,
    mirror_server,
    raw_files,
    small_mnist,
    write_raw,
)
from platformdirs import user_cache_path

from cnn_tutorial.datasets import FASHION_MNIST, MNIST, DataSet
from cnn_tutorial.support.download import download
from cnn_tutorial.support.find import data_root, find_dataset, find_source, source_of

# What is where


@pytest.mark.parametrize("dataset", [MNIST, FASHION_MNIST], ids=lambda dataset: dataset.name)
def test_files_mirrors_and_classes_are_those_of_torchvision(dataset: DataSet) -> None:
    theirs = getattr(torchvision.datasets, dataset.name)
    ours = [(f"{name}.gz", file.gz_md5) for name, file in dataset.files.items()]
    assert ours == theirs.resources
    assert set(theirs.mirrors) <= set(dataset.mirrors)
    assert [name.partition(" - ")[0] for name in theirs.classes] == list(dataset.classes)


@pytest.mark.parametrize("dataset", [MNIST, FASHION_MNIST], ids=lambda dataset: dataset.name)
def test_sizes_are_those_of_60000_and_10000_images(dataset: DataSet) -> None:
    sizes = {name: file.size for name, file in dataset.files.items()}
    assert sizes == {
        TRAIN_IMAGES: 16 + 60_000 * 28 * 28,
        TRAIN_LABELS: 8 + 60_000,
        TEST_IMAGES: 16 + 10_000 * 28 * 28,
        TEST_LABELS: 8 + 10_000,
    }


def test_data_root_is_the_variable_else_the_cache_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CNN_TUTORIAL_DATA", str(tmp_path))
    assert data_root() == tmp_path
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNN_TUTORIAL_DATA", "here")
    assert data_root() == tmp_path / "here"
    monkeypatch.setenv("CNN_TUTORIAL_DATA", "")
    assert data_root() == user_cache_path("cnn-tutorial")
    monkeypatch.delenv("CNN_TUTORIAL_DATA")
    assert data_root() == user_cache_path("cnn-tutorial")


def test_importing_needs_no_torch() -> None:
    code = "import sys, cnn_tutorial.support.download as d, cnn_tutorial.shapes as s"
    code += "; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Finding and verifying


@pytest.mark.parametrize("made", ["", "MNIST", "MNIST/raw"])
def test_nothing_there_is_none(tmp_path: Path, made: str) -> None:
    (tmp_path / made).mkdir(parents=True, exist_ok=True)
    assert find_dataset(tmp_path) is None
    assert find_dataset(tmp_path / "no such folder") is None
    assert str(find_source(tmp_path)) == "the bundled 8,000/2,000 sample"


def test_whole_set_is_found(tmp_path: Path, idx: dict[str, bytes]) -> None:
    write_raw(tmp_path, idx)
    assert find_dataset(tmp_path) == find_dataset(str(tmp_path)) == tmp_path
    assert str(find_source(tmp_path)) == "the full 200/50 MNIST"


def test_full_set_is_named_by_its_real_sizes() -> None:
    assert str(source_of(MNIST, Path())) == "the full 60,000/10,000 MNIST"


def flip_last_bit(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("name", MNIST.files)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (None, "is missing"),
        (lambda content: b"", "is truncated: it has 0 bytes, not "),
        (lambda content: content[:2], "is truncated: it has 2 bytes, not "),
        (lambda content: content[:-1], "is truncated: it has "),
        (lambda content: content + b"\0", "is too long: it has "),
        (flip_last_bit, "is corrupt, or of another data set: its MD5 is "),
        (gzip.compress, "is not the idx file of that name: it starts with 1f8b"),
        (lambda content: b"<!DOCTYPE html>", "is not the idx file of that name"),
    ],
    ids=["missing", "empty", "2 bytes", "truncated", "too long", "one bit", "zipped", "a page"],
)
def test_damaged_file_is_named_with_its_cure_and_left_alone(
    tmp_path: Path,
    idx: dict[str, bytes],
    server: Mirrors,
    name: str,
    damage: Callable[[bytes], bytes] | None,
    said: str,
) -> None:
    contents = dict(idx)
    if damage is None:
        del contents[name]
    else:
        contents[name] = damage(contents[name])
    raw = write_raw(tmp_path, contents)

    for attempt in (
        find_dataset,
        find_source,
        lambda root: download(root, mirrors=[server.url("good")]),
    ):
        with pytest.raises(ValueError, match=said) as error:
            attempt(tmp_path)
        assert str(raw / name) in str(error.value)
        assert f'Move {raw} away, then run: cnn-tutorial download --root "{tmp_path}"' in str(
            error.value
        )
    assert raw_files(tmp_path) == contents
    assert leftovers(tmp_path) == ["raw"]
    assert server.requests == []


def test_labels_in_place_of_images_are_foreign(tmp_path: Path, idx: dict[str, bytes]) -> None:
    write_raw(tmp_path, idx | {TRAIN_IMAGES: idx[TRAIN_LABELS]})
    with pytest.raises(ValueError, match="it starts with 00000801, not with 00000803"):
        find_dataset(tmp_path)


def test_folder_in_place_of_a_file(tmp_path: Path, idx: dict[str, bytes]) -> None:
    raw = write_raw(tmp_path, idx)
    (raw / TEST_LABELS).unlink()
    (raw / TEST_LABELS).mkdir()
    with pytest.raises(ValueError, match=f"{TEST_LABELS} is not a file"):
        find_dataset(tmp_path)
