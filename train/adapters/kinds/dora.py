"""DoRA: the direction of each output's weights is W + a LoRA, their length a number of its own (Liu 2024).

W' = m * V / |V| with V = W + scale * up x down and one length an output, as in the paper and in lycoris. The length
of V counts in the gradient. Files of others may have a length an input, told by its shape [1, in]: read, not trained.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from train.adapters.kinds import lora
from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, in_float32, of_channels, product

LENGTH = "dora_scale"
_SQUARES = "squares of the lengths of W"


def shapes(spec: Spec) -> Shapes:
    """A LoRA, and a length an output."""
    return {**lora.shapes(spec), LENGTH: (spec.shape[0], *(1,) * (len(spec.shape) - 1))}


def start(spec: Spec, tensors: dict[str, Tensor], weight: Tensor, generator: torch.Generator) -> None:
    """The lengths that the weights have."""
    lora.start(spec, tensors, weight, generator)
    tensors[LENGTH].copy_(_lengths(weight.float()))


def delta(spec: Spec, tensors: Tensors, weight: Tensor) -> Tensor:
    """m * V / |V| - W."""
    directed, wanted = weight.float() + lora.delta(spec, tensors, weight), tensors[LENGTH]
    by_input = wanted.dim() > 1 and wanted.shape[0] == 1 < weight.shape[0]
    lengths = _lengths(directed.transpose(0, 1)).transpose(0, 1) if by_input else _lengths(directed)
    return wanted.reshape(lengths.shape) * directed / lengths - weight.float()


def keeps(weight: Tensor) -> dict[str, Tensor]:
    """|W|^2 of each output."""
    return {_SQUARES: weight.float().flatten(1).square().sum(dim=1)}


def _lengths(weight: Tensor) -> Tensor:
    """Of the weights of each output, [out, 1, ...]."""
    return weight.flatten(1).norm(dim=1).reshape(-1, *(1,) * (weight.dim() - 1)).clamp_min(torch.finfo().tiny)


def live(site: Site, x: Tensor) -> Tensor:
    """m / |V| times what W and the LoRA say; V itself is never made.

    Of each output |V|^2 = |W|^2 + 2 s W (up x down) + s^2 |up x down|^2: the first does not change, and the others are
    products with the thin factors.
    """
    host, spec, tensors = site.host, site.spec, site.tensors
    weight, bias = host.get_parameter("weight"), getattr(host, "bias", None)
    with in_float32(x.device):
        down, up = tensors[lora.DOWN].flatten(1), spec.scale * tensors[lora.UP].flatten(1)
        added = _AddedSquares.apply(weight.flatten(1), up, down)
        lengths = (site.kept[_SQUARES] + added).clamp_min(torch.finfo().tiny).sqrt()
        factors = of_channels(host, tensors[LENGTH].flatten() / lengths)
    said = product(host, x, weight) + lora.side(site, x)
    if bias is None:
        return (said * factors).to(said.dtype)
    return torch.addcmul(of_channels(host, bias).to(factors.dtype), said, factors).to(said.dtype)


class _AddedSquares(torch.autograd.Function):
    """|W + up x down|^2 - |W|^2 of each output, with a gradient for the factors alone: W is read once in each pass."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, up: Tensor, down: Tensor) -> Tensor:
        with_weight, with_itself = weight.float() @ down.T, up @ (down @ down.T)
        ctx.save_for_backward(weight, up, down, with_weight, with_itself)
        return (up * (2 * with_weight + with_itself)).sum(dim=1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weight, up, down, with_weight, with_itself = ctx.saved_tensors
        twice = 2 * grads[0][:, None]
        of_directions = (twice * up).T
        of_down = torch.addmm(of_directions @ weight.float(), of_directions @ up, down)
        return None, twice * (with_weight + with_itself), of_down


DORA = Kind(shapes, start, delta, live, keeps=keeps)
