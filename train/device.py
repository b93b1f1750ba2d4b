"""The accelerator: device, mixed precision, and the exchange between processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor

from curator.contract.locations import TRACKERS
from train.report import TRACKERS_HINT
from train.survival.tolerance import outlived

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.report import Reporter

# One process samples or is paused while the others wait for it: torch's own limit of 10 minutes is too short.
_PATIENCE = timedelta(hours=12)
_T = TypeVar("_T")


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


def end_trackers(accelerator: Accelerator, reporter: Reporter) -> None:
    """Let trackers write what they hold; one that cannot is told of."""
    for tracker in accelerator.trackers:
        with outlived(reporter, f"the tracker {tracker.name} did not end well", TRACKERS_HINT):
            tracker.finish()
    accelerator.trackers = []


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


def found_by_all(accelerator: Accelerator, mine: Sequence[_T]) -> list[_T]:
    """What every process found, the first one's first. Where none found anything it takes one small sum."""
    if accelerator.num_processes == 1:
        return list(mine)
    if not summed(accelerator, torch.tensor(float(len(mine)))):
        return []
    found: list[list[_T]] = [[] for _ in range(accelerator.num_processes)]
    torch.distributed.all_gather_object(found, list(mine))
    return [each for part in found for each in part]


def gather(accelerator: Accelerator, part: Tensor) -> Tensor:
    """Equal parts of all processes, one after another."""
    if accelerator.num_processes == 1:
        return part
    return accelerator.gather(part.to(accelerator.device))
