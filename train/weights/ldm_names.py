"""Names of a UNet's modules in the original (LDM, sgm) layout, from diffusers' names.

Single files keep weights under these names, and kohya's SDXL LoRA files are named after them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torch import nn

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_SHRINKS = re.compile(r"input_blocks\.(\d+)\.0\.op\.")
_ENCODES = re.compile(r"input_blocks\.(\d+)\.")
_DECODES = re.compile(r"output_blocks\.(\d+)\.(?:1\.(transformer_blocks)\.)?")
_USUAL_LAYERS = 2


def unet_file_names(unet: nn.Module) -> dict[str, str]:
    """Every module an adapter can attach to: diffusers' path -> the original one, both with "_" for dots."""
    places = ldm_places(unet)
    return {
        path.replace(".", "_"): ldm_path(path, places).replace(".", "_")
        for path, module in unet.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.LayerNorm, nn.GroupNorm))
    }


def ldm_path(path: str, places: dict[str, str]) -> str:
    """The original name of a module or tensor; `places` is what `ldm_places` found."""
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        if (found := places.get(".".join(parts[:count]))) is not None:
            return ".".join([found, *parts[count:]])
    raise KeyError(path)


class UNetPlan(NamedTuple):
    """What names follow from: blocks of a level, and for each level of the decoder whether it attends to the text."""

    layers: int
    attends: tuple[bool, ...]


def ldm_places(unet: nn.Module) -> dict[str, str]:
    """Where each block of a diffusers UNet stands in the original; the longest path that fits counts."""
    attends = (getattr(block, "attentions", None) is not None for block in unet.up_blocks)
    return places_of(UNetPlan(int(unet.config.layers_per_block), tuple(attends)))


def plan_of_originals(names: Iterable[str]) -> UNetPlan:
    """The plan of the UNet that has these names in the original layout, those of a whole level at least."""
    known = list(names)
    shrinks = [int(found[1]) for name in known if (found := _SHRINKS.match(name))]
    layers = min(shrinks) - 1 if shrinks else _USUAL_LAYERS
    blocks = [(int(found[1]), bool(found[2])) for name in known if (found := _DECODES.match(name))]
    encoding = [int(found[1]) - 1 for name in known if (found := _ENCODES.match(name))]
    levels = max([*encoding, *(block for block, _ in blocks)], default=0) // (layers + 1) + 1
    attending = {block // (layers + 1) for block, attends in blocks if attends}
    return UNetPlan(layers, tuple(level in attending for level in range(levels)))


def plan_of_diffusers(names: Iterable[str]) -> UNetPlan:
    """The plan of the UNet that has these names in diffusers' layout."""
    parts = [name.split(".") for name in names if name.startswith(("down_blocks.0.", "up_blocks."))]
    layers = {int(each[3]) for each in parts if each[0] == "down_blocks" and each[2] == "resnets"}
    levels = max((int(each[1]) for each in parts if each[0] == "up_blocks"), default=0) + 1
    attending = {int(each[1]) for each in parts if each[0] == "up_blocks" and each[2] == "attentions"}
    return UNetPlan(len(layers), tuple(level in attending for level in range(levels)))


def places_of(plan: UNetPlan) -> dict[str, str]:
    """Where each block of a diffusers UNet of this plan stands in the original."""
    places = dict(_ENDS)
    for level, attends in enumerate(plan.attends):
        places.update(_down(level, plan.layers))
        places.update(_up(level, plan.layers, attends=attends))
    places.update(_resnet("mid_block.resnets.0", "middle_block.0"))
    places.update(_resnet("mid_block.resnets.1", "middle_block.2"))
    return {**places, "mid_block.attentions.0": "middle_block.1"}


def _down(level: int, layers: int) -> Iterator[tuple[str, str]]:
    """The original counts the blocks of all levels in one row, each level's shrinking one included."""
    first = 1 + level * (layers + 1)
    for layer in range(layers):
        yield from _resnet(f"down_blocks.{level}.resnets.{layer}", f"input_blocks.{first + layer}.0")
        yield f"down_blocks.{level}.attentions.{layer}", f"input_blocks.{first + layer}.1"
    yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{first + layers}.0.op"


def _up(level: int, layers: int, attends: bool) -> Iterator[tuple[str, str]]:
    """A level's enlarging convolution stands behind its last block's resnet and attention."""
    first = level * (layers + 1)
    for layer in range(layers + 1):
        yield from _resnet(f"up_blocks.{level}.resnets.{layer}", f"output_blocks.{first + layer}.0")
        yield f"up_blocks.{level}.attentions.{layer}", f"output_blocks.{first + layer}.1"
    last = f"output_blocks.{first + layers}.{2 if attends else 1}.conv"
    yield f"up_blocks.{level}.upsamplers.0.conv", last


def _resnet(here: str, there: str) -> Iterator[tuple[str, str]]:
    return ((f"{here}.{mine}", f"{there}.{theirs}") for mine, theirs in _RESNET.items())
