"""The accelerator: device, mixed precision, and the exchange between processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn

from curator.contract.locations import TRACKERS

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

# One process samples or is paused while the others wait for it: torch's own limit of 10 minutes is too short.
_PATIENCE = timedelta(hours=12)
_BUCKET_NUMBERS = 1 << 24


def make_accelerator(recipe: Recipe, run_folder: Path) -> Accelerator:
    """The GPU where there is one, else the CPU; several processes where a launcher started several."""
    trackers = list(recipe.log.trackers)
    return Accelerator(
        cpu=not torch.cuda.is_available(),
        log_with=trackers or None,
        project_dir=str(run_folder / TRACKERS) if trackers else None,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
    )


def start_trackers(accelerator: Accelerator, settings: Mapping[str, object], run_folder: Path) -> None:
    """Start the trackers the accelerator was made with; `settings` go along. wandb sends nothing: `wandb sync` does."""
    plain = {
        name: value if isinstance(value, (int, float)) else str(value) for name, value in settings.items()
    }
    offline = {
        "mode": "offline",
        "dir": str(run_folder / TRACKERS),
        "name": run_folder.name,
        "settings": {"console": "off", "disable_git": True, "save_code": False, "x_disable_meta": True},
    }
    accelerator.init_trackers("frieze", config=plain, init_kwargs={"wandb": offline})


def sum_gradients(accelerator: Accelerator, weights: list[nn.Parameter], extra: Tensor) -> Tensor:
    """Sum gradients, and the numbers in `extra`, over all processes; the summed `extra`.

    Not DistributedDataParallel: ranks may hold unequal shares of a short batch, and weights that a step does not reach
    on some rank need no special care. A weight that none reaches keeps no gradient, and rests. Gradients are sent some
    megabytes at a time, so that those of a whole model are not held twice.
    """
    if accelerator.num_processes == 1:
        return extra
    device = weights[0].device
    reached = torch.tensor([float(weight.grad is not None) for weight in weights], device=device)
    told = torch.cat([extra.to(device), reached.to(extra.dtype)])
    torch.distributed.all_reduce(told)
    found = [weight for weight, count in zip(weights, told[len(extra) :].tolist(), strict=True) if count]
    for bucket in _buckets(found):
        flat = torch.cat([_gradient(weight).flatten() for weight in bucket])
        torch.distributed.all_reduce(flat)
        for weight, part in zip(bucket, flat.split([w.numel() for w in bucket]), strict=True):
            weight.grad = part.view_as(weight).clone()
    return told[: len(extra)]


def _gradient(weight: nn.Parameter) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def _buckets(weights: list[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """The weights in their order, each bucket full with the one that reaches its size."""
    bucket: list[nn.Parameter] = []
    numbers = 0
    for weight in weights:
        bucket.append(weight)
        numbers += weight.numel()
        if numbers >= _BUCKET_NUMBERS:
            yield bucket
            bucket, numbers = [], 0
    if bucket:
        yield bucket


def share_flags(accelerator: Accelerator, flags: list[int]) -> list[int]:
    """The first process's flags, on every process."""
    if accelerator.num_processes == 1:
        return flags
    shared = torch.tensor(flags, device=accelerator.device)
    torch.distributed.broadcast(shared, src=0)
    return [int(flag) for flag in shared.tolist()]


def summed(accelerator: Accelerator, numbers: Tensor) -> Tensor:
    """The sum of each number over all processes, on the CPU."""
    if accelerator.num_processes == 1:
        return numbers
    shared = numbers.to(accelerator.device)
    torch.distributed.all_reduce(shared)
    return shared.cpu()


def gather(accelerator: Accelerator, part: Tensor) -> Tensor:
    """Equal parts of all processes, one after another."""
    if accelerator.num_processes == 1:
        return part
    return accelerator.gather(part.to(accelerator.device))
