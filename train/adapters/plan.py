"""The plan of an adapter: modules, sizes and bytes of the file a run would write, told without a single weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from train.adapters.attach import Wish, wishes
from train.adapters.kinds.table import KINDS
from train.weights.lora_file import DTYPES

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.families.family import AdapterRoots


@dataclass(frozen=True)
class PlannedModule:
    """One module of the file. `alpha` is the file's, None where its kind has none; `shapes` are of all else."""

    name: str
    kind: str
    rank: int
    alpha: float | None
    shapes: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class AdapterPlan:
    """A whole file: `parameters` are trained numbers, `bytes` those of all its tensors."""

    modules: tuple[PlannedModule, ...]
    parameters: int
    bytes: int


def plan_of(roots: AdapterRoots, recipe: Recipe) -> AdapterPlan:
    """What a run of `recipe` on the model under `roots` writes; the model may have no weights.

    Raises:
        UserError: as `train.adapters.attach.wishes`, or a kind cannot follow a module's size.
    """
    item = DTYPES[recipe.save.dtype].itemsize
    found = [_planned(wish, item) for wish in wishes(roots, recipe.adapter, recipe.optimizer)]
    return AdapterPlan(
        tuple(module for module, _, _ in found),
        sum(parameters for _, parameters, _ in found),
        sum(size for _, _, size in found),
    )


def _planned(wish: Wish, item: int) -> tuple[PlannedModule, int, int]:
    """The module, its trained numbers, and the bytes of its tensors."""
    spec, kind = wish.spec, KINDS[wish.spec.kind]
    tensors = {name: torch.empty(shape, device="meta") for name, shape in kind.shapes(spec).items()}
    file = kind.files(spec, tensors)
    size = sum(
        tensor.numel() * (item if tensor.is_floating_point() else tensor.itemsize) for tensor in file.values()
    )
    alpha = float(file.pop("alpha")) if "alpha" in file else None
    shapes = {name: tuple(tensor.shape) for name, tensor in file.items()}
    module = PlannedModule(wish.target.name, spec.kind, spec.rank, alpha, shapes)
    return module, sum(tensor.numel() for tensor in tensors.values()), size
