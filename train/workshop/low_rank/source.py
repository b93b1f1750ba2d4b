"""A model as the layers that adapters change: weights by the names of modules in adapter files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.base_model.family import FAMILIES
from curator.contract.errors import UserError
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import visible
from train.workshop.adapters.sites import Site, Sites
from train.workshop.kin import kind_of, prediction_of
from train.workshop.matching import refuse_scaled
from train.workshop.open_model import open_model

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from train.workshop.model_file import ModelFile


_TEXT_LAYER = re.compile(r"\.encoder\.layers\.(\d+)\.")


class Slot(NamedTuple):
    """A tensor of a module: the module's name in adapter files, and `weight` or `bias`."""

    module: str
    leaf: str


@dataclass(frozen=True)
class Source:
    """One model. `sites`: its modules by their names in adapter files."""

    file: ModelFile
    kind: str
    prediction: str | None
    sites: Mapping[str, Site]

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def shown(self) -> str:
        return self.file.shown

    def tensor_of(self, slot: Slot) -> str:
        """The tensor that holds it; empty where there is none."""
        site = self.sites.get(slot.module)
        return "" if site is None else site.tensor if slot.leaf == "weight" else site.bias

    def read(self, slot: Slot) -> Tensor:
        """The numbers of a module as they are stored.

        Raises:
            UserError: they are quantised with a scale of their own.
        """
        name = self.tensor_of(slot)
        refuse_scaled(self.file, name)
        return self.sites[slot.module].within(self.file.whole(name))


def open_source(path: Path) -> Source:
    """The model at `path`: a single file or a diffusers folder.

    Raises:
        UserError: there is none, it is damaged, or no base model of a family that is known.
    """
    file = open_model(path)
    kind = kind_of(file)
    if kind not in FAMILIES:
        what = "an adapter" if kind == "a LoRA" else kind
        raise UserError(f"{file.shown} is {visible(what)}", "give base models of sd1, sd2 or sdxl")
    sites = {site.name: site for site in _read_sites(Sites(file.shapes, kind))}
    return Source(file, kind, prediction_of(file, kind), sites)


def _read_sites(sites: Sites) -> list[Site]:
    """Modules that a model is made of: of SD2's text encoder, files hold one layer more than is ever read."""
    if sites.family != "sd2":
        return list(sites.all)
    layers = {site.path: int(found[1]) for site in sites.all if (found := _TEXT_LAYER.search(site.path))}
    unread = max(layers.values(), default=-1)
    return [site for site in sites.all if layers.get(site.path) != unread]


def check_kin(tuned: Source, base: Source) -> list[TrainingWarning]:
    """What to say of two models whose difference is wanted.

    Raises:
        UserError: they are of two families.
    """
    if tuned.kind != base.kind:
        raise UserError(
            f"{tuned.shown} is {tuned.kind} and {base.shown} is {base.kind}",
            "give a model and the base it was made from",
        )
    if tuned.prediction is None or base.prediction is None or tuned.prediction == base.prediction:
        return []
    return [
        TrainingWarning(
            f"{tuned.shown} predicts {visible(tuned.prediction)}, and {base.shown} {visible(base.prediction)}",
            f"the adapter says {visible(tuned.prediction)}: with it the base has to be sampled so",
        )
    ]
