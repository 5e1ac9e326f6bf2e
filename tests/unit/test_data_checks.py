"""What a network takes, and what is said of anything else."""

import re

import pytest
import torch
from small_training import all_digits
from torch import Tensor
from torch.utils.data import TensorDataset

from cnn_tutorial.data import check_digits, check_images, load_digits


def good_digits() -> tuple[Tensor, Tensor]:
    images, labels = load_digits().test.tensors
    return images[:5].clone(), labels[:5].clone()


def test_real_digits_are_what_the_network_takes() -> None:
    for digits in all_digits()[:3]:
        assert isinstance(digits, TensorDataset)
        check_digits(*digits.tensors)
    check_images(torch.zeros(1, 1, 28, 28))
    check_images(torch.ones(1, 1, 28, 28))
    check_digits(torch.ones(2, 1, 28, 28), torch.tensor([0, 9]))


@pytest.mark.parametrize("value", [-1e-6, 1 + 1e-6, 255, torch.nan, torch.inf, -torch.inf])
def test_single_pixel_out_of_range_is_told(value: float) -> None:
    images, labels = good_digits()
    images[4, 0, 27, 27] = value
    low, high = images.aminmax()
    for check, arguments in ((check_images, [images]), (check_digits, [images, labels])):
        with pytest.raises(ValueError, match=r"with values from 0 to 1; these are") as caught:
            check(*arguments)
        assert f"torch.float32 of shape (5, 1, 28, 28) with values from {low:g} to {high:g}" in (
            str(caught.value)
        )
        assert "images.float() / 255" in str(caught.value)


@pytest.mark.parametrize("label", [-1, 10, 255])
def test_single_label_out_of_range_is_told(label: int) -> None:
    images, labels = good_digits()
    labels[2] = label
    with pytest.raises(ValueError, match=r"these are torch.int64 of shape \(5,\) from") as caught:
        check_digits(images, labels)
    low, high = int(labels.min()), int(labels.max())
    assert str(caught.value).endswith(f"from {low} to {high}.")


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((0, 1, 28, 28), torch.float32),
        ((3, 28, 28), torch.float32),
        ((28, 28), torch.float32),
        ((), torch.float32),
        ((3, 3, 28, 28), torch.float32),
        ((3, 1, 28, 27), torch.float32),
        ((3, 1, 32, 32), torch.float32),
        ((3, 1, 1, 28, 28), torch.float32),
        ((3, 1, 28, 28), torch.uint8),
        ((3, 1, 28, 28), torch.float64),
        ((3, 1, 28, 28), torch.bfloat16),
        ((3, 1, 28, 28), torch.bool),
        ((3, 1, 28, 28), torch.complex64),
    ],
    ids=str,
)
def test_other_images_are_told_by_type_and_shape(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    images = torch.zeros(shape, dtype=dtype)
    with pytest.raises(ValueError, match=re.escape(f"these are {dtype} of shape {shape}")):
        check_images(images)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((4,), torch.int64),
        ((6,), torch.int64),
        ((5, 1), torch.int64),
        ((5, 10), torch.int64),
        ((), torch.int64),
        ((5,), torch.uint8),
        ((5,), torch.int32),
        ((5,), torch.float32),
    ],
    ids=str,
)
def test_other_labels_are_told_by_type_and_shape(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    images, _ = good_digits()
    expected = f"must be torch.int64 of shape (5,) with values from 0 to 9; these are {dtype} of "
    with pytest.raises(ValueError, match=re.escape(f"{expected}shape {shape}.")):
        check_digits(images, torch.zeros(shape, dtype=dtype))
