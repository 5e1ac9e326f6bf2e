"""What is pasted into the shape calculator, against trace and PyTorch, in a browser."""

import random
import re
from typing import Any

import pytest
import torch
from calculating import ask, page_of_calculator  # noqa: F401 (one is a fixture)
from drafts import Draft, damage
from playwright.sync_api import Page
from torch import nn

from cnn_tutorial.trace import trace

NETWORKS = 100
DAMAGED = 100
# What the calculator makes of a text: the rows, or the sentence that says what is wrong with it.
READ = """(texts) => texts.map(([text, input]) => timed(() =>
  t.trace(p.parse(text, input)).map((row) => ({
    ...row,
    field: row.field?.every(Boolean) ? row.field : null,
    parameters: Number(row.parameters ?? 0),
    multiplyAdds: Number(row.multiplyAdds ?? 0),
  }))))"""


def test_pasted_networks_are_those_of_the_trace(page: Page) -> None:
    rng = random.Random(0)
    drafts = [Draft(rng) for _ in range(NETWORKS)]
    there = ask(page, READ, [(draft.text(), draft.input) for draft in drafts])
    layers = 0
    for draft, its in zip(drafts, there, strict=True):
        assert isinstance(its, list), (draft.lines, its)
        for row, mine in zip(
            its[1:], trace(draft.model(), torch.zeros(1, *draft.input)), strict=True
        ):
            layers += 1
            said = (row["shape"], row["parameters"], row["multiplyAdds"], row["field"])
            field = mine.receptive_field and list(mine.receptive_field)
            shape = list(mine.output_shape[1:])
            assert said == (shape, mine.parameters, mine.multiply_adds, field), draft.lines
    print(f"{NETWORKS} networks with {layers} layers, no difference")


STRANGE = [
    "",
    "🙂",
    "print('hello')",
    "nn.Sequential(",
    "(" * 20_000,
    "(" * 19_000 + "nn.ReLU()",
    "nn.Sequential(" * 1_400,
    "nn.ReLU(),\n" * 65,
    "nn.Conv2d(1, 6, 3),\n" * 2_000,
    "class Net(nn.Module):\n    def forward(self, x):\n        return x",
    "nn.Sequential(nn.ReLU()), nn.ReLU())",
    "a = nn.Sequential(nn.ReLU())\nb = nn.Sequential(nn.ReLU())",
    "nn.Conv2d(1, 6, kernel_size)",
    "(1, 1000000, 1000000), Conv2d(1, 6, 3)",
    "(1, 28), Conv2d(1, 6, 3)",
    "(1, 28, 28), Conv2d(1000000000, 1000000000, 4096)",
    "(1, 28, 28), Conv2d(1, 6, (3, 3, 3))",
    "(1, 28, 28), Flatten(0)",
    "(1, 28, 28), Dropout(2)",
    "(1, 28, 28), Conv2d(1, 6, 3, bias=7)",
    "(1, 28, 28), constructor()",
    "(1, 28, 28), Conv2d(1, 6, 3, padding=3000)",
]


def sentence_of(its: Any) -> str:
    """What is said of a network: as a whole, or of its first layer that does not fit."""
    rows = [its] if isinstance(its, dict) else its
    return str(next(row["error"] for row in rows if "error" in row))


def test_what_is_no_network_is_told_in_a_sentence(page: Page) -> None:
    rng = random.Random(1)
    drafts = [Draft(rng) for _ in range(DAMAGED)]
    texts = [(damage(rng, draft), draft.input) for draft in drafts]
    texts += [(text, (1, 28, 28)) for text in STRANGE]
    for (text, _), its in zip(texts, ask(page, READ, texts), strict=True):
        assert isinstance(its, dict) or any("error" in row for row in its), text[:300]
        assert len(sentence_of(its)) > 20, text[:300]
        assert isinstance(its, list) or its["kind"] == "SyntaxError", (text[:300], its)


MISFITS = [
    ("(1, 28, 28)", "Flatten(), Linear(28, 10)"),
    ("(1, 28, 28)", "Linear(784, 10)"),
    ("(1, 28, 28)", "Conv2d(1, 6, 5), Flatten(), Linear(6, 10)"),
    ("(1, 28, 28)", "Conv2d(2, 6, 5)"),
    ("(1, 28, 28)", "Conv2d(28, 6, 5)"),
    ("(1, 28, 28)", "Flatten(), Conv2d(1, 6, 5)"),
    ("(1, 28, 28)", "Flatten(), BatchNorm2d(4)"),
    ("(3, 32, 20)", "Conv2d(1, 6, 5)"),
    ("(3, 32, 20)", "BatchNorm2d(1)"),
    ("(3, 32, 20)", "ReLU(), BatchNorm2d(5)"),
    ("(1, 28, 28)", "Conv2d(1, 6, 29)"),
    ("(1, 28, 28)", "MaxPool2d(20), AvgPool2d(2)"),
    ("(3, 32, 20)", "AdaptiveAvgPool2d(2), Flatten(), Linear(12, 4), ReLU(), Linear(5, 3)"),
    ("(3, 32, 20)", "Conv2d(3, 8, 3), Linear(4320, 3)"),
]


def test_what_does_not_fit_is_said_as_the_trace_says_it(page: Page) -> None:
    there = ask(page, READ, [(f"{images}, {layers}", []) for images, layers in MISFITS])
    for (images, layers), its in zip(MISFITS, there, strict=True):
        with pytest.raises(RuntimeError) as said:
            trace(sequential(layers), torch.zeros(1, *eval(images)))
        assert sentence_of(its) == re.sub(r"(?<!\w)\(1, ", "(N, ", str(said.value)), layers


def sequential(layers: str) -> nn.Sequential:
    return nn.Sequential(*eval(f"[{layers}]", vars(nn)))


LENET = "Conv2d(1, 6, 5), ReLU(), MaxPool2d(2), Conv2d(6, 16, 5), ReLU(), MaxPool2d(2), "
OURS = LENET.replace("5)", "3)")
DENSE = "ReLU(), Linear(120, 84), ReLU(), Linear(84, 10)"
# A size of images; layers; how many images of which size are given to them; what is to be said.
MESSAGES = [
    ("28, 28", OURS + "Flatten(), Linear(256, 120), " + DENSE, (64, 28), "7 400 ."),
    ("28, 28", OURS + "Flatten(), Linear(16, 120), " + DENSE, (1, 28), "7 400 ."),
    ("28, 28", OURS + "Flatten(), Linear(784, 120), " + DENSE, (25, 28), "7 400 ."),
    ("28, 28", LENET + "Flatten(), Linear(400, 120), " + DENSE, (64, 28), "7 256 ."),
    ("32, 32", LENET + "Flatten(), Linear(256, 120), " + DENSE, (32, 32), "7 400 ."),
    ("28, 28", OURS + "Flatten(), Linear(400, 120), ReLU(), Linear(84, 10)", (9, 28), "9 120 ."),
    ("28, 28", OURS + "Flatten(), Linear(400, 84), ReLU(), Linear(120, 10)", (9, 28), "9 84 ."),
    ("28, 28", "Flatten(), Linear(28, 10)", (16, 28), "1 784 ."),
    ("28, 28", "Conv2d(1, 4, 3), Flatten(), Dropout(), Linear(4, 3)", (7, 28), "3 2704 ."),
    ("28, 28", "Conv2d(1, 4, 3), AdaptiveAvgPool2d(2), Flatten(), Linear(4, 3)", (7, 28), "3 16 ."),
    # with no Flatten: each row of the maps is taken for an image
    ("28, 28", OURS + "Linear(400, 120), " + DENSE, (64, 28), "6 flatten 64 images"),
    ("28, 28", OURS + "Linear(256, 120), " + DENSE, (64, 28), "6 flatten 400 64 images"),
    ("28, 28", "Linear(784, 10)", (5, 28), "0 flatten 5 images"),
    ("28, 28", "Conv2d(1, 4, 3), ReLU(), Linear(2704, 10)", (1, 28), "2 flatten 1 image"),
    # with the batch flattened too
    ("28, 28", OURS + "Flatten(0), Linear(400, 120), " + DENSE, (64, 28), "7 batch 64 images"),
    ("28, 28", "Flatten(0), Linear(784, 10)", (2, 28), "1 batch 2 images"),
    # images of another size than that of the calculator
    ("28, 28", OURS + "Flatten(), Linear(400, 120), " + DENSE, (8, 32), "30×30 33×33 7 576 ."),
    ("28, 28", LENET + "Flatten(), Linear(256, 120), " + DENSE, (8, 32), "32×32 35×35 7 400 ."),
    ("32, 32", LENET + "Flatten(), Linear(400, 120), " + DENSE, (8, 28), "28×28 31×31 7 256 ."),
    ("28, 28", OURS + "Linear(400, 120), " + DENSE, (8, 32), "30×30 33×33 6 flatten 576 8 images"),
]


def test_messages_of_pytorch_are_explained(page: Page) -> None:
    cases = []
    for size, layers, (batch, side), _ in MESSAGES:
        with pytest.raises(RuntimeError) as error:
            sequential(layers)(torch.zeros(batch, 1, side, side))
        assert "mat1 and mat2 shapes cannot be multiplied" in str(error.value)
        # The calculator knows no layer that flattens a batch.
        cases.append(
            [f"(1, {size}), {layers.replace('Flatten(0)', 'Flatten()')}", str(error.value)]
        )
    explain = "(cases) => cases.map(([n, said]) => timed(() => p.explain(said, p.parse(n, []))))"
    for case, said, (_, _, _, expected) in zip(
        cases, ask(page, explain, cases), MESSAGES, strict=True
    ):
        for word in expected.removesuffix(" .").split():
            found = re.search(rf"(?<![\d,]){re.escape(word)}(?!\d)", said.replace("_", " "))
            assert found, (case, said)
        assert ("For images" in said) == ("×" in expected), said
        layer = re.findall(r"(?<!\S)\d(?!\S)", expected)[0]
        assert f"{layer} (Linear)" in said, said
        if expected.endswith("."):  # it is enough to give it the right number
            right = expected.split()[-2]
            assert f"make it nn.Linear({right}, ...)" in said, said
            assert "flatten" not in said, said
    # the rows of the maps of no number of images
    strange = cases[11][0], "mat1 and mat2 shapes cannot be multiplied (7x5 and 256x120)"
    [said] = ask(page, explain, [strange])
    assert said.endswith("Here it is layer 6, but no image makes 5 of what comes before it.")
    unknown = [
        "(1, 28, 28), ReLU()",
        "mat1 and mat2 shapes cannot be multiplied (64x400 and 256x120)",
    ]
    [said] = ask(page, explain, [unknown])
    assert "nn.Linear(256, 120) takes 256 features; 400 arrived" in said
    assert "No layer here is that one" in said
