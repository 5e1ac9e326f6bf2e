"""A full data set on disk: find it, verify it, download it.

The one rule about which images are used is `find_dataset`: the full set when it is on disk, else
the bundled sample. This module does without torch, so that asking takes milliseconds.
"""

import contextlib
import gzip
import hashlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path
from tqdm import tqdm

from cnn_tutorial.datasets import DATASETS, MNIST, DataSet, IdxFile, Source

PARTS = ("train", "t10k")  # how the names of the files for training and for testing begin
SLOWEST = 1_000  # bytes a second; a mirror that is slower on average is given up


def data_root() -> Path:
    """Return the folder for data: `$CNN_TUTORIAL_DATA`, else the user's cache folder."""
    chosen = os.environ.get("CNN_TUTORIAL_DATA")
    return Path(chosen).expanduser().absolute() if chosen else user_cache_path("cnn-tutorial")


def raw_folder(root: Path | str | None = None, dataset: DataSet = MNIST) -> Path:
    """Return the folder of the four files under `root`, where torchvision has it too."""
    folder = data_root() if root is None else Path(root).expanduser().absolute()
    return folder / dataset.name / "raw"


def find_dataset(root: Path | str | None = None, dataset: DataSet = MNIST) -> Path | None:
    """Find a full data set on disk and verify it, in about 0.15 s.

    Args:
        root: Where to look; `data_root()` if None.
        dataset: The data set.

    Returns:
        The root whose `MNIST/raw`, or folder of that data set, holds the four files, or None if
        there is no such folder or it is empty: then the bundled sample is used.

    Raises:
        ValueError: A file is missing, truncated, corrupt or foreign. It is left as it is.
    """
    raw = raw_folder(root, dataset)
    if not os.path.lexists(raw) or (raw.is_dir() and not any(raw.iterdir())):
        return None
    root = raw.parent.parent
    for name in dataset.files:
        damage = _damage(raw / name, dataset)
        if damage:
            raise ValueError(
                f"{raw / name} {damage}. "
                f'Move {raw} away, then run: {download_command(dataset)} --root "{root}"'
            )
    return root


def download_command(dataset: DataSet = MNIST) -> str:
    """Return the command that downloads a data set."""
    option = "" if dataset.name == MNIST.name else f" --dataset {dataset.name}"
    return f"cnn-tutorial download{option}"


def _damage(path: Path, dataset: DataSet) -> str | None:
    """Say what is wrong with a file of a data set, or return None."""
    if not path.is_file():
        return "is missing" if not path.exists() else "is not a file"
    expected, content = dataset.files[path.name], path.read_bytes()
    # Unsigned bytes (08) in three dimensions are images, in one dimension labels.
    magic = bytes([0, 0, 8, 3 if "idx3" in path.name else 1])
    if content and not content.startswith(magic[: len(content)]):
        found = content[:4].hex()
        return f"is not the idx file of that name: it starts with {found}, not with {magic.hex()}"
    if len(content) != expected.size:
        how = "truncated" if len(content) < expected.size else "too long"
        return f"is {how}: it has {len(content):,} bytes, not {expected.size:,}"
    if (md5 := _md5(content)) == expected.md5:
        return None
    # Not all checksums are known, but a file that has one of another set is of that set.
    for other in DATASETS.values():
        if md5 in (file.md5 for file in other.files.values()):
            return f"is a file of {other.name}, not of {dataset.name}"
    if expected.md5:
        return f"is corrupt, or of another data set: its MD5 is {md5}, not {expected.md5}"
    classes = len(dataset.classes)
    if "labels" in path.name and (highest := max(content[8:])) >= classes:
        return f"has a label {highest}: {dataset.name} has {classes} classes, 0 to {classes - 1}"
    return None


def find_source(root: Path | str | None = None, dataset: DataSet = MNIST) -> Source:
    """Say which images `load_digits` uses: those of the full set, or those of the sample.

    Raises:
        ValueError: As `find_dataset`.
        FileNotFoundError: As `source_of`.
    """
    return source_of(dataset, find_dataset(root, dataset))


def source_of(dataset: DataSet, root: Path | None) -> Source:
    """Say which images are used when this is where `find_dataset` has found a data set.

    Raises:
        FileNotFoundError: It was not found, and no sample of it comes with the package.
    """
    if root is not None:
        # A file of labels has a head of 8 bytes, then one byte an image.
        train, test = (dataset.files[f"{part}-labels-idx1-ubyte"].size - 8 for part in PARTS)
    elif dataset.sample is not None:
        with np.load(dataset.sample) as arrays:
            train, test = (len(arrays[f"{part}_labels"]) for part in ("train", "test"))
    else:
        raise FileNotFoundError(
            f"There is no full {dataset.name} on disk, and no sample of it comes with the package. "
            f"Get it by: {download_command(dataset)}"
        )
    return Source(dataset.name, dataset.classes, train, test, is_sample=root is None)


def download(
    root: Path | str | None = None,
    dataset: DataSet = MNIST,
    mirrors: Sequence[str] | None = None,
    timeout: float = 30,
) -> Path:
    """Download a full data set, unless it is there: all four files or, on any failure, none.

    The files are collected in a folder of their own, which becomes the data set's in one step. Of
    several downloads at once, the first to finish stays.

    Args:
        root: The folder for data; `data_root()` if None.
        dataset: The data set.
        mirrors: Addresses of folders with the four `.gz`, tried in turn; if None, its own.
        timeout: Seconds. A mirror is given up when nothing comes from it for that long, or when
            it is slower than 1,000 bytes a second, the first so many seconds not counted.

    Returns:
        The root.

    Raises:
        ValueError: Files are there and damaged, as in `find_dataset`. They are left as they are.
        ConnectionError: No mirror gave one of the files; the message has each mirror's reason.
    """
    there = find_dataset(root, dataset)
    if there is not None:
        return there
    raw = raw_folder(root, dataset)
    raw.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="download-", dir=raw.parent) as temporary:
        # One level down, since the temporary folder itself is closed to other users.
        complete = Path(temporary) / "raw"
        complete.mkdir()
        in_order = list(dataset.mirrors if mirrors is None else mirrors)
        for name in dataset.files:
            (complete / name).write_bytes(_fetch_from_any(in_order, name, dataset, timeout, raw))
        with contextlib.suppress(OSError):
            raw.rmdir()  # If it is there and empty: not every system renames over a folder.
        try:
            complete.rename(raw)
        except OSError:
            if find_dataset(root, dataset) is None:  # else another download was faster: it stays
                raise
    return raw.parent.parent


def _fetch_from_any(
    mirrors: list[str], name: str, dataset: DataSet, timeout: float, raw: Path
) -> bytes:
    """Fetch one file from the first mirror that gives it, and move that mirror to the front."""
    reasons = []
    for mirror in tuple(mirrors):
        try:
            content = _fetch(f"{mirror.rstrip('/')}/{name}.gz", dataset.files[name], timeout)
        except (OSError, ValueError, http.client.HTTPException) as error:
            reasons.append(f"  {mirror}: {_reason(error)}")
            continue
        mirrors.remove(mirror)
        mirrors.insert(0, mirror)
        return content
    raise ConnectionError(
        "\n".join([f"{name}.gz could not be downloaded.", *reasons])
        + f"\nCheck the connection and try again, or put the four files, unzipped, into {raw}: "
        + ", ".join(dataset.files)
    )


def _fetch(url: str, expected: IdxFile, timeout: float) -> bytes:
    """Fetch and unzip one file; a ValueError says what is wrong with what came."""
    # Some mirrors answer 403 to the name that urllib gives itself.
    request = urllib.request.Request(url, headers={"User-Agent": "cnn-tutorial"})
    content = bytearray()
    start = time.monotonic()
    with (
        urllib.request.urlopen(request, timeout=timeout) as response,
        tqdm(
            desc=url.rpartition("/")[2],
            total=expected.gz_size,
            unit="B",
            unit_scale=True,
            disable=None,  # shown in a terminal only
        ) as bar,
    ):
        while chunk := response.read1(65_536):
            content += chunk
            bar.update(len(chunk))
            if len(content) > expected.gz_size:
                raise ValueError(f"sends more than the {expected.gz_size:,} bytes of the file")
            seconds = time.monotonic() - start
            if len(content) < SLOWEST * (seconds - timeout):
                raise TimeoutError(f"too slow: {len(content):,} bytes in {seconds:.0f} s")
    if len(content) < expected.gz_size:
        raise ValueError(f"cut off after {len(content):,} of {expected.gz_size:,} bytes")
    if (md5 := _md5(content)) != expected.gz_md5:
        raise ValueError(f"wrong checksum: the MD5 is {md5}, not {expected.gz_md5}")
    unzipped = gzip.decompress(content)
    if (md5 := _md5(unzipped)) != (expected.md5 or md5):
        raise ValueError(f"wrong checksum: the MD5 unzipped is {md5}, not {expected.md5}")
    return unzipped


def _reason(error: Exception) -> str:
    """Say in a few words why a mirror failed."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
    elif isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


def _md5(content: bytes | bytearray) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
