"""Where the full MNIST is not, it is said what was looked for and what is there instead."""

import gzip
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT, environment
from mnist_files import (  # noqa: F401 (a fixture)
    TEST_LABELS,
    TRAIN_IMAGES,
    small_mnist,
    write_raw,
)

from cnn_tutorial import data
from cnn_tutorial.data import load_digits
from cnn_tutorial.datasets import FASHION_MNIST, MNIST
from cnn_tutorial.support.find import find_dataset, find_source, is_named, what_is_near, why_sample

# For each way to lay the files: where they lie, the root that is named, and what is said.
LAID = {
    "the folder of the files": ("MNIST/raw", "MNIST/raw", "are in {}/MNIST/raw: name {}"),
    "the folder above": ("MNIST/raw", "MNIST", "are in {}/MNIST/raw: name {} instead"),
    "a folder beside": ("MNIST/raw", "MNIST/processed", "are in {}/MNIST/raw: name {} instead"),
    "a folder that is not there": ("MNIST/raw", "nothing", "are in {}/MNIST/raw: name {} instead"),
    "a folder further up": ("data/MNIST/raw", "", "{}/data/MNIST/raw: name {}/data instead"),
    "flat": ("", "", "the files of MNIST are in {}: move them into {}/MNIST/raw"),
    "without raw": ("MNIST", "", "the files of MNIST are in {}/MNIST: move them into {}/MNIST/raw"),
    "small letters": ("mnist/raw", "", "are in {}/mnist/raw: move them into {}/MNIST/raw"),
    "a typo": ("data/MNIST/raw", "dta", "there is no folder {}/dta, but there is {}/data"),
    "a typo above": ("data/a/MNIST/raw", "daat/a/b", "no folder {}/daat, but there is {}/data"),
    "capitals": ("data/a/b/MNIST/raw", "DATA", "no folder {}/DATA, but there is {}/data"),
    "nothing alike": ("else/a/b/MNIST/raw", "xyz", "there is no folder {}/xyz"),
}


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNN_TUTORIAL_DATA", raising=False)


def lay(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def place_of(name: str, tmp_path: Path) -> Path:
    """A folder of a test's own, since folders above are looked into, too."""
    place = tmp_path / "a" / "b" / name.replace(" ", "-")
    place.mkdir(parents=True)
    return place


@pytest.mark.parametrize("name", LAID)
def test_what_is_near_is_told_by_whoever_named_the_folder(
    tmp_path: Path, idx: dict[str, bytes], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, root, said = LAID[name]
    place = place_of(name, tmp_path)
    lay(place / files, idx)
    if name == "a folder beside":
        (place / root).mkdir()
    expected = said.replace("{}", str(place))
    root = str(place / root)
    assert find_dataset(root) is None
    assert expected in what_is_near(Path(root), MNIST)
    assert expected[5:] in why_sample(find_source(root), root)
    assert f'`cnn-tutorial download --root "{root}"`' in why_sample(find_source(root), root)
    monkeypatch.setenv("CNN_TUTORIAL_DATA", root)
    message = why_sample(find_source())
    print(message)
    assert message.startswith(f"Using the bundled 8,000/2,000 sample, since there is no {root}")
    assert f"CNN_TUTORIAL_DATA names {root}; " in message
    assert expected in message
    assert message.endswith("`cnn-tutorial download` gets the full set.")


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], "it is empty"),
        ([".DS_Store", "._x", "Thumbs.db"], "it is empty"),
        (["mnist.npz"], "in it: mnist.npz"),
        (["a", "b", "c", "d", "e"], "in it: a, b, c and 2 more"),
    ],
)
def test_what_else_is_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: list[str], said: str
) -> None:
    lay(tmp_path / "root", dict.fromkeys(there, b""))
    monkeypatch.setenv("CNN_TUTORIAL_DATA", str(tmp_path / "root"))
    assert f"names {tmp_path / 'root'}; {said}. `" in why_sample(find_source())


def test_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "deeper"):
        assert what_is_near(root, MNIST) == f"{tmp_path / 'file'} is no folder"


def test_names_of_kaggle_are_recognised(tmp_path: Path, idx: dict[str, bytes]) -> None:
    place = place_of("kaggle", tmp_path)
    kaggle = {name.replace("-idx", ".idx"): content for name, content in idx.items()}
    lay(place / "archive", kaggle)
    said = what_is_near(place, MNIST)
    assert f"are in {place / 'archive'}: move them into {place / 'MNIST/raw'}" in said
    assert said.endswith(", with hyphens for the dots in their names")
    raw = write_raw(place, kaggle)
    with pytest.raises(
        ValueError, match=r"But train-images\.idx3-ubyte is there: name it"
    ) as error:
        load_digits(place)
    assert str(raw / TRAIN_IMAGES) in str(error.value)


def test_files_of_other_sets_are_not_taken_for_it(tmp_path: Path, idx: dict[str, bytes]) -> None:
    """Fashion-MNIST and its like have files of the same names and sizes."""
    place = place_of("others", tmp_path)
    lay(place / "KMNIST/raw", {n: content[:-1] + b"\1" for n, content in idx.items()})
    assert what_is_near(place, MNIST) == ""
    lay(place / "MNIST/raw", idx)
    assert what_is_near(place / "FashionMNIST", FASHION_MNIST).startswith("there is no folder")


def test_variable_is_told_with_a_set_that_has_no_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNN_TUTORIAL_DATA", str(tmp_path / "dta"))
    with pytest.raises(FileNotFoundError, match=r"CNN_TUTORIAL_DATA names .*dta; there is no"):
        load_digits(dataset="FashionMNIST")
    with pytest.raises(FileNotFoundError) as caught:
        load_digits(tmp_path, dataset="FashionMNIST")
    assert str(tmp_path) not in str(caught.value), "whoever named the folder knows it"


# Files that are there in other forms


def zipped(idx: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in idx.items()}


@pytest.mark.parametrize("names", [[], [TEST_LABELS], [TRAIN_IMAGES, TEST_LABELS]], ids=len)
def test_compressed_files_are_used(tmp_path: Path, idx: dict[str, bytes], names: list[str]) -> None:
    write_raw(tmp_path / "plain", idx)
    plain = {name: idx[name] for name in names}
    packed = {n: c for n, c in zipped(idx).items() if n.removesuffix(".gz") not in names}
    write_raw(tmp_path / "zipped", plain | packed)
    ours, theirs = load_digits(tmp_path / "zipped"), load_digits(tmp_path / "plain")
    assert ours.source == theirs.source == find_source(tmp_path / "plain")
    assert str(ours.source) == "the full 200/50 MNIST"
    for one, other in zip(ours[:3], theirs[:3], strict=True):
        assert all(map(torch.equal, one.tensors, other.tensors))


def test_compressed_files_are_verified(tmp_path: Path, idx: dict[str, bytes]) -> None:
    content = zipped(idx)
    content[f"{TEST_LABELS}.gz"] = gzip.compress(idx[TEST_LABELS], mtime=1)
    raw = write_raw(tmp_path, content)
    with pytest.raises(ValueError, match="is corrupt, or of another data set: its MD5") as error:
        load_digits(tmp_path)
    assert str(error.value).startswith(str(raw / f"{TEST_LABELS}.gz"))


def test_damaged_file_is_not_replaced_by_a_compressed_one(
    tmp_path: Path, idx: dict[str, bytes]
) -> None:
    write_raw(tmp_path, zipped(idx) | {TEST_LABELS: b"\0\0\x08\x01"})
    with pytest.raises(ValueError, match=f"{TEST_LABELS} is truncated"):
        load_digits(tmp_path)


# Who is told


@pytest.mark.parametrize(
    ("variable", "root", "level"),
    [("", None, "INFO"), ("named", None, "WARNING"), ("", "named", "WARNING")],
)
def test_only_who_named_a_folder_is_warned(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    root: str | None,
    level: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNN_TUTORIAL_DATA", variable)
    data._log_once.cache_clear()
    caplog.set_level(logging.INFO)
    if find_dataset(root) is None:  # the user's cache folder may hold it
        assert load_digits(root).source.is_sample
        [record] = caplog.records
        assert record.levelname == level
        assert is_named(root) == (level == "WARNING")


def test_it_is_told_on_stderr_in_one_line(tmp_path: Path) -> None:
    code = "from cnn_tutorial.data import load_digits; print(load_digits().source); load_digits()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(ROOT, CNN_TUTORIAL_DATA=os.fspath(tmp_path / "none")),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "the bundled 8,000/2,000 sample\n"
    [line] = done.stderr.splitlines()
    assert f"CNN_TUTORIAL_DATA names {tmp_path / 'none'}; there is no folder" in line


def test_names_of_data_sets_are_folders_if_there_are_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idx: dict[str, bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_digits("MNIST").source.is_sample
    write_raw(tmp_path / "FashionMNIST", idx)
    assert str(load_digits("FashionMNIST").source) == "the full 200/50 MNIST"
