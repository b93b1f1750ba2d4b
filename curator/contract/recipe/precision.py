"""The precision of a recipe: its number types, and what spares memory and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from curator.contract.recipe.knobs import knob

Attention = Literal["auto", "flash", "efficient", "cudnn", "math"]
Compiled = Literal["off", "auto", "regional", "whole"]

_NUMBERS = ("fp32", "fp16", "bf16")


@dataclass(frozen=True)
class Precision:
    """How numbers are held and computed, and what that takes of memory and time."""

    mixed: Literal["fp32", "fp16", "bf16"] = knob(
        "bf16",
        "arithmetic of UNet and text encoders, and the numbers frozen ones are held in; fp16 scales the loss",
        choices=_NUMBERS,
    )
    weights: Literal["fp32", "bf16"] = knob(
        "fp32",
        "numbers of trained weights; bf16 halves them and their gradients, and updates are rounded stochastically",
        choices=("fp32", "bf16"),
    )
    vae: Literal["fp32", "fp16", "bf16"] = knob(
        "fp32",
        "numbers of the VAE; in fp16, images that overflow are computed again in fp32",
        choices=_NUMBERS,
    )
    gradient_checkpointing: bool = knob(False, "compute activations twice to hold fewer of them")
    fused_backward: bool = knob(
        False,
        "update each weight of the model as soon as its gradient is there, and hold no other; needs "
        "optimizer.max_grad_norm = 0 and batch.accumulate = 1",
    )
    attention: Literal["auto", "flash", "efficient", "cudnn", "math"] = knob(
        "auto",
        "kernel of the UNet's attention; auto: torch chooses",
        choices=("auto", "flash", "efficient", "cudnn", "math"),
    )
    channels_last: bool = knob(
        False, "convolutions of UNet and VAE get channels last in memory, as tensor cores like them"
    )
    compile: Literal["off", "auto", "regional", "whole"] = knob(
        "off",
        "torch.compile of the UNet, for each size of images anew: its transformer blocks (regional) or all of it "
        "(whole); auto: regional where a GPU can and the run is long enough",
        choices=("off", "auto", "regional", "whole"),
    )
    offload: Literal["none", "vae", "text", "both"] = knob(
        "none",
        "what lies in the memory of the CPU and goes to the device only while it works: the VAE, text encoders that "
        "are not trained (text), or both",
        choices=("none", "vae", "text", "both"),
    )
    shard: Literal["none", "optimizer", "full"] = knob(
        "none",
        "what several processes that train a whole model keep a part of each instead of all: the optimiser's state "
        "(optimizer), or weights and gradients too (full)",
        choices=("none", "optimizer", "full"),
    )

    @property
    def offloads_vae(self) -> bool:
        return self.offload in ("vae", "both")

    @property
    def offloads_text(self) -> bool:
        return self.offload in ("text", "both")
