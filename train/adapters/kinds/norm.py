"""Changes of normalisation layers: what is added to their scales and to their shifts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors

SCALE, SHIFT = "w_norm", "b_norm"


def shapes(spec: Spec) -> Shapes:
    """One of each a channel."""
    return {SCALE: spec.shape, SHIFT: spec.shape}


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, _generator: torch.Generator) -> None:
    """No change."""
    for tensor in tensors.values():
        tensor.zero_()


def delta(_spec: Spec, tensors: Tensors, _weight: Tensor) -> Tensor:
    """Of the scales."""
    return tensors[SCALE]


def live(site: Site, x: Tensor) -> Tensor:
    """The layer with its scales and shifts changed."""
    host = site.host
    scale = host.get_parameter("weight") + site.tensors[SCALE]
    shift = host.get_parameter("bias") + site.tensors[SHIFT]
    if isinstance(host, nn.GroupNorm):
        return functional.group_norm(x, host.num_groups, scale.to(x.dtype), shift.to(x.dtype), host.eps)
    assert isinstance(host, nn.LayerNorm)
    return functional.layer_norm(x, host.normalized_shape, scale.to(x.dtype), shift.to(x.dtype), host.eps)


def files(_spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """No alpha."""
    return dict(tensors)


NORM = Kind(shapes, start, delta, live, files)
