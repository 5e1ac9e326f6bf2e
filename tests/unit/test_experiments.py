"""The experiments: each changes what it says and nothing else, and the published figures hold."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from small_training import few
from torch import Tensor, nn

from cnn_tutorial.data import load_digits, shift
from cnn_tutorial.measurements import (
    FIRST_SEED,
    Measurements,
    changes,
    experiments,
    prediction_interval,
    published,
    read,
    write,
)
from cnn_tutorial.measurements.experiments import (
    BASE,
    EXPERIMENTS,
    HARDER,
    PARTS,
    gains,
    means_of,
    measure,
    run,
    table,
)
from cnn_tutorial.model import PoolingFirst
from cnn_tutorial.support.find import find_dataset

# By hand: what the layers before fc1 have, and how many numbers fc1 takes.
BY_HAND = {
    "plain": (6 * 10 + 16 * 55, 16 * 5 * 5),
    "1×1 kernels": (6 * 2 + 16 * 7, 16 * 7 * 7),
    "5×5 kernels": (6 * 26 + 16 * 151, 16 * 4 * 4),
    "7×7 kernels": (6 * 50 + 16 * 295, 16 * 2 * 2),
    "stride, no pooling": (6 * 10 + 16 * 55, 16 * 6 * 6),
    "average pooling": (6 * 10 + 16 * 55, 16 * 5 * 5),
    "half the channels": (3 * 10 + 8 * 28, 8 * 5 * 5),
    "twice the channels": (12 * 10 + 32 * 109, 32 * 5 * 5),
    "4× the channels": (24 * 10 + 64 * 217, 64 * 5 * 5),
    "one convolution": (16 * 10, 16 * 6 * 6),
    "three convolutions": (6 * 10 + 16 * 55 + 16 * 145, 16 * 5 * 5),
    "dropout": (6 * 10 + 16 * 55, 16 * 5 * 5),
    "batch norm": (6 * 10 + 16 * 55 + 2 * (6 + 16), 16 * 5 * 5),
    "frozen kernels": (6 * 10 + 16 * 55, 16 * 5 * 5),
}


def network_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    experiment = EXPERIMENTS[name]
    return (experiment.network or experiment.recipe.network)()


def parameters_of(name: str) -> int:
    return sum(p.numel() for p in network_of(name).parameters())


@pytest.fixture(scope="module")
def images() -> Tensor:
    """50 validation digits, (50, 1, 28, 28)."""
    return load_digits().validation.tensors[0][:50]


@pytest.mark.parametrize("name", BY_HAND)
def test_network_has_the_parameters_that_its_change_gives_it(name: str) -> None:
    before, flat = BY_HAND[name]
    head = sum(outputs * (inputs + 1) for inputs, outputs in ((flat, 120), (120, 84), (84, 10)))
    assert parameters_of(name) == before + head


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_network_answers_for_each_digit_by_itself(name: str, images: Tensor) -> None:
    net = network_of(name).eval()
    with torch.no_grad():
        logits, alone = net(images), net(images[7:8])
    assert logits.shape == (50, 10)
    torch.testing.assert_close(logits[7:8], alone, atol=1e-5, rtol=1e-4)


def test_head_is_that_of_the_pages(images: Tensor) -> None:
    torch.manual_seed(0)
    same = changes.with_head(PoolingFirst())
    with torch.no_grad():
        assert torch.equal(same(images), network_of("plain")(images))


def test_changes_are_of_one_thing() -> None:
    assert all(experiment.base in EXPERIMENTS for experiment in EXPERIMENTS.values())
    kinds = {
        name: {type(layer) for layer in network_of(name).modules()}
        for name in ("stride, no pooling", "average pooling", "batch norm", "dropout")
    }
    assert nn.MaxPool2d not in kinds["stride, no pooling"] | kinds["average pooling"]
    assert nn.AvgPool2d in kinds["average pooling"]
    assert nn.BatchNorm2d in kinds["batch norm"]
    assert nn.Dropout in kinds["dropout"]
    learning = sum(p.numel() for p in network_of("frozen kernels").parameters() if p.requires_grad)
    assert learning == parameters_of("plain") - (6 * 10 + 16 * 55)
    assert parameters_of("one linear layer") == 6 * 10 + 16 * 55 + 10 * 401


def test_fully_connected_network_is_as_large() -> None:
    assert parameters_of("fully connected") == pytest.approx(parameters_of("plain"), rel=0.02)
    assert not any(
        isinstance(layer, nn.Conv2d) for layer in network_of("fully connected").modules()
    )


def test_order_is_one_for_all_digits(images: Tensor) -> None:
    numbered = (torch.arange(784.0) / 784).view(1, 1, 28, 28)
    order = (784 * changes.in_random_order(numbered, 3)).flatten().round().long()
    assert order.sort().values.tolist() == list(range(784))
    assert (order == torch.arange(784)).sum() < 10
    mixed = changes.in_random_order(images, 3)
    assert mixed.shape == images.shape
    for image, other in zip(images, mixed, strict=True):
        assert torch.equal(other.flatten(), image.flatten()[order])
    assert not torch.equal(mixed, changes.in_random_order(images, 4))
    digits = load_digits()
    ordered = changes.ordered(digits, 3)
    for part, old in ((ordered.train, digits.train), (ordered.validation, digits.validation)):
        assert torch.equal(part.tensors[0][:5].flatten(1), old.tensors[0][:5].flatten(1)[:, order])
        assert part.tensors[1] is old.tensors[1]
    assert ordered.test is digits.test


def test_harder_digits_are_what_their_name_says(images: Tensor) -> None:
    for pixels in (1, 6):
        offsets = torch.tensor([[6], [6 - pixels]]).expand(2, len(images))
        expected = shift(images, offsets, 6)
        assert torch.equal(HARDER[f"shifted by {pixels}"](images), expected)
    quarter = HARDER["rotated by 90"](images)
    torch.testing.assert_close(quarter, images.rot90(dims=(2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(changes.rotated(images, 0), images, atol=1e-5, rtol=0)
    grey = torch.full((20, 1, 28, 28), 0.5)
    noise = HARDER["noise 0.1"](grey) - grey
    assert noise.std().item() == pytest.approx(0.1, rel=0.05)
    assert torch.equal(HARDER["noise 0.1"](grey), HARDER["noise 0.1"](grey))
    for change in HARDER.values():
        low, high = change(images).aminmax()
        assert 0 <= low < high <= 1


@pytest.mark.parametrize("part", PARTS)
def test_fewer_digits_are_drawn_without_repeating(part: float) -> None:
    digits = load_digits()
    count = round(part * len(digits.train))
    fewer, others = changes.some(digits, 1, part), changes.some(digits, 2, part)
    assert len(fewer.train) == count >= BASE.batch_size
    assert fewer.validation is digits.validation
    assert len(fewer.train.tensors[0].flatten(1).unique(dim=0)) > 0.99 * count
    assert not torch.equal(fewer.train.tensors[0], others.train.tensors[0])
    recipe = EXPERIMENTS[f"plain, {part:.0%} of digits"].recipe
    assert recipe.epochs * part == pytest.approx(BASE.epochs, rel=0.06)


THREE = {
    name: EXPERIMENTS[name]
    for name in ("plain", "fully connected", "fully connected, random order")
}


@pytest.fixture(scope="module")
def result() -> Measurements:
    """Three of the experiments with 3 seeds, on few digits, in this process."""

    def pool(**options: Any) -> ThreadPoolExecutor:
        assert options["initargs"] == (1,)
        return ThreadPoolExecutor(1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "load_digits", lambda: few(300, 300))
        patch.setattr(experiments, "ProcessPoolExecutor", pool)
        patch.setattr(experiments, "EXPERIMENTS", THREE)
        lines: list[str] = []
        found = measure(3, lines.append)
    assert len(lines) == 3 * len(THREE)
    return found


def test_each_row_has_its_runs(result: Measurements) -> None:
    assert read(write(result)) == result
    assert len(result.runs) == 3 + 2 * len(HARDER)
    for runs in result.runs.values():
        assert runs.seeds == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]
        assert all(300 * value == pytest.approx(round(300 * value)) for value in runs.accuracies)
    assert len(set(result.runs["plain"].accuracies)) > 1
    assert result.runs["plain, noise 0.1"].changed.endswith(", noise 0.1")


def test_table_follows_from_the_runs(result: Measurements, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = result.runs
    monkeypatch.setattr(experiments, "EXPERIMENTS", THREE)
    lines = table(result).splitlines()
    for name, base in (
        ("fully connected", "plain"),
        ("fully connected, random order", "fully connected"),
    ):
        gains = [
            100 * (a - b) for a, b in zip(runs[name].accuracies, runs[base].accuracies, strict=True)
        ]
        mean = sum(gains) / 3
        half = 4.3027 * (sum((g - mean) ** 2 for g in gains) / 2 / 3) ** 0.5
        line = next(line for line in lines if line.startswith(f"{name}  "))
        assert f"{runs[name].mean:.2%}" in line
        assert f"{mean:+.2f}, {mean - half:+.2f} to {mean + half:+.2f}" in line
    shifts = [line for line in lines if line.startswith("plain ")][1]
    assert f"{runs['plain, shifted by 6'].mean:.1%}" in shifts
    assert ("not comparable" in table(result)) == (find_dataset() is None)


def test_curves_are_those_of_the_runs(result: Measurements) -> None:
    runs = result.runs
    names = ["plain", "fully connected"]
    means, intervals = means_of(runs, names, ["noise 0.1", "shifted by 2"])
    for name in names:
        rows = [runs[name], runs[f"{name}, noise 0.1"], runs[f"{name}, shifted by 2"]]
        assert means[name] == pytest.approx([sum(row.accuracies) / 3 for row in rows])
        assert intervals[name] == [row.interval for row in rows]
    [gain] = gains(runs, ["fully connected"]).values()
    assert gain == tuple(100 * n for n in runs["fully connected"].gain_over(runs["plain"]))


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="2 seeds or more, not 1"):
        measure(1)


def test_what_is_published_is_complete() -> None:
    found = published("experiments")
    assert str(found.digits) == "the full 60,000/10,000 MNIST"
    rows = list(EXPERIMENTS)
    rows += [
        f"{name}, {kind}"
        for name, experiment in EXPERIMENTS.items()
        if experiment.harder
        for kind in HARDER
    ]
    assert sorted(found.runs) == sorted(rows)
    for runs in found.runs.values():
        assert runs.seeds == list(range(FIRST_SEED, FIRST_SEED + len(runs.seeds)))
        assert len(runs.seeds) == len(runs.accuracies) >= 5
    assert table(found)


@pytest.mark.skipif(find_dataset() is None, reason="the published figures are of the full MNIST")
def test_published_seed_can_be_had_again() -> None:
    found = published("experiments").runs
    again = run("fully connected", FIRST_SEED)
    for row in ("fully connected", "fully connected, shifted by 3", "fully connected, noise 0.3"):
        low, high = prediction_interval(found[row].accuracies, 0.999)
        assert low <= again[row] <= high
