"""The commit that is built: which it is, and when it was made."""

import subprocess
from pathlib import Path


def commit(root: Path) -> tuple[str, str]:
    """Return the last commit to a folder, and its second, counted from 1970.

    Both are empty where there is no git, or the folder is none of its own.
    """
    command = ["git", "log", "-1", "--format=%H %ct", "--", "."]
    try:
        said = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return "", ""
    digest, _, second = said.stdout.strip().partition(" ")
    return digest, second
