"""What the package says of the parts of a step, and of layers of more and more channels."""

import pytest
from small_training import few

from cnn_tutorial.measurements import FIRST_SEED, published, read, step, write
from cnn_tutorial.measurements.step import CHANNELS, PARTS, layer, measure, rates, shares, table


def test_each_part_and_each_layer_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "load_digits", lambda: few(600, 10))
    monkeypatch.setattr(step, "CHANNELS", (4, 32))
    lines: list[str] = []
    found = measure(2, lines.append)
    assert read(write(found)) == found
    assert set(found.runs) == {*PARTS, layer(4), layer(32)}
    for runs in found.runs.values():
        assert runs.seeds == [FIRST_SEED, FIRST_SEED + 1]
        assert all(0 < seconds < 1 for seconds in runs.seconds)
    assert len(lines) == 2
    best = {part: min(found.runs[part].seconds) for part in PARTS}
    assert shares(found)["load"] == pytest.approx(best["load"] / sum(best.values()))
    assert sum(shares(found).values()) == pytest.approx(1)
    # 64 images, 8 × 8 places, 4 kernels of 4 × 5 × 5 weights and a bias
    work = 64 * 64 * 4 * (4 * 25 + 1)
    assert rates(found)[4] == pytest.approx(work / min(found.runs[layer(4)].seconds))


def test_what_is_published_is_complete() -> None:
    found = published("step")
    assert str(found.digits) == "the full 60,000/10,000 MNIST"
    assert set(found.runs) == {*PARTS, *map(layer, CHANNELS)}
    assert all(len(runs.seeds) == len(runs.seconds) >= 5 for runs in found.runs.values())
    text = table(found)
    for name in (*PARTS, *map(layer, CHANNELS)):
        assert f"\n{name} " in text
    with pytest.raises(ValueError, match="2 seeds or more, not 1"):
        measure(1)
