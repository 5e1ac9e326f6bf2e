"""Networks for other programs: for the playground of the site, and as ONNX for all others.

References:
    1. Hugging Face, "Safetensors", <https://huggingface.co/docs/safetensors>.
    2. "Open Neural Network Exchange", <https://onnx.ai/onnx/intro/>.
"""

import gzip
import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from cnn_tutorial.data import Digits
from cnn_tutorial.evaluation import predict
from cnn_tutorial.model import ConvolutionalNetwork

FORMAT_VERSION = "1"  # of the files that the playground reads
REFUSED = 0.02  # share of real digits that are answered "unlike any digit", at most
LEARNED, ASKED = 2000, 500  # digits that the network learns from in the browser, and is asked
TYPES = {torch.float16: "F16", torch.uint8: "U8"}
OPSET = 13  # of ONNX: for programs of 2021, and since


def unlike_below(model: nn.Module, images: Tensor, refused: float = REFUSED) -> float:
    """Return the probability below which the highest of the ten means "unlike any digit".

    Args:
        model: The network.
        images: Real digits (N, 1, 28, 28) that it has not learned from.
        refused: The share of them that may be answered so.

    Examples:
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.export import unlike_below
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> images = load_digits().validation.tensors[0]
        >>> 0.1 <= unlike_below(ConvolutionalNetwork(), images) <= 1
        True
    """
    highest = predict(model, images).amax(1).sort().values  # (N,)
    # Rounded down, as it is written, so that no more of them are refused.
    return math.floor(1e4 * float(highest[int(refused * len(highest))])) / 1e4


def for_browser(model: nn.Module, digits: TensorDataset, unlike: float) -> bytes:
    """Return the file of a network for the playground: safetensors, with weights of 16 bits.

    Args:
        model: A network of the notebook's architecture: 6 and 16 channels, kernels of 3×3.
        digits: Real digits, of which two of each class go with it; the first is a 7.
        unlike: What `unlike_below` returns.

    Raises:
        ValueError: The network is of another architecture, or a class has fewer than two digits.
        FloatingPointError: A weight is not finite, or too large for 16 bits.

    Examples:
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.export import for_browser
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> len(for_browser(ConvolutionalNetwork(), load_digits().test, 0.5))
        136784
    """
    tensors = {name: weight.half() for name, weight in _weights(model).items()}
    shapes = [tuple(weight.shape) for weight in tensors.values()]
    notebook = ConvolutionalNetwork()
    if shapes != [tuple(weight.shape) for weight in notebook.state_dict().values()]:
        kernels = [shapes[0], shapes[2]]
        raise ValueError(
            "The playground shows a network with convolutions of 6 and 16 channels and kernels of "
            f"3×3, such as the recipes classic, small and plain make; these are {kernels}."
        )
    _check_finite(tensors)
    images, labels = digits.tensors
    picked: list[int] = []
    for digit in (7, *(set(range(10)) - {7})):
        found = (labels == digit).nonzero()[:2, 0].tolist()
        if len(found) < 2:
            raise ValueError(f"There are fewer than two digits of class {digit} to go with it.")
        picked += found
    tensors["digits"] = _as_bytes(images[picked])  # (20, 28, 28)
    tensors["labels"] = labels[picked].byte()  # (20,)
    return _safetensors(tensors, {"format_version": FORMAT_VERSION, "unlike": f"{unlike:.4f}"})


def digits_for_browser(digits: Digits) -> bytes:
    """Return digits to learn from in the browser: safetensors, packed by gzip.

    They are 2,500 training digits, of which the last fifth is to be asked; or as many as there are.

    Examples:
        >>> from cnn_tutorial.data import load_digits
        >>> from cnn_tutorial.export import digits_for_browser
        >>> len(digits_for_browser(load_digits())) < 500_000
        True
    """
    images, labels = (tensor[: LEARNED + ASKED] for tensor in digits.train.tensors)
    tensors = {"images": _as_bytes(images), "labels": labels.byte()}
    return gzip.compress(_safetensors(tensors, {"format_version": FORMAT_VERSION}), mtime=0)


def as_onnx(model: nn.Module) -> bytes:
    """Return the ONNX file of a network, which many programs can run.

    Its input is `images`, float32 of shape (N, 1, 28, 28), its output `logits`, (N, 10).

    Raises:
        ValueError: It is no network of this package, or the package onnx is not installed.
        FloatingPointError: A weight is not finite.

    Examples:
        >>> from cnn_tutorial.export import as_onnx
        >>> from cnn_tutorial.model import ConvolutionalNetwork
        >>> onnx = as_onnx(ConvolutionalNetwork())
        >>> b"images" in onnx and b"logits" in onnx
        True
    """
    try:
        from onnx import NodeProto, TensorProto, helper, numpy_helper
    except ModuleNotFoundError:
        raise ValueError(
            "ONNX is written by a package that is not installed. Get it by: pip install onnx"
        ) from None
    weights = _weights(model)
    _check_finite(weights)
    nodes: list[NodeProto] = []
    value = "images"

    def then(operation: str, layer: str = "", **attributes: Any) -> None:
        nonlocal value
        inputs = [value, f"{layer}.weight", f"{layer}.bias"] if layer else [value]
        value = "logits" if layer == "fc3" else f"{operation.lower()}{len(nodes)}"
        nodes.append(helper.make_node(operation, inputs, [value], **attributes))

    for layer in ("conv1", "conv2"):
        then("Conv", layer)
        then("Relu")
        then("MaxPool", kernel_shape=(2, 2), strides=(2, 2))
    then("Flatten")
    for layer in ("fc1", "fc2", "fc3"):
        then("Gemm", layer, transB=1)  # x · weightᵀ + bias
        if layer != "fc3":
            then("Relu")
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ("N", 1, 28, 28))
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("N", 10))
    tensors = [numpy_helper.from_array(weight.numpy(), name) for name, weight in weights.items()]
    graph = helper.make_graph(nodes, "digits", [images], [logits], tensors)
    opset = helper.make_opsetid("", OPSET)
    whole = helper.make_model_gen_version(graph, opset_imports=[opset])  # as old as that allows
    return bytes(whole.SerializeToString())


def _weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights by the names of their layers alone."""
    if not isinstance(model, ConvolutionalNetwork):
        raise ValueError(
            "Only networks of cnn_tutorial.model.ConvolutionalNetwork can be exported; this is "
            f"{type(model).__name__}."
        )
    return {
        name.removeprefix("features."): weight.detach().cpu().float().contiguous()
        for name, weight in model.state_dict().items()
    }


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            kind = " of 16 bits" if tensor.dtype == torch.float16 else ""
            raise FloatingPointError(f"{name} has values that are not finite numbers{kind}.")


def _as_bytes(images: Tensor) -> Tensor:
    return (255 * images[:, 0]).round().byte()  # (N, 28, 28)


def _safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Write safetensors; their own library writes metadata in another order each time."""
    header: dict[str, object] = {"__metadata__": metadata}
    parts: list[bytes] = []
    end = 0
    for name, tensor in tensors.items():
        parts.append(tensor.contiguous().numpy().tobytes())
        start, end = end, end + len(parts[-1])
        kind = {"dtype": TYPES[tensor.dtype], "shape": [*tensor.shape]}
        header[name] = kind | {"data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers begin where 8 divides
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])
