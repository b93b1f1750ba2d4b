"""Modules without weights, of the sizes that a diffusers folder's configuration gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig

from curator.contract.base_model.family import read_json
from curator.contract.errors import UserError

if TYPE_CHECKING:
    from train.families.family import TextEncoder
    from train.families.rows import TextPart

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RuntimeError, OSError)


def empty_unet(folder: Path) -> UNet2DConditionModel:
    """The UNet that a folder's configuration describes."""
    return _made(folder / "unet", UNet2DConditionModel.from_config)


def empty_vae(folder: Path, part: str = "vae") -> AutoencoderKL:
    """The VAE that a folder's configuration describes."""
    return _made(folder / part, AutoencoderKL.from_config)


def empty_text_encoder(folder: Path, part: TextPart) -> TextEncoder:
    """The text encoder that a folder's configuration describes."""
    return _made(folder / part.folder, lambda about: part.kind(CLIPTextConfig.from_dict(dict(about))))


def _made(folder: Path, make: Callable[[Mapping[str, Any]], Any]) -> Any:
    about = read_json(folder / "config.json")
    try:
        with init_empty_weights():
            return make(about).requires_grad_(False).eval()
    except _UNREADABLE as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{folder / 'config.json'} describes no model: {first[:200]}",
            "the model folder is damaged: fetch it again",
        ) from error
