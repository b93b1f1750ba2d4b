"""OFT: the outputs of a layer turned in blocks, by Cayley's form of a rotation (Qiu 2023).

W' = R W with R = (I + Q) / (I - Q) for each block and Q = B - B transposed. Turning W's rows and turning the outputs
before the bias is the same, and done by one function on matrices [out, columns]. lycoris applies R transposed, which
the file's blocks are for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, in_float32, of_channels, product

BLOCKS, RESCALE = "oft_blocks", "rescale"

# Turns columns [out, n] along their first axis.
Turn = Callable[[Spec, Tensors, Tensor], Tensor]


def shapes(spec: Spec) -> Shapes:
    """[blocks, side, side], the side being the largest divisor of the outputs that the rank allows."""
    from lycoris.functional import factorization  # noqa: PLC0415 (imports peft: seconds)

    side, count = factorization(spec.shape[0], spec.rank)
    return {BLOCKS: (count, side, side), **rescale_shape(spec)}


def rescale_shape(spec: Spec) -> Shapes:
    """A factor an output, where the recipe wants them."""
    wide = (spec.shape[0], *(1,) * (len(spec.shape) - 1))
    return {RESCALE: wide} if spec.options.get("rescaled") else {}


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, _generator: torch.Generator) -> None:
    """No turn, factors of 1."""
    tensors[BLOCKS].zero_()
    if RESCALE in tensors:
        tensors[RESCALE].fill_(1.0)


def rotations(spec: Spec, blocks: Tensor) -> Tensor:
    """R of each block, [..., side, side], in float32.

    A constraint c bounds the norm of Q by c times the outputs.
    """
    with in_float32(blocks.device):
        skew = blocks - blocks.transpose(-1, -2)
        limit = float(spec.options.get("constraint", 0.0)) * spec.shape[0]
        if limit > 0:
            norm = skew.norm() + 1e-8
            skew = torch.where(norm > limit, skew * (limit / norm), skew)
        rotation: Tensor = _Cayley.apply(skew)
        return rotation


class _Cayley(torch.autograd.Function):
    """2 / (I - Q) - I, whose gradient needs the inverse alone."""

    @staticmethod
    def forward(ctx: Any, skew: Tensor) -> Tensor:
        eye = torch.eye(skew.shape[-1], device=skew.device)
        inverse = torch.linalg.inv_ex(eye - skew).inverse
        ctx.save_for_backward(inverse)
        return torch.sub(inverse, eye, alpha=0.5).mul_(2.0)

    @staticmethod
    def backward(ctx: Any, *of_result: Tensor) -> Tensor:
        (of_rotation,), (inverse,) = of_result, ctx.saved_tensors
        return 2.0 * (inverse.mT @ of_rotation @ inverse.mT)


def turned(spec: Spec, tensors: Tensors, columns: Tensor) -> Tensor:
    """`columns` [out, n] turned and rescaled along their first axis."""
    turns = ready(rotations(spec, tensors[BLOCKS]), columns.dtype)
    groups = columns.unflatten(0, turns.shape[:2])
    return rescaled(tensors, turned_groups(turns.mT, groups).flatten(0, 1))


def ready(rotations: Tensor, dtype: torch.dtype) -> Tensor:
    """R for float32; R - I for half precision, which has too few digits for a small turn beside I."""
    if dtype is torch.float32:
        return rotations
    return (rotations - torch.eye(rotations.shape[-1], device=rotations.device)).to(dtype)


def turned_groups(turns: Tensor, groups: Tensor) -> Tensor:
    """R x groups, for each of [blocks, side, n], by what `ready` gave."""
    if groups.dtype is torch.float32:
        return torch.bmm(turns, groups)
    return torch.baddbmm(groups, turns, groups)


def rescaled(tensors: Tensors, columns: Tensor) -> Tensor:
    """Each output [out, n] times its factor, where there are factors."""
    return columns * tensors[RESCALE].flatten(1).to(columns.dtype) if RESCALE in tensors else columns


def delta(spec: Spec, tensors: Tensors, weight: Tensor) -> Tensor:
    """R W - W."""
    return change_of(turned, spec, tensors, weight)


def change_of(turn: Turn, spec: Spec, tensors: Tensors, weight: Tensor) -> Tensor:
    """What turning the rows of `weight` changes in it."""
    columns = weight.float().flatten(1)
    return (turn(spec, tensors, columns) - columns).reshape(weight.shape)


def live(site: Site, x: Tensor) -> Tensor:
    """The outputs before the bias, turned."""
    return live_by(turned, site, x)


def live_by(turn: Turn, site: Site, x: Tensor) -> Tensor:
    """The outputs of the module before its bias through `turn`, and the bias."""
    host = site.host
    weight, bias = host.get_parameter("weight"), getattr(host, "bias", None)
    if isinstance(host, nn.Conv2d):
        said = product(host, x, weight).transpose(0, 1)
        turned = turn(site.spec, site.tensors, said.flatten(1)).to(said.dtype)
        done = turned.reshape(said.shape).transpose(0, 1)
    else:
        said = weight @ x.flatten(0, -2).T
        turned = turn(site.spec, site.tensors, said).to(said.dtype)
        done = turned.T.reshape(*x.shape[:-1], -1).contiguous()  # attention is slow on anything else
    return done if bias is None else done + of_channels(host, bias).to(done.dtype)


def files(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """lycoris keeps the constraint where others keep alpha."""
    return {**tensors, "alpha": torch.tensor(float(spec.options.get("constraint", 0.0)))}


OFT = Kind(shapes, start, delta, live, files, alpha_is_by_rank=False)
