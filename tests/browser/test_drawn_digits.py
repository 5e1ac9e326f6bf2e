"""Test digits put onto the pad, as they are and in other places and sizes, read in a browser.

`DIGITS=300 pytest -s tests/browser/test_drawn_digits.py` does it with more of them.
"""

import os
import random

import pytest
import torch
from padding import FAR, answers, bold, enlarge, moved, pad_page, scaled, thin
from playwright.sync_api import Browser

from cnn_tutorial.cache import trained
from cnn_tutorial.data import load_digits
from cnn_tutorial.export import for_browser
from cnn_tutorial.recipes import RECIPES

DIGITS = int(os.environ.get("DIGITS", 40))


def test_digits_are_read_wherever_they_are_drawn(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    digits = load_digits()
    network, _ = trained(RECIPES["plain"], digits)
    file = for_browser(network, digits.test, 0.5)
    images, labels = (tensor[:DIGITS] for tensor in digits.test.tensors)
    rng = random.Random(0)
    inks = [enlarge(image) for image in images]

    def somewhere() -> tuple[float, float]:
        return rng.uniform(-FAR, FAR), rng.uniform(-FAR, FAR)

    kinds = {
        "as they are": inks,
        "moved": [moved(ink, *somewhere()) for ink in inks],
        "scaled": [scaled(ink, rng.uniform(0.6, 1.4)) for ink in inks],
        "0.6": [scaled(ink, 0.6) for ink in inks],
        "1.4": [scaled(ink, 1.4) for ink in inks],
        "half as wide": [thin(ink) for ink in inks],
        "twice as wide": [bold(ink) for ink in inks],
    }
    with torch.no_grad():
        ours = network(images).argmax(1).numpy()
    with pad_page(browser, tmp_path_factory.mktemp("drawn") / "site", file) as (page, _):
        for kind, put in kinds.items():
            with_centring, without = (
                answers(page, put, is_placed=placed).argmax(1) for placed in (True, False)
            )
            right = [(found == labels.numpy()).mean() for found in (with_centring, without)]
            print(
                f"{kind}: {right[0]:.1%} with centring, {right[1]:.1%} without; "
                f"{(with_centring == ours).mean():.1%} as PyTorch"
            )
