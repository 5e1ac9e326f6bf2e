"""A full data set from one of its mirrors: all four files, verified, or none."""

import contextlib
import gzip
import http.client
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from cnn_tutorial.datasets import MNIST, DataSet, IdxFile
from cnn_tutorial.support.files import explained, reason
from cnn_tutorial.support.find import find_dataset, is_by_system, md5_of, raw_folder

SLOWEST = 1_000  # bytes a second; a mirror that is slower on average is given up


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
        OSError: The folder cannot be made or written to, or the disk is full.
    """
    there = find_dataset(root, dataset)
    if there is not None:
        return there
    raw = raw_folder(root, dataset)
    with explained(f"{raw} cannot be written"):
        raw.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="download-", dir=raw.parent) as temporary:
            # One level down, since the temporary folder itself is closed to other users.
            complete = Path(temporary) / "raw"
            complete.mkdir()
            in_order = list(dataset.mirrors if mirrors is None else mirrors)
            for name in dataset.files:
                content = _fetch_from_any(in_order, name, dataset, timeout, raw)
                (complete / name).write_bytes(content)
            with contextlib.suppress(OSError):
                # If it is there and empty: not every system renames over a folder.
                for path in filter(is_by_system, raw.iterdir()):
                    path.unlink()
                raw.rmdir()
            try:
                complete.rename(raw)
            except OSError:
                if find_dataset(root, dataset) is None:  # else another download was faster
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
        + f"\nCheck the connection and try again, or put the four files, zipped or not, in {raw}: "
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
    if (md5 := md5_of(content)) != expected.gz_md5:
        raise ValueError(f"wrong checksum: the MD5 is {md5}, not {expected.gz_md5}")
    unzipped = gzip.decompress(content)
    if (md5 := md5_of(unzipped)) != (expected.md5 or md5):
        raise ValueError(f"wrong checksum: the MD5 unzipped is {md5}, not {expected.md5}")
    return unzipped


def _reason(error: Exception) -> str:
    """Say in a few words why a mirror failed."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return str(error)
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be verified: {error.verify_message}"
    if isinstance(error, OSError):
        return reason(error)
    return str(error) or type(error).__name__
