"""Tensors of several models matched by name: what is merged, what is copied, and what stays out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import torch

from curator.contract.base_model.facts import VAE_PREFIX
from curator.contract.errors import UserError
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import counted, visible
from train.models.extras import is_extra, is_moving_average
from train.weights.lora_file import DTYPES
from train.weights.tensor_writer import Kept
from train.workshop.blocks import block_of, numbers_by_block
from train.workshop.kin import FIRST_CONVOLUTION, Kin, require_family

if TYPE_CHECKING:
    from curator.contract.merging.recipe import MergeRecipe
    from train.workshop.methods.method import Method
    from train.workshop.model_file import ModelFile

_TEXT = "cond_stage_model.transformer."
_OLD_TEXT = (_TEXT, f"{_TEXT}text_model.")


@dataclass(frozen=True)
class Merged:
    """One tensor of the result: as it is kept, its name in every model (none: copied from the first), its ratios."""

    kept: Kept
    sources: tuple[str, ...] = ()
    ratio: float = 0.0
    ratio2: float = 0.0


@dataclass
class Matched:
    """All tensors of the result, and what of the models has no counterpart."""

    tensors: dict[str, Merged] = field(default_factory=dict)
    only_in_first: list[str] = field(default_factory=list)  # copied
    only_in_others: dict[str, list[str]] = field(default_factory=dict)  # left out; by the model
    doubts: list[TrainingWarning] = field(default_factory=list)

    @property
    def merged(self) -> int:
        return sum(bool(each.sources) for each in self.tensors.values())

    @property
    def bytes(self) -> int:
        return sum(each.kept.bytes for each in self.tensors.values())


class Ratios:
    """The two ratios of each tensor: by rules, by blocks, or for all.

    Raises:
        UserError: numbers that fit no map of blocks, or ratios that the method does not take.
    """

    def __init__(self, recipe: MergeRecipe, method: Method, kin: Kin, shown: str) -> None:
        _refuse_idle(recipe, method)
        if recipe.blocks or recipe.blocks2:
            require_family(kin.family, shown)
        self._kin, self._convention, self._rules = kin, recipe.convention, recipe.rules
        self._all = (
            method.ratio if recipe.ratio is None else recipe.ratio,
            (method.ratio2 or 0.0) if recipe.ratio2 is None else recipe.ratio2,
        )
        self._blocks = tuple(
            numbers_by_block(text, kin.family, recipe.convention, usual) if text else {}
            for text, usual in zip((recipe.blocks, recipe.blocks2), self._all, strict=True)
        )

    def of(self, name: str) -> tuple[float, float]:
        """What is used for the tensor of this name."""
        block = block_of(name, self._kin.family, self._convention) if any(self._blocks) else ""
        first, second = (
            numbers.get(block, usual) for numbers, usual in zip(self._blocks, self._all, strict=True)
        )
        ruled = [ratio for pattern, ratio in self._rules.items() if fnmatchcase(name, pattern)]
        return (ruled[-1] if ruled else first), second

    def check_rules(self, names: Sequence[str]) -> None:
        """Refuse a rule that fits nothing."""
        for pattern in self._rules:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise UserError(
                    f"the rule '{visible(pattern)}' fits no tensor",
                    "patterns are of whole names, such as '*attn2*'; 'frieze model blocks' lists them",
                )


def _refuse_idle(recipe: MergeRecipe, method: Method) -> None:
    if method.ratio2 is None and (recipe.ratio2 is not None or recipe.blocks2):
        raise UserError(
            f"a second ratio has no effect on {recipe.method}", "leave it out, or use triple or sum-twice"
        )


def matched(files: Sequence[ModelFile], recipe: MergeRecipe, method: Method, kin: Kin) -> Matched:
    """What becomes of every tensor.

    Raises:
        UserError: nothing matches, sizes differ, or weights are quantised.
    """
    first, *others = files
    ratios = Ratios(recipe, method, kin, first.shown)
    found = Matched()
    averages = 0
    for name, kept in first.tensors.items():
        if is_moving_average(name) and kept.shape:
            averages += 1
        elif not is_weight(name, kept):
            found.tensors[name] = Merged(kept)
        else:
            found.tensors[name] = _merged(name, kept, files, recipe, ratios)
            if not found.tensors[name].sources:
                found.only_in_first.append(name)
    _refuse_nothing(found, files)
    ratios.check_rules([name for name, each in found.tensors.items() if each.sources])
    for other in others:
        used = {name for each in found.tensors.values() for name in each.sources}
        left = sorted(
            name for name, kept in other.tensors.items() if name not in used and is_weight(name, kept)
        )
        if left:
            found.only_in_others[other.shown] = left
    found.doubts = [*kin.doubts, *_doubts(found, first, averages)]
    return found


def is_weight(name: str, kept: Kept) -> bool:
    """Whether a tensor is averaged; counters, marks, schedules and integers are copied."""
    return kept.dtype.is_floating_point and bool(kept.shape) and 0 not in kept.shape and not is_extra(name)


def _merged(name: str, kept: Kept, files: Sequence[ModelFile], recipe: MergeRecipe, ratios: Ratios) -> Merged:
    stored = Kept(_dtype(kept, recipe), kept.shape)
    sources = tuple(_name_in(file, name) for file in files)
    if "" in sources:
        return Merged(stored)
    for file, source in zip(files, sources, strict=True):
        _check_shape(file, source, kept.shape, files[0].shown)
        refuse_scaled(file, source)
    return Merged(stored, sources, *ratios.of(name))


def _dtype(kept: Kept, recipe: MergeRecipe) -> torch.dtype:
    return kept.dtype if recipe.dtype == "as-first" else DTYPES[recipe.dtype]


def _name_in(file: ModelFile, name: str) -> str:
    """What another model calls a tensor: text encoders were saved with and without `text_model.`; empty: nothing."""
    short, long = _OLD_TEXT
    old = name.replace(long, short) if name.startswith(long) else name.replace(short, long)
    return next((each for each in (name, old) if each in file.tensors), "")


def _check_shape(file: ModelFile, name: str, wanted: tuple[int, ...], first: str) -> None:
    shape = file.tensors[name].shape
    if _sides(shape) == _sides(wanted) or (name == FIRST_CONVOLUTION and shape[2:] == wanted[2:]):
        return
    raise UserError(
        f"'{visible(name)}' is {_cross(shape)} in {file.shown} and {_cross(wanted)} in {first}",
        "models of one size can be merged",
    )


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A matrix and a 1x1 convolution hold the same numbers."""
    return shape[:2] if shape[2:] == (1, 1) else shape


def refuse_scaled(file: ModelFile, name: str) -> None:
    """Refuse a tensor that is quantised with a scale of its own."""
    stem = name.removesuffix("weight")
    if any(f"{stem}{word}" in file.tensors for word in ("scale_weight", "weight_scale")):
        raise UserError(
            f"{file.shown} is quantised: '{visible(name)}' has a scale of its own", "give the float16 file"
        )


def _refuse_nothing(found: Matched, files: Sequence[ModelFile]) -> None:
    if not found.merged:
        shown = ", ".join(file.shown for file in files)
        raise UserError(f"no tensor is in all of {shown}", "give models of one family, in one layout")


def _doubts(found: Matched, first: ModelFile, averages: int) -> list[TrainingWarning]:
    def lacks_vae(left_out: Sequence[str]) -> bool:
        return any(map(_is_of_vae, left_out)) and not any(map(_is_of_vae, first.tensors))

    doubts = []
    if found.only_in_first:
        doubts.append(
            TrainingWarning(
                f"{counted(len(found.only_in_first), 'tensor is', 'tensors are')} in {first.shown} alone: "
                f"{_some(found.only_in_first)}",
                "copied as in that model",
            )
        )
    for shown, names in found.only_in_others.items():
        doubts.append(
            TrainingWarning(
                f"{counted(len(names), 'tensor')} of {shown} not in {first.shown}: {_some(names)}",
                f"left out: the result has no VAE, for {first.shown} has none"
                if lacks_vae(names)
                else "left out",
            )
        )
    if averages:
        doubts.append(
            TrainingWarning(
                f"{first.shown} holds {counted(averages, 'moving average')} of its training",
                "they are left out: they would be of the model before the merge",
            )
        )
    return doubts


def _is_of_vae(name: str) -> bool:
    return name.startswith(VAE_PREFIX)


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(visible, names[:3])) + (", …" if len(names) > 3 else "")


def _cross(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"


def kept_of(tensors: Mapping[str, Merged]) -> dict[str, Kept]:
    """The tensors as the file has them."""
    return {name: each.kept for name, each in tensors.items()}
