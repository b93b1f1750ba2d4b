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


def small_adapter(seed: int, rank: int = 2) -> dict[str, Tensor]:
    """A LoRA of two modules of such a model, in float32; alpha is half the rank."""
    draw = torch.Generator().manual_seed(seed)
    kernels = {
        "lora_unet_mid_block_attentions_0_proj_in": (1, 1),
        "lora_unet_down_blocks_0_resnets_0_conv1": (3, 3),
    }
    made: dict[str, Tensor] = {}
    for module, kernel in kernels.items():
        made[f"{module}.lora_down.weight"] = torch.randn(rank, 8, *kernel, generator=draw) * 0.1
        made[f"{module}.lora_up.weight"] = torch.randn(8, rank, 1, 1, generator=draw) * 0.1
        made[f"{module}.alpha"] = torch.tensor(rank / 2)
    return made


def write_small_models(folder: Path) -> None:
    """a.safetensors, b.safetensors and c.safetensors, and adapter.safetensors and other.safetensors for them."""
    for seed, name in ((7, "adapter"), (8, "other")):
        save_file(small_adapter(seed), folder / f"{name}.safetensors")
    for seed, name in enumerate("abc"):
        save_file(small(seed), folder / f"{name}.safetensors")


def write_tiny_lora(path: Path, seed: int = 1, value: float = 1.0, width: int = 32) -> str:
    """A LoRA of one module of the tiny SD1 model, which has 32 inputs, that changes what is seen; gives its path."""
    module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    draw = torch.Generator().manual_seed(seed)
    tensors = {
        f"{module}.lora_down.weight": torch.randn(2, width, generator=draw) * value,
        f"{module}.lora_up.weight": torch.randn(width, 2, generator=draw),
        f"{module}.alpha": torch.tensor(2.0),
    }
    save_file(tensors, path)
    return str(path)
