"""A merge carried out: models read side by side in pieces, and the result written whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.weights.tensor_writer import in_order
from train.workshop.assembly import Read, assembled
from train.workshop.matching import Matched, kept_of
from train.workshop.methods.method import Method, Numbers, Pieces
from train.workshop.model_file import rows_of

if TYPE_CHECKING:
    from curator.contract.merging.recipe import MergeRecipe
    from train.workshop.matching import Merged
    from train.workshop.model_file import ModelFile

_PIECE_NUMBERS = 1 << 20  # in float32 these stay in the cache of a core between two steps
_MEASURED = 4  # tensors whose pieces may be made at once
Hear = Callable[[int, int], None]  # bytes of the result that are made, and all of them


@dataclass
class Overflow:
    """Numbers beyond what their type can hold, by tensor: they are set to the largest it can."""

    tensors: dict[str, int] = field(default_factory=dict)
    _counting: Lock = field(default_factory=Lock)

    def cast(self, name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
        """`value` as `dtype`; overwrites it.

        Raises:
            ValueError: it holds NaN or infinity.
        """
        if not value.is_floating_point() or not value.numel():
            return value.to(dtype)
        wide = value.float() if value.element_size() == 1 else value
        low, high = (float(each) for each in torch.aminmax(wide))
        if not (-torch.inf < low and high < torch.inf):
            raise ValueError(name)
        limit = torch.finfo(dtype).max
        if low < -limit or high > limit:
            beyond = int((wide.abs() > limit).sum())
            with self._counting:
                self.tensors[name] = self.tensors.get(name, 0) + beyond
            wide = wide.clamp(-limit, limit)
        return wide.to(dtype)


@dataclass(frozen=True)
class _Piece:
    """Rows of one tensor of the result."""

    name: str
    merged: Merged
    first: int
    last: int


class Merge:
    """One merge: its pieces in the order of the file, and what overflowed in them."""

    def __init__(
        self, files: Sequence[ModelFile], plan: Matched, method: Method, recipe: MergeRecipe, hear: Hear
    ) -> None:
        self._files, self._plan, self._method, self._hear = files, plan, method, hear
        self._options = options_of(recipe, method)
        self._measured: dict[str, Any] = {}
        self._measuring = Lock()
        self.overflow = Overflow()

    def pieces(self) -> Iterator[Tensor]:
        """All rows of all tensors, as they are stored.

        Raises:
            UserError: a model holds NaN or infinity.
        """
        done, total = 0, self._plan.bytes
        self._hear(0, total)
        for made in assembled(self._wanted(), self._made, len(self._files)):
            yield made
            done += made.numel() * made.element_size()
            self._hear(done, total)

    def whole(self, name: str) -> Tensor:
        """One tensor of the result, as it is stored.

        Raises:
            UserError: as `pieces`.
        """
        kept = self._plan.tensors[name].kept
        made = [
            self._made(piece, [self._files[at].rows(source, *span) for at, source in self._read_of(piece)])
            for span in spans(kept.shape)
            for piece in (_Piece(name, self._plan.tensors[name], *span),)
        ]
        return torch.cat(made).reshape(kept.shape) if kept.shape else made[0]

    def _wanted(self) -> Iterable[tuple[_Piece, list[Read]]]:
        for name in in_order(kept_of(self._plan.tensors)):
            merged = self._plan.tensors[name]
            for first, last in spans(merged.kept.shape):
                piece = _Piece(name, merged, first, last)
                yield (
                    piece,
                    [
                        (model, partial(self._files[model].rows, source, first, last))
                        for model, source in self._read_of(piece)
                    ],
                )

    def _read_of(self, piece: _Piece) -> list[tuple[int, str]]:
        """The models that a piece is made from, by their place, and what they call it."""
        merged, at = piece.merged, self._method.result_at_zero
        if not merged.sources:
            return [(0, piece.name)]
        pairs = list(enumerate(merged.sources))
        is_one = not merged.ratio and at is not None and _are_alike(self._files, merged.sources)
        return [pairs[at]] if is_one and at is not None else pairs

    def _made(self, piece: _Piece, tensors: Sequence[Tensor]) -> Tensor:
        try:
            value = tensors[0] if len(tensors) == 1 else self._formula(piece, tensors)
            shaped = value.reshape(-1, *piece.merged.kept.shape[1:]) if piece.merged.kept.shape else value
            return self.overflow.cast(piece.name, shaped, piece.merged.kept.dtype)
        except ValueError:
            raise self._not_finite(piece) from None

    def _formula(self, piece: _Piece, tensors: Sequence[Tensor]) -> Tensor:
        wide = [each.float() for each in tensors]
        numbers = self._numbers(piece)
        return with_own_channels(wide, lambda each: self._method.formula(each, numbers, self._measure(piece)))

    def _measure(self, piece: _Piece) -> Any:
        """What the method finds out of the whole tensor; once for all its pieces."""
        if self._method.measure is None:
            return None
        with self._measuring:
            if piece.name not in self._measured:
                if len(self._measured) == _MEASURED:
                    del self._measured[next(iter(self._measured))]
                found = self._method.measure(self._pieces_of(piece), self._numbers(piece))
                self._measured[piece.name] = found
            return self._measured[piece.name]

    def _pieces_of(self, piece: _Piece) -> Pieces:
        def all_rows() -> Iterator[list[Tensor]]:
            for first, last in spans(piece.merged.kept.shape):
                read = self._read_of(piece)
                yield same_channels(
                    [self._files[model].rows(source, first, last).float() for model, source in read]
                )

        return all_rows

    def _numbers(self, piece: _Piece) -> Numbers:
        def generator(model: int) -> torch.Generator:
            words = f"{self._options.get('seed', 0):.0f} {piece.name} {piece.first} {model}"
            seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "little") >> 1
            return torch.Generator().manual_seed(seed)

        return Numbers(piece.merged.ratio, piece.merged.ratio2, self._options, generator)

    def _not_finite(self, piece: _Piece) -> UserError:
        """The error of a piece that holds NaN or infinity, and whose fault that is."""
        for model, source in self._read_of(piece):
            file = self._files[model]
            value = file.rows(source, piece.first, piece.last).float()
            if not bool(torch.isfinite(value).all()):
                return UserError(
                    f"{file.shown}: the tensor '{visible(source)}' holds NaN or infinity",
                    "the file is damaged or was saved with overflow: give another",
                )
        return UserError(
            f"'{visible(piece.name)}' becomes NaN or infinity with these ratios", "give smaller ones"
        )


def options_of(recipe: MergeRecipe, method: Method) -> dict[str, float]:
    """The method's own knobs, as the recipe sets them.

    Raises:
        UserError: one has no effect, or is no share.
    """
    found = dict(method.options)
    for name in ("density", "drop", "spread", "seed"):
        value = getattr(recipe, name)
        if value is None:
            continue
        if name not in found:
            raise UserError(f"{name} has no effect on {recipe.method}", "leave it out")
        found[name] = value
    drop, spread = found.get("drop", 0.0), found.get("spread", 0.0)
    if not (drop - spread / 2 >= 0 and drop + spread / 2 < 1 and 0 <= found.get("density", 1.0) <= 1):
        raise UserError(
            "density, and drop with half of spread on both sides, are shares", "give numbers from 0 up to 1"
        )
    return found


def spans(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """First and last row of pieces that are small, but whole rows."""
    rows = rows_of(shape)
    step = max(1, _PIECE_NUMBERS // max(1, torch.Size(shape[1:]).numel()))
    return [(first, min(first + step, rows)) for first in range(0, rows, step)] or [(0, 0)]


def _are_alike(files: Sequence[ModelFile], sources: Sequence[str]) -> bool:
    """Whether the tensor has the same channels in all models, so that one of them can stand for the result."""
    widths = {
        file.tensors[source].shape[1:2] if len(file.tensors[source].shape) == 4 else ()
        for file, source in zip(files, sources, strict=True)
    }
    return len(widths) == 1


def same_channels(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Kernels of 4 axes with the channels that all have; others of one size, as the first is shaped."""
    if any(each.shape != tensors[0].shape for each in tensors) and tensors[0].dim() == 4:
        least = min(each.shape[1] for each in tensors)
        return [each[:, :least].clone() for each in tensors]
    return [each.reshape(tensors[0].shape) for each in tensors]


def with_own_channels(tensors: Sequence[Tensor], formula: Callable[[Sequence[Tensor]], Tensor]) -> Tensor:
    """The formula on the channels that all have; further ones are the first model's."""
    first, common = tensors[0], same_channels(tensors)
    if common[0].shape == first.shape:
        return formula(common)
    whole = first.clone()
    whole[:, : common[0].shape[1]] = formula(common)
    return whole
