"""The data sets that the package knows: their classes, their files, and where to get them.

Each has the layout of MNIST: four files, with images of 28×28 bytes in ten classes. This module
does without torch, so that asking takes milliseconds.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SAMPLE = Path(__file__).with_name("sample") / "digits.npz"


class IdxFile(NamedTuple):
    """One file of a data set, as it is read and as it is downloaded.

    Attributes:
        size: Bytes, as it is read.
        md5: Its checksum; None if nobody has published it.
        gz_size: Bytes, compressed.
        gz_md5: Its checksum, compressed.
    """

    size: int
    md5: str | None
    gz_size: int
    gz_md5: str


@dataclass(frozen=True)
class DataSet:
    """A data set in the layout of MNIST.

    Attributes:
        name: Its name, and that of its folder, as in `torchvision.datasets`.
        classes: What the labels 0 to 9 mean.
        files: Its four files, by their names.
        mirrors: Addresses of folders with the four files, compressed.
        sample: A file with some of its images, which comes with the package.
    """

    name: str
    classes: tuple[str, ...]
    files: dict[str, IdxFile]
    mirrors: tuple[str, ...]
    sample: Path | None = None


@dataclass(frozen=True)
class Source:
    """Where images come from: of which data set they are, and how many there are.

    Attributes:
        dataset: Name of the data set.
        classes: What its labels mean.
        train: Number of images for training, validation included.
        test: Number of images for testing.
        is_sample: Whether they are the sample that comes with the package.

    Examples:
        >>> from cnn_tutorial.datasets import MNIST, Source
        >>> print(Source("MNIST", MNIST.classes, 60_000, 10_000, is_sample=False))
        the full 60,000/10,000 MNIST
    """

    dataset: str
    classes: tuple[str, ...]
    train: int
    test: int
    is_sample: bool

    def __str__(self) -> str:
        counts = f"{self.train:,}/{self.test:,}"
        return (
            f"the bundled {counts} sample"
            if self.is_sample
            else f"the full {counts} {self.dataset}"
        )


# The names and the checksums of what is compressed are those of torchvision.datasets.
MNIST = DataSet(
    name="MNIST",
    classes=tuple("0123456789"),
    files={
        "train-images-idx3-ubyte": IdxFile(
            47_040_016,
            "6bbc9ace898e44ae57da46a324031adb",
            9_912_422,
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        ),
        "train-labels-idx1-ubyte": IdxFile(
            60_008,
            "a25bea736e30d166cdddb491f175f624",
            28_881,
            "d53e105ee54ea40749a09fcbcd1e9432",
        ),
        "t10k-images-idx3-ubyte": IdxFile(
            7_840_016,
            "2646ac647ad5339dbf082846283269ea",
            1_648_877,
            "9fb629c4189551a2d022fa330f9573f3",
        ),
        "t10k-labels-idx1-ubyte": IdxFile(
            10_008,
            "27ae3e4e09519cfbb04c329615203637",
            4_542,
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    },
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    sample=SAMPLE,
)

# H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
# Learning Algorithms", 2017.
FASHION_MNIST = DataSet(
    name="FashionMNIST",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    files={
        "train-images-idx3-ubyte": IdxFile(
            47_040_016, None, 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"
        ),
        "train-labels-idx1-ubyte": IdxFile(
            60_008, None, 29_515, "25c81989df183df01b3e8a0aad5dffbe"
        ),
        "t10k-images-idx3-ubyte": IdxFile(
            7_840_016, None, 4_422_102, "bef4ecab320f06d8554ea6380940ec79"
        ),
        "t10k-labels-idx1-ubyte": IdxFile(10_008, None, 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
    },
    mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
)

DATASETS = {dataset.name: dataset for dataset in (MNIST, FASHION_MNIST)}


def dataset_named(name: str) -> DataSet:
    """Return the data set of a name, however its words are joined: also `fashion-mnist`.

    Raises:
        ValueError: The package knows none of that name.

    Examples:
        >>> from cnn_tutorial.datasets import dataset_named
        >>> dataset_named("fashion-mnist").classes[9]
        'Ankle boot'
    """
    for dataset in DATASETS.values():
        if dataset.name.lower() == re.sub(r"[\W_]", "", name).lower():
            return dataset
    raise ValueError(f"There is no data set {name!r}: only {', '.join(DATASETS)}.")
