"""The arithmetic of a run: its number types, autocast, and the loss scale of fp16."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from curator.contract.recipe.precision import Precision

NUMBERS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Arithmetic:
    """Number types of what is `frozen`, of what is `trained` and of the VAE; products are in that of the frozen.

    `order` is how convolutions lie in memory; what is offloaded is on the device only while it works.
    """

    device: torch.device
    frozen: torch.dtype = torch.float32
    trained: torch.dtype = torch.float32
    vae: torch.dtype = torch.float32
    order: torch.memory_format = torch.contiguous_format
    offloads_vae: bool = False
    offloads_text: bool = False

    def autocast(self) -> AbstractContextManager[None]:
        """Products within the block are in half the digits, where the recipe has it so."""
        if self.frozen is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.frozen)

    def new_scaler(self) -> torch.amp.GradScaler | None:
        """What keeps small gradients within fp16; None where they need no help."""
        return torch.amp.GradScaler(self.device.type) if self.frozen is torch.float16 else None


def arithmetic_of(precision: Precision, device: torch.device) -> Arithmetic:
    """The arithmetic a recipe asks for."""
    return Arithmetic(
        device,
        NUMBERS[precision.mixed],
        NUMBERS[precision.weights],
        NUMBERS[precision.vae],
        torch.channels_last if precision.channels_last else torch.contiguous_format,
        offloads_vae=precision.offloads_vae,
        offloads_text=precision.offloads_text,
    )
