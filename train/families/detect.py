"""Detection of a model's family from its configuration or its header alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.files.json_data import read_object

REFINER = "the SDXL refiner"
_SD2_TEXT_WIDTH = 1024
_LATENT_CHANNELS = 4
_CLIP_L = "cond_stage_model.transformer."
_OPEN_CLIP = "cond_stage_model.model."
_SDXL = "conditioner.embedders.1."
_REFINER = "conditioner.embedders.0.model."
_LORA = ("lora_unet_", "lora_te", "lycoris_")


def family_of_folder(folder: Path) -> str:
    """ "sd1", "sd2" or "sdxl"; any other pipeline under its own class name."""
    index = read_json(folder / "model_index.json")
    own_name = str(index.get("_class_name", "a pipeline without a UNet"))
    if "unet" not in index:
        return own_name
    if "text_encoder_2" in index and not any(index.get("text_encoder") or ()):
        return REFINER
    found = family_of_unet(read_json(folder / "unet" / "config.json"))
    return found if (found == "sdxl") == ("text_encoder_2" in index) else own_name


def family_of_unet(unet: Mapping[str, Any]) -> str:
    """ "sd1", "sd2" or "sdxl", from a UNet's configuration; or what kind of model it is instead."""
    channels = unet.get("in_channels", _LATENT_CHANNELS)
    if channels != _LATENT_CHANNELS:
        return f"an inpainting or editing model (its UNet takes {channels} channels)"
    if unet.get("addition_embed_type") == "text_time":
        return "sdxl"
    is_sd2 = bool(unet.get("use_linear_projection")) or unet.get("cross_attention_dim") == _SD2_TEXT_WIDTH
    return "sd2" if is_sd2 else "sd1"


def family_of_keys(keys: Iterable[str]) -> str:
    """ "sd1", "sd2", "sdxl", or in words what else it is, from the tensor names of one file."""
    names = list(keys)
    known = (
        ((_SDXL,), "sdxl"),
        ((_REFINER,), REFINER),
        ((_OPEN_CLIP,), "sd2"),
        ((_CLIP_L,), "sd1"),
        (_LORA, "a LoRA"),
    )
    for starts, family in known:
        if any(name.startswith(starts) for name in names):
            return family
    return "no Stable Diffusion checkpoint"


def prediction_of_keys(keys: Iterable[str]) -> dict[str, Any]:
    """What single files say of their schedule: an empty tensor `v_pred`, and `ztsnr` for zero terminal SNR."""
    names = frozenset(keys)
    said: dict[str, Any] = {"prediction_type": "v_prediction"} if "v_pred" in names else {}
    return {**said, "rescale_betas_zero_snr": True} if said and "ztsnr" in names else said


def read_json(path: Path) -> Mapping[str, Any]:
    """A model's configuration file.

    Raises:
        UserError: missing or damaged.
    """
    try:
        return read_object(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing", "give a whole diffusers model folder") from None
    except (OSError, ValueError):
        raise UserError(
            f"{path} is no readable JSON", "the model folder is damaged: fetch it again"
        ) from None
