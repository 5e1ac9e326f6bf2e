"""The full MNIST on disk: find it, verify it, download it.

The one rule about which digits are used is `find_mnist`: the full set when it is on disk, else the
bundled sample. This module does without torch, so that asking takes milliseconds.
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
from typing import NamedTuple

from platformdirs import user_cache_path
from tqdm import tqdm


class IdxFile(NamedTuple):
    """Size in bytes and MD5 of one file of MNIST, as it is read and as it is downloaded."""

    size: int
    md5: str
    gz_size: int
    gz_md5: str


# The names and the checksums of the .gz are those of torchvision.datasets.MNIST.
FILES = {
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
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
SLOWEST = 1_000  # bytes a second; a mirror that is slower on average is given up


def data_root() -> Path:
    """Return the folder for data: `$CNN_TUTORIAL_DATA`, else the user's cache folder."""
    chosen = os.environ.get("CNN_TUTORIAL_DATA")
    return Path(chosen).expanduser().absolute() if chosen else user_cache_path("cnn-tutorial")


def raw_folder(root: Path | str | None = None) -> Path:
    """Return the folder of MNIST's four files under `root`, where torchvision has it too."""
    folder = data_root() if root is None else Path(root).expanduser().absolute()
    return folder / "MNIST" / "raw"


def find_mnist(root: Path | str | None = None) -> Path | None:
    """Find the full MNIST on disk and verify it, in about 0.15 s.

    Args:
        root: Where to look; `data_root()` if None.

    Returns:
        The root whose `MNIST/raw` holds the four files, or None if there is no such folder or it
        is empty: then the bundled sample is used.

    Raises:
        ValueError: A file is missing, truncated, corrupt or foreign. It is left as it is.
    """
    raw = raw_folder(root)
    if not os.path.lexists(raw) or (raw.is_dir() and not any(raw.iterdir())):
        return None
    root = raw.parent.parent
    for name, expected in FILES.items():
        damage = _damage(raw / name, expected)
        if damage:
            raise ValueError(
                f"{raw / name} {damage}. "
                f'Move {raw} away, then run: cnn-tutorial download --root "{root}"'
            )
    return root


def _damage(path: Path, expected: IdxFile) -> str | None:
    """Say what is wrong with a file of MNIST, or return None."""
    if not path.is_file():
        return "is missing" if not path.exists() else "is not a file"
    content = path.read_bytes()
    # Unsigned bytes (08) in three dimensions are images, in one dimension labels.
    magic = bytes([0, 0, 8, 3 if "idx3" in path.name else 1])
    if content and not content.startswith(magic[: len(content)]):
        found = content[:4].hex()
        return f"is not the idx file of that name: it starts with {found}, not with {magic.hex()}"
    if len(content) != expected.size:
        how = "truncated" if len(content) < expected.size else "too long"
        return f"is {how}: it has {len(content):,} bytes, not {expected.size:,}"
    if (md5 := _md5(content)) != expected.md5:
        return f"is corrupt: its MD5 is {md5}, not {expected.md5}"
    return None


def describe_source(root: Path | str | None = None) -> str:
    """Say which digits `load_digits(root)` uses: the full set or the sample, and how many.

    Raises:
        ValueError: As `find_mnist`.
    """
    return name_source(find_mnist(root))


def name_source(found: Path | None) -> str:
    """Name the digits that an answer of `find_mnist` stands for."""
    if found is None:
        return "the bundled 8,000/2,000 sample"
    # A file of labels has a head of 8 bytes, then one byte a digit.
    train, test = (FILES[f"{part}-labels-idx1-ubyte"].size - 8 for part in ("train", "t10k"))
    return f"the full {train:,}/{test:,} MNIST"


def download(
    root: Path | str | None = None, mirrors: Sequence[str] = MIRRORS, timeout: float = 30
) -> Path:
    """Download the full MNIST, unless it is there: all four files or, on any failure, none.

    The files are collected in a folder of their own, which becomes `MNIST/raw` in one step. Of
    several downloads at once, the first to finish stays.

    Args:
        root: The folder for data; `data_root()` if None.
        mirrors: Addresses of folders with the four `.gz`, tried in turn.
        timeout: Seconds. A mirror is given up when nothing comes from it for that long, or when
            it is slower than 1,000 bytes a second, the first so many seconds not counted.

    Returns:
        The root.

    Raises:
        ValueError: Files are there and damaged, as in `find_mnist`. They are left as they are.
        ConnectionError: No mirror gave one of the files; the message has each mirror's reason.
    """
    found = find_mnist(root)
    if found is not None:
        return found
    raw = raw_folder(root)
    raw.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="download-", dir=raw.parent) as temporary:
        # One level down, since the temporary folder itself is closed to other users.
        complete = Path(temporary) / "raw"
        complete.mkdir()
        in_order = list(mirrors)
        for name, expected in FILES.items():
            (complete / name).write_bytes(_fetch_from_any(in_order, name, expected, timeout, raw))
        with contextlib.suppress(OSError):
            raw.rmdir()  # If it is there and empty: not every system renames over a folder.
        try:
            complete.rename(raw)
        except OSError:
            if find_mnist(root) is None:  # Else another download was faster: its files stay.
                raise
    return raw.parent.parent


def _fetch_from_any(
    mirrors: list[str], name: str, expected: IdxFile, timeout: float, raw: Path
) -> bytes:
    """Fetch one file from the first mirror that gives it, and move that mirror to the front."""
    reasons = []
    for mirror in tuple(mirrors):
        try:
            content = _fetch(f"{mirror.rstrip('/')}/{name}.gz", expected, timeout)
        except (OSError, ValueError, http.client.HTTPException) as error:
            reasons.append(f"  {mirror}: {_reason(error)}")
            continue
        mirrors.remove(mirror)
        mirrors.insert(0, mirror)
        return content
    raise ConnectionError(
        "\n".join([f"{name}.gz could not be downloaded.", *reasons])
        + f"\nCheck the connection and try again, or put the four files, unzipped, into {raw}: "
        + ", ".join(FILES)
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
    if (md5 := _md5(unzipped)) != expected.md5:
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
