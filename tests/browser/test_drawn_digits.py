"""Test digits put onto the pad, as they are and in other places, sizes and strokes.

`DIGITS=300 python -m pytest -n 0 -s tests/browser/test_drawn_digits.py` does it with more of them.
"""

import os
import random

import pytest
import torch
from conftest import Site
from padding import FAR, answers, bold, enlarge, moved, pad_page, scaled, thin
from playwright.sync_api import Browser
from safetensors.torch import load

from cnn_tutorial.data import load_digits
from cnn_tutorial.model import ConvolutionalNetwork

DIGITS = int(os.environ.get("DIGITS", 40))


def test_digits_are_read_wherever_they_are_drawn(
    browser: Browser, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The network of the site gives the answers of PyTorch, and centring is what helps it."""
    file = (site.page("playground").parent / "network.safetensors").read_bytes()
    tensors = load(file)
    network = ConvolutionalNetwork().eval().requires_grad_(False)
    names = {name.removeprefix("features."): name for name in network.state_dict()}
    network.load_state_dict({names[name]: tensors[name].float() for name in names})
    images, labels = (tensor[:DIGITS] for tensor in load_digits().test.tensors)
    rng = random.Random(0)
    inks = [enlarge(image) for image in images]

    def somewhere() -> tuple[float, float]:
        return rng.uniform(-FAR, FAR), rng.uniform(-FAR, FAR)

    kinds = {
        "as they are": inks,
        "moved by up to 60 pixels of 280": [moved(ink, *somewhere()) for ink in inks],
        "scaled by 0.6 to 1.4": [scaled(ink, rng.uniform(0.6, 1.4)) for ink in inks],
        "scaled by 0.6": [scaled(ink, 0.6) for ink in inks],
        "scaled by 1.4": [scaled(ink, 1.4) for ink in inks],
        "strokes half as wide": [thin(ink) for ink in inks],
        "strokes twice as wide": [bold(ink) for ink in inks],
    }
    ours = network(images).argmax(1)  # of the digits as they are
    right = {"PyTorch": (ours == labels).float().mean().item()}
    print(f"{DIGITS} test digits; PyTorch reads {right['PyTorch']:.1%}")
    with pad_page(browser, tmp_path_factory.mktemp("drawn") / "site", file) as (page, _):
        for kind, put in kinds.items():
            found, without = (
                torch.from_numpy(answers(page, put, is_placed=placed)).argmax(1)
                for placed in (True, False)
            )
            right[kind] = (found == labels).float().mean().item()
            right[f"{kind}, as drawn"] = (without == labels).float().mean().item()
            agreed = (found == ours).float().mean().item()
            print(
                f"{kind}: {right[kind]:.1%}, without centring {right[f'{kind}, as drawn']:.1%}; "
                f"{agreed:.1%} as PyTorch reads the digit itself"
            )
            if kind == "as they are":
                assert agreed > 0.97
    some = 0.1  # of 40 digits, 4
    assert all(
        share > right["PyTorch"] - some
        for kind, share in right.items()
        if "drawn" not in kind and "twice" not in kind
    )
    assert right["moved by up to 60 pixels of 280, as drawn"] < right["PyTorch"] - some
