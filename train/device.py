"""The accelerator: device, mixed precision, and the exchange between processes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn

from curator.contract.locations import TRACKERS
from curator.contract.recipe.recipe import Recipe

# One process samples or is paused while the others wait for it: torch's own limit of 10 minutes is too short.
_PATIENCE = timedelta(hours=12)


def make_accelerator(recipe: Recipe, run_folder: Path) -> Accelerator:
    """The GPU where there is one, else the CPU; several processes where a launcher started several."""
    trackers = list(recipe.log.trackers)
    return Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision="bf16" if recipe.precision.mixed == "bf16" else "no",
        log_with=trackers or None,
        project_dir=str(run_folder / TRACKERS) if trackers else None,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
    )


def start_trackers(accelerator: Accelerator, settings: Mapping[str, object]) -> None:
    """Start the trackers the accelerator was made with; `settings` go along."""
    plain = {
        name: value if isinstance(value, (int, float)) else str(value) for name, value in settings.items()
    }
    accelerator.init_trackers("run", config=plain)


def sum_gradients(accelerator: Accelerator, weights: list[nn.Parameter], extra: Tensor) -> Tensor:
    """Sum gradients, and the numbers in `extra`, over all processes in one exchange; the summed `extra`.

    Not DistributedDataParallel: a LoRA's gradients are small, ranks may hold unequal shares of a short batch, and
    weights that a step does not reach (the text encoder on a share without captions) need no special care.
    """
    if accelerator.num_processes == 1:
        return extra
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    flat = torch.cat(
        [extra.to(weights[0].device), *[w.grad.flatten() for w in weights if w.grad is not None]]
    )
    torch.distributed.all_reduce(flat)
    rest = flat[len(extra) :]
    for weight, part in zip(weights, rest.split([w.numel() for w in weights]), strict=True):
        weight.grad = part.view_as(weight).clone()
    return flat[: len(extra)]


def share_flags(accelerator: Accelerator, flags: list[int]) -> list[int]:
    """The first process's flags, on every process."""
    if accelerator.num_processes == 1:
        return flags
    shared = torch.tensor(flags, device=accelerator.device)
    torch.distributed.broadcast(shared, src=0)
    return [int(flag) for flag in shared.tolist()]


def gather(accelerator: Accelerator, part: Tensor) -> Tensor:
    """Equal parts of all processes, one after another."""
    if accelerator.num_processes == 1:
        return part
    return accelerator.gather(part.to(accelerator.device))
