"""LoHa: W + scale * (a1 x b1) * (a2 x b2), the product of two low-rank matrices element by element (Hyeon-Woo 2021).

The gradient makes the two matrices again: none of a weight's size is kept but the changed weight itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from train.adapters.kinds.kind import (
    Kind,
    Shapes,
    Site,
    Spec,
    Tensors,
    in_float32,
    normal,
    positions,
    product,
)
from train.adapters.kinds.lora import is_tucker

FACTORS = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
CORES = ("hada_t1", "hada_t2")


def shapes(spec: Spec) -> Shapes:
    """lycoris' layout: with cores, the first factors stand on their sides."""
    out, rank = spec.shape[0], spec.rank
    if is_tucker(spec):
        sides = {"a": (rank, out), "b": (rank, spec.shape[1])}
        return {name: sides[name[-1]] for name in FACTORS} | dict.fromkeys(CORES, (rank, rank, *spec.kernel))
    sides = {"a": (out, rank), "b": (rank, spec.inputs)}
    return {name: sides[name[-1]] for name in FACTORS}


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, generator: torch.Generator) -> None:
    """lycoris' start: the second matrix zero through one of its factors."""
    deviations = {"hada_w1_b": 1.0, "hada_w1_a": 0.1, "hada_w2_b": 1.0, "hada_t1": 0.1, "hada_t2": 0.1}
    for name in sorted(deviations.keys() & tensors.keys()):
        normal(tensors[name], deviations[name], generator)
    tensors["hada_w2_a"].zero_()


def delta(spec: Spec, tensors: Tensors, _weight: Tensor) -> Tensor:
    """scale * (a1 x b1) * (a2 x b2), or the same with each side around its core."""
    a1, b1, a2, b2 = (tensors[name] for name in FACTORS)
    if "hada_t1" in tensors:
        from lycoris.functional.loha import make_weight_tucker  # noqa: PLC0415 (imports peft: seconds)

        t1, t2 = (tensors[name] for name in CORES)
        scale = torch.tensor(spec.scale, device=a1.device)
        return make_weight_tucker(t1, b1, a1, t2, b2, a2, scale).reshape(spec.shape)
    return (spec.scale * (a1 @ b1) * (a2 @ b2)).reshape(spec.shape)


def live(site: Site, x: Tensor) -> Tensor:
    """One product with the changed weight; or, where that computes less, a LoRA of rank * rank beside the module.

    The product element by element of two matrices of rank r is one of rank r * r: its factors are all products of a
    column of a1 with one of a2, and of a row of b1 with one of b2.
    """
    if _is_cheaper_by_ranks(site, x):
        return site.base(x) + _side(site, x)
    weight = site.host.get_parameter("weight")
    with in_float32(x.device):
        changed = _changed(site, weight)
    return product(site.host, x, changed, getattr(site.host, "bias", None))


def _changed(site: Site, weight: Tensor) -> Tensor:
    if "hada_t1" in site.tensors:
        return weight.float() + delta(site.spec, site.tensors, weight)
    a1, b1, a2, b2 = (site.tensors[name] for name in FACTORS)
    return _AddedHadamard.apply(weight, a1 * site.spec.scale, b1, a2, b2)


class _AddedHadamard(torch.autograd.Function):
    """W + (a1 x b1) * (a2 x b2), with a gradient for the factors alone."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, *factors: Tensor) -> Tensor:
        ctx.save_for_backward(*factors)
        a1, b1, a2, b2 = factors
        return torch.addcmul(weight.float(), (a1 @ b1).view(weight.shape), (a2 @ b2).view(weight.shape))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        a1, b1, a2, b2 = ctx.saved_tensors
        of_change = grads[0].flatten(1)
        of_first = (a2 @ b2).mul_(of_change)
        of_a1, of_b1 = of_first @ b1.T, a1.T @ of_first
        of_second = torch.mm(a1, b1, out=of_first).mul_(of_change)
        return None, of_a1, of_b1, of_second @ b2.T, a2.T @ of_second


def _is_cheaper_by_ranks(site: Site, x: Tensor) -> bool:
    """Products beside a frozen layer's, as parts of one pass: 3 r r (1 / out + 1 / in), or 1 + 8 r / positions."""
    spec = site.spec
    if "hada_t1" in site.tensors:
        return False
    thin = 3 * spec.rank**2 * (1 / spec.shape[0] + 1 / spec.inputs)
    return thin < 1 + 8 * spec.rank / positions(site.host, x)


def _side(site: Site, x: Tensor) -> Tensor:
    spec = site.spec
    a1, b1, a2, b2 = (site.tensors[name] for name in FACTORS)
    up = ((spec.scale * a1)[:, :, None] * a2[:, None, :]).flatten(1)
    down = (b1[:, None] * b2[None]).reshape(-1, *spec.shape[1:])
    inner = product(site.host, x, down)
    return functional.conv2d(inner, up[:, :, None, None]) if spec.kernel else functional.linear(inner, up)


LOHA = Kind(shapes, start, delta, live)
