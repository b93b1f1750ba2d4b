"""Modules that adapters change, with their sizes: those of a base that is given, or of a family's standard model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.base_model.family import FAMILIES
from curator.contract.errors import UserError
from train.workshop.adapters.adapter_file import WEIGHT_DEPENDENT, AdapterFile, family_of_adapter
from train.workshop.adapters.sites import Site, Sites
from train.workshop.kin import kind_of
from train.workshop.open_model import open_model

if TYPE_CHECKING:
    from train.adapters.kinds.kind import Spec
    from train.workshop.model_file import ModelFile


class SizedModules:
    """What modules are called and how large they are; `base` has their weights, for kinds that depend on them."""

    def __init__(self, family: str, sites: Sites, base: ModelFile | None) -> None:
        self.family = family
        self._sites, self._base = sites, base

    def site(self, adapter: AdapterFile, module: str) -> Site:
        """The module.

        Raises:
            UserError: the model has none of this name.
        """
        found = self._sites.get(module)
        if found is None:
            raise UserError(
                f"{adapter.shown} has weights for '{module}', which {self.shown} has not",
                "give --base MODEL, the model it was trained on",
            )
        return found

    @property
    def shown(self) -> str:
        """The model in messages."""
        return self._base.shown if self._base else f"the standard {self.family}"

    def weight(self, site: Site) -> Tensor:
        """The module's weight in float32; without a base one of zeros, which most kinds do not look at."""
        if self._base is None:
            return torch.zeros(site.shape)
        return site.within(self._base.whole(site.tensor).float()).clone()

    def require_weight(self, adapter: AdapterFile, spec: Spec | None) -> None:
        """Refuse what depends on weights that are not at hand.

        Raises:
            UserError: the kind depends on the weight, and there is no base.
        """
        if self._base is None and spec is not None and spec.kind in WEIGHT_DEPENDENT:
            raise UserError(
                f"what {adapter.shown} changes follows from the weights it was trained on ({spec.kind})",
                "give --base MODEL, the model it was trained on",
            )


def sized_modules(adapters: Sequence[AdapterFile], base: str) -> SizedModules:
    """The modules of the model that the adapters are for.

    Raises:
        UserError: they are for different families, or nothing tells for which and no base is given.
    """
    families = {adapter.shown: found for adapter in adapters if (found := family_of_adapter(adapter))}
    if base:
        model = open_model(Path(base).expanduser())
        kind = kind_of(model)
        if kind not in FAMILIES:
            raise UserError(f"{model.shown} is {kind}", "give a base model of SD1, SD2 or SDXL")
        families = {model.shown: kind, **families}
        _check_one(families)
        return SizedModules(kind, Sites(model.shapes, kind), model)
    _check_one(families)
    if not families:
        raise UserError(
            f"nothing in {adapters[0].shown} tells which family it is for",
            "give --base MODEL, the model it was trained on",
        )
    family = next(iter(families.values()))
    return SizedModules(family, Sites(_standard_shapes(family), family), None)


def _check_one(families: Mapping[str, str]) -> None:
    (first, kind), *others = families.items() if families else [("", "")]
    for shown, other in others:
        if other != kind:
            raise UserError(f"{first} is for {kind}, and {shown} for {other}", "give files of one family")


def _standard_shapes(family: str) -> dict[str, tuple[int, ...]]:
    from curator.contract.recipe.recipe import Model  # noqa: PLC0415 (imports of PyTorch below)
    from train.families.empty import empty_family  # noqa: PLC0415
    from train.models.save import single_file_plan  # noqa: PLC0415

    plan = single_file_plan(empty_family(family, Model()))
    return {name: each.shape for name, each in plan.items()}
