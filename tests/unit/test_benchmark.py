"""The benchmark: its statistics, what it reports, and that the published figures hold."""

import itertools
import json
import statistics
import time
from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from cnn_tutorial import benchmark as module
from cnn_tutorial.benchmark import (
    FIRST_SEED,
    MEASURED,
    benchmark,
    convolution_rate,
    mean_interval,
    prediction_interval,
    run,
    table,
)
from cnn_tutorial.data import Digits, load_digits
from cnn_tutorial.datasets import Source
from cnn_tutorial.measurements import published
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.download import find_dataset


# Quantiles of Student's t as in any table of it: 97.5 % and 99.5 %.
@pytest.mark.parametrize(
    ("n", "level", "quantile"),
    [(2, 0.95, 12.706), (5, 0.95, 2.776), (20, 0.95, 2.093), (20, 0.99, 2.861), (3, 0.99, 9.925)],
)
def test_interval_is_that_of_students_t(n: int, level: float, quantile: float) -> None:
    values = [0.9 + 0.01 * i * i for i in range(n)]
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    low, high = mean_interval(values, level)
    assert (low + high) / 2 == pytest.approx(mean)
    assert high - mean == pytest.approx(quantile * deviation / n**0.5, rel=2e-4)
    _, high_of_one = prediction_interval(values, level)
    assert high_of_one - mean == pytest.approx(quantile * deviation * (1 + 1 / n) ** 0.5, rel=2e-4)


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """The outcome of a benchmark of 3 seeds on 200 digits, each recipe for an epoch."""
    digits = load_digits()
    train, validation, test = (
        TensorDataset(*(tensor[:200] for tensor in part.tensors)) for part in digits[:3]
    )
    few = Digits(train, validation, test, digits.source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_digits", lambda: few)
        short = {name: replace(recipe, epochs=1) for name, recipe in RECIPES.items()}
        patch.setattr(module, "RECIPES", short)
        patch.setattr(module, "_seconds_of_a_new_process", lambda: 12.5)
        lines: list[str] = []
        found = benchmark(3, lines.append)
    assert len(lines) == 3 * len(MEASURED) + 3 + 1
    reread: dict[str, Any] = json.loads(json.dumps(found))
    return reread


def test_each_figure_follows_from_the_runs(result: dict[str, Any]) -> None:
    unit = statistics.median(result["unit"]["seconds"])
    assert result["unit"]["median_seconds"] == unit
    assert result["new_process"]["ratio"] == pytest.approx(12.5 / unit)
    assert result["digits"] == json.loads(json.dumps(asdict(load_digits().source)))
    for name in MEASURED:
        found = result["recipes"][name]
        assert found["seeds"] == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]
        assert found["mean"] == pytest.approx(statistics.mean(found["accuracies"]))
        assert found["interval"] == pytest.approx(mean_interval(found["accuracies"]))
        assert found["ratio"] == pytest.approx(statistics.median(found["seconds"]) / unit)
        assert 0 < found["share_of_peak"] < 2
        assert all(
            accuracy * 200 == pytest.approx(round(accuracy * 200))
            for accuracy in found["accuracies"]
        )  # of 200 digits


def test_table_is_for_people(result: dict[str, Any]) -> None:
    text = table(result)
    for name in MEASURED:
        [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        assert f"{result['recipes'][name]['mean']:.2%}" in line
        assert f"{result['recipes'][name]['ratio']:.2f}" in line
    assert ("not comparable" in text) == (find_dataset() is None)
    assert "threads" in text
    assert torch.__version__ in text


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="2 seeds or more, not 1"):
        benchmark(1)


def test_convolution_rate_counts_forward_and_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))  # each call a second later
    outputs = 64 * 64 * 32 * 32  # digits, channels, height and width
    assert convolution_rate(bfloat16=False, seconds=3) == 3 * outputs * (64 * 3 * 3 + 1)


def test_what_is_published_is_complete() -> None:
    found = published("benchmark")
    assert str(Source(**found["digits"])) == "the full 60,000/10,000 MNIST"
    for name in MEASURED:
        recipe = found["recipes"][name]
        count = 5 if name == "accurate" else 20
        first = recipe["seeds"][0]
        assert recipe["seeds"] == list(range(first, first + count))
        assert recipe["interval"] == pytest.approx(mean_interval(recipe["accuracies"]))
        assert recipe["one_run"] == pytest.approx(prediction_interval(recipe["accuracies"], 0.99))
    assert table(found)


@pytest.mark.skipif(find_dataset() is None, reason="the published figures are of the full MNIST")
@pytest.mark.parametrize("number", [0, 1])
def test_published_seeds_can_be_had_again(number: int) -> None:
    found = published("benchmark")["recipes"]["fast"]
    accuracy, _ = run(RECIPES["fast"], found["seeds"][number])
    low, high = found["one_run"]
    assert low <= accuracy <= high
