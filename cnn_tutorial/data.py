"""MNIST as tensors: the full set when it is on disk, else the bundled sample."""

import functools
import gzip
import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from cnn_tutorial.datasets import MNIST, DataSet, Source, dataset_named
from cnn_tutorial.support.download import download as download_dataset
from cnn_tutorial.support.find import (
    PARTS,
    find_dataset,
    idx_path,
    is_named,
    raw_folder,
    source_of,
    why_sample,
)


class Digits(NamedTuple):
    """Three sets of digits, and where they come from.

    Each set works both ways: `image, label = digits.train[0]`, as a `DataLoader` takes it, and
    `images, labels = digits.train.tensors`. Images are float32 in [0, 1] of shape
    `(N, 1, 28, 28)`, labels are int64 of shape `(N,)`.
    """

    train: TensorDataset
    validation: TensorDataset
    test: TensorDataset
    source: Source


def load_digits(
    root: Path | str | None = None, dataset: DataSet | str = MNIST, *, download: bool = False
) -> Digits:
    """Load the full MNIST if it is on disk, else the 10,000 bundled digits.

    A tenth of the training digits, drawn at random with a fixed seed, is the validation set; the
    rest is the training set. The test digits are those of the source, untouched. Whoever has named
    a folder, by `root` or by the variable, is told on stderr if it does not hold the full set.

    Args:
        root: The folder whose `MNIST/raw` is looked for; if None, `$CNN_TUTORIAL_DATA` or else
            the user's cache folder.
        dataset: Another data set in the layout of MNIST: one of
            [`cnn_tutorial.datasets`][cnn_tutorial.datasets], such as `FASHION_MNIST`, or its name.
        download: Download the full set into `root` first, if it is not there.

    Returns:
        The digits: 54,000 / 6,000 / 10,000 of the full set, 7,200 / 800 / 2,000 of the sample.

    Raises:
        ValueError: There is no data set of that name; or the name of another was given as `root`;
            or `MNIST/raw` is there, but a file in it is missing, damaged, or of another data set.
        FileNotFoundError: The data set is not on disk, and no sample of it comes with the package.
        ConnectionError: The download failed.

    Examples:
        >>> from cnn_tutorial.data import load_digits
        >>> digits = load_digits()
        >>> image, label = digits.train[0]
        >>> tuple(image.shape)
        (1, 28, 28)
    """
    if isinstance(dataset, str):
        dataset = dataset_named(dataset)
    _check_root(root, dataset)
    if download:
        download_dataset(root, dataset)
    full_set = find_dataset(root, dataset)
    source = source_of(dataset, full_set, root)
    if full_set is None:
        # Python shows a warning on stderr, unless a program has other plans for its log.
        level = logging.WARNING if is_named(root) else logging.INFO
        _log_once(level, why_sample(source, root, dataset))
        with np.load(str(dataset.sample)) as arrays:
            train, test = (
                [torch.from_numpy(arrays[f"{part}_{kind}"]) for kind in ("images", "labels")]
                for part in ("train", "test")
            )
    else:
        _log_once(logging.INFO, f"Using {source} in {full_set}.")
        # Just the files that were verified, and so after a head of known length. (torchvision reads
        # them too, but takes longer to import than they take to read.)
        raw = raw_folder(full_set, dataset)
        train, test = (
            [
                _read_bytes(idx_path(raw, f"{part}-images-idx3-ubyte"), 16).view(-1, 28, 28),
                _read_bytes(idx_path(raw, f"{part}-labels-idx1-ubyte"), 8),
            ]
            for part in PARTS
        )
    images, labels = train
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held_out, kept = order[: len(labels) // 10], order[len(labels) // 10 :]
    return Digits(
        train=_as_dataset(images[kept], labels[kept]),
        validation=_as_dataset(images[held_out], labels[held_out]),
        test=_as_dataset(*test),
        source=source,
    )


class Pictures(Dataset[tuple[Tensor, int]]):
    """The same digits as torchvision's MNIST hands them out: each made a tensor when asked for.

    Args:
        digits: Images `(N, 1, 28, 28)` and labels `(N,)`.
    """

    def __init__(self, digits: TensorDataset) -> None:
        # Imported here, since it takes a second that only this class needs.
        from torchvision.transforms import ToTensor

        images, self.labels = digits.tensors
        self.images = (images[:, 0] * 255).round().byte()  # (N, 28, 28)
        self.transform = ToTensor()

    def __len__(self) -> int:
        """Return the number of digits."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image (1, 28, 28) and its label."""
        picture = Image.fromarray(self.images[index].numpy())
        return self.transform(picture), int(self.labels[index])


def shift(images: Tensor, offsets: Tensor, most: int) -> Tensor:
    """Move images on a black background.

    Args:
        images: (N, 1, H, W).
        offsets: (2, N), rows and columns to move up and left, plus `most`: from 0 to 2 · `most`.
        most: The most that an image is moved.

    Returns:
        (N, 1, H, W).
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (most, most, most, most))
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (N, 1, 2 · most + 1, …, H, W)
    rows, columns = offsets.to(images.device)
    return windows[torch.arange(len(images)), :, rows, columns]


def check_images(images: Tensor) -> None:
    """Check that images are what the network takes.

    Raises:
        ValueError: They are not float32 of shape `(N, 1, 28, 28)` with values in [0, 1], or none.
    """
    kind = f"{images.dtype} of shape {tuple(images.shape)}"
    if images.dtype == torch.float32 and images.shape[1:] == (1, 28, 28) and len(images):
        low, high = images.aminmax()
        if low >= 0 and high <= 1:  # which is not so for NaN
            return
        kind += f" with values from {low:g} to {high:g}"
    raise ValueError(
        "Images must be torch.float32 of shape (N, 1, 28, 28), at least one, with values from 0 to "
        f"1; these are {kind}. Bytes become such values by: images.float() / 255"
    )


def check_digits(images: Tensor, labels: Tensor) -> None:
    """Check that images are what the network takes, and that each has a label.

    Raises:
        ValueError: As `check_images`, or the labels are not int64 of shape `(N,)` from 0 to 9.
    """
    check_images(images)
    kind = f"{labels.dtype} of shape {tuple(labels.shape)}"
    if labels.dtype == torch.int64 and labels.shape == images.shape[:1]:
        low, high = labels.aminmax()
        if low >= 0 and high <= 9:
            return
        kind += f" from {low} to {high}"
    raise ValueError(
        f"Labels must be torch.int64 of shape ({len(images)},) with values from 0 to 9; "
        f"these are {kind}."
    )


def _check_root(root: Path | str | None, dataset: DataSet) -> None:
    """Refuse the name of another data set where a folder is asked for, unless there is one."""
    try:
        other = dataset_named(str(root))
    except ValueError:
        return
    if other.name != dataset.name and not Path(str(root)).exists():
        raise ValueError(
            f"There is no folder {root}. The data set of that name: "
            f"load_digits(dataset={other.name!r})"
        )


def _read_bytes(path: Path, head: int) -> Tensor:
    if path.suffix == ".gz":
        content = bytearray(gzip.decompress(path.read_bytes()))
        return torch.frombuffer(content, dtype=torch.uint8, offset=head)
    return torch.from_numpy(np.fromfile(path, np.uint8, offset=head))


def _as_dataset(images: Tensor, labels: Tensor) -> TensorDataset:
    return TensorDataset(images.unsqueeze(1).float() / 255, labels.long())  # (N, 1, 28, 28), (N,)


@functools.cache
def _log_once(level: int, message: str) -> None:
    logging.getLogger(__name__).log(level, message)
