"""Where in an image a network found its answer: three ways to ask, for any network of logits.

Each takes a batch and, for each image, the class that is asked about: "what speaks for a 7 here?".
The network should be as it is used, `model.eval()`; it is left as it was, and so are its gradients.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Model = Callable[[Tensor], Tensor]


def saliency(model: Model, x: Tensor, target: Tensor) -> Tensor:
    """Return how much the score of a class changes with each pixel, whether up or down.

    K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks: Visualising Image
    Classification Models and Saliency Maps", 2013, arXiv:1312.6034.

    Args:
        model: Makes logits (N, K) of images.
        x: Images, (N, C, H, W).
        target: The class to ask about, of each image, (N,).

    Returns:
        The size of the gradient, (N, C, H, W).

    Examples:
        >>> import torch
        >>> from cnn_tutorial.explain import saliency
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> x, target = torch.zeros(5, 1, 28, 28), torch.tensor([7, 2, 1, 0, 4])
        >>> saliency(ConvolutionalNetwork(), x, target).shape
        torch.Size([5, 1, 28, 28])
    """
    x = x.detach().requires_grad_()
    score = _score(model, x, target)  # (N,)
    [gradient] = torch.autograd.grad(score.sum(), x)  # each image has a say in its own score only
    return gradient.abs()


@torch.no_grad()
def occlusion(model: Model, x: Tensor, target: Tensor, size: int = 4, stride: int = 2) -> Tensor:
    """Return by how much the score of a class falls if a pixel is covered.

    A black square is laid over each place of the image in turn. A pixel that several of them have
    covered gets the mean of their falls.

    M. D. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV, 2014,
    arXiv:1311.2901.

    Args:
        model: Makes logits (N, K) of images.
        x: Images, (N, C, H, W).
        target: The class to ask about, of each image, (N,).
        size: Height and width of the square, in pixels.
        stride: Pixels from one place to the next, at most `size`, so that none is left out.

    Returns:
        The falls, negative where the score rises, (N, 1, H, W).

    Examples:
        >>> import torch
        >>> from cnn_tutorial.explain import occlusion
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> x, target = torch.zeros(5, 1, 28, 28), torch.tensor([7, 2, 1, 0, 4])
        >>> occlusion(ConvolutionalNetwork(), x, target, size=7, stride=7).shape
        torch.Size([5, 1, 28, 28])
    """
    height, width = x.shape[2:]
    before = _score(model, x, target)  # (N,)
    falls, times = x.new_zeros(len(x), 1, height, width), x.new_zeros(height, width)
    for top in range(0, height - size + stride, stride):
        for left in range(0, width - size + stride, stride):
            square = ..., slice(top, top + size), slice(left, left + size)
            covered = x.clone()
            covered[square] = 0
            fall = before - _score(model, covered, target)  # (N,)
            falls[square] += fall[:, None, None, None]
            times[square] += 1
    return falls / times


def grad_cam(
    model: Model,
    x: Tensor,
    target: Tensor,
    layer: nn.Module,
) -> Tensor:
    """Return where the feature maps that speak for a class are active.

    Each map of a layer counts as much as the score of the class changes with it, on average over
    its places. What speaks against the class in sum is left out.

    R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", ICCV, 2017, arXiv:1610.02391.

    Args:
        model: Makes logits (N, K) of images.
        x: Images, (N, C, H, W).
        target: The class to ask about, of each image, (N,).
        layer: A layer of the model that makes feature maps (N, C', H', W').

    Returns:
        The weighted sum of the maps, (N, 1, H', W').

    Examples:
        >>> import torch
        >>> from cnn_tutorial.explain import grad_cam
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> x, target = torch.zeros(5, 1, 28, 28), torch.tensor([7, 2, 1, 0, 4])
        >>> network = ConvolutionalNetwork()
        >>> grad_cam(network, x, target, network.features).shape
        torch.Size([5, 1, 5, 5])
    """
    made: list[Tensor] = []
    hook = layer.register_forward_hook(lambda layer, inputs, maps: made.append(maps))
    try:
        score = _score(model, x.detach().requires_grad_(), target)  # (N,)
    finally:
        hook.remove()
    [maps] = made
    [gradient] = torch.autograd.grad(score.sum(), maps)  # (N, C', H', W')
    weight = gradient.mean(dim=(2, 3), keepdim=True)  # (N, C', 1, 1)
    return (weight * maps.detach()).sum(dim=1, keepdim=True).relu()


def _score(model: Model, x: Tensor, target: Tensor) -> Tensor:
    return model(x)[torch.arange(len(x)), target]  # (N,)
