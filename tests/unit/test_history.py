"""The history of a training: its table and its file."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cnn_tutorial.history import Epoch, History

EPOCHS = [
    Epoch(0.0123, 0.5, 0.8475, 0.125, 0.9611, 12.34, 4376.1),
    Epoch(1e-5, 0.0625, 0.9901, 0.03125, 1.0, 123.0, 54_321.0),
]


def test_table() -> None:
    assert str(History(EPOCHS)) == (
        "epoch      rate    loss  accuracy  val. loss  val. accuracy  seconds  images/s\n"
        "    1  1.23e-02  0.5000    84.75%     0.1250         96.11%     12.3     4,376\n"
        "    2  1.00e-05  0.0625    99.01%     0.0312        100.00%    123.0    54,321"
    )


def test_every_line_of_a_long_table_is_as_wide_as_its_head() -> None:
    lines = str(History(EPOCHS * 60)).splitlines()
    assert len(lines) == 121
    assert len({len(line) for line in lines}) == 1


def test_file_is_json_that_gives_the_history_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.json"
    History(EPOCHS).save(path)
    epochs = json.loads(path.read_text(encoding="utf-8"))
    assert [set(epoch) for epoch in epochs] == [set(Epoch._fields)] * 2
    assert History(Epoch(**epoch) for epoch in epochs) == History(EPOCHS)
    History().save(path)
    assert json.loads(path.read_text(encoding="utf-8")) == []


def test_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.json"
    History(EPOCHS).save(path)
    old = path.read_bytes()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        History(EPOCHS * 2).save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
