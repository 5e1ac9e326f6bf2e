"""What is measured: its statistics, what it reports, and that the published figures hold."""

import itertools
import statistics
import time
from dataclasses import replace

import pytest
import torch
from small_training import few

from cnn_tutorial.data import load_digits
from cnn_tutorial.measurements import (
    FIRST_SEED,
    Measurements,
    Runs,
    mean_interval,
    prediction_interval,
    published,
    read,
    recipes,
    write,
)
from cnn_tutorial.measurements.recipes import MEASURED, rival_to_good, run, table
from cnn_tutorial.measurements.rival import ExampleNetwork, train_example
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.find import find_dataset


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


def test_gain_is_that_of_pairs() -> None:
    usual = Runs(changed="nothing", seeds=[1, 2, 3], accuracies=[0.5, 0.7, 0.9])
    better = Runs(changed="something", seeds=[1, 2, 3], accuracies=[0.51, 0.72, 0.93])
    mean, low, high = better.gain_over(usual)
    assert mean == pytest.approx(0.02)
    assert (low, high) == pytest.approx(mean_interval([0.01, 0.02, 0.03]))
    with pytest.raises(ValueError, match="same seeds"):
        better.gain_over(replace(usual, seeds=[1, 2, 4]))


@pytest.fixture(scope="module")
def result() -> Measurements:
    """The outcome of 3 seeds on 200 digits, each recipe for an epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "load_digits", lambda: few(200, 200))
        short = {name: replace(recipe, epochs=1) for name, recipe in RECIPES.items()}
        patch.setattr(recipes, "RECIPES", short)
        patch.setattr(recipes, "GOOD", 0.3)
        patch.setattr(recipes, "_seconds_of_a_new_process", lambda: 12.5)
        lines: list[str] = []
        found = recipes.measure(3, lines.append)
    assert len(lines) == sum(len(runs.seeds) for runs in found.runs.values())
    return found


def test_each_recipe_has_its_runs(result: Measurements) -> None:
    assert read(write(result)) == result
    assert result.digits == load_digits().source
    seeds = [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]
    for name in ("unit", "command", *MEASURED):
        runs = result.runs[name]
        assert runs.seeds == seeds
        assert len(runs.seconds) == 3
        assert runs.median_seconds == statistics.median(runs.seconds)
    assert result.runs["command"].seconds == [12.5] * 3
    for name in MEASURED:
        runs = result.runs[name]
        assert runs.mean == pytest.approx(statistics.mean(runs.accuracies))
        assert runs.interval == pytest.approx(mean_interval(runs.accuracies))
        assert all(200 * value == pytest.approx(round(200 * value)) for value in runs.accuracies)
        assert 0 < result.runs[f"{name} at peak"].median_seconds < 2 * runs.median_seconds


def test_rival_is_trained_until_it_is_good(
    result: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "GOOD", 0.3)
    epochs, seconds = rival_to_good(result)
    assert len(epochs) == len(seconds) == 3  # seeds
    rows = [runs for name, runs in result.runs.items() if name.startswith("rival")]
    assert len(rows) == max(epochs)
    for runs, later in itertools.pairwise(rows):
        undone = [
            s for s, accuracy in zip(runs.seeds, runs.accuracies, strict=True) if accuracy < 0.3
        ]
        assert later.seeds == undone


def test_table_is_for_people(result: Measurements) -> None:
    text = table(result)
    for name in MEASURED:
        [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        runs = result.runs[name]
        assert f"{runs.mean:.2%}" in line
        assert f"{runs.median_seconds / result.runs['unit'].median_seconds:.2f}" in line
    assert ("not comparable" in text) == (find_dataset() is None)
    assert "threads" in text
    assert torch.__version__ in text


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="2 seeds or more, not 1"):
        recipes.measure(1)


def test_convolution_rate_counts_forward_and_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))  # each call a second later
    outputs = 64 * 64 * 32 * 32  # digits, channels, height and width
    work = 3 * outputs * (64 * 3 * 3 + 1)
    assert recipes.convolution_rate(bfloat16=False, seconds=3) == work


def test_example_is_that_of_pytorch() -> None:
    # 1,199,882 weights are what its network is known for.
    assert sum(p.numel() for p in ExampleNetwork().parameters()) == 1_199_882
    (_, begun), *_, (last, ended) = train_example(few(200, 200), seed=0, epochs=10)
    assert 0 < begun < ended
    assert last > 0.3  # of 200 digits


def test_what_is_published_is_complete() -> None:
    found = published("recipes")
    assert str(found.digits) == "the full 60,000/10,000 MNIST"
    for name in MEASURED:
        seeds = found.runs[name].seeds
        assert seeds == list(range(seeds[0], seeds[0] + 20))
    assert table(found)


@pytest.mark.skipif(find_dataset() is None, reason="the published figures are of the full MNIST")
@pytest.mark.parametrize("number", [0, 1])
def test_published_seeds_can_be_had_again(number: int) -> None:
    found = published("recipes").runs["fast"]
    accuracy, _ = run(RECIPES["fast"], found.seeds[number])
    low, high = prediction_interval(found.accuracies, 0.99)
    assert low <= accuracy <= high
