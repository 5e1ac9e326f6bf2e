"""What is printed survives terminals and pipes that cannot show it: plainer, but whole."""

import io
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from small_training import BRIEF, all_digits, few, make_trainer

from cnn_tutorial.__main__ import main
from cnn_tutorial.handwriting import as_text
from cnn_tutorial.measurements import experiments, ladder, published, recipes
from cnn_tutorial.model import ConvolutionalNetwork
from cnn_tutorial.support.terminal import PLAINER, printable
from cnn_tutorial.trace import trace

ENCODINGS = ["ascii", "cp1252", "cp437", "latin-1", "utf-8"]


class Terminal(io.TextIOWrapper):
    """A terminal that shows the characters of one encoding, and fails at all others."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding, errors="strict", newline="")

    def shown(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined, no-any-return]


def terminal(encoding: str, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(sys, "stdout", found := Terminal(encoding))
    return found


TEXTS = {
    "a trace": lambda: str(trace(ConvolutionalNetwork(), torch.zeros(1, 1, 28, 28))),
    "a digit": lambda: as_text(all_digits().test.tensors[0][0]),
    "a history": lambda: str(make_trainer(BRIEF, few(40)).fit()),
    "recipes": lambda: recipes.table(published("recipes")),
    "experiments": lambda: experiments.table(published("experiments")),
    "the ladder": lambda: ladder.table(published("ladder")),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_the_package_can_be_printed(
    monkeypatch: pytest.MonkeyPatch, encoding: str, name: str
) -> None:
    with monkeypatch.context() as patch:
        there = terminal("utf-8", patch)
        whole = TEXTS[name]()
        there = terminal(encoding, patch)
        print(text := TEXTS[name]())
        shown = there.shown()
    assert shown == f"{text}\n"
    if name == "a history":  # whose seconds differ
        return
    for mine, theirs in zip(whole, text, strict=True):  # so that columns stay columns
        lacking = not mine.encode(encoding, "ignore")
        assert theirs == (mine.translate(PLAINER) if lacking else mine)


def test_drawn_digit_keeps_its_four_inks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The halves of a character are told apart in ASCII too."""
    picture = all_digits().test.tensors[0][0]
    whole = as_text(picture)
    terminal("ascii", monkeypatch)
    plain = as_text(picture)
    print(plain, file=sys.stderr)
    assert dict(zip(whole, plain, strict=True)) == dict(zip(" ▀▄█\n", ' ".#\n', strict=True))


@pytest.mark.parametrize("stream", [None, object(), io.StringIO()], ids=["none", "odd", "text"])
def test_streams_that_are_none_or_have_no_encoding(
    monkeypatch: pytest.MonkeyPatch, stream: object, tmp_path: Path
) -> None:
    """As under pythonw, in some editors, and where output is collected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", stream)
    assert printable("─ → █ é") == "─ → █ é"
    if not isinstance(stream, io.StringIO | None):
        return
    assert main(["cache"]) == 0


def test_what_has_no_plainer_form_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal("ascii", monkeypatch)
    assert printable("5×5 − é 例") == r"5x5 - \xe9 \u4f8b"
    terminal("utf-8", monkeypatch)
    assert printable("name\udcff") == r"name\udcff"  # of a file whose name is no text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_commands_answer_in_any_terminal(
    monkeypatch: pytest.MonkeyPatch, encoding: str, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    make_trainer(BRIEF, few(300)).fit("model.safetensors")
    picture = 255 - 255 * all_digits().test.tensors[0][0, 0]
    Image.fromarray(picture.byte().numpy()).resize((280, 280)).save("sieben-é-例.png")
    outputs = {}
    for command in (
        "predict sieben-é-例.png",
        "predict no-é-例.png",
        "evaluate",
        "benchmark --help",
    ):
        with monkeypatch.context() as patch:
            out, err = terminal(encoding, patch), Terminal(encoding)
            patch.setattr(sys, "stderr", err)
            try:
                status = main(command.split())
            except SystemExit as stop:
                status = int(stop.code or 0)
            outputs[command.partition("-")[0]] = status, out.shown(), err.shown()
    status, out_text, err_text = outputs["predict sieben"]
    assert (status, err_text) == (0, "")
    assert out_text.startswith("sieben-")
    assert ("#" in out_text) == (encoding not in ("utf-8", "cp437"))
    bars = [line for line in out_text.splitlines() if "%" in line]
    assert len(bars) == 10
    status, out_text, err_text = outputs["predict no"]
    assert (status, out_text) == (1, "")
    assert "no-" in err_text
    assert "codec" not in err_text
    assert outputs["evaluate"][0] == outputs["benchmark "][0] == 0
