"""Where the tensors of each part of a model stand in a file: one table for reading and for writing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn

from curator.contract.base_model.facts import VAE_PREFIX
from train.weights.ldm_names import ldm_path, ldm_places
from train.weights.ldm_vae_names import is_attention_matrix, ldm_vae_name, old_diffusers_name
from train.weights.open_clip_names import open_clip_place

if TYPE_CHECKING:
    from train.families.rows import TextPart

UNET_PREFIX = "model.diffusion_model."
TEXT_MODEL = "text_model."
_THIRDS = ("q", "k", "v")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """Where a tensor stands: under the first of `names` that is there; written under the first.

    `form`: as it is; a third of a matrix that holds query, key and value; turned; or with two sides of 1 more.
    """

    names: tuple[str, ...]
    form: Literal["plain", "q", "k", "v", "turned", "conv"] = "plain"

    def shape_of(self, stored: Shape) -> Shape:
        """The shape of the tensor, of what is stored."""
        if self.form in _THIRDS:
            return (stored[0] // 3, *stored[1:]) if stored and stored[0] % 3 == 0 else stored
        return stored[::-1] if self.form == "turned" else stored

    def taken(self, stored: Tensor) -> Tensor:
        """The tensor, of what is stored."""
        if self.form in _THIRDS:
            return stored.chunk(3)[_THIRDS.index(self.form)]
        return stored.T if self.form == "turned" else stored


Layout = Mapping[str, Place]  # by the name of the tensor in its module


@dataclass(frozen=True)
class Planned:
    """A tensor that a file shall hold: its shape, and how to get it."""

    shape: Shape
    read: Callable[[], Tensor]


def planned(module: nn.Module, layout: Layout) -> dict[str, Planned]:
    """What a file holds of a module, by the file's names."""
    state = module.state_dict()
    plan: dict[str, Planned] = {}
    for name, place in layout.items():
        value, target = state[name], place.names[0]
        if place.form == "q":
            parts = [state[name.replace(".q_proj.", f".{letter}_proj.")] for letter in _THIRDS]
            plan[target] = _fused(parts)
        elif place.form == "turned":
            plan[target] = Planned(tuple(value.shape[::-1]), lambda value=value: value.T)
        elif place.form == "conv":
            plan[target] = Planned((*value.shape, 1, 1), lambda value=value: value[:, :, None, None])
        elif place.form == "plain":
            plan[target] = Planned(tuple(value.shape), lambda value=value: value)
    return plan


def _fused(parts: list[Tensor]) -> Planned:
    rows = sum(part.shape[0] for part in parts)
    return Planned((rows, *parts[0].shape[1:]), lambda: torch.cat(parts))


# original layout: single files


def ldm_unet(unet: UNet2DConditionModel) -> Layout:
    """The UNet in a single file."""
    places = ldm_places(unet)
    return {name: Place((UNET_PREFIX + ldm_path(name, places),)) for name in unet.state_dict()}


def ldm_vae(vae: AutoencoderKL) -> Layout:
    """The VAE in a single file."""
    levels = len(vae.config["block_out_channels"])
    return {
        name: Place(
            (VAE_PREFIX + ldm_vae_name(name, levels),), "conv" if is_attention_matrix(name) else "plain"
        )
        for name in vae.state_dict()
    }


def ldm_text(encoder: nn.Module, part: TextPart) -> Layout:
    """A text encoder in a single file."""
    return {name: _text_place(name.removeprefix(TEXT_MODEL), part) for name in encoder.state_dict()}


def _text_place(name: str, part: TextPart) -> Place:
    if part.style == "open_clip":
        there, form = open_clip_place(name)
        return Place((part.prefix + there,), form)
    return Place((f"{part.prefix}{TEXT_MODEL}{name}", part.prefix + name))


# diffusers layout: folders


def folder_unet(unet: UNet2DConditionModel) -> Layout:
    """The UNet in a folder: as the module has it."""
    return {name: Place((name,)) for name in unet.state_dict()}


def folder_vae(vae: AutoencoderKL) -> Layout:
    """The VAE in a folder, also in one of an old diffusers."""
    return {name: Place((name, old_diffusers_name(name))) for name in vae.state_dict()}


def folder_text(encoder: nn.Module) -> Layout:
    """Text encoders are written with `text_model.`, which older transformers need, and read with and without it."""
    bare = {name: name.removeprefix(TEXT_MODEL) for name in encoder.state_dict()}
    return {
        name: Place((inner,) if inner.startswith("text_projection") else (TEXT_MODEL + inner, inner))
        for name, inner in bare.items()
    }


def any_vae(vae: AutoencoderKL) -> Layout:
    """A VAE in a file of its own: in the original layout, alone or as in a whole model, or in diffusers'."""
    original, own = ldm_vae(vae), folder_vae(vae)
    return {
        name: Place((*place.names, place.names[0].removeprefix(VAE_PREFIX), *own[name].names))
        for name, place in original.items()
    }
