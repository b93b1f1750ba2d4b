"""Another VAE than a model's own: a diffusers folder, or a file in the original or in diffusers' layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from diffusers import AutoencoderKL

from curator.contract.base_model.folder_files import files_of
from curator.contract.errors import UserError
from curator.contract.text import visible
from train.models import layout
from train.models.empty import empty_vae
from train.models.fit import Fit, fill
from train.models.tensor_file import joined, open_tensors

if TYPE_CHECKING:
    from train.families.rows import FamilyRow

_LATENT_CHANNELS = 4
_IMAGE_CHANNELS = 3


def read_vae(path: str, row: FamilyRow, tell: Callable[[str, str], None], fit: Fit = fill) -> AutoencoderKL:
    """The VAE at `path`, for a model of the family `row`; empty with `train.models.fit.compare`.

    Raises:
        UserError: there is none, it is damaged, or it is no VAE of Stable Diffusion.
    """
    place, shown = Path(path).expanduser(), visible(path)
    if not place.exists():
        raise UserError(f"there is no VAE at {shown}", "give a diffusers VAE folder or a .safetensors file")
    if place.is_file():
        vae = empty_vae(row.config)
        fit(vae, layout.any_vae(vae), open_tensors(place), "VAE")
        return vae
    inner = place / "vae" if (place / "vae").is_dir() else place
    vae = empty_vae(inner, "")
    refuse_foreign_vae(vae, shown)
    fit(vae, layout.folder_vae(vae), joined([open_tensors(each) for each in files_of(inner)[0]]), "VAE")
    _compare_scale(vae, row, shown, tell)
    return vae


def refuse_foreign_vae(vae: AutoencoderKL, shown: str) -> None:
    """Refuse a VAE whose latents Stable Diffusion does not work with.

    Raises:
        UserError: it has other channels, or latents that are shifted.
    """
    channels = vae.config["latent_channels"]
    if channels != _LATENT_CHANNELS:
        raise UserError(
            f"the VAE at {shown} makes latents of {channels} channels, and Stable Diffusion takes {_LATENT_CHANNELS}",
            "give a VAE of the model's own family",
        )
    for said in ("in_channels", "out_channels"):
        if vae.config[said] != _IMAGE_CHANNELS:
            raise UserError(
                f"the VAE at {shown} has {said} = {vae.config[said]}, and images have {_IMAGE_CHANNELS} channels",
                "give a VAE of the model's own family",
            )
    if vae.config.get("latents_mean") or vae.config.get("shift_factor"):
        raise UserError(
            f"the VAE at {shown} is of EDM style: its latents are shifted, which Stable Diffusion's are not",
            "give a VAE of the model's own family",
        )


def _compare_scale(vae: AutoencoderKL, row: FamilyRow, shown: str, tell: Callable[[str, str], None]) -> None:
    usual = empty_vae(row.config).config["scaling_factor"]
    factor = vae.config["scaling_factor"]
    if factor != usual:
        tell(
            f"the VAE at {shown} scales latents by {factor}, and {row.title} by {usual}: it may be of another family",
            "give a VAE of the model's own family where that was not meant",
        )
