"""The calls of layers and functions of a model that runs, in order."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.parametrize import type_before_parametrizations
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._pytree import tree_leaves

from cnn_tutorial.support.fields import Seen
from cnn_tutorial.support.following import Following

# They neither change a value nor move one.
_SILENT = {
    "clone",
    "contiguous",
    "detach",
    "to",
    "type",
    "type_as",
    "float",
    "double",
    "half",
    "cpu",
}
# From there on, values cannot be followed.
_AWAY = Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.data_ptr

_CONTAINERS = "torch.nn.modules.container", "torch.nn.modules.transformer"


@dataclass
class Call:
    """One call of a layer or a function.

    Attributes:
        name: Of the layer in the model; of a function, behind that of the module that calls it.
        kind: The class of the layer, or the function, such as `F.relu`.
        module: The layer; None of a function.
        inputs: The tensors that it was given.
        sources: The names of the calls that they come from.
        parameters: The weights and biases that it uses.
        output: The first tensor that came out; None while it runs.
        seen: What that sees of the model's input; None if unknown.
        multiply_adds: As far as they are counted.
        all_counted: Whether they are.
    """

    name: str
    kind: str
    module: nn.Module | None
    inputs: list[Tensor]
    sources: list[str]
    parameters: list[Tensor]
    output: Tensor | None = None
    seen: Seen | None = None
    multiply_adds: int = 0
    all_counted: bool = True


class Recorder(TorchFunctionMode):
    """While a model runs within `recording`, it writes down the calls.

    Attributes:
        calls: Those that have ended and whose output depends on the input.
        failed: The latest that raised an error, and that error.
    """

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.failed: tuple[Call, BaseException | None] | None = None
        self._running: Call | None = None
        self._model, self._following = model, Following(x)
        self._names = {module: name for name, module in model.named_modules()}
        self._parameters = set(map(id, model.parameters()))
        self._path: list[str] = []
        self._made_by = {id(x): "the input"}
        self._latest: object = None  # that came out of a call

    def run(self, x: Tensor) -> None:
        """Run the model once."""
        with self._recording():
            result = self._model(x)
        returned = [y for y in tree_leaves(result) if isinstance(y, Tensor)]
        if self._following.is_lost and not any(map(self._following.depends, returned)):
            raise ValueError(
                f"trace follows tensors only, and what {type(self._model).__name__} returns was "
                "made of something else: of an array of NumPy, or of numbers"
            )
        if not any(y is self._latest for y in returned):  # it is x itself, or was made before
            kind = type(self._model).__name__
            self._begin(kind if not self.calls else "output", kind, None, (x,))
            self._end(result)

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """Have the model in evaluation mode, without gradients, and its calls written down."""
        training = {module: module.training for module in self._model.modules()}
        with ExitStack() as stack:
            for module in self._model.modules():
                before, after = (
                    (self._begin_layer, self._end_layer)
                    if _is_layer(module, self._model)
                    else (self._enter, self._leave)
                )
                stack.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
                stack.callback(module.register_forward_hook(after, always_call=True).remove)
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # attention, written out
            stack.enter_context(torch.no_grad())
            stack.enter_context(self._following)
            stack.enter_context(self)
            try:
                self._model.eval()
                yield
            finally:
                for module, mode in training.items():
                    module.training = mode

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Run a function of PyTorch; write it down unless it is part of a layer."""
        kwargs = kwargs or {}
        if func in _AWAY and any(map(self._following.depends, tree_leaves((args, kwargs)))):
            self._following.lose()
        full_name = (resolve_name(func) or func.__name__).removesuffix(".__get__")
        name = full_name.split(".")[-1].strip("_")
        if func is Tensor.__bool__:  # it decides what runs, and is no value itself
            was_lost = self._following.is_lost
            decision = func(*args, **kwargs)
            self._following.is_lost = was_lost
            return decision
        if self._running or name in _SILENT:
            result = func(*args, **kwargs)
            if not self._running and self._following.depends(result):
                self._latest = result
            return result
        kind = full_name.replace("torch.nn.functional.", "F.").replace("torch.Tensor.", "Tensor.")
        self._begin(".".join(filter(None, [*self._path[-1:], name])), kind, None, (args, kwargs))
        result = None
        try:
            result = func(*args, **kwargs)
        finally:
            self._end(result)
        return result

    def _enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if not self._running:
            self._path.append(self._names[module])

    def _leave(self, module: nn.Module, args: Any, result: object) -> None:
        if not self._running:
            self._path.pop()

    def _begin_layer(self, layer: nn.Module, args: Any, kwargs: Any) -> None:
        if not self._running:
            kind = type_before_parametrizations(layer).__name__
            self._begin(self._names[layer] or kind, kind, layer, (args, kwargs))

    def _end_layer(self, layer: nn.Module, args: Any, result: object) -> None:
        if self._running and self._running.module is layer:
            self._end(result)

    def _begin(self, name: str, kind: str, module: nn.Module | None, given: object) -> None:
        tensors = [x for x in tree_leaves(given) if isinstance(x, Tensor)]
        inputs = [x for x in tensors if self._following.depends(x)]
        sources = [self._made_by.get(id(x), "") for x in inputs]
        used = module.parameters() if module else {id(x): x for x in tensors}.values()
        parameters = [x for x in used if id(x) in self._parameters]
        self._running = Call(name, kind, module, inputs, sources, parameters)
        self._running.multiply_adds = -self._following.multiply_adds
        self._following.all_counted = True

    def _end(self, result: object) -> None:
        call, self._running = self._running, None
        assert call is not None
        outputs = [x for x in tree_leaves(result) if self._following.depends(x)]
        if result is None and call.inputs:
            self.failed = call, sys.exception()
        if not outputs:
            return
        self._latest = call.output = outputs[0]
        call.seen = self._following.seen(outputs[0])
        call.multiply_adds += self._following.multiply_adds
        call.all_counted = self._following.all_counted
        self.calls.append(call)
        self._made_by |= dict.fromkeys(map(id, outputs), call.name)


def _is_layer(module: nn.Module, model: nn.Module) -> bool:
    """Return whether a module is shown as one: all of PyTorch's, and those without any inside."""
    home = type_before_parametrizations(module).__module__
    if home.startswith("torch.nn.modules."):
        return home not in _CONTAINERS
    inside = (name for name, _ in module.named_children() if name != "parametrizations")
    return module is not model and not any(inside)
