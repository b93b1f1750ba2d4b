"""BOFT: outputs turned in blocks, stage after stage, each among outputs farther apart, as a butterfly (Liu 2023)."""

from __future__ import annotations

import torch
from lycoris.functional import power2factorization
from torch import Tensor

from curator.contract.errors import UserError
from train.adapters.kinds import oft
from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors


def shapes(spec: Spec) -> Shapes:
    """[stages, blocks, side, side]: the number of blocks is a power of two.

    Raises:
        UserError: the outputs cannot be cut so, with sides up to the rank.
    """
    side, count = power2factorization(spec.shape[0], spec.rank)
    if not side:
        raise UserError(
            f"boft cannot cut {spec.shape[0]} outputs in a power of two of blocks of up to {spec.rank}",
            "raise adapter.rank, or give these modules another kind in adapter.rules",
        )
    return {oft.BLOCKS: (count.bit_length(), count, side, side), **oft.rescale_shape(spec)}


def turned(spec: Spec, tensors: Tensors, rows: Tensor) -> Tensor:
    """`rows` [..., out] through all stages: outputs `2^stage * side / 2` apart come to stand side by side."""
    change = oft.turns(spec, tensors[oft.BLOCKS])
    for stage, turn in enumerate(change):
        apart = 2**stage * turn.shape[-1] // 2
        groups = (
            rows.unflatten(-1, (-1, 2, apart)).transpose(-1, -2).flatten(-3).unflatten(-1, turn.shape[:2])
        )
        groups = groups + torch.einsum("bij,...bj->...bi", turn.to(rows.dtype), groups)
        rows = groups.flatten(-2).unflatten(-1, (-1, apart, 2)).transpose(-1, -2).flatten(-3)
    return rows * tensors[oft.RESCALE].flatten().to(rows.dtype) if oft.RESCALE in tensors else rows


def delta(spec: Spec, tensors: Tensors, weight: Tensor) -> Tensor:
    """The turned rows less the rows."""
    return oft.change_of(turned, spec, tensors, weight)


def live(site: Site, x: Tensor) -> Tensor:
    """The outputs before the bias, turned."""
    return oft.live_by(turned, site, x)


BOFT = Kind(shapes, oft.start, delta, live, oft.files)
