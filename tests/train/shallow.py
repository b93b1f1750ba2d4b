"""Models with as few layers as each family can have, for runs whose subject is not the layers: a third of the time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from train.tiny import base

_TEXT_LAYERS = 2
_UNET = {"layers_per_block": 1, "block_out_channels": (32, 64)}
_UNET_WITH_ATTENTION_FIRST = {
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
}
_UNETS: dict[str, dict[str, Any]] = {
    "sd1": _UNET_WITH_ATTENTION_FIRST,
    "sd2": {**_UNET_WITH_ATTENTION_FIRST, "attention_head_dim": (2, 4)},
    "sdxl": {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": (2, 4),
        "transformer_layers_per_block": (1, 2),
    },
}


def write_shallow(folder: Path, family: str) -> None:
    """A tiny model of the family, all but its VAE cut down to two levels of one layer and two layers of text."""
    pipeline = base.build(seed=0, family=family)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = UNet2DConditionModel.from_config({**pipeline.unet.config, **_UNET, **_UNETS[family]})
    pipeline.register_modules(unet=unet)
    for name in ("text_encoder", "text_encoder_2"):
        encoder = getattr(pipeline, name, None)
        if encoder is not None:
            text = getattr(encoder, "text_model", encoder)
            text.encoder.layers = text.encoder.layers[:_TEXT_LAYERS]
            encoder.config.num_hidden_layers = _TEXT_LAYERS
    base.save(pipeline, folder)
