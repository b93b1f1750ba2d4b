"""Tiny pipelines written in the original layout by the tests' own table of names."""

from __future__ import annotations

import torch
from torch import Tensor

from train.weights.ldm_names import ldm_path, ldm_places

OPEN_CLIP = {
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
OPEN_CLIP_LAYER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def vae_tensor(name: str, value: Tensor) -> tuple[str, Tensor]:
    parts = name.split(".")
    if "_blocks" in name:
        up = parts[1] == "up_blocks"
        level = 3 - int(parts[2]) if up else int(parts[2])
        inner = ["block", parts[4]] if parts[3] == "resnets" else ["upsample" if up else "downsample"]
        parts = [parts[0], "up" if up else "down", str(level), *inner, *parts[5:]]
    elif "mid_block.resnets" in name:
        parts = [parts[0], "mid", f"block_{int(parts[3]) + 1}", *parts[4:]]
    elif "mid_block.attentions" in name:
        rest = ".".join(parts[4:])
        for mine, theirs in VAE_ATTENTION.items():
            rest = rest.replace(mine, theirs)
        parts = [parts[0], "mid", "attn_1", rest]
        value = value[:, :, None, None] if value.ndim == 2 else value
    new = ".".join(parts).replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    return new, value


def open_clip_tensors(encoder) -> dict[str, Tensor]:
    """SDXL's second text encoder as OpenCLIP keeps it: q, k and v in one, the projection turned."""
    mine = {name.removeprefix("text_model."): value for name, value in encoder.state_dict().items()}
    found = {theirs: mine[name] for name, theirs in OPEN_CLIP.items()}
    if "text_projection.weight" in mine:
        found["text_projection"] = mine["text_projection.weight"].T
    for layer in range(encoder.config.num_hidden_layers):
        here, there = f"encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        for kind in ("weight", "bias"):
            parts = [mine[f"{here}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            found[f"{there}.attn.in_proj_{kind}"] = torch.cat(parts)
            for name, theirs in OPEN_CLIP_LAYER.items():
                found[f"{there}.{theirs}.{kind}"] = mine[f"{here}.{name}.{kind}"]
    return found


def original_layout(pipeline, family: str) -> dict[str, Tensor]:
    """Every tensor of the pipeline as single files keep it."""
    places = ldm_places(pipeline.unet)
    tensors = {
        f"model.diffusion_model.{ldm_path(n, places)}": v for n, v in pipeline.unet.state_dict().items()
    }
    for name, value in (vae_tensor(*item) for item in pipeline.vae.state_dict().items()):
        tensors[f"first_stage_model.{name}"] = value
    if family == "sd2":
        tensors |= _sd2_text(pipeline.text_encoder)
    else:
        start = "conditioner.embedders.0" if family == "sdxl" else "cond_stage_model"
        for name, value in pipeline.text_encoder.state_dict().items():
            tensors[f"{start}.transformer.text_model.{name.removeprefix('text_model.')}"] = value
    if family == "sdxl":
        for name, value in open_clip_tensors(pipeline.text_encoder_2).items():
            tensors[f"conditioner.embedders.1.model.{name}"] = value
    return {name: value.contiguous().clone() for name, value in tensors.items()}


def _sd2_text(encoder) -> dict[str, Tensor]:
    """One layer more than is read, of numbers of its own, and a projection that nothing reads."""
    found = open_clip_tensors(encoder)
    last, more = (f"transformer.resblocks.{encoder.config.num_hidden_layers - 1 + at}." for at in (0, 1))
    again = {name.replace(last, more): value + 1 for name, value in found.items() if name.startswith(last)}
    spare = {"text_projection": torch.randn(64, 64, generator=torch.Generator().manual_seed(1))}
    return {f"cond_stage_model.model.{name}": value for name, value in (found | again | spare).items()}
