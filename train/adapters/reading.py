"""Reading of adapters from files under kohya's names: which kind a module has, and how it changes its weight.

Rules where programs differ: no alpha, or an alpha of 0, means the rank; the rank is the module's own; where both
matrices of a LoKr are whole the scale is 1; `dora_scale` counts, by output or, of shape [1, in], by input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from curator.contract.errors import UserError
from train.adapters.kinds.kind import Spec, Tensors
from train.adapters.kinds.table import KINDS

_FULL = "diff"


@dataclass(frozen=True)
class _Sign:
    """A tensor that tells a kind, the tensors and axes that may tell its rank, and its options."""

    tensor: str
    kind: str
    rank: tuple[tuple[str, int], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


_SIGNS = (
    _Sign("dora_scale", "dora", (("lora_down.weight", 0),)),
    _Sign("lora_down.weight", "lora", (("lora_down.weight", 0),), {"tucker": True}),
    _Sign("hada_w1_a", "loha", (("hada_w1_b", 0),)),
    _Sign("lokr_w1", "lokr", (("lokr_w2_b", 0), ("lokr_w1_b", 0))),
    _Sign("lokr_w1_a", "lokr", (("lokr_w1_b", 0),)),
    _Sign("a1.weight", "glora", (("a2.weight", 0),)),
    _Sign("on_input", "ia3"),
    _Sign("w_norm", "norm"),
    _Sign("oft_blocks", "oft"),
)


def change_of(name: str, parts: Tensors, weight: Tensor) -> Tensor:
    """What the tensors `parts` of module `name` add to `weight`, of its shape, in float32.

    Raises:
        UserError: the kind is none that is read, or the tensors do not fit the weight.
    """
    floats = {key: tensor.to(weight.device).float() for key, tensor in parts.items()}
    try:
        if _FULL in floats:
            return floats[_FULL].reshape(weight.shape)
        spec = spec_of(name, floats, tuple(weight.shape))
        return KINDS[spec.kind].delta(spec, floats, weight).reshape(weight.shape)
    except (RuntimeError, KeyError, IndexError) as error:
        raise UserError(
            f"the adapter's '{name}' has another size than this model", "use its own base model"
        ) from error


def shift_of(parts: Tensors) -> Tensor | None:
    """What is added to the module's bias; None where it stays."""
    return next((parts[name].float() for name in ("b_norm", "diff_b") if name in parts), None)


def spec_of(name: str, parts: Tensors, shape: tuple[int, ...]) -> Spec:
    """The adapter of a module whose weight has this shape.

    Raises:
        UserError: it is of no kind that is read.
    """
    sign = next((each for each in _SIGNS if each.tensor in parts), None)
    if sign is None:
        raise UserError(
            f"the adapter's '{name}' is of a kind Frieze does not know ({', '.join(sorted(parts)[:3])})",
            "LoRA, LoCon, LoHa, LoKr, DoRA, IA3, GLoRA, OFT, BOFT and their norms are read",
        )
    alpha = float(parts["alpha"]) if "alpha" in parts else 0.0
    rank = next((parts[tensor].shape[axis] for tensor, axis in sign.rank if tensor in parts), 1)
    kind, options = sign.kind, dict(sign.options)
    if kind == "oft":
        kind, options = ("boft" if parts["oft_blocks"].dim() == 4 else "oft"), {"constraint": alpha}
    if kind == "ia3":
        options = {"on_input": bool(parts["on_input"])}
    return Spec(kind, shape, rank, alpha, options=options)


@torch.no_grad()
def add_change(module: torch.nn.Module, name: str, parts: Tensors, strength: float) -> None:
    """Add what `parts` say to the module's weight, and to its bias where they say so.

    Raises:
        UserError: as `change_of`.
    """
    weight = module.get_parameter("weight")
    weight += strength * change_of(name, parts, weight).to(weight.dtype)
    if (shift := shift_of(parts)) is not None:
        bias = module.get_parameter("bias")
        bias += strength * shift.to(bias)
