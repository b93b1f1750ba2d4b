"""Entries of a cache as bytes: tensors with their number types and shapes, read again in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from curator.contract.cache.entries import laid_out, parts_of

if TYPE_CHECKING:
    from curator.contract.cache.entries import Numbers

Entry = tuple[Tensor, ...]  # what was computed of one image or caption, on the CPU


def packed(entry: Entry) -> bytes:
    """The bytes of an entry; waits for its tensors where a device still computes them."""
    here = [tensor.detach().cpu().contiguous() for tensor in entry]
    head, parts = laid_out([(_name(each), each.shape) for each in here])
    data = bytearray(parts[-1].end)
    data[: len(head)] = head
    for part, tensor in zip(parts, here, strict=True):
        data[part.offset : part.end] = tensor.flatten().view(torch.uint8).numpy().data
    return bytes(data)


def unpacked(data: memoryview) -> Entry:
    """The entry in `data`, whose memory its tensors share.

    Raises:
        ValueError: it holds none.
    """
    return tuple(
        torch.frombuffer(
            data, dtype=getattr(torch, part.numbers), count=part.numbers_in_all, offset=part.offset
        ).view(part.shape)
        for part in parts_of(data)
    )


def narrowed(tensor: Tensor, numbers: torch.dtype) -> Tensor:
    """`tensor` in fewer digits where they hold all of it, bit for bit; else as it is."""
    fewer = tensor.to(numbers)
    return fewer if torch.equal(fewer.to(tensor.dtype), tensor) else tensor


def _name(tensor: Tensor) -> Numbers:
    return cast("Numbers", str(tensor.dtype).removeprefix("torch."))
