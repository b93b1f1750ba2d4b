"""Family of a base model, from its configuration or the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.files.json_data import read_object

FAMILIES = ("sd1", "sd2", "sdxl")
REFINER = "the SDXL refiner"
EDM = "a model of EDM-style noise"
Shapes = Mapping[str, tuple[int, ...]]

_SD2_TEXT_WIDTH = 1024
_LATENT_CHANNELS = 4
_CHANNELS = {
    9: "an inpainting model",
    8: "an image-editing model",
    5: "a depth-to-image model",
}
_FIRST_CONVOLUTION = "model.diffusion_model.input_blocks.0.0.weight"
_EDM_MARKS = ("edm_mean", "edm_std", "edm_vpred.sigma_max", "edm_vpred.sigma_min")
_SCHEDULERS = {"EDM": EDM, "FlowMatch": "a flow-matching model"}
_STARTS = (
    (("conditioner.embedders.1.",), "sdxl"),
    (("conditioner.embedders.0.model.",), REFINER),
    (("cond_stage_model.model.",), "sd2"),
    (("cond_stage_model.transformer.",), "sd1"),
    (("lora_unet_", "lora_te", "lycoris_"), "a LoRA"),
    (("model.diffusion_model.",), "a UNet without a text encoder"),
    (("first_stage_model.", "encoder.down"), "a VAE"),
)


def family_of_folder(folder: Path) -> str:
    """ "sd1", "sd2" or "sdxl"; any other pipeline under its own class name."""
    index = read_json(folder / "model_index.json")
    own_name = str(index.get("_class_name", "a pipeline without a UNet"))
    if "unet" not in index:
        return own_name
    if "text_encoder_2" in index and not any(index.get("text_encoder") or ()):
        return REFINER
    scheduler = str((index.get("scheduler") or ("",))[-1])
    for start, kind in _SCHEDULERS.items():
        if scheduler.startswith(start):
            return kind
    found = family_of_unet(read_json(folder / "unet" / "config.json"))
    return found if (found == "sdxl") == ("text_encoder_2" in index) else own_name


def family_of_unet(unet: Mapping[str, Any]) -> str:
    """ "sd1", "sd2" or "sdxl", from a UNet's configuration; or what kind of model it is instead."""
    channels = unet.get("in_channels", _LATENT_CHANNELS)
    if channels != _LATENT_CHANNELS:
        return _of_channels(channels)
    if unet.get("addition_embed_type") == "text_time":
        return "sdxl"
    is_sd2 = bool(unet.get("use_linear_projection")) or unet.get("cross_attention_dim") == _SD2_TEXT_WIDTH
    return "sd2" if is_sd2 else "sd1"


def family_of_tensors(shapes: Shapes) -> str:
    """ "sd1", "sd2", "sdxl", or in words what else it is, from the tensors of one file."""
    first = shapes.get(_FIRST_CONVOLUTION, (0, _LATENT_CHANNELS))
    if len(first) > 1 and first[1] != _LATENT_CHANNELS:
        return _of_channels(first[1])
    if any(mark in shapes for mark in _EDM_MARKS):
        return EDM
    for starts, family in _STARTS:
        if any(name.startswith(starts) for name in shapes):
            return family
    return "no Stable Diffusion checkpoint"


def _of_channels(channels: object) -> str:
    kind = _CHANNELS.get(channels, "a model of another kind") if isinstance(channels, int) else "damaged"
    return f"{kind} (its UNet takes {channels} channels)"


def read_json(path: Path) -> Mapping[str, Any]:
    """A model's configuration file.

    Raises:
        UserError: missing or damaged.
    """
    try:
        return read_object(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing", _instead_of(path)) from None
    except (OSError, ValueError):
        raise UserError(
            f"{path} is no readable JSON", "the model folder is damaged: fetch it again"
        ) from None


def _instead_of(path: Path) -> str:
    """Where a folder has no index, the checkpoint that lies in it may be what was meant."""
    files = sorted(each for each in path.parent.glob("*") if each.suffix in (".safetensors", ".ckpt"))
    if path.name == "model_index.json" and files:
        return f"give the file {files[0]}, or a whole diffusers model folder"
    return "give a whole diffusers model folder"
