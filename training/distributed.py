"""One net trained by several processes, on one machine or many; without torchrun there is just one.

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

from common.cli import UserError

T = TypeVar("T")
LAUNCHER = ["torchrun", f"--nproc-per-node={os.environ.get('LOCAL_WORLD_SIZE')}"]


def launched() -> bool:
    """Whether torchrun started this process, and others like it."""
    return "TORCHELASTIC_RUN_ID" in os.environ


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Meet the other processes that torchrun started, each with a GPU of its own where `device` is cuda."""
    if not launched():
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
    dist.destroy_process_group()  # not after an error: torchrun then ends those who would wait for ever


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return rank() == 0


def from_first(make: Callable[[], T]) -> T:
    """Make a value in the first process alone, and give it to all."""
    if count() == 1:
        return make()
    value = [make() if is_first() else None]
    dist.broadcast_object_list(value)
    return value[0]  # type: ignore[return-value]


def once_a_machine(act: Callable[[], None]) -> None:
    """Act in one process of each machine, while the others wait."""
    if count() == 1 or os.environ["LOCAL_RANK"] == "0":
        act()
    if count() > 1:
        dist.barrier()


def total(values: Tensor) -> Tensor:
    """Add up, in place, what each process has."""
    if count() > 1:
        dist.all_reduce(values)
    return values
