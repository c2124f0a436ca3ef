"""Data-parallel training with torchrun, on one machine or several; without torchrun there is one process.

torchrun --nproc-per-node=2 -m training.mnist.train --recipe fast
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from common.errors import UserError

T = TypeVar("T")
LAUNCHER = ["torchrun", f"--nproc-per-node={os.environ.get('LOCAL_WORLD_SIZE')}"]


def is_distributed() -> bool:
    """Return whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def init_distributed(device: str) -> Iterator[None]:
    """Join torchrun's process group, gloo on CPUs and NCCL with one GPU per process on "cuda".

    Raises UserError when the device is "mps" or this machine has fewer GPUs than processes.
    """
    if not is_distributed():
        yield
        return
    if device == "mps":
        raise UserError("several processes cannot share one mps: use --device cpu, or leave torchrun away")
    if device == "cuda":
        gpu, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if gpu >= gpus:
            raise UserError(f"there are {gpus} GPUs: torchrun --nproc-per-node={gpus}, or --device cpu")
        torch.cuda.set_device(gpu)
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    yield
    dist.destroy_process_group()  # not after an error: torchrun then ends the processes that would wait for ever


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_rank0() -> bool:
    """Return whether this process writes the files and prints the progress."""
    return rank() == 0


def broadcast_from_rank0(make: Callable[[], T]) -> T:
    """Call `make` in rank 0 alone and return its value in every process."""
    if world_size() == 1:
        return make()
    value = [make() if is_rank0() else None]
    dist.broadcast_object_list(value)
    return value[0]  # type: ignore[return-value]


def once_per_node(act: Callable[[], None]) -> None:
    """Call `act` in one process of each machine while the others wait."""
    if world_size() == 1 or os.environ["LOCAL_RANK"] == "0":
        act()
    if world_size() > 1:
        dist.barrier()


def all_reduce_sum(values: Tensor) -> Tensor:
    """Sum `values` over all processes, in place, and return them."""
    if world_size() > 1:
        dist.all_reduce(values)
    return values
