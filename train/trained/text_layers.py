"""Layers of a UNet that read text, each told its own: what extended textual inversion (XTI, Voynov 2023) needs.

The states of all layers travel side by side, [n, layers x tokens, width]; each layer takes its own part of them.
"""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from train.weights.ldm_names import ldm_path, ldm_places

_PLACE = re.compile(r"(input|output)_blocks\.(\d+)\.1")
_SIDES = {"input": "IN", "output": "OUT"}


def text_layers(unet: nn.Module) -> dict[str, nn.Module]:
    """The transformers of a UNet by kohya's names, in their order: IN01, IN02, ..., MID, OUT03, ..."""
    places = ldm_places(unet)
    found = {
        _name(ldm_path(path, places)): module
        for path, module in unet.named_modules()
        if type(module).__name__ == "Transformer2DModel"
    }
    return {name: found[name] for name in sorted(found)}


def _name(place: str) -> str:
    found = _PLACE.fullmatch(place)
    return f"{_SIDES[found[1]]}{int(found[2]):02d}" if found else "MID"


def part_states(layers: dict[str, nn.Module]) -> None:
    """Let every layer take its own part of the states it is given."""
    for number, layer in enumerate(layers.values()):
        layer.register_forward_pre_hook(_taking(number, len(layers)), with_kwargs=True)


def _taking(number: int, count: int) -> Any:
    def take(_layer: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        states = kwargs["encoder_hidden_states"].chunk(count, dim=1)[number]
        return args, {**kwargs, "encoder_hidden_states": states}

    return take
