"""Saliency, occlusion and Grad-CAM: the same as captum's, for any network of logits."""

from collections.abc import Callable

import pytest
import torch
from captum.attr import LayerGradCam, Occlusion, Saliency
from drawings import first_digits
from torch import Tensor, nn

from cnn_tutorial.explain import grad_cam, occlusion, saliency
from cnn_tutorial.model import ConvolutionalNetwork, PoolingFirst

TARGET = torch.tensor([7, 2, 1, 0, 4, 1, 4, 9, 5, 9])


def network(features: type = PoolingFirst) -> ConvolutionalNetwork:
    torch.manual_seed(3)
    return ConvolutionalNetwork(features=features).eval()


def in_colour() -> nn.Sequential:
    """Another network: three channels, dropout, and a mean over all places."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(), nn.Linear(4, 10)).eval()


def difference(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a part of the largest value."""
    one, other = one.detach(), other.detach()
    assert one.shape == other.shape
    assert other.abs().max() > 0
    return float((one - other).abs().max() / other.abs().max())


@pytest.fixture(params=["digits", "colour"])
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor]:
    digits = first_digits()
    if request.param == "digits":
        return network(), digits
    return in_colour(), torch.cat([digits, digits.mT, 1 - digits], dim=1)[..., :23]


def test_saliency_is_that_of_captum(case: tuple[nn.Module, Tensor]) -> None:
    model, x = case
    theirs = Saliency(model).attribute(x.clone().requires_grad_(), target=TARGET)
    assert difference(saliency(model, x, TARGET), theirs) < 1e-4


@pytest.mark.parametrize(("size", "stride"), [(4, 2), (5, 3), (7, 7)])
def test_occlusion_is_that_of_captum(
    case: tuple[nn.Module, Tensor], size: int, stride: int
) -> None:
    """Also where the last squares lie partly outside."""
    model, x = case
    theirs = Occlusion(model).attribute(
        x,
        target=TARGET,
        sliding_window_shapes=(x.shape[1], size, size),
        strides=(x.shape[1], stride, stride),
        baselines=0.0,
    )
    ours = occlusion(model, x, TARGET, size, stride)
    assert ours.shape == (10, 1, *x.shape[2:])
    assert difference(ours.expand_as(theirs), theirs) < 1e-4


@pytest.mark.parametrize("name", ["features", "features.conv1", "features.conv2"])
def test_grad_cam_is_that_of_captum(name: str) -> None:
    model = network()
    layer = model.get_submodule(name)
    theirs = LayerGradCam(model, layer).attribute(
        first_digits(), target=TARGET, relu_attributions=True
    )
    assert difference(grad_cam(model, first_digits(), TARGET, layer), theirs) < 1e-4


def test_grad_cam_of_a_mean_over_places_says_what_each_place_adds() -> None:
    """There it is the weighted maps themselves, and their mean is the score but for the bias."""
    model = in_colour()
    last = model[-1]
    assert isinstance(last, nn.Linear)
    x = torch.rand(10, 3, 28, 28, generator=torch.manual_seed(1))
    maps = model[:3](x)  # (10, 4, 22, 22)
    weight = last.weight[TARGET]  # (10, 4)
    parts = (weight[:, :, None, None] * maps).sum(1, keepdim=True)
    score = model(x)[torch.arange(10), TARGET] - last.bias[TARGET]
    torch.testing.assert_close(parts.mean((1, 2, 3)), score)
    found = grad_cam(model, x, TARGET, model[2]) * maps[0, 0].numel()
    torch.testing.assert_close(found, parts.relu(), atol=1e-5, rtol=1e-4)


WAYS: dict[str, Callable[[ConvolutionalNetwork, Tensor, Tensor], Tensor]] = {
    "saliency": saliency,
    "occlusion": occlusion,
    "Grad-CAM": lambda model, x, target: grad_cam(model, x, target, model.features),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_image_is_explained_by_itself(way: str) -> None:
    model, x = network(), first_digits()
    together = WAYS[way](model, x, TARGET)
    alone = WAYS[way](model, x[3:4], TARGET[3:4])
    torch.testing.assert_close(together[3:4], alone, atol=1e-5, rtol=1e-4)
    others = WAYS[way](model, x, TARGET.flip(0))
    assert not torch.allclose(together, others), "the class that is asked about counts"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("frozen", [False, True])
def test_the_network_and_the_images_are_left_as_they_were(way: str, frozen: bool) -> None:
    model, x = network().requires_grad_(not frozen), first_digits().clone()
    found = WAYS[way](model, x, TARGET)
    assert not found.requires_grad
    assert all(p.grad is None for p in model.parameters())
    assert all(p.requires_grad != frozen for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(x, first_digits())
    assert not x.requires_grad


def test_a_hook_goes_even_if_the_network_fails() -> None:
    model = network()
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        grad_cam(model, torch.zeros(1, 1, 40, 40), TARGET[:1], model.features)
    assert not model.features._forward_hooks
