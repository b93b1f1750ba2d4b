"""A checkpoint in one file is the model in the folder (S070)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from train.families.load import SD1_CONFIG, load_family
from train.tiny_base import build

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_places(unet) -> dict[str, str]:
    """diffusers' module path -> the original one, for SD1's four levels."""
    layers = unet.config.layers_per_block
    places = dict(ENDS)

    def resnet(here: str, there: str) -> None:
        places.update({f"{here}.{mine}": f"{there}.{theirs}" for mine, theirs in RESNET.items()})

    for level in range(4):
        for layer in range(layers):
            at = 1 + level * (layers + 1) + layer
            resnet(f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{at}.0")
            places[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{at}.1"
        places[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{(level + 1) * (layers + 1)}.0.op"
        for layer in range(layers + 1):
            at = level * (layers + 1) + layer
            resnet(f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{at}.0")
            places[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{at}.1"
        last = level * (layers + 1) + layers
        places[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{last}.{1 if level == 0 else 2}.conv"
    resnet("mid_block.resnets.0", "middle_block.0")
    resnet("mid_block.resnets.1", "middle_block.2")
    places["mid_block.attentions.0"] = "middle_block.1"
    return places


def renamed(name: str, places: dict[str, str]) -> str:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        if (found := places.get(".".join(parts[:count]))) is not None:
            return ".".join([found, *parts[count:]])
    raise KeyError(name)


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


def original_layout(pipeline) -> dict[str, Tensor]:
    places = unet_places(pipeline.unet)
    tensors = {
        f"model.diffusion_model.{renamed(n, places)}": v for n, v in pipeline.unet.state_dict().items()
    }
    for name, value in (vae_tensor(*item) for item in pipeline.vae.state_dict().items()):
        tensors[f"first_stage_model.{name}"] = value
    for name, value in pipeline.text_encoder.state_dict().items():
        tensors[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = value
    return {name: value.contiguous().clone() for name, value in tensors.items()}


@pytest.mark.parametrize("suffix", ["safetensors", "ckpt"])
def test_a_single_file_is_the_same_model(tiny_model, tmp_path: Path, suffix) -> None:
    path = tmp_path / f"tiny.{suffix}"
    tensors = original_layout(build(seed=0))
    if suffix == "safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors}, path)
    single, folder = load_family(str(path), config=tiny_model), load_family(str(tiny_model))
    for part in ("unet", "vae", "text_encoder"):
        mine, theirs = getattr(single, part).state_dict(), getattr(folder, part).state_dict()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert torch.equal(single.encode_text(["a cat"]), folder.encode_text(["a cat"]))


def test_the_shipped_configuration_is_sd1s() -> None:
    """The sizes of SD 1.x: 860 M weights in the UNet, 768 wide text, factor 0.18215."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(
            UNet2DConditionModel.load_config(str(SD1_CONFIG), subfolder="unet")
        )
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(str(SD1_CONFIG), subfolder="vae"))
    assert sum(weight.numel() for weight in unet.parameters()) == 859_520_964
    assert sum(weight.numel() for weight in vae.parameters()) == 83_653_863
    assert (unet.config.cross_attention_dim, vae.config.scaling_factor) == (768, 0.18215)
