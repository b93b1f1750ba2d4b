"""What a device can do, and what a recipe asks of it that it cannot."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.contract.recipe.precision import Precision


@dataclass(frozen=True)
class Capabilities:
    """Of one device. `compute` is NVIDIA's compute capability, (0, 0) of others; `has_compiler` is what
    torch.compile needs beside torch: Triton for a GPU, a C++ compiler for a CPU."""

    name: str
    is_gpu: bool = False
    compute: tuple[int, int] = (0, 0)
    has_bf16: bool = True
    has_compiler: bool = True


def capabilities_of(device: torch.device) -> Capabilities:
    """What torch says of a device."""
    if device.type != "cuda":
        return Capabilities("the CPU", has_compiler=any(map(shutil.which, ("g++", "clang++", "c++"))))
    return Capabilities(
        torch.cuda.get_device_name(device),
        is_gpu=True,
        compute=torch.cuda.get_device_capability(device),
        has_bf16=torch.cuda.is_bf16_supported(including_emulation=False),
        has_compiler=importlib.util.find_spec("triton") is not None,
    )


def check_device(precision: Precision, known: Capabilities, processes: int = 1) -> None:
    """Refuse what the device cannot do, or only at a crawl.

    Raises:
        UserError: names the key and what to set.
    """
    if not known.has_bf16:
        _check_bf16(precision, known.name)
    if precision.shard != "none" and processes == 1:
        raise UserError(
            f"precision.shard = '{precision.shard}' would have no effect: there is one process, which keeps all",
            "start with --processes N, or leave it out",
        )
    if precision.fused_backward and processes > 1:
        raise UserError(
            f"precision.fused_backward is for one process, and there are {processes}: gradients are never held to "
            "be added up",
            "start with --processes 1, or leave it out",
        )


def _check_bf16(precision: Precision, name: str) -> None:
    wanted = [key for key in ("mixed", "weights", "vae") if getattr(precision, key) == "bf16"]
    if not wanted:
        return
    key = wanted[0]
    hint = {
        "mixed": "set precision.mixed = 'fp16', or 'fp32' for twice the memory",
        "weights": "set precision.weights = 'fp32'",
        "vae": "set precision.vae = 'fp16' or 'fp32'",
    }
    if "weights" in wanted and key == "mixed":
        hint["mixed"] = "set precision.mixed = 'fp16' and precision.weights = 'fp32'"
    raise UserError(f"{name} has no bf16, which precision.{key} asks for", hint[key])
