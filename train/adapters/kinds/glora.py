"""GLoRA: W + scale * (W x a1 x a2 + b1 x b2): a LoRA before the layer, and one beside it (Chavan 2023)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, product, uniform

_A1, _A2, _B1, _B2 = "a1.weight", "a2.weight", "b1.weight", "b2.weight"


def shapes(spec: Spec) -> Shapes:
    """lycoris' layout; the kernel of a convolution is b2's."""
    out, inputs, rank, ones = spec.shape[0], spec.shape[1], spec.rank, (1,) * len(spec.kernel)
    return {
        _A1: (inputs, rank, *ones),
        _A2: (rank, inputs, *ones),
        _B1: (out, rank, *ones),
        _B2: (rank, inputs, *spec.kernel),
    }


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, generator: torch.Generator) -> None:
    """lycoris' start: a2 and b2 zero."""
    for name in (_A1, _B1):
        uniform(tensors[name], generator)
    for name in (_A2, _B2):
        tensors[name].zero_()


def delta(spec: Spec, tensors: Tensors, weight: Tensor) -> Tensor:
    """scale * (W x a1 x a2 + b1 x b2), the first over W's inputs."""
    before = tensors[_A1].flatten(1), tensors[_A2].flatten(1)
    inward = torch.einsum("oi...,ir,rj->oj...", weight.float(), *before)
    beside = (tensors[_B1].flatten(1) @ tensors[_B2].flatten(1)).reshape(spec.shape)
    return spec.scale * (inward + beside)


def live(site: Site, x: Tensor) -> Tensor:
    """The layer on inputs that were changed first, and a LoRA beside it."""
    tensors, scale = site.tensors, site.spec.scale
    apply = functional.conv2d if site.spec.kernel else functional.linear
    inward = apply(apply(x, tensors[_A2]), tensors[_A1])
    beside = apply(product(site.host, x, tensors[_B2]), tensors[_B1])
    return site.base(x + scale * inward) + scale * beside


GLORA = Kind(shapes, start, delta, live)
