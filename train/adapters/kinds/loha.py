"""LoHa: W + scale * (a1 x b1) * (a2 x b2), the product of two low-rank matrices element by element (Hyeon-Woo 2021).

The product, and its gradient that keeps neither matrix in memory, are lycoris'.
"""

from __future__ import annotations

import torch
from lycoris.functional.loha import make_weight, make_weight_tucker
from torch import Tensor

from train.adapters.kinds.kind import Kind, Shapes, Spec, Tensors, normal
from train.adapters.kinds.lora import is_tucker

_FACTORS = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
_CORES = ("hada_t1", "hada_t2")


def shapes(spec: Spec) -> Shapes:
    """lycoris' layout: with cores, the first factors stand on their sides."""
    out, rank = spec.shape[0], spec.rank
    if is_tucker(spec):
        sides = {"a": (rank, out), "b": (rank, spec.shape[1])}
        return {name: sides[name[-1]] for name in _FACTORS} | dict.fromkeys(
            _CORES, (rank, rank, *spec.kernel)
        )
    sides = {"a": (out, rank), "b": (rank, spec.inputs)}
    return {name: sides[name[-1]] for name in _FACTORS}


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, generator: torch.Generator) -> None:
    """lycoris' start: the second matrix zero through one of its factors."""
    deviations = {"hada_w1_b": 1.0, "hada_w1_a": 0.1, "hada_w2_b": 1.0, "hada_t1": 0.1, "hada_t2": 0.1}
    for name in sorted(deviations.keys() & tensors.keys()):
        normal(tensors[name], deviations[name], generator)
    tensors["hada_w2_a"].zero_()


def delta(spec: Spec, tensors: Tensors, _weight: Tensor) -> Tensor:
    """scale * (a1 x b1) * (a2 x b2), or the same with each side around its core."""
    a1, b1, a2, b2 = (tensors[name] for name in _FACTORS)
    scale = torch.tensor(spec.scale, device=a1.device)
    if "hada_t1" in tensors:
        t1, t2 = (tensors[name] for name in _CORES)
        return make_weight_tucker(t1, b1, a1, t2, b2, a2, scale).reshape(spec.shape)
    return make_weight(b1, a1, b2, a2, scale).reshape(spec.shape)


LOHA = Kind(shapes, start, delta)
