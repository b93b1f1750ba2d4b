"""A bake checked: on random inputs each layer of the result says what the base with its adapters beside it says.

The other side is the path of training (`Kind.live`), which makes no changed weight for most kinds, on the base's own
weights; the result is read again from the disk. What the number type of the result rounds off is worked out exactly:
an output of x through W is off by at most u |x| |W|, u being half the distance of two numbers near 1.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.adapters.kinds.table import KINDS
from train.adapters.reading import change_of, shift_of, spec_of
from train.workshop.adapters.bake import add_to_weight
from train.workshop.adapters.planning import is_whole_difference

if TYPE_CHECKING:
    from train.adapters.kinds.kind import Spec
    from train.workshop.adapters.planning import BakePlan, Change
    from train.workshop.adapters.sites import Site
    from train.workshop.model_file import ModelFile

_SAMPLES = 4
_SIDE = 5  # of the image that a convolution reads
_FLOAT32_SLACK = 64  # roundings of float32 that the two ways may differ by, on the largest sum of |x| |W|
_SMALLEST = {torch.float16: 2.0**-25, torch.bfloat16: 2.0**-134, torch.float32: 2.0**-150}


@dataclass(frozen=True)
class LayerVerdict:
    """One layer: the largest difference of an output, the largest output, and what rounding allows."""

    module: str
    tensor: str
    largest: float
    output: float
    allowed: float

    @property
    def holds(self) -> bool:
        return self.largest <= self.allowed


@dataclass(frozen=True)
class Verdict:
    """All layers that adapters change, the one that is farthest from what is allowed first."""

    holds: bool
    largest: float
    largest_relative: float
    layers: tuple[LayerVerdict, ...]


@dataclass(frozen=True)
class _Live:
    """One adapter on one module, without dropout: a `train.adapters.kinds.kind.Site`."""

    spec: Spec
    tensors: Mapping[str, Tensor]
    host: nn.Module
    kept: Mapping[str, Tensor]
    training: bool = False

    def base(self, x: Tensor) -> Tensor:
        return self.host(x)


@torch.no_grad()
def verified(model: ModelFile, plan: BakePlan, result: ModelFile) -> Verdict:
    """Compare every layer of `result` that is changed with the base and its adapters."""
    changes: dict[str, list[Change]] = {}
    for listed in (plan.weights, plan.biases):
        for each in (change for tensor in listed.values() for change in tensor):
            mine = changes.setdefault(each.site.name, [])
            if not any(other.adapter is each.adapter and other.module == each.module for other in mine):
                mine.append(each)
    layers = [_compared(model, result, mine) for _, mine in sorted(changes.items())]
    layers.sort(key=lambda each: each.allowed - each.largest)
    return Verdict(
        holds=all(each.holds for each in layers),
        largest=max((each.largest for each in layers), default=0.0),
        largest_relative=max((each.largest / each.output for each in layers if each.output), default=0.0),
        layers=tuple(layers),
    )


def _compared(model: ModelFile, result: ModelFile, changes: list[Change]) -> LayerVerdict:
    site = changes[0].site
    base, made = _layer(model, site), _layer(result, site)
    x = _input(site, base)
    wanted = _said_live(changes, base, x)
    said = made(x)
    stored = result.tensors[site.tensor].dtype
    return LayerVerdict(
        module=site.name,
        tensor=site.tensor,
        largest=float((said - wanted).abs().max()),
        output=float(wanted.abs().max()),
        allowed=_allowed(made, x, stored, result.tensors[site.bias].dtype if site.bias else stored),
    )


def _layer(file: ModelFile, site: Site) -> nn.Module:
    """The layer as a file holds it, in float32; 1x1 convolutions as matrices."""
    weight = site.within(file.whole(site.tensor).float()).contiguous()
    bias = site.within(file.whole(site.bias).float()) if site.bias else None
    return _made(weight, bias)


def _made(weight: Tensor, bias: Tensor | None) -> nn.Module:
    if weight.dim() == 1:
        layer: nn.Module = nn.LayerNorm(len(weight))
    elif math.prod(weight.shape[2:]) == 1:
        weight = weight.flatten(1)
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    else:
        out, inputs, *kernel = weight.shape
        layer = nn.Conv2d(inputs, out, tuple(kernel), padding=kernel[0] // 2, bias=bias is not None)
    layer.weight = nn.Parameter(weight)
    if bias is not None:
        layer.bias = nn.Parameter(bias)
    return layer


def _input(site: Site, layer: nn.Module) -> Tensor:
    seed = int.from_bytes(hashlib.sha256(site.name.encode()).digest()[:8], "little") >> 1
    draw = torch.Generator().manual_seed(seed)
    if isinstance(layer, nn.Conv2d):
        return torch.randn(1, layer.in_channels, _SIDE, _SIDE, generator=draw)
    width = layer.weight.shape[-1]
    assert isinstance(width, int)
    return torch.randn(_SAMPLES, width, generator=draw)


def _said_live(changes: list[Change], layer: nn.Module, x: Tensor) -> Tensor:
    """The base's output, and what each adapter adds to it beside the weight that it meets."""
    weight, bias = layer.get_parameter("weight").detach().clone(), getattr(layer, "bias", None)
    said = layer(x)
    for change in changes:
        host = _made(weight.clone(), bias)
        said = said + change.ratio * (_live(change, host, x) - host(x))
        if change.adapter.has_weight(change.module):
            add_to_weight(change, weight)
    return said


def _live(change: Change, host: nn.Module, x: Tensor) -> Tensor:
    """What the host says with the whole adapter."""
    parts = change.adapter.parts(change.module)
    weight = host.get_parameter("weight")
    if isinstance(host, nn.LayerNorm):
        spec = spec_of(change.module, parts, tuple(weight.shape))
        return _said_by_kind(spec, parts, host, x)
    said = host(x)
    if change.adapter.has_weight(change.module):
        said = _changed(change, parts, host, x)
    if (shift := shift_of(parts)) is not None:
        said = said + (shift.flatten()[:, None, None] if isinstance(host, nn.Conv2d) else shift.flatten())
    return said


def _changed(change: Change, parts: Mapping[str, Tensor], host: nn.Module, x: Tensor) -> Tensor:
    weight = host.get_parameter("weight")
    if is_whole_difference(change) or _has_no_live_path(parts, weight):
        added = change_of(change.module, parts, weight)
        return host(x) + _product(host, x, added)
    spec = spec_of(change.module, parts, tuple(weight.shape))
    flat = not isinstance(host, nn.Conv2d)
    tensors = {name: _flat(each) if flat else _kernels(name, each) for name, each in parts.items()}
    return _said_by_kind(spec, tensors, host, x)


def _said_by_kind(spec: Spec, tensors: Mapping[str, Tensor], host: nn.Module, x: Tensor) -> Tensor:
    kind = KINDS[spec.kind]
    kept = kind.keeps(host.get_parameter("weight").detach())
    return kind.live(_Live(replace(spec, dropout=0.0), tensors, host, kept), x)


def _has_no_live_path(parts: Mapping[str, Tensor], weight: Tensor) -> bool:
    """Lengths by input are read and not trained."""
    lengths = parts.get("dora_scale")
    return lengths is not None and lengths.dim() > 1 and lengths.shape[0] == 1 < weight.shape[0]


def _flat(tensor: Tensor) -> Tensor:
    return tensor.flatten(-3, -1) if tensor.dim() == 4 and tensor.shape[-2:] == (1, 1) else tensor


def _kernels(name: str, tensor: Tensor) -> Tensor:
    """Factors of a convolution that a file holds as matrices, where the path of training has kernels of 1."""
    is_thin = name.startswith("lora_") and tensor.dim() == 2
    return tensor[:, :, None, None] if is_thin else tensor


def _product(host: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
    if isinstance(host, nn.Conv2d):
        return functional.conv2d(x, weight, padding=host.padding)
    return functional.linear(x, weight)


def _allowed(layer: nn.Module, x: Tensor, weight_type: torch.dtype, bias_type: torch.dtype) -> float:
    """How far an output may be off: what the result's numbers round off, and the last digits of float32."""
    weight, bias = layer.get_parameter("weight").detach(), getattr(layer, "bias", None)
    if isinstance(layer, nn.LayerNorm):
        normed = functional.layer_norm(x, layer.normalized_shape)
        sums = normed.abs() * weight.abs()
        reach = normed.abs().max()
    else:
        sums, reach = _product(layer, x.abs(), weight.abs()), x.abs().flatten(1).sum(1).max()
    largest = float(sums.max())
    shifts = float(bias.abs().max()) if bias is not None else 0.0
    rounding = _unit(weight_type) * largest + _SMALLEST.get(weight_type, 0.0) * float(reach)
    rounding += _unit(bias_type) * shifts
    return rounding + _FLOAT32_SLACK * torch.finfo(torch.float32).eps * (largest + shifts)


def _unit(dtype: torch.dtype) -> float:
    """Half the distance of two numbers near 1; a number in float32 was not rounded."""
    return 0.0 if dtype is torch.float32 or dtype is torch.float64 else torch.finfo(dtype).eps / 2
