"""A checkpoint in one file is the model in the folder (S070)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from train.families.conditioning import whole
from train.families.load import load_family
from train.families.rows import FAMILIES
from train.tiny_base import build
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
MARKS = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
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
    found["text_projection"] = mine["text_projection.weight"].T
    for layer in range(encoder.config.num_hidden_layers):
        here, there = f"encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        for kind in ("weight", "bias"):
            parts = [mine[f"{here}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
            found[f"{there}.attn.in_proj_{kind}"] = torch.cat(parts)
            for name, theirs in OPEN_CLIP_LAYER.items():
                found[f"{there}.{theirs}.{kind}"] = mine[f"{here}.{name}.{kind}"]
    return found


def original_layout(pipeline) -> dict[str, Tensor]:
    places = ldm_places(pipeline.unet)
    tensors = {
        f"model.diffusion_model.{ldm_path(n, places)}": v for n, v in pipeline.unet.state_dict().items()
    }
    for name, value in (vae_tensor(*item) for item in pipeline.vae.state_dict().items()):
        tensors[f"first_stage_model.{name}"] = value
    second = getattr(pipeline, "text_encoder_2", None)
    start = "conditioner.embedders.0.transformer" if second else "cond_stage_model.transformer"
    for name, value in pipeline.text_encoder.state_dict().items():
        tensors[f"{start}.text_model.{name.removeprefix('text_model.')}"] = value
    for name, value in open_clip_tensors(second).items() if second else ():
        tensors[f"conditioner.embedders.1.model.{name}"] = value
    return {name: value.contiguous().clone() for name, value in tensors.items()}


def assert_same(single, folder) -> None:
    """Every tensor, and what both make of a caption."""
    pairs = [(single.unet, folder.unet), (single.vae, folder.vae)]
    pairs += zip(single.adapter_roots.text_encoders, folder.adapter_roots.text_encoders, strict=True)
    for mine, theirs in pairs:
        tensors = mine.state_dict()
        assert all(torch.equal(tensors[name], value) for name, value in theirs.state_dict().items())
    one, other = (family.condition(["a cat"], [whole((64, 64))]) for family in (single, folder))
    assert torch.equal(one.states, other.states)
    assert one.pooled is other.pooled is None or torch.equal(one.pooled, other.pooled)
    assert single.vae.config.scaling_factor == folder.vae.config.scaling_factor


@pytest.mark.parametrize(
    ("model", "suffix"), [("tiny_model", "safetensors"), ("tiny_model", "ckpt"), ("tiny_sdxl", "safetensors")]
)
def test_a_single_file_is_the_same_model(request, tmp_path: Path, model, suffix) -> None:
    """Written in the original layout by this test, read by diffusers: UNet names are those of `ldm_names`."""
    folder, path = request.getfixturevalue(model), tmp_path / f"tiny.{suffix}"
    tensors = original_layout(build(seed=0, family="sdxl" if model == "tiny_sdxl" else "sd1"))
    if suffix == "safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors}, path)
    assert_same(load_family(str(path), config=folder), load_family(str(folder)))


def test_a_file_that_says_it_predicts_velocity(tiny_sdxl, tmp_path: Path) -> None:
    """S069: the empty tensors some SDXL files carry; a recipe may still say otherwise."""
    path = tmp_path / "v.safetensors"
    save_file({**original_layout(build(seed=0, family="sdxl")), **MARKS}, path)
    family = load_family(str(path), config=tiny_sdxl)
    assert family.facts.prediction == "v_prediction"
    assert float(family.alphas_cumprod[-1]) == 0.0
    assert load_family(str(path), config=tiny_sdxl, prediction="epsilon").facts.prediction == "epsilon"


@pytest.mark.parametrize(
    ("config", "weights", "width", "factor"),
    [
        (FAMILIES["sd1"].config, 859_520_964, 768, 0.18215),
        (FAMILIES["sdxl"].config, 2_567_463_684, 2048, 0.13025),
    ],
)
def test_the_shipped_configuration_is_the_familys(config, weights, width, factor) -> None:
    """The sizes everybody knows."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(
            UNet2DConditionModel.load_config(str(config), subfolder="unet")
        )
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(str(config), subfolder="vae"))
    assert sum(weight.numel() for weight in unet.parameters()) == weights
    assert sum(weight.numel() for weight in vae.parameters()) == 83_653_863
    assert (unet.config.cross_attention_dim, vae.config.scaling_factor) == (width, factor)


def test_the_shipped_text_encoders_are_sdxls() -> None:
    sizes = {"text_encoder": (CLIPTextModel, 123_060_480)}
    sizes["text_encoder_2"] = (CLIPTextModelWithProjection, 694_659_840)
    for part, (kind, weights) in sizes.items():
        with torch.device("meta"):
            encoder = kind(CLIPTextConfig.from_pretrained(str(FAMILIES["sdxl"].config), subfolder=part))
        assert sum(weight.numel() for weight in encoder.parameters()) == weights
