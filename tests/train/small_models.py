"""Models of a few tensors under SD1's names: enough for work that goes tensor by tensor."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

UNET = "model.diffusion_model."
TEXT = "cond_stage_model.transformer.text_model."
CONV, BLOCK1, MIDDLE, OUT = (
    f"{UNET}input_blocks.0.0.weight",
    f"{UNET}input_blocks.1.0.in_layers.2.weight",
    f"{UNET}middle_block.1.proj_in.weight",
    f"{UNET}out.2.weight",
)
IDS, UPDATES = f"{TEXT}embeddings.position_ids", "model_ema.num_updates"


def small(seed: int, dtype: torch.dtype = torch.float16, channels: int = 4) -> dict[str, Tensor]:
    """A model of a few tensors under SD1's names."""
    draw = torch.Generator().manual_seed(seed)
    shapes = {
        CONV: (8, channels, 3, 3),
        BLOCK1: (8, 8, 3, 3),
        MIDDLE: (8, 8, 1, 1),
        OUT: (4, 8, 3, 3),
        "first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3),
        f"{TEXT}final_layer_norm.weight": (8,),
        f"{TEXT}embeddings.token_embedding.weight": (20, 8),
        f"{TEXT}embeddings.position_embedding.weight": (7, 8),
    }
    made = {name: (torch.randn(shape, generator=draw) * 0.1).to(dtype) for name, shape in shapes.items()}
    return made | {
        IDS: torch.arange(77)[None],
        UPDATES: torch.tensor(7),
        "alphas_cumprod": torch.rand(10, generator=draw),
    }


def write_small_models(folder: Path) -> None:
    """a.safetensors, b.safetensors and c.safetensors."""
    for seed, name in enumerate("abc"):
        save_file(small(seed), folder / f"{name}.safetensors")
