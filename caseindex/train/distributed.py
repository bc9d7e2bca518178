"""Several processes as one (`torchrun`): each takes its rows of the global batch, all compute the loss of the whole.

Without `torchrun` everything here does nothing, so that a recipe is written once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist


def start() -> tuple[int, int]:
    """(rank, processes); joins the group that `torchrun` describes in the environment, where it does."""
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) < 2:
        return 0, 1
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(device())
        # The first process decodes the archive while the others wait: hours, where it is large.
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(days=7))
    return dist.get_rank(), dist.get_world_size()


def device() -> str:
    """This process's own GPU where there are GPUs."""
    if not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"


def several() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def own_rows(count: int) -> slice:
    """Of a global batch of ``count`` rows, those of this process: consecutive, all but the last equally many."""
    if not several():
        return slice(0, count)
    each = -(-count // dist.get_world_size())
    return slice(dist.get_rank() * each, min(count, (dist.get_rank() + 1) * each))


def gathered(embeddings: torch.Tensor, count: int) -> torch.Tensor:
    """[count, dim] of all processes, in the order of the global batch; gradients flow back to each one's rows."""
    if not several():
        return embeddings
    each = -(-count // dist.get_world_size())
    padded = torch.nn.functional.pad(embeddings, (0, 0, 0, each - len(embeddings)))
    return torch.cat(tuple(_Gather.apply(padded)))[:count]  # type: ignore[no-untyped-call]


class _Gather(torch.autograd.Function):
    """All processes compute the same loss from the same embeddings, so each one's gradient of its own rows is whole
    already; what remains is to add up the parameters' gradients (:func:`sum_gradients`)."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        parts = [torch.zeros_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[dist.get_rank()]


def sum_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Of parameters that each process used on its own rows. Those of a loss that every process computes whole are equal
    already and do not belong here."""
    if several():
        for parameter in parameters:
            if parameter.grad is not None:
                dist.all_reduce(parameter.grad)


def agreed(flag: bool) -> bool:
    """Whether any process says so: stopping must happen in all of them at the same step."""
    if not several():
        return flag
    value = torch.tensor([float(flag)], device=device())
    dist.all_reduce(value, dist.ReduceOp.MAX)
    return bool(value.item() > 0)


def same(value: Any) -> Any:
    """The first process's value, in all of them."""
    if not several():
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def wait() -> None:
    """Until all processes are here."""
    if several():
        dist.barrier()


def stop() -> None:
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
