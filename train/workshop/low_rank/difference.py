"""The layers in which two models differ, and what differs outside of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.low_rank import PARTS, USUAL_RANK, Extraction
from curator.contract.text import visible
from train.adapters.choice import block_of, is_wide, takes
from train.adapters.kinds.kind import Spec
from train.models.extras import is_extra
from train.workshop.merge import same_channels, spans

if TYPE_CHECKING:
    from train.workshop.adapters.sites import Site
    from train.workshop.low_rank.source import Slot, Source
    from train.workshop.model_file import ModelFile

_PARTS = {"unet": "unet", "text1": "text", "text2": "text_2"}


class Layer(NamedTuple):
    """A module that the adapter may change. A `spec.alpha` of 0 is the rank; its rank may be more than there are."""

    name: str
    spec: Spec


@dataclass(frozen=True)
class Outside:
    """Tensors that differ and that this adapter does not change: some names, and their share of all that differs."""

    tensors: int
    examples: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Pair:
    """Two models of one family, of which the first was made from the second."""

    tuned: Source
    base: Source

    def change(self, slot: Slot) -> Tensor | None:
        """What training added to a tensor, in float32; None where one of the models has not got it.

        Raises:
            UserError: sizes differ, or one holds NaN or infinity.
        """
        if not (self.tuned.tensor_of(slot) and self.base.tensor_of(slot)):
            return None
        after, before = self.tuned.read(slot).float(), self.base.read(slot).float()
        if _sides(after) != _sides(before):
            raise UserError(
                f"'{visible(self.tuned.tensor_of(slot))}' is {_cross(after)} in {self.tuned.shown} and "
                f"{_cross(before)} in {self.base.shown}",
                "give a model and the base it was made from, of one size",
            )
        change = after - before.reshape(after.shape)
        if not bool(torch.isfinite(change).all()):
            source = self.base if bool(torch.isfinite(after).all()) else self.tuned
            raise UserError(
                f"{source.shown}: the tensor '{visible(source.tensor_of(slot))}' holds NaN or infinity",
                "the file is damaged or was saved with overflow: give another",
            )
        return change

    def outside(self, changed: Iterable[Slot], inside: float) -> Outside:
        """What differs beside `changed`, whose squares are `inside`."""
        mine, theirs = self.tuned.file, self.base.file
        taken = {self.tuned.tensor_of(slot) for slot in changed}
        squares = {
            name: _squares(mine, theirs, name)
            for name in mine.tensors
            if name in theirs.tensors and name not in taken
        }
        names = [name for name, each in squares.items() if each]
        whole = inside + sum(squares.values())
        return Outside(len(names), tuple(names[:3]), sum(squares.values()) / whole if whole else 0.0)


def _squares(mine: ModelFile, theirs: ModelFile, name: str) -> float:
    """Of the difference of a tensor; of counters and marks, and of other sizes, 0."""
    kept, other = mine.tensors[name], theirs.tensors[name]
    if not kept.dtype.is_floating_point or is_extra(name) or kept.shape[:1] != other.shape[:1]:
        return 0.0
    found = 0.0
    for first, last in spans(kept.shape):
        after, before = same_channels([each.rows(name, first, last).double() for each in (mine, theirs)])
        found += float((after - before).square().sum())
    return found


def _sides(tensor: Tensor) -> tuple[int, ...]:
    """A matrix and a 1x1 convolution hold the same numbers."""
    shape = tuple(tensor.shape)
    return shape[:2] if shape[2:] == (1, 1) else shape


def _cross(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))


def layers_of(pair: Pair, wanted: Extraction) -> list[Layer]:
    """The modules that a run of the trainer would change with such an adapter, of those both models have.

    Raises:
        UserError: there are none.
    """
    parts = wanted.parts or PARTS
    if parts == ("text_2",) and pair.tuned.kind != "sdxl":
        raise UserError(f"{pair.tuned.kind} has no second text encoder", "give other --parts")
    layers = [
        Layer(site.name, spec)
        for site in pair.tuned.sites.values()
        if _PARTS[site.part] in parts and site.name in pair.base.sites and (spec := _spec(site, wanted))
    ]
    if not layers:
        asked = f" of {', '.join(wanted.parts)}" if wanted.parts else ""
        raise UserError(
            f"{pair.tuned.shown} and {pair.base.shown} share no layer{asked} that such an adapter changes",
            "give whole models, or other --parts",
        )
    return layers


def _spec(site: Site, wanted: Extraction) -> Spec | None:
    """The adapter of a module, if it has one."""
    rule, block = wanted.ranks, block_of(site.path, is_text=site.part != "unet")
    if block is None or not takes(block, wanted.kind, rule.conv_rank):
        return None
    if len(site.shape) == 1:
        return Spec("norm", site.shape) if wanted.norms else None
    is_conv = is_wide(site.shape)
    alpha = wanted.conv_alpha if is_conv and wanted.conv_alpha is not None else wanted.alpha
    options = {"factor": -1 if wanted.factor is None else wanted.factor, "full_matrix": wanted.full_matrix}
    rank = rule.limit(is_conv) or (sum(site.shape) if rule.is_dynamic else USUAL_RANK)
    return Spec(wanted.kind, site.shape, rank, alpha or 0.0, options=options)
