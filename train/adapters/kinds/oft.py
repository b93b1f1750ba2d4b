"""OFT: the outputs of a layer turned in blocks, by Cayley's form of a rotation (Qiu 2023).

W' = R W with R = (I + Q) / (I - Q) for each block and Q = B - B transposed. Turning W's rows and turning the outputs
before the bias is the same, and done by one function on matrices [out, columns]. lycoris applies R transposed, which
the file's blocks are for.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from lycoris.functional import factorization
from torch import Tensor, nn

from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, in_float32, of_channels, product

BLOCKS, RESCALE = "oft_blocks", "rescale"

# Turns columns [out, n] along their first axis.
Turn = Callable[[Spec, Tensors, Tensor], Tensor]


def shapes(spec: Spec) -> Shapes:
    """[blocks, side, side], the side being the largest divisor of the outputs that the rank allows."""
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


def turns(spec: Spec, blocks: Tensor) -> Tensor:
    """R - I of each block, [..., side, side]: kept apart from I, which is too large beside it for bf16.

    A constraint c bounds the norm of Q by c times the outputs.
    """
    with in_float32(blocks.device):
        skew = blocks - blocks.transpose(-1, -2)
        limit = float(spec.options.get("constraint", 0.0)) * spec.shape[0]
        if limit > 0:
            norm = skew.norm() + 1e-8
            skew = torch.where(norm > limit, skew * (limit / norm), skew)
        eye = torch.eye(skew.shape[-1], device=skew.device)
        return (
            2.0 * torch.linalg.inv_ex(eye - skew).inverse @ skew
        )  # the gradient of an inverse is two products


def turned(spec: Spec, tensors: Tensors, columns: Tensor) -> Tensor:
    """`columns` [out, n] turned and rescaled along their first axis."""
    change = turns(spec, tensors[BLOCKS])
    groups = columns.unflatten(0, change.shape[:2])
    said = added_product(groups, change.transpose(-1, -2)).flatten(0, 1)
    return rescaled(tensors, said)


def added_product(groups: Tensor, change: Tensor) -> Tensor:
    """(I + change) x groups, for each of [blocks, side, n]; in half precision the sum is one of products."""
    if groups.dtype is torch.float32:
        return torch.bmm(change + torch.eye(change.shape[-1], device=change.device), groups)
    return torch.baddbmm(groups, change.to(groups.dtype), groups)


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
