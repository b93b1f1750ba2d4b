"""BOFT: outputs turned in blocks, stage after stage, each among outputs farther apart, as a butterfly (Liu 2023)."""

from __future__ import annotations

from lycoris.functional import power2factorization
from torch import Tensor

from curator.contract.errors import UserError
from train.adapters.kinds import oft
from train.adapters.kinds.kind import (
    Kind,
    Shapes,
    Site,
    Spec,
    Tensors,
    in_float32,
    positions,
    product,
)


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


def turned(spec: Spec, tensors: Tensors, columns: Tensor) -> Tensor:
    """`columns` [out, n] through all stages, along their first axis.

    Outputs are counted by a binary digit for each stage, and by half a block. A stage mixes its own digit, the lowest
    first, and the half block. The outputs are moved once between two stages, by whole columns.
    """
    stages = oft.turns(spec, tensors[oft.BLOCKS])
    _, count, side, _ = stages.shape
    # Blocks of files have the digit last, and here first.
    stages = (
        stages.reshape(-1, count, side // 2, 2, side // 2, 2)
        .permute(0, 1, 3, 2, 5, 4)
        .flatten(4)
        .flatten(2, 3)
    )
    said = columns.reshape(
        2 * count, 1, 1, side // 2, -1
    )  # [digits above, below, the stage's, half block, n]
    for stage, turn in enumerate(stages):
        groups = said.unflatten(0, (-1, 2)).permute(0, 3, 2, 1, 4, 5).reshape(count, side, -1)
        said = oft.added_product(groups, turn).reshape(-1, 2**stage, 2, side // 2, groups.shape[-1])
    return oft.rescaled(tensors, said.transpose(1, 2).reshape(columns.shape))


def delta(spec: Spec, tensors: Tensors, weight: Tensor) -> Tensor:
    """The turned rows less the rows."""
    return oft.change_of(turned, spec, tensors, weight)


def live(site: Site, x: Tensor) -> Tensor:
    """The outputs before the bias, turned; or, where a weight has fewer columns than there are outputs, its rows."""
    host = site.host
    if positions(host, x) <= site.spec.inputs:
        return oft.live_by(turned, site, x)
    weight = host.get_parameter("weight")
    with in_float32(x.device):
        rows = turned(site.spec, site.tensors, weight.float().flatten(1)).view(weight.shape)
    return product(host, x, rows, getattr(host, "bias", None))


BOFT = Kind(shapes, oft.start, delta, live, oft.files, alpha_is_by_rank=False)
