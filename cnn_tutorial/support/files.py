"""Files that are written whole or not at all, and what is said of those that cannot be."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path | str, content: bytes) -> None:
    """Write a file under a temporary name and rename it: it is complete, or the old one stays.

    Raises:
        OSError: The folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    with explained(f"{path} cannot be written"):
        temporary = _temporary(path)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                # Else a power cut may leave the new name without its content.
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def check_writable(path: Path | str) -> None:
    """Make sure, before the work whose outcome it is to hold, that a file can be written.

    Raises:
        OSError: As `write_whole`. An old file stays as it is.
    """
    path = Path(path)
    with explained(f"{path} cannot be written"):
        temporary = _temporary(path)
        temporary.touch()
        temporary.unlink()


def check_network(path: Path | str) -> None:
    """Make sure, without torch, that the file of a network is there.

    Raises:
        OSError: It is not there, or is a folder.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it.")
    if not Path(path).exists():
        raise FileNotFoundError(
            f"There is no network {path}. Train one by: cnn-tutorial train --checkpoint {path}"
        )


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Have an error of the system said as a sentence that begins with what could not be done."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # it is a sentence already
            raise
        raise type(error)(f"{what}: {reason(error)}.") from error


def reason(error: OSError) -> str:
    """Say in words, without the number, why the system could not do something."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR) and error.filename:
        # The system may name what is behind the file that should be a folder.
        path = Path(error.filename)
        there = next(filter(os.path.lexists, (path, *path.parents)), path)
        return f"{there} is in the way, since it is no folder"
    return str(error.strerror or error) or type(error).__name__


def _temporary(path: Path) -> Path:
    """Return the name under which a file is written first, in its folder, which is made."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}-{os.getpid()}")
