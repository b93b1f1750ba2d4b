"""Adapters of every kind for a model of a few tensors, as training writes them, with random numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from train.adapters.kinds.kind import Spec
from train.adapters.kinds.table import KINDS

MID, CONV1 = "lora_unet_mid_block_attentions_0_proj_in", "lora_unet_down_blocks_0_resnets_0_conv1"
QUERY = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
SPECS: dict[str, dict[str, Any]] = {
    "lora": {},
    "locon": {"tucker": True},
    "loha": {"tucker": True},
    "lokr": {"factor": 2, "decompose_both": True},
    "dora": {},
    "ia3": {"on_input": True},
    "glora": {},
    "oft": {"constraint": 0.1, "rescaled": True},
    "boft": {},
    "dylora": {"unit": 1},
}


def of_kind(kind: str) -> dict[str, Tensor]:
    """An adapter of a matrix, a 1x1 and a 3x3 convolution, as training writes it, with random numbers."""
    draw = torch.Generator().manual_seed(3)
    query = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    modules = {query: (8, 8), MID: (8, 8, 1, 1), CONV1: (8, 8, 3, 3)}
    made: dict[str, Tensor] = {}
    for module, shape in modules.items():
        if kind == "ia3" and module != query:
            continue  # of matrices alone
        spec = Spec(kind, shape, 2, 1.0, options=SPECS[kind])
        tensors = {name: torch.empty(size) for name, size in KINDS[kind].shapes(spec).items()}
        KINDS[kind].start(spec, tensors, torch.randn(shape, generator=draw), draw)
        moved = {name: each + 0.2 * torch.randn(each.shape, generator=draw) for name, each in tensors.items()}
        made |= {
            f"{module}.{name}": each.contiguous() for name, each in KINDS[kind].files(spec, moved).items()
        }
    return made
