"""Files that are written whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path | str, content: bytes) -> None:
    """Write a file under a temporary name and rename it: it is complete, or the old one stays.

    Raises:
        OSError: The folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name without its content
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
