"""What becomes of every tensor of a model that adapters are baked into, told before a weight is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import counted, visible
from train.models.extras import is_moving_average
from train.weights.lora_file import DTYPES
from train.weights.tensor_writer import Kept
from train.workshop.adapters.adapter_file import (
    FULL,
    SHIFTS,
    WEIGHT_DEPENDENT,
    AdapterFile,
    check_family,
    check_fits,
)
from train.workshop.adapters.ratios import Ratios
from train.workshop.adapters.sites import Site, Sites
from train.workshop.matching import is_weight, refuse_scaled

if TYPE_CHECKING:
    from curator.contract.merging.adapters import BakeRecipe
    from train.workshop.model_file import ModelFile

_SHOWN = 5


@dataclass(frozen=True)
class Change:
    """What one adapter does to one module. `depends` is whether that follows from the weight it meets."""

    adapter: AdapterFile
    module: str
    site: Site
    ratio: float
    depends: bool


@dataclass
class Matched:
    """The modules of one adapter: those the model has, and the names of those it has not."""

    adapter: AdapterFile
    modules: int = 0
    unmatched: list[str] = field(default_factory=list)


@dataclass
class BakePlan:
    """All tensors of the result as they are kept, and the changes of those that change, in the order they come."""

    tensors: dict[str, Kept] = field(default_factory=dict)
    weights: dict[str, list[Change]] = field(default_factory=dict)
    biases: dict[str, list[Change]] = field(default_factory=dict)
    adapters: list[Matched] = field(default_factory=list)
    doubts: list[TrainingWarning] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.tensors.values())

    @property
    def changed(self) -> int:
        return len(self.weights.keys() | self.biases.keys())


def planned_bake(
    model: ModelFile, family: str, adapters: Sequence[AdapterFile], recipe: BakeRecipe
) -> BakePlan:
    """Match adapters with the modules of a model.

    Raises:
        UserError: one is of another family, has nothing in the model, or does not fit; or a ratio cannot be read.
    """
    plan = BakePlan()
    averages = 0
    for name, kept in model.tensors.items():
        if is_moving_average(name) and kept.shape:
            averages += 1
        else:
            changes_type = recipe.dtype != "as-model" and is_weight(name, kept)
            plan.tensors[name] = Kept(DTYPES[recipe.dtype], kept.shape) if changes_type else kept
    sites = Sites(model.shapes, family)
    for adapter, text in zip(adapters, recipe.ratios, strict=True):
        check_family(adapter, family, model.shown)
        _match(plan, adapter, sites, Ratios(text, recipe.blocks, family, recipe.convention))
    for name in (*plan.weights, *plan.biases):
        refuse_scaled(model, name)
    plan.doubts = [*_of_matches(plan), *_of_order(plan), *_of_averages(model, averages)]
    return plan


def _match(plan: BakePlan, adapter: AdapterFile, sites: Sites, ratios: Ratios) -> None:
    found = Matched(adapter)
    changes: list[Change] = []
    for module in sorted(adapter.modules):
        site = sites.get(module)
        if site is None:
            found.unmatched.append(module)
            continue
        spec = check_fits(adapter, module, site)
        depends = spec is not None and spec.kind in WEIGHT_DEPENDENT
        changes.append(Change(adapter, module, site, ratios.of(site), depends))
    if not changes:
        raise UserError(
            f"none of the {len(adapter.modules):,} modules of {adapter.shown} is in the model, such as "
            f"'{found.unmatched[0]}'",
            "give an adapter of the model's own family",
        )
    found.modules = len(changes)
    plan.adapters.append(found)
    for change in changes:
        if not change.ratio:
            continue
        if change.adapter.has_weight(change.module):
            plan.weights.setdefault(change.site.tensor, []).append(change)
        if change.adapter.modules[change.module].keys() & set(SHIFTS):
            plan.biases.setdefault(change.site.bias, []).append(change)
    if not any(change.ratio for change in changes):
        plan.doubts.append(
            TrainingWarning(f"the ratios of {adapter.shown} are all 0", "nothing of it is in the result")
        )


def _of_matches(plan: BakePlan) -> list[TrainingWarning]:
    found = list(plan.doubts)
    for each in plan.adapters:
        if each.unmatched:
            more = ", …" if len(each.unmatched) > _SHOWN else ""
            listed = ", ".join(map(visible, each.unmatched[:_SHOWN]))
            found.append(
                TrainingWarning(
                    f"{counted(len(each.unmatched), 'module')} of {each.adapter.shown} not in the model: "
                    f"{listed}{more}",
                    f"left out; the other {each.modules:,} are baked",
                )
            )
        if each.adapter.words:
            found.append(
                TrainingWarning(
                    f"{each.adapter.shown} holds embeddings of words as well: "
                    f"{', '.join(map(visible, each.adapter.words))}",
                    "no checkpoint holds them: keep the file for programs that read them",
                )
            )
    return found


def _of_order(plan: BakePlan) -> list[TrainingWarning]:
    """Adapters whose change follows from the weight meet what those before them left."""
    later = {
        change.adapter.shown
        for changes in plan.weights.values()
        for place, change in enumerate(changes)
        if change.depends and any(before.site is change.site for before in changes[:place])
    }
    return [
        TrainingWarning(
            f"what {shown} changes follows from the weights it meets, and other adapters come before it",
            "they are baked in the order given, each into what is there then, as ComfyUI and AUTOMATIC1111 apply them",
        )
        for shown in sorted(later)
    ]


def _of_averages(model: ModelFile, count: int) -> list[TrainingWarning]:
    if not count:
        return []
    return [
        TrainingWarning(
            f"{model.shown} holds {count:,} moving averages of its training",
            "they are left out: they would be of the model without adapters",
        )
    ]


def is_whole_difference(change: Change) -> bool:
    """Whether the file holds the change itself."""
    return FULL in change.adapter.modules[change.module]
