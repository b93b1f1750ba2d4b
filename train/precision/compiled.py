"""torch.compile of a UNet: its transformer blocks or all of it, a graph for each size of images."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

    from curator.contract.recipe.precision import Compiled
    from train.precision.capabilities import Capabilities

BACKEND = "inductor"
_WORTH_STEPS = 1000
_COMPILES_SINCE = (7, 0)  # compute capability of NVIDIA's Volta: Triton has no code for older ones
_SIZES = 1 << 16  # a bucket of images, in batches of any length, is a graph of its own: no run has more


def way_of(wanted: Compiled, known: Capabilities, steps: int) -> Compiled:
    """ "off", "regional" or "whole", for a run of so many steps.

    Raises:
        UserError: the device cannot, and it was not left to `auto`.
    """
    can = known.has_compiler and (not known.is_gpu or known.compute >= _COMPILES_SINCE)
    if wanted == "auto":
        return "regional" if can and known.is_gpu and steps >= _WORTH_STEPS else "off"
    if wanted != "off" and not can:
        missing = "Triton and a GPU of compute capability 7.0" if known.is_gpu else "a C++ compiler"
        raise UserError(
            f"precision.compile = '{wanted}' needs {missing}, which {known.name} has not",
            "leave it out, or install what is missing",
        )
    return wanted


def compile_unet(unet: UNet2DConditionModel, way: Compiled) -> None:
    """Compile at the first use of each size; nothing is compiled for sizes in general, which is slower."""
    if way == "off":
        return
    # Beyond its limits torch would go back to no compilation, silently.
    torch._dynamo.config.recompile_limit = _SIZES
    torch._dynamo.config.accumulated_recompile_limit = _SIZES
    if way == "regional":
        unet.compile_repeated_blocks(dynamic=False, backend=BACKEND)
    else:
        unet.compile(dynamic=False, backend=BACKEND)


def uncompiled(unet: UNet2DConditionModel) -> AbstractContextManager[object]:
    """Samples and evaluations have sizes and batches of their own, too few of each to compile for."""
    has_any = any(module._compiled_call_impl is not None for module in unet.modules())
    return torch.compiler.set_stance("force_eager") if has_any else nullcontext()
