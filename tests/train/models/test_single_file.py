"""A checkpoint in one file is the model in the folder (S070)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.train.original_layout import original_layout
from train.families.conditioning import whole
from train.families.load import load_family
from train.families.rows import FAMILIES
from train.tiny.base import build

MARKS = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}


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
    ("family", "suffix"),
    [("sd1", "safetensors"), ("sd1", "ckpt"), ("sd2", "safetensors"), ("sdxl", "safetensors")],
)
def test_a_single_file_is_the_same_model(tiny_of, tmp_path: Path, family, suffix) -> None:
    """Written in the original layout by the tests' own table, and by ours of names."""
    folder, path = tiny_of(family), tmp_path / f"tiny.{suffix}"
    tensors = original_layout(build(seed=0, family=family), family)
    if suffix == "safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors}, path)
    single = load_family(str(path), config=folder, prediction="epsilon")
    assert_same(single, load_family(str(folder)))


def test_a_file_that_says_it_predicts_velocity(tiny_sdxl, tmp_path: Path) -> None:
    """S069: the empty tensors some SDXL files carry; a recipe may still say otherwise."""
    path = tmp_path / "v.safetensors"
    save_file({**original_layout(build(seed=0, family="sdxl"), "sdxl"), **MARKS}, path)
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
