"""Adapters made from the change of a weight: a LoRA by its singular values, a LoKr by the nearest Kronecker product."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from train.adapters.kinds import lokr, lora
from train.workshop.low_rank.factors import Factors, nearest
from train.workshop.low_rank.ranks import rank_by

if TYPE_CHECKING:
    from curator.contract.low_rank import Extraction
    from train.adapters.kinds.kind import Spec


class MadeLayer(NamedTuple):
    """A module's tensors in a file, and its rank: 0 where its matrix is whole.

    `is_random`: found by random directions, see `factors`.
    """

    tensors: dict[str, Tensor]
    rank: int
    is_random: bool


def limit_of(spec: Spec) -> int:
    """The most ranks of a layer: what is asked for, or all it has."""
    return min(spec.rank, spec.shape[0], spec.inputs)


def lora_factors(change: Tensor, spec: Spec, wanted: Extraction) -> Factors:
    """The ranks of `change` that the rule leaves; for a file's size all that may be wanted."""
    rule, limit = wanted.ranks, limit_of(spec)
    needs_all = rule.is_dynamic
    found = nearest(change.flatten(1), None if needs_all else limit, exact=wanted.exact or needs_all)
    rank = limit if rule.size_mb is not None else rank_by(rule, found.values, found.squares, limit)
    return found.cut(rank)


def lora_layer(factors: Factors, spec: Spec, clamp_quantile: float) -> MadeLayer:
    """The module as a LoRA. Another alpha than the rank is made up for by the factors, so strength stays."""
    rank = len(factors.values)
    alpha = spec.alpha or float(rank)
    gain = math.sqrt(rank / alpha)
    up, down = _clamped(factors, clamp_quantile)
    tensors = {
        lora.UP: (up * gain).reshape(spec.shape[0], rank, *(1,) * len(spec.kernel)),
        lora.DOWN: (down * gain).reshape(rank, *spec.shape[1:]),
        "alpha": torch.tensor(alpha),
    }
    return MadeLayer(tensors, rank, factors.is_random)


def _clamped(factors: Factors, quantile: float) -> tuple[Tensor, Tensor]:
    """Both factors without their few largest numbers, as sd-scripts cuts them."""
    if quantile >= 1:
        return factors.up, factors.down
    sizes = torch.cat([factors.up.flatten(), factors.down.flatten()]).abs()
    most = float(sizes.kthvalue(max(1, math.ceil(quantile * len(sizes)))).values)
    return factors.up.clamp(-most, most), factors.down.clamp(-most, most)


def lokr_layer(change: Tensor, spec: Spec, wanted: Extraction) -> MadeLayer:
    """The module as a LoKr; its rank is that of the large matrix.

    The change is laid out anew so that a Kronecker product is of rank one there (Van Loan and Pitsianis 1993).
    """
    whole = lokr.shapes(replace(spec, options={**spec.options, "full_matrix": True}))
    (out1, in1), (out2, in2, *kernel) = whole[lokr.W1], whole[lokr.W2]
    blocks = change.reshape(out1, out2, in1, in2, *kernel).transpose(1, 2)
    one = nearest(blocks.reshape(out1 * in1, -1), 1, exact=wanted.exact)
    small, large = one.up.reshape(out1, in1), one.down.reshape(out2, -1)
    tensors = {lokr.W1: small, lokr.W2: large.reshape(out2, in2, *kernel)}
    if not spec.options["full_matrix"]:
        rule = wanted.ranks
        limit = min(spec.rank, *large.shape)
        found = nearest(large, None if rule.is_dynamic else limit, exact=wanted.exact or rule.is_dynamic)
        rank = rank_by(rule, found.values, found.squares, limit)
        if lokr.W2_A in lokr.shapes(replace(spec, rank=rank)):
            thin = found.cut(rank)
            tensors = {lokr.W1: small, lokr.W2_A: thin.up, lokr.W2_B: thin.down}
            is_random = one.is_random or found.is_random
            return MadeLayer({**tensors, "alpha": torch.tensor(float(rank))}, rank, is_random)
    return MadeLayer({**tensors, "alpha": torch.tensor(1.0)}, 0, one.is_random)
