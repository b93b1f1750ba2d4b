"""Models of true size with random weights, made on their device; and tiny ones."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig

from curator.contract.base_model.family import read_json
from curator.contract.base_model.prediction import Chosen
from train.families.base import ModelParts
from train.families.clip_text import PLAIN_TEXT
from train.families.family import Family
from train.families.rows import FAMILIES
from train.tiny.models import tiny_sd1, tiny_sd2, tiny_sdxl

_TINY = {"sd1": tiny_sd1, "sd2": tiny_sd2, "sdxl": tiny_sdxl}


def random_family(name: str, device: torch.device, *, tiny: bool) -> Family:
    """A frozen model of a family that knows nothing."""
    torch.manual_seed(0)
    parts = _tiny_parts(name) if tiny else _true_parts(name, device)
    for module in (parts.unet, parts.vae, *parts.text_encoders):
        module.requires_grad_(False).eval()
    return FAMILIES[name].make(parts, chosen=Chosen("epsilon", False), clip_skip=1, text=PLAIN_TEXT)


def _true_parts(name: str, device: torch.device) -> ModelParts:
    row = FAMILIES[name]
    about = {part: read_json(row.config / part / "config.json") for part in ("unet", "vae")}
    with device:
        return ModelParts(
            name,
            "",
            UNet2DConditionModel.from_config(about["unet"]),
            AutoencoderKL.from_config(about["vae"]),
            tuple(
                part.kind(CLIPTextConfig.from_dict(read_json(row.config / part.folder / "config.json")))
                for part in row.text
            ),
            tuple(part.shipped_tokenizer() for part in row.text),
            read_json(row.config / "scheduler" / "scheduler_config.json"),
        )


def _tiny_parts(name: str) -> ModelParts:
    pipeline = _TINY[name]("epsilon")
    two = (pipeline.text_encoder_2,) if name == "sdxl" else ()
    tokens = (pipeline.tokenizer_2,) if name == "sdxl" else ()
    return ModelParts(
        name,
        "",
        pipeline.unet,
        pipeline.vae,
        (pipeline.text_encoder, *two),
        (pipeline.tokenizer, *tokens),
        dict(pipeline.scheduler.config),
    )
