"""DyLoRA: a LoRA whose first ranks are LoRAs themselves, by training a random number of them (Valipour 2022).

In each pass one unit of ranks is trained, on top of all before it and without all behind it. What is trained and what
is cut off are scaled by sqrt(rank / ranks in play), as in kohya's; the whole counts as any LoRA.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from train.adapters.dropout import dropout
from train.adapters.kinds import lora
from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, product, uniform


def shapes(spec: Spec) -> Shapes:
    """A LoRA in units of ranks, each a tensor of its own, so that the others rest while one is trained."""
    unit, whole = int(spec.options["unit"]), lora.shapes(spec)
    down, up = whole[lora.DOWN], whole[lora.UP]
    found: Shapes = {}
    for number in range(spec.rank // unit):
        found[f"{lora.DOWN}.{number}"] = (unit, *down[1:])
        found[f"{lora.UP}.{number}"] = (up[0], unit, *up[2:])
    return found


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, generator: torch.Generator) -> None:
    """`up` zero, `down` small."""
    for name, tensor in tensors.items():
        if name.startswith(lora.DOWN):
            uniform(tensor, generator)
        else:
            tensor.zero_()


def joined(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """The LoRA that the units are together."""
    if lora.DOWN in tensors:
        return dict(tensors)
    count = spec.rank // int(spec.options["unit"])
    return {
        name: torch.cat([tensors[f"{name}.{number}"] for number in range(count)], dim=axis)
        for name, axis in ((lora.DOWN, 0), (lora.UP, 1))
    }


def delta(spec: Spec, tensors: Tensors, weight: Tensor) -> Tensor:
    """That of the whole LoRA."""
    return lora.delta(spec, joined(spec, tensors), weight)


def live(site: Site, x: Tensor) -> Tensor:
    """In training, a random number of units, of which the last one learns; else all of them."""
    spec, unit = site.spec, int(site.spec.options["unit"])
    count = spec.rank // unit
    last = int(torch.randint(count, ())) if site.training else count - 1
    parts = [(site.tensors[f"{lora.DOWN}.{n}"], site.tensors[f"{lora.UP}.{n}"]) for n in range(last + 1)]
    if site.training:
        parts = [(down.detach(), up.detach()) for down, up in parts[:-1]] + parts[-1:]
    down, up = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts], dim=1)
    inner = product(site.host, x, down)
    outer = functional.conv2d(inner, up) if spec.kernel else functional.linear(inner, up)
    scale = spec.scale * math.sqrt(count / (last + 1))
    return site.base(x) + dropout(site, outer * scale)


def files(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """A LoRA as any other, and its alpha."""
    return {**joined(spec, tensors), "alpha": torch.tensor(spec.file_alpha)}


def restore(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """The units of a LoRA."""
    unit = int(spec.options["unit"])
    found: dict[str, Tensor] = {}
    for name, axis in ((lora.DOWN, 0), (lora.UP, 1)):
        for number, part in enumerate(tensors[name].split(unit, dim=axis)):
            found[f"{name}.{number}"] = part
    return found


DYLORA = Kind(shapes, start, delta, live, files, restore)
