"""Where a network is computed: the device, the processes that share the work, their signals."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


def choose_device() -> torch.device:
    """Return the fastest device: CUDA (the one of this process), MPS or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether a device computes in bfloat16 itself, so that it is faster."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))


@contextmanager
def processes() -> Iterator[None]:
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


def process() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def add_up(tensors: list[Tensor]) -> None:
    """Replace each tensor by its sum over all processes, in a single message."""
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(part.view(tensor.shape))


@contextmanager
def held_back(number: signal.Signals) -> Iterator[list[int]]:
    """Collect a signal instead of letting it interrupt, so that no step is left half taken."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread can handle signals
        return
    previous = signal.signal(number, lambda number, _: received.append(number))
    try:
        yield received
    finally:
        signal.signal(number, previous)
