"""Figures that took long to measure, each set of them in a file that one command makes again.

`cnn-tutorial benchmark NAME --json FILE` measures what `NAME.json` holds once more, by the module
of that name. All files have one shape, that of `Measurements`.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from scipy.special import stdtrit

from cnn_tutorial.datasets import Source
from cnn_tutorial.support.device import choose_device, has_bfloat16

FIRST_SEED = 3000  # nobody had looked at what it or any higher one comes to


@dataclass(kw_only=True)
class Runs:
    """What was measured of one thing, once for each seed.

    Attributes:
        changed: What is special about it, in a few words.
        seeds: Of each run.
        accuracies: Of each run, if accuracy was measured.
        seconds: Of each run, if time was measured.
    """

    changed: str
    seeds: list[int] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """The mean accuracy."""
        return statistics.mean(self.accuracies)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean accuracy over all seeds."""
        return mean_interval(self.accuracies)

    @property
    def median_seconds(self) -> float:
        """The median of the seconds, which a run that was disturbed hardly moves."""
        return statistics.median(self.seconds)

    def gain_over(self, other: "Runs") -> tuple[float, float, float]:
        """Return the mean gain in accuracy over other runs of the same seeds, and its interval.

        Raises:
            ValueError: The seeds are others.
        """
        if self.seeds != other.seeds:
            raise ValueError(f"Only runs of the same seeds make pairs: {self.seeds}, {other.seeds}")
        pairs = zip(self.accuracies, other.accuracies, strict=True)
        gains = [mine - others for mine, others in pairs]
        return (statistics.mean(gains), *mean_interval(gains))


@dataclass(kw_only=True)
class Measurements:
    """What one command measured: on which digits, by which machine, and when.

    Attributes:
        command: The command that measures the same.
        date: The day, as YYYY-MM-DD.
        digits: Where the digits are from.
        machine: The machine and the versions of Python and PyTorch.
        runs: What was measured, by name.
    """

    command: str
    date: str
    digits: Source
    machine: dict[str, str | int]
    runs: dict[str, Runs]

    def __str__(self) -> str:
        machine = ", ".join(str(self.machine[name]) for name in ("processor", "system"))
        threads, bfloat16 = self.machine["threads"], self.machine["bfloat16"]
        return (
            f"{self.digits}, {self.date}\n"
            f"{machine}, {threads} threads, bfloat16 {bfloat16}\n"
            f"Python {self.machine['Python']}, torch {self.machine['torch']}"
        )


def seeds_in_a_row(count: int) -> range:
    """Return the seeds of a measurement: those from `FIRST_SEED` on, so that none can be picked.

    Raises:
        ValueError: There are too few for an interval.
    """
    if count < 2:
        raise ValueError(f"An interval takes 2 seeds or more, not {count}.")
    return range(FIRST_SEED, FIRST_SEED + count)


def measured(command: str, digits: Source, runs: dict[str, Runs]) -> Measurements:
    """Return what was measured just now, on this machine."""
    today = datetime.now(UTC).date().isoformat()
    return Measurements(
        command=command, date=today, digits=digits, machine=describe_machine(), runs=runs
    )


def seconds_of(*arguments: str) -> float:
    """Return how long Python takes, with these arguments, in a process of its own.

    Raises:
        RuntimeError: It failed.
    """
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if done.returncode:
        *_, last = ["it said nothing", *done.stderr.splitlines()]
        raise RuntimeError(f"`python {' '.join(arguments)}` failed: {last}")
    return time.perf_counter() - start


def published(name: str) -> Measurements:
    """Return what was measured for this version of the package.

    Args:
        name: Name of the file, without `.json`.
    """
    return read(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))


def read(text: str) -> Measurements:
    """Return the measurements that `write` made a text of."""
    found: dict[str, Any] = json.loads(text)
    digits = found.pop("digits")
    digits["classes"] = tuple(digits["classes"])
    runs = {name: Runs(**run) for name, run in found.pop("runs").items()}
    return Measurements(**found, digits=Source(**digits), runs=runs)


def write(found: Measurements) -> str:
    """Return measurements as a text for a file."""
    return f"{json.dumps(asdict(found), indent=1)}\n"


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of the mean of values, by Student's t.

    Args:
        values: At least two, taken to be normally distributed.
        level: The probability that such an interval holds the mean.
    """
    return _t_interval(values, level, (1 / len(values)) ** 0.5)


def prediction_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of one further value, by Student's t.

    Args:
        values: At least two, taken to be normally distributed.
        level: The probability that such an interval holds the next value.
    """
    return _t_interval(values, level, (1 / len(values) + 1) ** 0.5)


def describe_machine() -> dict[str, str | int]:
    """Return what decides how fast this machine is, and the versions that decide the results."""
    device = choose_device()
    names = torch.cpu.get_capabilities().get("cpu_name", platform.machine())
    return {
        "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else str(names),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "bfloat16": "in hardware" if has_bfloat16(device) else "no",
        "system": platform.system(),
        "Python": platform.python_version(),
        "torch": torch.__version__,
    }


def _t_interval(values: Sequence[float], level: float, width: float) -> tuple[float, float]:
    mean = statistics.mean(values)
    quantile = float(stdtrit(len(values) - 1, (1 + level) / 2))
    half = quantile * statistics.stdev(values) * width
    return mean - half, mean + half
