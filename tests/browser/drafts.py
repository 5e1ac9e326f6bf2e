"""Networks that are made up: as they may be pasted, and damaged."""

import random
import re
from typing import Any

import torch
from torch import nn


def some(rng: random.Random, low: int, high: int) -> Any:
    """A number, or now and then a pair."""
    first, second = rng.randint(low, high), rng.randint(low, high)
    return (first, second) if rng.random() < 0.2 else first


class Draft:
    """A network that is made up, layer by layer, and fits."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.input = (rng.randint(1, 3), rng.randint(12, 40), rng.randint(12, 40))
        self.x = torch.zeros(1, *self.input)
        self.lines: list[str] = []
        for _ in range(rng.randint(1, 4)):
            self.add(self.convolution())
            for make in (self.normalisation, self.activation, self.pooling):
                if rng.random() < 0.6:
                    self.add(make())
        if rng.random() < 0.3:
            self.add(f"nn.Adaptive{rng.choice(['Avg', 'Max'])}Pool2d({some(rng, 1, 7)})")
        if rng.random() < 0.8:
            self.add("nn.Flatten()")
            for _ in range(rng.randint(1, 3)):
                self.add(self.linear())
                if rng.random() < 0.7:
                    self.add(self.rng.choice(["nn.ReLU()", "nn.Dropout(0.5)", "nn.Tanh()"]))

    def add(self, line: str) -> None:
        """Put a layer at the end, unless there is no room for it."""
        try:
            self.x = eval(line).eval()(self.x)
        except RuntimeError:
            return
        self.lines.append(line)

    def given(self, **settings: tuple[int, int]) -> str:
        """Some of the settings, by name."""
        rng = self.rng
        return "".join(
            f", {name}={some(rng, *ends)}" for name, ends in settings.items() if rng.random() < 0.4
        )

    def convolution(self) -> str:
        rest = self.given(stride=(1, 2), padding=(0, 2), dilation=(1, 2))
        bias = ", bias=False" if self.rng.random() < 0.2 else ""
        channels = self.x.shape[1]
        return (
            f"nn.Conv2d({channels}, {self.rng.randint(1, 9)}, {some(self.rng, 1, 5)}{rest}{bias})"
        )

    def pooling(self) -> str:
        kind = self.rng.choice(["Max", "Avg"])
        # PyTorch does not print that of AvgPool2d.
        ceil = ", ceil_mode=True" if kind == "Max" and self.rng.random() < 0.3 else ""
        rest = self.given(stride=(1, 3), padding=(0, 1))
        return f"nn.{kind}Pool2d({some(self.rng, 2, 3)}{rest}{ceil})"

    def normalisation(self) -> str:
        return f"nn.BatchNorm2d({self.x.shape[1]})"

    def activation(self) -> str:
        return self.rng.choice(["nn.ReLU(inplace=True)", "nn.Tanh()", "nn.Dropout(p=0.25)"])

    def linear(self) -> str:
        bias = ", bias=False" if self.rng.random() < 0.2 else ""
        return f"nn.Linear({self.x.shape[1]}, {self.rng.randint(2, 99)}{bias})"

    def model(self) -> nn.Sequential:
        return nn.Sequential(*(eval(line) for line in self.lines))

    def text(self) -> str:
        """The network as it may be pasted."""
        code = "".join(f"    {line},  # a layer\n" for line in self.lines)
        return self.rng.choice(
            [
                f"import torch.nn as nn\n\nmodel = nn.Sequential(\n{code})\nmodel.eval()\n",
                f"net = torch.nn.Sequential({', '.join(self.lines)})".replace(" nn.", " torch.nn."),
                f"nn.Sequential(\n    nn.Sequential(\n{code}    ),\n)",
                str(self.model()),
                "\n".join(f"{line}," for line in self.lines),
            ]
        )


def damage(rng: random.Random, draft: Draft) -> str:
    """Return a network as text in which something is wrong, to Python or to PyTorch."""
    lines, at = list(draft.lines), rng.randrange(len(draft.lines))
    convolution = next(i for i, line in enumerate(lines) if "Conv2d" in line)
    if rng.random() < 0.5:
        wrong = rng.choice(["0", "-1", "2.5", "NaN", "'same'", "🙂", "n", "None", "10**6", ""])
        lines[convolution] = re.sub(r"\d+", lambda _: wrong, lines[convolution][9:], count=1)
        lines[convolution] = "nn.Conv2d" + lines[convolution]
        if wrong in ("None", ""):
            lines[convolution] = "nn.Conv2d()"
    else:
        before, after = rng.choice(
            [
                (r"\(", "["),
                (r"\)$", ""),
                (r"nn\.\w", "nn.x"),
                (r"\(", "(kernel=3, "),
                (r"\)$", ", 1, 1, 1, 1, 1, 1, 1)"),
                (r"\(.*\)", ""),
                (r"\(", "(*"),
                (r"\)$", ") = 3"),
                (r"^", "<img src=x onerror=alert(1)>"),
                (r"^nn\.", "__proto__."),
                (r"$", " " + lines[at]),
                (r"\)$", "), 3"),
            ]
        )
        lines[at] = re.sub(before, lambda _: after, lines[at], count=1)
    return f"nn.Sequential({', '.join(lines)})"
