"""The kernel of a UNet's attention, tried on the device before a run goes by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from diffusers.models.attention_processor import Attention as AttentionModule
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.contract.recipe.precision import Attention

_KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}


def kernel(name: Attention) -> AbstractContextManager[object]:
    """Attention within the block is computed by that kernel, or by none."""
    return nullcontext() if name == "auto" else sdpa_kernel(_KERNELS[name])


def check_kernel(name: Attention, unet: nn.Module, device: torch.device, numbers: torch.dtype) -> None:
    """Compute attention with heads of each width the UNet has, forward and backward.

    Raises:
        UserError: the device has no such kernel for one of them.
    """
    for width in sorted(set(_head_widths(unet))) if name != "auto" else ():
        heads = torch.zeros(1, 2, 64, width, device=device, dtype=numbers, requires_grad=True)
        try:
            with kernel(name):
                scaled_dot_product_attention(heads, heads, heads).sum().backward()
        except RuntimeError as error:
            raise UserError(
                f"precision.attention = '{name}' has no kernel on this device for heads of {width} numbers",
                "set precision.attention = 'auto', or another kernel",
            ) from error


def _head_widths(unet: nn.Module) -> Iterator[int]:
    for module in unet.modules():
        if isinstance(module, AttentionModule):
            yield module.inner_dim // module.heads


def checkpointing_by(name: Attention) -> Any:
    """How diffusers is to compute activations twice: the second time by the same kernel."""

    def run(module: nn.Module, *args: Any) -> Any:
        return checkpoint(
            module, *args, use_reentrant=False, context_fn=lambda: (nullcontext(), kernel(name))
        )

    return run
