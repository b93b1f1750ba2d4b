"""Weights of a file fitted into a module: every tensor there, of the right shape, and a finite number each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from curator.contract.errors import UserError
from train.models.tensor_file import TensorFile, widened

if TYPE_CHECKING:
    from train.models.layout import Layout, Place, Shape


class _Found(NamedTuple):
    """One tensor of a module, what the file calls it, and the shape it has in the module."""

    name: str
    stored: str
    place: Place
    wanted: Shape


# How a module is fitted: `fill`, or `compare`; the names that were found in the file.
Fit = Callable[[nn.Module, "Layout", "TensorFile", str], set[str]]


def fill(module: nn.Module, layout: Layout, file: TensorFile, part: str) -> set[str]:
    """Load every tensor of `module`, in float32; the names that were read in the file.

    Raises:
        UserError: a tensor is missing, has another shape, is in no known form of numbers, or holds NaN or infinity.
    """
    found = _located(module, layout, file, part)
    module.load_state_dict({each.name: _read(each, file, part) for each in found}, assign=True)
    return {each.stored for each in found}


def compare(module: nn.Module, layout: Layout, file: TensorFile, part: str) -> set[str]:
    """As `fill`, by names and shapes alone: `module` stays as it is, and no number is read."""
    return {each.stored for each in _located(module, layout, file, part)}


def _located(module: nn.Module, layout: Layout, file: TensorFile, part: str) -> list[_Found]:
    shapes = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = [_Found(name, _stored_name(place, file), place, shapes[name]) for name, place in layout.items()]
    _check_missing([each for each in found if each.stored not in file.shapes], len(found), file, part)
    for each in found:
        _check_shape(each, file, part)
    return found


def _stored_name(place: Place, file: TensorFile) -> str:
    return next((name for name in place.names if name in file.shapes), place.names[0])


def _check_missing(missing: Sequence[_Found], count: int, file: TensorFile, part: str) -> None:
    if not missing:
        return
    if len(missing) == count:
        raise UserError(f"{file.shown} holds no {part}", "give a whole model")
    more = f", and {len(missing) - 1:,} more of its {count:,} are missing" if len(missing) > 1 else ""
    raise UserError(
        f"{file.shown} lacks the tensor '{missing[0].stored}' of its {part}{more}",
        "the model is incomplete or of another kind: fetch it again, or give another",
    )


def _check_shape(found: _Found, file: TensorFile, part: str) -> None:
    shape, wanted = found.place.shape_of(file.shapes[found.stored]), found.wanted
    if _without_ones(shape) != _without_ones(wanted):
        raise UserError(
            f"{file.shown}: the tensor '{found.stored}' of its {part} is {_cross(shape)}, not {_cross(wanted)}",
            "the model has another size than its family's, or is damaged: give another",
        )


def _read(found: _Found, file: TensorFile, part: str) -> Tensor:
    value = found.place.taken(widened(file, found.stored)).reshape(found.wanted).contiguous()
    if not _is_finite(value):
        raise UserError(
            f"{file.shown}: the tensor '{found.stored}' of its {part} holds NaN or infinity",
            "the file is damaged or was saved with overflow: nothing can be trained on it, give another",
        )
    return value


def _is_finite(value: Tensor) -> bool:
    """A sum is finite where all numbers are, but for an overflow of the sum itself."""
    return bool(torch.isfinite(value.sum())) or bool(torch.isfinite(value).all())


def _without_ones(shape: Shape) -> Shape:
    """A matrix and a 1x1 convolution hold the same numbers."""
    return shape[:2] if len(shape) == 4 and shape[2:] == (1, 1) else shape


def _cross(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a single number"
