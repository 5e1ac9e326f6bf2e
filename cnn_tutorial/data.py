"""MNIST as tensors: the full set when it is on disk, else the bundled sample."""

import functools
import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from cnn_tutorial.download import download as download_mnist
from cnn_tutorial.download import find_mnist, name_source, raw_folder

SAMPLE = Path(__file__).with_name("sample") / "digits.npz"


class Digits(NamedTuple):
    """Three sets of digits, and where they come from.

    Each set works both ways: `image, label = digits.train[0]`, as a `DataLoader` takes it, and
    `images, labels = digits.train.tensors`. Images are float32 in [0, 1] of shape
    `(N, 1, 28, 28)`, labels are int64 of shape `(N,)`.
    """

    train: TensorDataset
    validation: TensorDataset
    test: TensorDataset
    source: str


def load_digits(root: Path | str | None = None, *, download: bool = False) -> Digits:
    """Load the full MNIST if it is on disk, else the 10,000 bundled digits.

    A tenth of the training digits, drawn at random with a fixed seed, is the validation set; the
    rest is the training set. The test digits are those of the source, untouched.

    Args:
        root: The folder whose `MNIST/raw` is looked for; if None, `$CNN_TUTORIAL_DATA` or else
            the user's cache folder.
        download: Download the full set into `root` first, if it is not there.

    Returns:
        The digits: 54,000 / 6,000 / 10,000 of the full set, 7,200 / 800 / 2,000 of the sample.

    Raises:
        ValueError: `MNIST/raw` is there, but a file in it is missing or damaged.
        ConnectionError: The download failed.
    """
    if download:
        download_mnist(root)
    found = find_mnist(root)
    source = name_source(found)
    if found is None:
        _log_once(
            f"Using {source}, since there is no {raw_folder(root)}; "
            "`cnn-tutorial download` gets the full set."
        )
        with np.load(SAMPLE) as arrays:
            train, test = (
                [torch.from_numpy(arrays[f"{part}_{kind}"]) for kind in ("images", "labels")]
                for part in ("train", "test")
            )
    else:
        _log_once(f"Using {source} in {found}.")
        # Not on top, since the sample does without this second of import.
        from torchvision.datasets.mnist import read_image_file, read_label_file

        # These read just the files that were verified; the class MNIST would prefer a folder
        # `processed` of old versions, if there is one.
        train, test = (
            [
                read_image_file(raw_folder(found) / f"{part}-images-idx3-ubyte"),
                read_label_file(raw_folder(found) / f"{part}-labels-idx1-ubyte"),
            ]
            for part in ("train", "t10k")
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


def _as_dataset(images: Tensor, labels: Tensor) -> TensorDataset:
    return TensorDataset(images.unsqueeze(1).float() / 255, labels.long())  # (N, 1, 28, 28), (N,)


@functools.cache
def _log_once(message: str) -> None:
    logging.getLogger(__name__).info(message)
