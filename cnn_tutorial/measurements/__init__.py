"""Figures that took hours to measure, each in a file that one command makes again.

`benchmark`, by `cnn-tutorial benchmark --seeds 20 --json FILE` with the full MNIST.
"""

import json
from pathlib import Path
from typing import Any


def published(name: str) -> dict[str, Any]:
    """Return what was measured for this version of the package.

    Args:
        name: Name of the file, without `.json`.
    """
    path = Path(__file__).with_name(f"{name}.json")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result
