"""Names of an adapter's tensors as programs have them: kohya's, diffusers', the original layout's, OneTrainer's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.errors import UserError
from train.adapters.key_styles import MAGNITUDE, PEFT
from train.adapters.kinds import lora

if TYPE_CHECKING:
    from train.workshop.adapters.sites import Site

_DIFFUSERS = {
    leaf: end.removeprefix(".")
    for leaf, end in ((lora.DOWN, PEFT.down), (lora.UP, PEFT.up), ("dora_scale", MAGNITUDE))
}
_ENCODERS = {"text_encoder.": "clip_l.", "text_encoder_2.": "clip_g."}


def styled(site: Site, tensors: Mapping[str, Tensor], style: str) -> dict[str, Tensor]:
    """The tensors of a module under the whole names of a style.

    diffusers' has no alpha: what it says beside the rank is multiplied into `lora_B`, exactly where it is a power of
    two. A file without alpha gets one in the others, which some programs want.

    Raises:
        UserError: diffusers' style has no names for the kind.
    """
    if style == "diffusers":
        return {f"{site.path}.{leaf}": tensor for leaf, tensor in _of_diffusers(site, tensors).items()}
    told = dict(tensors)
    if lora.DOWN in told and "alpha" not in told:
        told["alpha"] = torch.tensor(float(told[lora.DOWN].shape[0]))
    start = {"kohya": site.name, "original": _original(site), "onetrainer": _onetrainer(site)}[style]
    return {f"{start}.{leaf}": tensor for leaf, tensor in told.items()}


def _original(site: Site) -> str:
    return (
        "diffusion_model." + site.original.removeprefix("unet.") if site.part == "unet" else _onetrainer(site)
    )


def _onetrainer(site: Site) -> str:
    for folder, name in _ENCODERS.items():
        if site.path.startswith(folder):
            return name + site.path.removeprefix(folder)
    return site.path


def _of_diffusers(site: Site, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if strange := sorted(tensors.keys() - {*_DIFFUSERS, lora.MID, "alpha"}):
        raise UserError(
            f"diffusers has no name for '{strange[0]}' of '{site.name}': it reads LoRA alone",
            "give --as lora as well",
        )
    down, up = tensors[lora.DOWN], tensors[lora.UP]
    if (mid := tensors.get(lora.MID)) is not None:
        down = torch.einsum("rskl,si->rikl", mid.float(), down.float().flatten(1)).to(down.dtype)
    rank = down.shape[0]
    alpha = float(tensors["alpha"]) if "alpha" in tensors else 0.0
    if alpha not in (0.0, float(rank)):
        up = (up.float() * (alpha / rank)).to(up.dtype)
    made = {_DIFFUSERS[lora.DOWN]: down, _DIFFUSERS[lora.UP]: up}
    if (lengths := tensors.get("dora_scale")) is not None:
        made[_DIFFUSERS["dora_scale"]] = lengths.flatten()
    return made
