"""The processes that share a training or an evaluation, if `torchrun` started several."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor

from cnn_tutorial.support.device import choose_device


@contextmanager
def joined_processes() -> Iterator[None]:
    """Join the other processes that `torchrun` started, if it did."""
    if not dist.is_torchelastic_launched():
        yield
        return
    device = choose_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Evaluation adds up on the CPU, wherever the training is.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank_and_world_size() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def sum_over_processes(tensors: list[Tensor]) -> None:
    """Replace each tensor by its sum over all processes, in a single message."""
    if rank_and_world_size()[1] == 1:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(part.view(tensor.shape))
