"""Digits as tensors: the sample is what its README says, and the splits are what is promised."""

import hashlib
import logging
import re
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mnist_files import small_mnist, write_raw  # noqa: F401 (a fixture)
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from cnn_tutorial import data
from cnn_tutorial.data import Digits, Pictures, load_digits
from cnn_tutorial.datasets import SAMPLE, DataSet
from cnn_tutorial.sample import make_sample
from cnn_tutorial.support.find import find_dataset, find_source

README = SAMPLE.with_name("README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return load_digits(tmp_path_factory.mktemp("empty"))


def rows(dataset: TensorDataset) -> list[bytes]:
    """Each digit as its label and its pixels, in bytes."""
    images, labels = dataset.tensors
    pixels = (images * 255).round().to(torch.uint8).flatten(1)
    return [row.numpy().tobytes() for row in torch.column_stack([labels.to(torch.uint8), pixels])]


def digest(rows: list[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(rows))).hexdigest()


# The bundled file


def test_sample_is_the_file_that_the_readme_describes() -> None:
    content = SAMPLE.read_bytes()
    assert f"sha256  {hashlib.sha256(content).hexdigest()}\n" in README
    assert len(content) <= 2_000_000
    with np.load(SAMPLE) as arrays:
        assert {name: (array.shape, str(array.dtype)) for name, array in arrays.items()} == {
            "train_images": ((8000, 28, 28), "uint8"),
            "train_labels": ((8000,), "uint8"),
            "test_images": ((2000, 28, 28), "uint8"),
            "test_labels": ((2000,), "uint8"),
        }
        for part, size in (("train", 8000), ("test", 2000)):
            [line] = re.findall(rf"^\| {part} \| (.*) \|$", README, flags=re.MULTILINE)
            counts = np.bincount(arrays[f"{part}_labels"]).tolist()
            assert [int(cell.replace(",", "")) for cell in line.split(" | ")] == [*counts, size]


def test_sample_is_the_first_10000_training_digits_of_mnist(sample: Digits) -> None:
    ours = rows(sample.train) + rows(sample.validation) + rows(sample.test)
    assert f"sha256  {digest(ours)}\n" in README
    root = find_dataset()
    if root is not None:  # Else the digest stands for them.
        raw = root / "MNIST" / "raw"
        pixels = np.fromfile(raw / "train-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 784)
        labels = np.fromfile(raw / "train-labels-idx1-ubyte", np.uint8)[8:]
        mnist = [row.tobytes() for row in np.column_stack([labels, pixels])[:10_000]]
        assert digest(mnist) == digest(ours)


def test_sample_is_stratified(sample: Digits) -> None:
    test = sample.test.tensors[1].bincount()
    rest = sample.train.tensors[1].bincount() + sample.validation.tensors[1].bincount()
    assert ((test - (test + rest) / 5).abs() < 1).all()


def test_largest_remainders_are_rounded_up() -> None:
    counts = np.array([4999, 3332, 1669])
    assert make_sample.test_shares(counts).tolist() == [1000, 666, 334]
    for seed in range(20):
        counts = np.random.default_rng(seed).multinomial(10_000, np.full(10, 0.1))
        shares = make_sample.test_shares(counts)
        assert shares.sum() == make_sample.TEST_SIZE
        assert (np.abs(shares - counts / 5) < 1).all()


def test_script_takes_the_published_package_only(tmp_path: Path) -> None:
    other = tmp_path / "mnist-1.1.0.tgz"
    other.write_bytes(b"something else")
    with pytest.raises(ValueError, match=f"{other}: sha512 is .*, that of mnist 1.1.0 is "):
        make_sample.read_package(other)


def test_script_splits_in_the_same_way_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package's order within a label is lost in the sample, so the digits that come out are
    # not the sample's; that two runs give the same bytes is the promise.
    with np.load(SAMPLE) as arrays:
        images = np.concatenate([arrays["train_images"], arrays["test_images"]])
        labels = np.concatenate([arrays["train_labels"], arrays["test_labels"]])
    monkeypatch.setattr(make_sample, "read_package", lambda tarball: (images, labels))
    made: list[bytes] = []
    for target in (tmp_path / "one.npz", tmp_path / "two.npz"):
        make_sample.main(Path(), target)
        made.append(target.read_bytes())
    assert made[0] == made[1]
    with np.load(tmp_path / "one.npz") as arrays, np.load(SAMPLE) as shipped:
        for name in ("train_labels", "test_labels"):
            assert np.array_equal(arrays[name], shipped[name])


# What load_digits gives


def test_both_uses_of_a_set(sample: Digits) -> None:
    image, label = sample.train[0]
    assert (image.shape, label.shape) == ((1, 28, 28), ())
    images, labels = next(iter(DataLoader(sample.train, batch_size=64)))
    assert (images.shape, labels.shape) == ((64, 1, 28, 28), (64,))
    assert torch.equal(images, sample.train.tensors[0][:64])


@pytest.mark.parametrize("source", ["sample", "full"])
def test_shapes_types_and_range(tmp_path: Path, idx: dict[str, bytes], source: str) -> None:
    sizes = (7200, 800, 2000)
    if source == "full":
        write_raw(tmp_path, idx)
        sizes = (180, 20, 50)
    for dataset, size in zip(load_digits(tmp_path)[:3], sizes, strict=True):
        assert isinstance(dataset, TensorDataset)
        images, labels = dataset.tensors
        assert (images.shape, images.dtype) == ((size, 1, 28, 28), torch.float32)
        assert (labels.shape, labels.dtype) == ((size,), torch.int64)
        assert (images.min().item(), images.max().item()) == (0, 1)
        assert set(labels.tolist()) <= set(range(10))


def test_pixels_are_the_bytes_divided_by_255(sample: Digits) -> None:
    with np.load(SAMPLE) as arrays:
        pixels = torch.from_numpy(arrays["test_images"]) / 255
        labels = torch.from_numpy(arrays["test_labels"])
    assert torch.equal(sample.test.tensors[0][:, 0], pixels)
    assert torch.equal(sample.test.tensors[1], labels)


def test_train_and_validation_are_the_training_digits(sample: Digits) -> None:
    with np.load(SAMPLE) as arrays:
        pairs = zip(arrays["train_labels"], arrays["train_images"], strict=True)
        original = [bytes([label]) + image.tobytes() for label, image in pairs]
    assert sorted(rows(sample.train) + rows(sample.validation)) == sorted(original)
    assert len(set(original)) == len(original), "no digit is there twice"
    assert not set(rows(sample.test)) & set(original)


def test_every_call_gives_the_same_and_leaves_the_generator_alone(
    tmp_path: Path, sample: Digits
) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    again = load_digits(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    for one, other in zip(sample[:3], again[:3], strict=True):
        assert isinstance(one, TensorDataset)
        assert isinstance(other, TensorDataset)
        assert all(torch.equal(a, b) for a, b in zip(one.tensors, other.tensors, strict=True))


def test_validation_is_drawn_at_random(sample: Digits) -> None:
    with np.load(SAMPLE) as arrays:
        first = arrays["train_labels"][:800]
    assert not np.array_equal(sample.validation.tensors[1], first)
    # A tenth of each label, give or take: four standard deviations of 800 draws.
    share = sample.validation.tensors[1].bincount() / 800
    whole = (sample.train.tensors[1].bincount() + share * 800) / 8000
    assert ((share - whole).abs() < 4 * (whole * (1 - whole) / 800).sqrt()).all()


def test_full_set_is_read_as_it_is(tmp_path: Path, idx: dict[str, bytes]) -> None:
    write_raw(tmp_path, idx)
    digits = load_digits(str(tmp_path))
    with np.load(SAMPLE) as arrays:
        pixels, labels = arrays["test_images"][:50], arrays["test_labels"][:50]
        pairs = zip(arrays["train_labels"][:200], arrays["train_images"][:200], strict=True)
        train = [bytes([label]) + image.tobytes() for label, image in pairs]
    assert torch.equal(digits.test.tensors[0][:, 0], torch.from_numpy(pixels) / 255)
    assert torch.equal(digits.test.tensors[1], torch.from_numpy(labels))
    assert sorted(rows(digits.train) + rows(digits.validation)) == sorted(train)


def test_only_verified_files_are_read(tmp_path: Path, idx: dict[str, bytes]) -> None:
    write_raw(tmp_path, idx)
    # Old versions of torchvision kept tensors here, and the new ones still prefer them.
    processed = tmp_path / "MNIST" / "processed"
    processed.mkdir()
    foreign = (torch.zeros(5, 28, 28, dtype=torch.uint8), torch.zeros(5, dtype=torch.int64))
    for name in ("training.pt", "test.pt"):
        torch.save(foreign, processed / name)
    assert [len(dataset) for dataset in load_digits(tmp_path)[:3]] == [180, 20, 50]


def test_source_is_said_in_the_same_words_without_torch(
    tmp_path: Path, idx: dict[str, bytes], sample: Digits
) -> None:
    assert sample.source == find_source(tmp_path)
    assert str(sample.source) == "the bundled 8,000/2,000 sample"
    write_raw(tmp_path, idx)
    full = load_digits(tmp_path)
    assert full.source == find_source(tmp_path)
    assert str(full.source) == "the full 200/50 MNIST"
    for digits in (sample, full):
        assert digits.source.train == len(digits.train) + len(digits.validation)
        assert digits.source.test == len(digits.test)


def test_variable_names_the_full_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idx: dict[str, bytes]
) -> None:
    write_raw(tmp_path, idx)
    monkeypatch.setenv("CNN_TUTORIAL_DATA", str(tmp_path))
    assert str(load_digits().source) == "the full 200/50 MNIST"
    monkeypatch.setenv("CNN_TUTORIAL_DATA", str(tmp_path / "nothing here"))
    assert str(load_digits().source) == "the bundled 8,000/2,000 sample"


def test_damaged_set_is_not_replaced_by_the_sample(tmp_path: Path, idx: dict[str, bytes]) -> None:
    write_raw(tmp_path, idx)
    labels = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{labels} is truncated"):
        load_digits(tmp_path)


def test_download_is_on_request_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idx: dict[str, bytes]
) -> None:
    asked: list[object] = []

    def download_here(root: Path, dataset: DataSet) -> None:
        asked.append(root)
        write_raw(root, idx)

    monkeypatch.setattr(data, "download_dataset", download_here)
    assert load_digits(tmp_path).source.is_sample
    assert asked == []
    assert str(load_digits(tmp_path, download=True).source) == "the full 200/50 MNIST"
    assert asked == [tmp_path]


def test_what_was_used_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data._log_once.cache_clear()
    caplog.set_level(logging.INFO)
    for _ in range(2):
        load_digits(tmp_path)
    [record] = caplog.records
    assert record.name == "cnn_tutorial.data"
    assert record.getMessage() == (
        f"Using the bundled 8,000/2,000 sample, since there is no {tmp_path / 'MNIST' / 'raw'}; "
        f'`cnn-tutorial download --root "{tmp_path}"` gets the full set.'
    )


def test_sample_needs_neither_torchvision_nor_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)  # An import of it is an ImportError.
    assert load_digits(tmp_path).source.is_sample


# The same digits one by one, as torchvision hands them out


def assert_handed_out_alike(root: Path) -> None:
    theirs = MNIST(root, train=False, transform=ToTensor())
    ours = Pictures(load_digits(root).test)
    assert len(ours) == len(theirs)
    for index in range(0, len(theirs), -(-len(theirs) // 500)):
        image, label = ours[index]
        expected, expected_label = theirs[index]
        assert torch.equal(image, expected)
        assert (image.dtype, image.shape) == (torch.float32, (1, 28, 28))
        assert (label, type(label)) == (expected_label, int)


def test_pictures_are_what_torchvision_hands_out(tmp_path: Path, idx: dict[str, bytes]) -> None:
    write_raw(tmp_path, idx)
    assert_handed_out_alike(tmp_path)


def test_pictures_of_the_full_set_are_what_torchvision_hands_out() -> None:
    root = find_dataset()
    if root is None:
        pytest.skip("needs the full MNIST")
    assert_handed_out_alike(root)


def test_pictures_are_the_tensors_exactly(sample: Digits) -> None:
    loader = DataLoader(Pictures(sample.validation), batch_size=300)
    images, labels = (torch.cat(parts) for parts in zip(*loader, strict=True))
    assert torch.equal(images, sample.validation.tensors[0])
    assert torch.equal(labels, sample.validation.tensors[1])


def test_each_picture_is_made_when_it_is_asked_for(
    sample: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    from_array = Image.fromarray

    def counted(array: np.ndarray) -> Image.Image:
        made.append(array.shape)
        return from_array(array)

    monkeypatch.setattr(Image, "fromarray", counted)
    pictures = Pictures(sample.validation)
    assert made == []
    assert torch.equal(pictures[3][0], pictures[3][0])
    assert made == [(28, 28)] * 2
