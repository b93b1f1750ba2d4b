"""Where the original layout keeps the tensors of a diffusers folder, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Literal, NamedTuple

from curator.contract.base_model.facts import VAE_PREFIX
from train.weights.ldm_names import ldm_path, places_of, plan_of_diffusers
from train.weights.ldm_vae_names import current_diffusers_name, is_attention_matrix, ldm_vae_name
from train.weights.open_clip_names import open_clip_place
from train.weights.text_places import TEXT_PLACES

UNET_PREFIX = "model.diffusion_model."
TEXT_MODEL = "text_model."
THIRDS = ("q", "k", "v")
_LEVEL = re.compile(r"encoder\.down_blocks\.(\d+)\.")


class Original(NamedTuple):
    """A tensor of a single file, and how a folder has it.

    `form`: as it is; a third of a matrix that holds query, key and value; turned; or without two sides of 1.
    """

    name: str
    form: Literal["plain", "q", "k", "v", "turned", "conv"] = "plain"


Naming = Callable[[str], Original | None]  # None: the original layout has no place for it


def parts_of(family: str) -> tuple[str, ...]:
    """The folders of a model that hold weights."""
    return ("unet", "vae", *(place.folder for place in TEXT_PLACES[family]))


def naming_of(family: str, part: str, names: Collection[str]) -> Naming:
    """What the original layout calls the tensors of one part; `names` are all that the part has."""
    if part == "unet":
        places = places_of(plan_of_diffusers(names))
        return lambda name: _unet(name, places)
    if part == "vae":
        levels = 1 + max((int(found[1]) for name in names if (found := _LEVEL.match(name))), default=0)
        return lambda name: _vae(name, levels)
    place = next(each for each in TEXT_PLACES[family] if each.folder == part)
    return lambda name: _text(name.removeprefix(TEXT_MODEL), place.prefix, place.style)


def _unet(name: str, places: dict[str, str]) -> Original | None:
    try:
        return Original(UNET_PREFIX + ldm_path(name, places))
    except KeyError:
        return None


def _vae(name: str, levels: int) -> Original | None:
    current = current_diffusers_name(name)
    if not current.startswith(("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")):
        return None
    form = "conv" if is_attention_matrix(current) else "plain"
    return Original(VAE_PREFIX + ldm_vae_name(current, levels), form)


def _text(name: str, prefix: str, style: str) -> Original | None:
    if style == "clip":
        is_read = name.startswith(("embeddings.", "encoder.", "final_layer_norm."))
        return Original(f"{prefix}{TEXT_MODEL}{name}") if is_read else None
    try:
        there, form = open_clip_place(name)
    except KeyError:
        return None
    return Original(prefix + there, form)
