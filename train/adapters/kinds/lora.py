"""LoRA and LoCon: W + scale * up x down; with a Tucker core, a convolution's kernel stands between the two."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from train.adapters.dropout import dropout
from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, product, uniform

DOWN, MID, UP = "lora_down.weight", "lora_mid.weight", "lora_up.weight"


def shapes(spec: Spec) -> Shapes:
    """`down` has the kernel of a convolution, or `mid` has it where the kernel is taken out."""
    out, inputs, kernel = spec.shape[0], spec.shape[1], spec.kernel
    ones = (1,) * len(kernel)
    if is_tucker(spec):
        return {
            DOWN: (spec.rank, inputs, *ones),
            UP: (out, spec.rank, *ones),
            MID: (spec.rank, spec.rank, *kernel),
        }
    return {DOWN: (spec.rank, inputs, *kernel), UP: (out, spec.rank, *ones)}


def is_tucker(spec: Spec) -> bool:
    """Whether a kernel is there to be taken out, and shall be."""
    return bool(spec.options.get("tucker")) and any(side != 1 for side in spec.kernel)


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, generator: torch.Generator) -> None:
    """`up` zero, the rest small."""
    for name in (DOWN, MID):
        if name in tensors:
            uniform(tensors[name], generator)
    tensors[UP].zero_()


def delta(spec: Spec, tensors: Tensors, _weight: Tensor) -> Tensor:
    """scale * up x down, or scale * sum over r, s of up[o, r] mid[r, s, ...] down[s, i]."""
    return low_rank(spec, tensors).mul_(spec.scale)


def low_rank(spec: Spec, tensors: Tensors) -> Tensor:
    """The product of the factors, shaped as the weight."""
    up, down = tensors[UP].flatten(1), tensors[DOWN]
    if (mid := tensors.get(MID)) is not None:
        return torch.einsum("or,rskl,si->oikl", up, mid, down.flatten(1)).reshape(spec.shape)
    return (up @ down.flatten(1)).reshape(spec.shape)


def side(site: Site, x: Tensor) -> Tensor:
    """What the factors add to the module's output."""
    tensors, spec = site.tensors, site.spec
    if MID in tensors:
        inner = product(site.host, functional.conv2d(x, tensors[DOWN]), tensors[MID])
    else:
        inner = product(site.host, x, tensors[DOWN])
    up = spec.scale * tensors[UP]  # far smaller than what comes out
    return functional.conv2d(inner, up) if spec.kernel else functional.linear(inner, up)


def live(site: Site, x: Tensor) -> Tensor:
    """The module's own output and what the factors add to it."""
    return site.base(x) + dropout(site, side(site, x))


LORA = Kind(shapes, start, delta, live)
