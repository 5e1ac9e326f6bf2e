"""Files for other programs: what they hold, that others read them, and what is refused."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch
from small_training import few, first, half_trained
from torch import Tensor, nn

from cnn_tutorial.__main__ import main
from cnn_tutorial.data import load_digits
from cnn_tutorial.deform import redraw
from cnn_tutorial.evaluation import predict
from cnn_tutorial.export import as_onnx, digits_for_browser, for_browser, unlike_below
from cnn_tutorial.model import ConvolutionalNetwork, PoolingFirst
from cnn_tutorial.recipes import Recipe
from cnn_tutorial.support.checkpoint import load_network

LAYERS = ("conv1", "conv2", "fc1", "fc2", "fc3")
NOTEBOOK = Recipe(epochs=2, batch_size=10, learning_rate=1e-2)


def network(channels: tuple[int, int] = (6, 16), kernel_size: int = 3) -> ConvolutionalNetwork:
    torch.manual_seed(0)
    return ConvolutionalNetwork(channels, kernel_size, PoolingFirst)


def metadata(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    return dict(header["__metadata__"])


def run_onnx(content: bytes, images: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


@pytest.mark.parametrize(("channels", "kernel_size"), [((6, 16), 3), ((16, 32), 5)])
def test_onnx_gives_the_logits_of_the_network(channels: tuple[int, int], kernel_size: int) -> None:
    model = network(channels, kernel_size)
    images = load_digits().test.tensors[0][:1000]
    with torch.no_grad():
        expected = model(images)  # (1000, 10)
    content = as_onnx(model)
    assert (run_onnx(content, images) - expected).abs().max() < 1e-5
    assert (run_onnx(content, images[:1]) - expected[:1]).abs().max() < 1e-5  # any batch


def test_without_the_package_onnx_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match="pip install onnx"):
        as_onnx(network())


def test_the_playground_gets_weights_of_16_bits_and_digits() -> None:
    model, test = network(), load_digits().test
    content = for_browser(model, test, 0.51239)
    assert metadata(content) == {"format_version": "1", "unlike": "0.5124"}
    assert content == for_browser(model, test, 0.51239)
    assert int.from_bytes(content[:8], "little") % 8 == 0  # so that they can be read in place
    tensors = safetensors.torch.load(content)
    names = [f"{layer}.{part}" for layer in LAYERS for part in ("weight", "bias")]
    assert tensors.keys() == {*names, "digits", "labels"}
    for name, weight in model.state_dict().items():
        assert torch.equal(tensors[name.removeprefix("features.")], weight.half())
    images, labels = test.tensors
    digits, classes = tensors["digits"], tensors["labels"].tolist()
    assert (digits.dtype, digits.shape) == (torch.uint8, (20, 28, 28))
    assert torch.equal(digits[0] / 255, images[labels == 7][0, 0])
    assert sorted(classes) == [digit for digit in range(10) for _ in range(2)]
    for digit, label in zip(digits, classes, strict=True):
        same = (images[:, 0] == digit / 255).all(dim=(1, 2))
        assert labels[same].tolist() == [label]


def test_digits_to_learn_in_the_browser() -> None:
    digits = load_digits()
    content = digits_for_browser(digits)
    assert len(content) < 500_000
    assert content[4:8] == bytes(4)  # no time
    unpacked = gzip.decompress(content)
    assert metadata(unpacked) == {"format_version": "1"}
    tensors = safetensors.torch.load(unpacked)
    images, labels = digits.train.tensors
    assert torch.equal(tensors["images"] / 255, images[:2500, 0])
    assert torch.equal(tensors["labels"].long(), labels[:2500])
    fewer = safetensors.torch.load(gzip.decompress(digits_for_browser(few(41))))
    assert fewer["images"].shape == (41, 28, 28)


class Fixed(nn.Module):
    """Answers 0, with the probability that the first pixel says."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        first = x[:, 0, 0, :1]  # (N, 1)
        return torch.cat([first, ((1 - first) / 9).expand(-1, 9)], 1).log()


def test_threshold_refuses_the_share_that_it_is_told() -> None:
    images = first(load_digits().train, 1000).tensors[0].clone()
    images[:, 0, 0, 0] = 0.5 + torch.arange(1000) / 2000
    below = unlike_below(Fixed(), images[torch.randperm(1000)], 0.03)
    assert below == pytest.approx(0.515, abs=2e-4)
    refused = predict(Fixed(), images).amax(1) < below
    assert 0.025 < refused.float().mean() <= 0.03


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 70_000.0])
def test_weights_that_are_no_numbers_are_refused(value: float) -> None:
    model = network()
    with torch.no_grad():
        model.fc3.weight[3, 5] = value
    with pytest.raises(FloatingPointError, match=r"^fc3\.weight has values .* of 16 bits\.$"):
        for_browser(model, load_digits().test, 0.5)
    if np.isfinite(value):
        assert as_onnx(model)
    else:
        with pytest.raises(FloatingPointError, match=r"^fc3\.weight has .* finite numbers\.$"):
            as_onnx(model)


def test_other_networks_are_refused() -> None:
    test = load_digits().test
    with pytest.raises(ValueError, match=r"convolutions of 6 and 16 channels .*\(16, 1, 5, 5\)"):
        for_browser(network((16, 32), 5), test, 0.5)
    for export in (as_onnx, lambda model: for_browser(model, test, 0.5)):
        with pytest.raises(ValueError, match=r"ConvolutionalNetwork can be exported; .* Linear\."):
            export(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="fewer than two digits of class 7"):
        for_browser(network(), first(test, 1), 0.5)


def test_command_writes_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    half_trained(Path("model.safetensors"), NOTEBOOK)
    model, digits = load_network("model.safetensors"), load_digits()
    assert main(["export", "network.onnx"]) == 0
    assert Path("network.onnx").read_bytes() == as_onnx(model)
    assert main(["export", "folder/network.safetensors"]) == 0
    unlike = unlike_below(model, redraw(digits.validation.tensors[0]))
    content = Path("folder/network.safetensors").read_bytes()
    assert content == for_browser(model, digits.test, unlike)
    said = f"Saved in folder/network.safetensors: {len(content):,} bytes\n"
    assert capsys.readouterr().out.endswith(said)
