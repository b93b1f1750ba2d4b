"""BOFT: outputs turned in blocks, stage after stage, each among outputs farther apart, as a butterfly (Liu 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
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

# Columns wider than this many sides are worth joined stages: fewer moves, for a product of the blocks first.
WIDE = 8


def shapes(spec: Spec) -> Shapes:
    """[stages, blocks, side, side]: the number of blocks is a power of two.

    Raises:
        UserError: the outputs cannot be cut so, with sides up to the rank.
    """
    from lycoris.functional import power2factorization  # noqa: PLC0415 (imports peft: seconds)

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
    first, and the half block. Each pass moves all columns once; where they are wide, it is of two stages.
    """
    blocks = tensors[oft.BLOCKS]
    half = blocks.shape[-1] // 2
    # Blocks of files have the digit last, and here first: Cayley's form is the same in any order.
    digits_first = blocks.unflatten(3, (half, 2)).unflatten(2, (half, 2)).permute(0, 1, 3, 2, 5, 4)
    stages = oft.rotations(spec, digits_first.reshape(blocks.shape)).unbind()
    joined = 2 if columns.shape[1] >= WIDE * blocks.shape[-1] else 1
    with in_float32(columns.device):
        turns = [
            oft.ready(_joined(stages[first : first + joined], first, half), columns.dtype)
            for first in range(0, len(stages), joined)
        ]
        said: Tensor = _Passes.apply(half, columns, *turns)
    return oft.rescaled(tensors, said)


def _joined(stages: Sequence[Tensor], below: int, half: int) -> Tensor:
    """One stage as it is, or two neighbours [blocks, side, side] as one [groups, side, side]; `below` were before.

    What two make of an output is a sum over the half block between them, for each digit of both.
    """
    if len(stages) == 1:
        return stages[0]
    before = stages[0].view(-1, 2, 2**below, 2, half, 2 * half).permute(0, 3, 2, 1, 4, 5)
    after = stages[1].view(-1, 2, 2**below, 2 * half, 2, half).transpose(3, 4)
    # [above, digit before, below, digit after, (digit after, half) of the result, (digit before, half) of what comes]
    product = (after @ before).unflatten(4, (2, half))
    return product.permute(0, 2, 4, 1, 5, 3, 6).reshape(-1, 4 * half, 4 * half)


class _Passes(torch.autograd.Function):
    """Columns [out, n] through turns of groups of outputs [groups, side, side], moved by whole columns between two.

    The gradients are written out, since autograd's record of the moves costs more than the products.
    """

    @staticmethod
    def forward(ctx: Any, half: int, columns: Tensor, *turns: Tensor) -> Tensor:
        said, groups, below, last = columns.contiguous(), list[Tensor](), 1, 1
        for turn in turns:
            digits = turn.shape[1] // half
            groups.append(_swapped(said, digits, below, last, half).view(*turn.shape[:2], -1))
            said = oft.turned_groups(turn, groups[-1])
            below, last = below * last, digits
        ctx.save_for_backward(*turns, *groups)
        ctx.half = half
        return _swapped(said, 1, below, last, half).view(columns.shape)

    @staticmethod
    def backward(ctx: Any, *of_result: Tensor) -> tuple[Tensor | None, ...]:
        (said,) = of_result
        saved, half = ctx.saved_tensors, ctx.half
        turns, groups = saved[: len(saved) // 2], saved[len(saved) // 2 :]
        shape, below, after = said.shape, said.shape[0] // half, 1
        said, gradients = said.contiguous(), list[Tensor]()
        for turn, group in zip(reversed(turns), reversed(groups), strict=True):
            digits = turn.shape[1] // half
            below //= digits
            said = _swapped(said, digits, below, after, half).view(group.shape)
            gradients.append(torch.bmm(said, group.mT))
            said, after = oft.turned_groups(turn.mT, said), digits
        return None, said.view(shape), *reversed(gradients)


def _swapped(said: Tensor, digits: int, below: int, last: int, half: int) -> Tensor:
    """Outputs counted by (above, `digits`, `below`, `last`), as counted by (above, `last`, `below`, `digits`)."""
    if digits == last == 1 or (below == 1 and 1 in (digits, last)):
        return said
    return said.view(-1, digits, below, last, half * said.shape[-1]).transpose(1, 3).contiguous()


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
