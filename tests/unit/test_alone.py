"""The file of plain PyTorch on *Training*: it stands alone, and does what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from mnist_files import make_idx_files, write_raw

from cnn_tutorial.support.find import find_dataset, raw_folder

FILE = Path(__file__).parents[2] / "docs/experiments/mnist.py"


def test_it_is_short_and_needs_pytorch_only() -> None:
    text = FILE.read_text()
    assert len(text.splitlines()) < 60
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    assert imported == {"torch", "torchvision"}


def test_it_learns_in_one_epoch(tmp_path: Path) -> None:
    """To 98 % with the full set; the sample has a seventh of its digits."""
    full = find_dataset()
    if full:
        (tmp_path / "data/MNIST").mkdir(parents=True)
        (tmp_path / "data/MNIST/raw").symlink_to(raw_folder(full))
    else:
        write_raw(tmp_path / "data", make_idx_files(8000, 2000))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", FILE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    epoch, test = map(float, re.findall(r"([\d.]+)%", done.stdout))
    assert re.fullmatch(
        r"epoch 1: .+% of the validation digits are read right\ntest: .+%\n", done.stdout
    )
    assert min(epoch, test) >= (98 if full else 90)
    assert max(epoch, test) < 99.5
