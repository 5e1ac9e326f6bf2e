"""An operation on tensors, as it runs below the layers: its arguments by name, and its cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils.flop_counter import flop_registry


class Operation:
    """One that has run on tensors of which some depend on the model's input.

    Attributes:
        func: What ran.
        name: Its name, without the `aten::` before it and the `_` of those that write in place.
        values: Its arguments by their names, with their defaults.
        inputs: The tensors among them that depend on the input.
        outputs: The tensors that came out.
    """

    def __init__(
        self,
        func: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        inputs: list[Tensor],
        outputs: list[Tensor],
    ) -> None:
        """Take what ran, and what it ran on."""
        self.func, self.inputs, self.outputs = func, inputs, outputs
        self._args, self._kwargs = args, kwargs
        self.name = func._schema.name.removeprefix("aten::").rstrip("_")
        declared = func._schema.arguments
        self.values = {argument.name: argument.default_value for argument in declared}
        self.values |= {a.name: value for a, value in zip(declared, args, strict=False)}
        self.values |= kwargs

    def depends(self, x: object) -> bool:
        """Return whether an argument depends on the model's input."""
        return any(x is y for y in self.inputs)

    def run_on(self, x: Tensor) -> Any:
        """Run it on another tensor in place of its one input, and pad with 0."""
        args = [x if self.depends(value) else value for value in self._args]
        padding = {"value": 0} if "value" in self.values else {}
        return self.func(*args[: 2 if padding else None], **{**self._kwargs, **padding})

    def adds_bias(self) -> bool:
        """Return whether it adds a vector that does not depend on the model's input."""
        other = self.values.get("other")
        is_vector = isinstance(other, Tensor) and other.ndim == 1 and not self.depends(other)
        return self.name == "add" and is_vector

    def multiply_adds(self) -> int | None:
        """Return its multiplications, each with an addition, as PyTorch's counter has them.

        To these come the biases, as torchinfo counts them: one for each output.

        Returns:
            Their number; None if the counter does not know the operation.
        """
        count = flop_registry.get(self.func._overloadpacket)
        if count is None:
            return None
        out = self.outputs[0]
        bias = self.values["self"] if self.name == "addmm" else self.values.get("bias")
        flops = int(count(*self._args, **self._kwargs, out_val=out))
        return flops // 2 + (out.numel() if bias is not None else 0)
