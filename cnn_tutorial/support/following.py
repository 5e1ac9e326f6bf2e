"""Follow the values of the model's input through every operation that runs."""

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cnn_tutorial.support.fields import Seen, of_input
from cnn_tutorial.support.operation import Operation
from cnn_tutorial.support.rules import after, move, rule_of

# Of the shape and kind of their input, but not of its values.
_NEW = {f"{kind}_like" for kind in ("empty", "zeros", "ones", "full", "rand", "randn")} | {
    f"new_{kind}" for kind in ("empty", "empty_strided", "zeros", "ones", "full")
}


class Following(TorchDispatchMode):
    """While it is on, it sees all operations, also those inside of layers.

    Attributes:
        multiply_adds: Of all operations so far.
        all_counted: Whether there was none whose multiply-adds are not known.
        is_lost: Whether values have gone where they cannot be followed.
    """

    def __init__(self, x: Tensor) -> None:
        """Begin at the model's input, (N, C, H, W)."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiply_adds, self.all_counted = 0, True
        self._seen: dict[int, Seen | None] = {id(x): of_input(x)}
        self._kept = [x]  # so that no other tensor takes the id of one that is gone
        self._memory: set[int] = set()  # that was written into
        self._products: set[int] = set()  # of matrices: what is added to them may be a bias
        self.is_lost = False

    def depends(self, x: object) -> bool:
        """Return whether something is a tensor that depends on the input."""
        return isinstance(x, Tensor) and (id(x) in self._seen or _memory(x) in self._memory)

    def seen(self, x: Tensor) -> Seen | None:
        """Return what a tensor sees of the input, None if that is unknown."""
        return None if self.is_lost else self._seen.get(id(x))

    def lose(self) -> None:
        """Give up, since values have gone where they cannot be followed."""
        self.is_lost = True

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Run an operation, and note what its outputs see and what it costs."""
        result = func(*args, **(kwargs or {}))
        inputs = [x for x in tree_leaves((args, kwargs)) if self.depends(x)]
        outputs = [x for x in tree_leaves(result) if isinstance(x, Tensor)]
        self._kept += outputs
        if not inputs:
            return result
        if not outputs:  # a number of Python
            self.lose()
            return result
        operation = Operation(func, args, kwargs or {}, inputs, outputs)
        if operation.name in _NEW:
            return result
        seen = after(operation, [self.seen(x) for x in inputs])
        self._count(operation)
        if func._schema.is_mutable:
            self._note_writing(operation)
        self._seen |= {id(x): s for x, s in zip(outputs, seen, strict=True)}
        return result

    def _count(self, operation: Operation) -> None:
        """Add what an operation costs."""
        cost = operation.multiply_adds()
        if cost is None and rule_of(operation) is None:
            self.all_counted = False
        is_product = id(operation.inputs[0]) in self._products
        if is_product and operation.adds_bias():
            cost = operation.outputs[0].numel()
        self.multiply_adds += cost or 0
        if cost or (is_product and rule_of(operation) is move):
            self._products |= set(map(id, operation.outputs))

    def _note_writing(self, operation: Operation) -> None:
        """Forget what others see that share their memory with what was written into."""
        for x in operation.outputs:
            if len(operation.inputs) > 1 or operation.inputs[0] is not x:
                self._memory.add(_memory(x))
                others = (y for y in self._kept if _memory(y) == _memory(x))
                self._seen |= {id(y): None for y in others}


def _memory(x: Tensor) -> int:
    return int(x.untyped_storage()._cdata)
