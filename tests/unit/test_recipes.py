"""Recipes: the learning rate that they promise, and the networks that they make."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_training import BRIEF

from cnn_tutorial.recipes import RECIPES, Recipe


def learning_rates(recipe: Recipe, steps: int) -> list[float]:
    """The learning rate of each step, as the trainer asks for it: in the middle of the step."""
    return [recipe.learning_rate_at((step + 0.5) / steps) for step in range(steps)]


def test_one_cycle_rises_to_its_peak_and_falls_to_almost_nothing() -> None:
    recipe = replace(BRIEF, learning_rate=0.01, warmup=0.25)
    rates = learning_rates(recipe, 1000)
    peak = rates.index(max(rates))
    assert peak in (249, 250)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[0] == pytest.approx(0.01 * 0.0005 / 0.25)
    assert rates[peak] == pytest.approx(0.01, rel=0.003)
    assert rates[-1] == pytest.approx(0.01 * 0.0005 / 0.75)
    assert recipe.learning_rate_at(0.25) == 0.01
    assert recipe.learning_rate_at(0) == recipe.learning_rate_at(1) == 0


@given(warmup=st.floats(0.01, 0.99), done=st.floats(0, 1))
def test_one_cycle_is_two_straight_lines(warmup: float, done: float) -> None:
    expected = np.interp(done, [0, warmup, 1], [0, 0.01, 0])
    recipe = replace(BRIEF, learning_rate=0.01, warmup=warmup)
    assert recipe.learning_rate_at(done) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@given(st.sampled_from(list(RECIPES.values())), st.integers(1, 3000))
def test_no_step_is_wasted_or_taken_uphill(recipe: Recipe, steps: int) -> None:
    rates = learning_rates(recipe, steps)
    assert 0 < min(rates) <= max(rates) <= recipe.learning_rate


def test_learning_rate_without_warmup_does_not_change() -> None:
    assert set(learning_rates(RECIPES["classic"], 17)) == {1e-3}


def test_classic_is_what_the_notebook_did() -> None:
    classic = RECIPES["classic"]
    assert (classic.batch_size, classic.learning_rate, classic.one_by_one) == (10, 1e-3, True)
    assert (classic.channels, classic.kernel_size) == ((6, 16), 3)
    adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)]).defaults
    assert (classic.betas, classic.weight_decay) == (adam["betas"], adam["weight_decay"])
    assert (classic.label_smoothing, classic.shift, classic.bfloat16) == (0, 0, False)


@pytest.mark.parametrize("name", RECIPES)
def test_network_is_that_of_the_recipe(name: str) -> None:
    recipe = RECIPES[name]
    features = recipe.network().features
    shapes = [convolution.weight.shape for convolution in (features.conv1, features.conv2)]
    (first, second), size = recipe.channels, recipe.kernel_size
    assert shapes == [(first, 1, size, size), (second, first, size, size)]


def test_small_is_the_network_of_classic() -> None:
    small, classic = RECIPES["small"], RECIPES["classic"]
    assert (small.channels, small.kernel_size) == (classic.channels, classic.kernel_size)


def test_recipe_is_a_value() -> None:
    recipe = replace(RECIPES["fast"])
    assert recipe == RECIPES["fast"]
    assert hash(recipe) == hash(RECIPES["fast"])
    with pytest.raises(FrozenInstanceError):
        recipe.epochs = 2  # type: ignore[misc]
