"""Decides which family a model on disk belongs to, from its configuration or its header alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError

_SD2_TEXT_WIDTH = 1024
_CLIP_L = "cond_stage_model.transformer."
_OPEN_CLIP = "cond_stage_model.model."
_SDXL = "conditioner.embedders.1."
_LORA = ("lora_unet_", "lora_te", "lycoris_")


def family_of_folder(folder: Path) -> str:
    """ "sd1", "sd2" or "sdxl"; any other pipeline under its own class name."""
    index = read_json(folder / "model_index.json")
    if "text_encoder_2" in index and "unet" in index:
        return "sdxl"
    if "unet" not in index or "text_encoder" not in index:
        return str(index.get("_class_name", "a pipeline without a UNet"))
    return family_of_unet(read_json(folder / "unet" / "config.json"))


def family_of_unet(unet: Mapping[str, Any]) -> str:
    """ "sd1", "sd2" or "sdxl", from a UNet's configuration."""
    if unet.get("addition_embed_type") == "text_time":
        return "sdxl"
    is_sd2 = bool(unet.get("use_linear_projection")) or unet.get("cross_attention_dim") == _SD2_TEXT_WIDTH
    return "sd2" if is_sd2 else "sd1"


def family_of_keys(keys: Iterable[str]) -> str:
    """ "sd1", "sd2", "sdxl", "a LoRA" or "no Stable Diffusion checkpoint", from the tensor names of one file."""
    names = list(keys)

    def any_starts(*prefixes: str) -> bool:
        return any(name.startswith(prefixes) for name in names)

    if any_starts(_SDXL):
        return "sdxl"
    if any_starts(_OPEN_CLIP):
        return "sd2"
    if any_starts(_CLIP_L):
        return "sd1"
    return "a LoRA" if any_starts(*_LORA) else "no Stable Diffusion checkpoint"


def read_json(path: Path) -> Mapping[str, Any]:
    """A model's configuration file.

    Raises:
        UserError: missing or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing", "give a whole diffusers model folder") from None
    except (ValueError, UnicodeDecodeError):
        raise UserError(
            f"{path} is no readable JSON", "the model folder is damaged: fetch it again"
        ) from None
    return found if isinstance(found, dict) else {}
