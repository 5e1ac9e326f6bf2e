"""The ladder: one lever a step, the same arithmetic where nothing else is promised, its figures."""

import itertools
import time
from dataclasses import asdict, replace

import pytest
import torch
from small_training import few, largest_difference

from cnn_tutorial.data import Digits, load_digits
from cnn_tutorial.evaluation import evaluate
from cnn_tutorial.measurements import FIRST_SEED, Measurements, ladder, published, read, write
from cnn_tutorial.measurements.ladder import (
    ALL,
    ASIDE,
    LADDER,
    LEARNING,
    STARTS,
    Rung,
    accuracy_of,
    gain,
    learned,
    seconds_of_an_epoch,
    start,
    table,
    training_seconds,
)
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.find import find_dataset
from cnn_tutorial.trainer import Trainer

PAIRS = [*itertools.pairwise(LADDER), *((base, name) for name, (base, _) in ASIDE.items())]
# The levers that are more than one number, and what belongs to each.
LEVERS = {
    ("fused", "batches"): {"batch_size", "learning_rate"},
    ("pooling first", "one cycle"): {
        *("epochs", "warmup", "learning_rate", "betas", "weight_decay", "label_smoothing"),
    },
    ("one cycle", "kernels"): {
        *("channels", "kernel_size", "epochs", "batch_size", "label_smoothing"),
    },
}
SAME = [pair for pair in PAIRS if pair not in LEVERS]


@pytest.fixture(scope="module")
def digits() -> Digits:
    return few(300, 300)


def settings(rung: Rung) -> dict[str, object]:
    own = asdict(rung) | asdict(rung.recipe)
    return {name: value for name, value in own.items() if name not in {"changed", "recipe"}}


@pytest.mark.parametrize("pair", PAIRS)
def test_each_step_is_one_lever(pair: tuple[str, str]) -> None:
    before, after = (settings(ALL[name]) for name in pair)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == LEVERS.get(pair, changed)
    assert len(changed) == 1 or pair in LEVERS


def test_ladder_leads_from_the_classic_recipe_to_the_fast_one() -> None:
    assert LADDER["classic"].recipe == RECIPES["classic"]
    assert LADDER["one cycle"].recipe == replace(RECIPES["small"], bfloat16=False)
    assert LADDER["fast"].recipe == RECIPES["fast"]
    assert settings(LADDER["fast"]) == settings(Rung(changed="", recipe=RECIPES["fast"]))


def after_steps(rung: Rung, digits: Digits) -> Trainer:
    """Take two steps, each with 100 digits."""
    trainer = rung.trainer(digits, seed=4)
    for images, labels in zip(*(t[:200].split(100) for t in digits.train.tensors), strict=True):
        trainer.step(images, labels, len(labels))
    return trainer


@pytest.mark.parametrize("pair", SAME)
def test_lever_changes_no_result(digits: Digits, pair: tuple[str, str]) -> None:
    before, after = (after_steps(ALL[name], digits) for name in pair)
    bfloat16 = {ALL[name].recipe.bfloat16 for name in pair} != {False}
    assert after.progress.last_loss == pytest.approx(
        before.progress.last_loss, rel=2e-2 if bfloat16 else 1e-5
    )
    if not bfloat16:
        assert largest_difference(before.model.state_dict(), after.model.state_dict()) < 1e-4


def test_levers_are_what_they_are_called(digits: Digits) -> None:
    first, last = LADDER["fused"].trainer(digits, 0), LADDER["channels last"].trainer(digits, 0)
    for trainer, is_last in (first, False), (last, True):
        weight = trainer.model.get_parameter("features.conv2.weight")
        assert weight.is_contiguous(memory_format=torch.channels_last) == is_last
    assert not LADDER["tensors"].trainer(digits, 0).optimizer.defaults["fused"]
    assert first.optimizer.defaults["fused"]


@pytest.mark.parametrize("name", ["classic", "tensors", "two workers"])
def test_loading_hands_out_each_digit_once(digits: Digits, name: str) -> None:
    trainer = ALL[name].trainer(digits, 0)
    batches = [*ALL[name].batches(trainer)]
    assert {size for *_, size in batches} == {10}
    images = torch.cat([images for images, *_ in batches])
    expected = digits.train.tensors[0]
    assert len(images) == len(expected)
    totals = torch.stack([images.sum((1, 2, 3)).sort()[0], expected.sum((1, 2, 3)).sort()[0]])
    torch.testing.assert_close(totals[0], totals[1])


def test_seconds_are_those_of_all_digits(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(Trainer, "step", lambda *_: threads.append(torch.get_num_threads()))
    ticks = itertools.count(step=6)
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    before = torch.get_num_threads()
    # 6 s for the 5 batches after the first, 50 digits; so 36 s for all 300.
    seconds = seconds_of_an_epoch(ALL["classic, one thread"], digits, seed=0, part=60)
    assert seconds == pytest.approx(36)
    assert threads == [1] * 6
    assert torch.get_num_threads() == before


def test_accuracy_is_that_of_the_rung_itself(digits: Digits) -> None:
    rung = replace(LADDER["classic"], recipe=replace(RECIPES["classic"], epochs=4))
    slow = rung.trainer(digits, 7)
    slow.fit()
    right = evaluate(slow.model, digits.test).accuracy
    assert accuracy_of(rung, digits, 7) == pytest.approx(right, abs=0.01)  # 3 digits
    assert 0.2 < right < 1


@pytest.fixture(scope="module")
def result(digits: Digits) -> Measurements:
    """The outcome of 3 seeds, by a clock of its own: the first rung takes 17 s, the last less."""
    times = dict(zip(ALL, range(len(ALL), 0, -1), strict=True))
    names = {id(rung): name for name, rung in ALL.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ladder, "load_digits", lambda: digits)
        patch.setattr(ladder, "seconds_of_an_epoch", lambda rung, *_: float(times[names[id(rung)]]))
        patch.setattr(ladder, "accuracy_of", lambda rung, *_: 0.9 + rung.recipe.epochs / 100)
        patch.setattr(ladder, "seconds_of", lambda option, code: len(code))
        return ladder.measure(3, lambda _: None)


def test_table_follows_from_the_runs(result: Measurements) -> None:
    assert read(write(result)) == result
    assert result.command == "cnn-tutorial benchmark ladder --seeds 3"
    for name in ALL:
        assert result.runs[name].seeds == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]
    assert training_seconds(result)["classic"] == 17 * 5
    assert gain(result, "tensors", "classic") == pytest.approx((17 / 16,) * 3)
    assert gain(result, "one cycle", "pooling first") == pytest.approx((12 / 11 * 5 / 2,) * 3)
    assert gain(result, "no tensors", "fast") == pytest.approx((9 / 8,) * 3)
    text = table(result)
    assert f"{result!s}\n\n" in text
    assert len(text.split("\n\n")) == 5
    for name, rung in LADDER.items():
        [line] = [line for line in text.splitlines() if line.startswith(f"{rung.changed}  ")]
        assert f"{result.runs[name].median_seconds:.1f}" in line
        assert f"{rung.recipe.epochs}" in line
        assert ("%" in line) == (name in LEARNING)
    assert "2.73 (2.73 to 2.73)" in text
    assert f"{17 / 9 * 5:.2f}" in text
    for code in STARTS.values():
        assert f"{code} " in text


def test_gain_within_noise_is_called_so(result: Measurements) -> None:
    noisy = {**result.runs, "tensors": replace(result.runs["tensors"], seconds=[20.0, 16, 10])}
    text = table(replace(result, runs=noisy))
    [line] = [line for line in text.splitlines() if line.startswith("one tensor")]
    assert line.endswith("1.06 (0.85 to 1.70) ≈ 1")
    assert text.count("≈ 1") == 2  # of the rung below too


def test_one_seed_tells_no_gain_from_noise() -> None:
    with pytest.raises(ValueError, match="2 seeds or more, not 1"):
        ladder.measure(1)


def test_what_is_published_is_complete() -> None:
    found = published("ladder")
    assert str(found.digits) == "the full 60,000/10,000 MNIST"
    assert set(found.runs) == {*ALL, *map(learned, LEARNING), *map(start, STARTS)}
    for name, rung in ALL.items():
        runs = found.runs[name]
        assert runs.changed == rung.changed
        assert len(runs.seconds) == len(runs.seeds) >= 3
    assert all(len(found.runs[learned(name)].accuracies) >= 2 for name in LEARNING)
    assert table(found)


@pytest.mark.skipif(find_dataset() is None, reason="the published figures are of the full MNIST")
def test_published_ladder_can_be_climbed_again() -> None:
    digits = load_digits()
    # On a busy machine too the first rung takes several times as long as the last.
    first, last = (
        seconds_of_an_epoch(LADDER[name], digits, 0, 960) for name in ("classic", "fast")
    )
    assert 5 * first > 2 * last
    runs = published("ladder").runs[learned("fast")]
    accuracy = accuracy_of(LADDER["fast"], digits, runs.seeds[0])
    assert accuracy == pytest.approx(runs.accuracies[0], abs=0.003)
