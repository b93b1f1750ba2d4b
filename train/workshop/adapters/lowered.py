"""The change of a module, of one adapter or several, as a LoRA: exactly where its rank allows, else the nearest one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from train.adapters.kinds import loha, lora
from train.adapters.reading import change_of, shift_of
from train.workshop.adapters.adapter_file import FULL, AdapterFile, check_fits
from train.workshop.low_rank.factors import Factors, nearest, of_product, squared_error
from train.workshop.low_rank.layers import LayerReport, Squares, layer_report

if TYPE_CHECKING:
    from train.adapters.kinds.kind import Spec
    from train.workshop.adapters.sites import Site
    from train.workshop.adapters.sized import SizedModules

_Lost = Callable[[Factors], float]  # the squares of what the kept factors lack, summed
_NOISE = 1e-6  # singular values below that share of the largest are the noise of float32
_SHIFT, _NORM_SCALE, _NORM_SHIFT = "diff_b", "w_norm", "b_norm"


class Part(NamedTuple):
    """One adapter's share of a module."""

    adapter: AdapterFile
    module: str
    ratio: float


@dataclass(frozen=True)
class Lowered:
    """A module as a file has it; `report` is None of what has no matrix: norms and biases."""

    tensors: dict[str, Tensor]
    report: LayerReport | None = None
    squares: Squares = field(default_factory=lambda: Squares(0.0, 0.0))


class _Thin(NamedTuple):
    """up [out, r] times down [r, in]."""

    up: Tensor
    down: Tensor


@torch.no_grad()
def lowered(site: Site, parts: Sequence[Part], modules: SizedModules, rank: int) -> Lowered:
    """The sum of what adapters change in a module, in at most `rank` ranks; 0: in as many as it takes.

    Where that is 0 and a LoRA would be no smaller, the change itself is kept (`diff`).

    Raises:
        UserError: an adapter does not fit the module, or depends on weights that are not at hand.
    """
    specs = [check_fits(part.adapter, part.module, site) for part in parts]
    read = [part.adapter.parts(part.module) for part in parts]
    shifts = [
        part.ratio * shift.flatten()
        for part, tensors in zip(parts, read, strict=True)
        if (shift := shift_of(tensors)) is not None
    ]
    shift = torch.stack(shifts).sum(0) if shifts else None
    if len(site.shape) == 1:
        return _norm(site, parts, read, shift)
    made = {} if shift is None else {_SHIFT: shift}
    weighty = [part.adapter.has_weight(part.module) for part in parts]
    if not any(weighty):
        return Lowered(made)
    chosen = [
        each
        for each, is_weight in zip(zip(parts, read, specs, strict=True), weighty, strict=True)
        if is_weight
    ]
    thin = [_thin(spec, tensors, part.ratio) for part, tensors, spec in chosen]
    if all(each is not None for each in thin):
        pairs = [each for each in thin if each is not None]
        up, down = torch.cat([each.up for each in pairs], 1), torch.cat([each.down for each in pairs])
        factors = of_product(up, down)
        return _as_file(site, factors, rank, made, lambda kept: _lost(factors, kept))
    for part, _, spec in chosen:
        modules.require_weight(part.adapter, spec)
    weight = modules.weight(site)
    before = weight.clone()
    for part, tensors, _ in chosen:
        weight += part.ratio * change_of(part.module, tensors, weight)
    change = (weight - before).flatten(1)
    factors = nearest(change, rank or None, exact=not rank)
    if not rank and _is_no_smaller(factors, change):
        whole = Squares(float(change.double().square().sum()), 0.0)
        return Lowered({**made, FULL: change.reshape(site.shape)}, layer_report(site.name, 0, whole), whole)
    return _as_file(site, factors, rank, made, lambda kept: squared_error(change, kept.up, kept.down))


def _norm(
    site: Site, parts: Sequence[Part], read: Sequence[dict[str, Tensor]], shift: Tensor | None
) -> Lowered:
    scales = [
        part.ratio * change_of(part.module, tensors, torch.zeros(site.shape))
        for part, tensors in zip(parts, read, strict=True)
        if part.adapter.has_weight(part.module)
    ]
    scale = torch.stack(scales).sum(0) if scales else torch.zeros(site.shape)
    return Lowered({_NORM_SCALE: scale, _NORM_SHIFT: torch.zeros(site.shape) if shift is None else shift})


def _thin(spec: Spec | None, tensors: dict[str, Tensor], ratio: float) -> _Thin | None:
    """The change as a product of thin factors, where the kind has such."""
    if spec is None:
        return None
    if spec.kind == "lora":
        up, down = tensors[lora.UP].flatten(1), tensors[lora.DOWN]
        if (mid := tensors.get(lora.MID)) is not None:
            down = torch.einsum("rskl,si->rikl", mid, down.flatten(1))
        return _Thin(ratio * spec.scale * up, down.flatten(1))
    if (
        spec.kind == "loha"
        and loha.CORES[0] not in tensors
        and spec.rank**2 < min(spec.shape[0], spec.inputs)
    ):
        a1, b1, a2, b2 = (tensors[name] for name in loha.FACTORS)
        up = (a1[:, :, None] * a2[:, None, :]).flatten(1)
        return _Thin(ratio * spec.scale * up, (b1[:, None] * b2[None]).flatten(0, 1).flatten(1))
    return None


def _lost(whole: Factors, kept: Factors) -> float:
    """The squares of the singular values that are left out, summed."""
    return max(0.0, float(whole.values[len(kept.values) :].square().sum()))


def _real_rank(factors: Factors) -> int:
    values = factors.values
    return int((values > _NOISE * values[0]).sum()) if len(values) and values[0] > 0 else 0


def _is_no_smaller(factors: Factors, change: Tensor) -> bool:
    return _real_rank(factors) * sum(change.shape) >= change.numel()


def _as_file(site: Site, factors: Factors, rank: int, made: dict[str, Tensor], lost: _Lost) -> Lowered:
    real = max(1, _real_rank(factors))
    kept = factors.cut(min(rank, real) if rank else real)
    count = len(kept.values)
    squares = Squares(factors.squares, lost(kept))
    kernel = site.shape[2:]
    tensors = {
        **made,
        lora.UP: kept.up.reshape(site.shape[0], count, *(1,) * len(kernel)),
        lora.DOWN: kept.down.reshape(count, *site.shape[1:]),
        "alpha": torch.tensor(float(count)),
    }
    return Lowered(tensors, layer_report(site.name, count, squares), squares)
